/** The rows of `make bench` about pipelines. */
import { row, whole } from './table.ts';

/** What `pipeline.ts` prints. */
export interface PipelineFigures {
  linesPerSecond: Record<string, number>;
  stageNanoseconds: Record<string, number>;
}

/** Prints whole pipelines, and what each stage adds to a line. */
export function printPipelines({ linesPerSecond, stageNanoseconds }: PipelineFigures): void {
  for (const [name, speed] of Object.entries(linesPerSecond)) {
    const goal = name === 'json + labels' ? '300,000 lines/s' : '';
    row(`pipeline, one thread: ${name}`, `${whole(speed)} lines/s`, goal);
  }
  for (const [name, nanoseconds] of Object.entries(stageNanoseconds)) {
    row(`one stage: ${name}`, `${whole(nanoseconds)} ns a line`);
  }
}
