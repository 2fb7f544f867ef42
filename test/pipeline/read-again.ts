/**
 * Reads lines through a pipeline, once at a stretch and once with stops, after which a new
 * pipeline goes on from what the former one says.
 */
import assert from 'node:assert/strict';
import type { Entry } from '../../src/pipeline/entry.ts';
import { lateLinesMs } from '../../src/pipeline/stage.ts';
import { compilePipeline, shipped } from './helpers.ts';

/** Makes each line anew. */
export type Lines = readonly (() => Entry)[];

/** What comes out of one pipeline without a stop, in order. */
export function wholeRun(yaml: string, lines: Lines): string[] {
  const out: string[] = [];
  const { pipeline } = compilePipeline(yaml);
  pipeline.output = (entry) => out.push(JSON.stringify(shipped(entry)));
  for (const make of lines) pipeline.process(make());
  pipeline.flush();
  return out;
}

/** Reading stops before these lines, forgets all, and begins again in a pipeline of its own. */
export function runWithCuts(
  yaml: string,
  lines: Lines,
  cuts: readonly number[],
  flushes: boolean,
): string[] {
  const out = new Set<string>();
  let { pipeline } = compilePipeline(yaml);
  let next = 0;
  for (const cut of [...cuts, lines.length]) {
    pipeline.output = (entry) => out.add(JSON.stringify(shipped(entry)));
    for (; next < cut; next += 1) {
      const entry = lines[next]?.();
      if (entry === undefined) break;
      // As a clock that says so, now and then, before the next line is there.
      const lastMs = entry.capturedMs + lateLinesMs - 1;
      for (let ago = flushes && next % 3 > 0 ? 6 : -1; ago >= 0; ago -= 1) {
        pipeline.flush(lastMs - ago * 499);
      }
      pipeline.process(entry);
    }
    if (cut === lines.length) break;
    const { start, state } = pipeline.resumePoint;
    assert.deepEqual(start, pipeline.heldStart);
    pipeline = compilePipeline(yaml).pipeline;
    pipeline.restore(JSON.parse(JSON.stringify(state)) as number[][]);
    if (start !== undefined) next = start.ordinal;
  }
  pipeline.flush();
  return [...out];
}
