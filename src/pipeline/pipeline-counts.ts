/**
 * What a pipeline did that is not an entry: lines that it dropped, by reason; stages that failed;
 * what `metrics` stages measured. It is taken with each part of the stream that was read.
 */
import { type MetricDelta, MetricDeltas } from './metric-deltas.ts';

/** Counts of one part of a stream: plain data. */
export interface StageCounts {
  /** Lines that stages dropped, by reason. */
  readonly dropped: ReadonlyMap<string, number>;
  /** Lines that a stage failed at, by the stage's name; they went on unchanged. */
  readonly failed: ReadonlyMap<string, number>;
  readonly metrics: readonly MetricDelta[];
}

/** Reasons that are told apart; others count as `other`. Texts of users must not grow memory. */
const reasonsMax = 50;

/** See the module comment. */
export class PipelineCounts {
  readonly metrics = new MetricDeltas();
  #dropped = new Map<string, number>();
  #failed = new Map<string, number>();

  /** A line goes no further. */
  drop(reason: string): void {
    add(this.#dropped, reason);
  }

  /** A stage failed at a line, which goes on all the same. */
  fail(stage: string): void {
    add(this.#failed, stage);
  }

  /** Undefined: there was nothing. */
  take(): StageCounts | undefined {
    const metrics = this.metrics.take();
    if (this.#dropped.size + this.#failed.size + metrics.length === 0) return undefined;
    const taken = { dropped: this.#dropped, failed: this.#failed, metrics };
    this.#dropped = new Map();
    this.#failed = new Map();
    return taken;
  }
}

function add(counts: Map<string, number>, name: string): void {
  const key = counts.has(name) || counts.size < reasonsMax ? name : 'other';
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
