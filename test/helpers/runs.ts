/** Runs of a stream for tests, from selectors as people write them: `{a="b", c="d"}`. */
import type { LabelPair, PipelineText, StreamRun } from '../../src/pipeline/plan.ts';

/** Lines pass as they are. */
export const plainPipeline: PipelineText = { level: 'off', dropBlank: false };

/** One run from the beginning on, with these labels. */
export function runsOf(labels: { stdout: string; stderr: string }): StreamRun[] {
  const { stdout, stderr } = labels;
  return [
    { fromLsn: 0, labels: { stdout: pairsOf(stdout), stderr: pairsOf(stderr) }, metadata: [] },
  ];
}

/** What a plan says of an endpoint beside where it is. */
export function rulesOf(labels: { stdout: string; stderr: string }): {
  runs: StreamRun[];
  pipeline: PipelineText;
} {
  return { runs: runsOf(labels), pipeline: plainPipeline };
}

function pairsOf(selector: string): LabelPair[] {
  return [...selector.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [
    name,
    value,
  ]);
}
