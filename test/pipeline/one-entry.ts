/** Runs one entry through a pipeline, with values that stages before would have found. */
import type { Entry } from '../../src/pipeline/entry.ts';
import type { ExtractedValue } from '../../src/pipeline/extracted.ts';
import type { StageCounts } from '../../src/pipeline/pipeline-counts.ts';
import { compilePipeline, newEntry, type Shipped, shipped } from './helpers.ts';

/** What the entry is like. */
export interface OneEntry {
  readonly line?: string | Uint8Array;
  readonly labels?: Record<string, string>;
  readonly extracted?: Record<string, ExtractedValue>;
  /** Changes it further. */
  readonly prepare?: (entry: Entry) => void;
}

/** What came out, if anything, and what was counted. */
export function runOne(
  yaml: string,
  { line = 'a line', labels = {}, extracted = {}, prepare }: OneEntry = {},
): { out: Shipped | undefined; counts: StageCounts | undefined } {
  const { pipeline } = compilePipeline(yaml);
  const entry = newEntry(line, 0, { labels });
  for (const [name, value] of Object.entries(extracted)) entry.extracted.set(name, value);
  prepare?.(entry);
  let out: Shipped | undefined;
  pipeline.output = (one) => {
    out = shipped(one);
  };
  pipeline.process(entry);
  pipeline.flush();
  return { out, counts: pipeline.takeCounts() };
}
