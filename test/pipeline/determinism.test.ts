/**
 * Lines are read again after failures and restarts: the same lines have to give the same entries,
 * wherever reading stopped and began again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Entry } from '../../src/pipeline/entry.ts';
import type { PipelineState } from '../../src/pipeline/pipeline.ts';
import { compilePipeline, newEntry, shipped } from './helpers.ts';
import {
  accountFor,
  anyLines,
  anyPipeline,
  entriesOf,
  type RandomLine,
} from './random-pipelines.ts';
import { runWithCuts, wholeRun } from './read-again.ts';

const numRuns = 500 * Number(process.env['HOLDFAST_RUNS'] ?? 1);

const cuts = fc
  .uniqueArray(fc.nat({ max: 40 }), { maxLength: 6 })
  .map((places) => places.sort((a, b) => a - b));

test('lines that are read again from where a pipeline says give the same entries', () => {
  fc.assert(
    fc.property(anyPipeline, anyLines, cuts, fc.boolean(), (yaml, some, places, flushes) => {
      const lines = entriesOf(some);
      const within = places.filter((place) => place <= lines.length);
      assert.deepEqual(runWithCuts(yaml, lines, within, flushes), wholeRun(yaml, lines));
    }),
    { numRuns },
  );
});

/** A line as pieces come: where it begins, and when its end is there. */
interface Piece {
  readonly make: () => Entry;
  readonly at: number;
  readonly isStart: boolean;
  readonly isEnd: boolean;
}

/** The places of the frames are those of the pieces, in the order in which they come. */
function piecesOf(some: readonly RandomLine[]): Piece[] {
  const makers = entriesOf(some);
  const order = some.flatMap(({ late }, line) => [
    { line, when: line, isStart: true, isEnd: late === 0 },
    ...(late > 0 ? [{ line, when: line + late + 0.5, isStart: false, isEnd: true }] : []),
  ]);
  order.sort((a, b) => a.when - b.when);
  const starts = new Map<number, number>();
  return order.map(({ line, isStart, isEnd }, place) => {
    if (isStart) starts.set(line, place);
    const at = starts.get(line) ?? place;
    const make = (): Entry =>
      Object.assign(makers[line]?.() ?? newEntry(''), { lsn: at * 10, ordinal: at });
    return { make, at, isStart, isEnd };
  });
}

interface Mark {
  readonly at: number;
  readonly state: PipelineState;
}

function oldest(marks: readonly Mark[]): Mark {
  return marks.reduce((first, each) => (each.at < first.at ? each : first));
}

/** As the shipper does it: what is open is read again from where its first piece came. */
function runPieces(yaml: string, pieces: readonly Piece[], cuts: readonly number[]): string[] {
  const out = new Set<string>();
  let { pipeline } = compilePipeline(yaml);
  const open = new Map<number, Mark>();
  let next = 0;
  for (const cut of [...cuts, pieces.length]) {
    pipeline.output = (entry) => out.add(JSON.stringify(shipped(entry)));
    for (; next < cut; next += 1) {
      const piece = pieces[next];
      if (piece === undefined) break;
      const { start, state } = pipeline.resumePoint;
      if (piece.isStart && !piece.isEnd) {
        const mark = { at: start?.ordinal ?? piece.at, state };
        open.set(piece.at, oldest([...open.values(), mark]));
      }
      if (!piece.isEnd) continue;
      open.delete(piece.at);
      const first = Math.min(...open.keys());
      pipeline.openStart = open.size === 0 ? undefined : { lsn: first * 10, ordinal: first };
      pipeline.isInPieces = !piece.isStart;
      pipeline.process(piece.make());
    }
    if (cut === pieces.length) break;
    const { start, state } = pipeline.resumePoint;
    const mark = oldest([...open.values(), { at: start?.ordinal ?? cut, state }]);
    pipeline = compilePipeline(yaml).pipeline;
    pipeline.restore(JSON.parse(JSON.stringify(mark.state)) as number[][]);
    next = mark.at;
    open.clear();
  }
  pipeline.flush();
  return [...out];
}

test('lines of pieces may come behind lines that begin later, and are read again all the same', () => {
  fc.assert(
    fc.property(anyPipeline, anyLines, cuts, (yaml, some, places) => {
      const pieces = piecesOf(some);
      const within = places.filter((place) => place <= pieces.length);
      assert.deepEqual(runPieces(yaml, pieces, within), runPieces(yaml, pieces, []));
    }),
    { numRuns },
  );
});

test('reading may stop after every single line', () => {
  fc.assert(
    fc.property(anyPipeline, anyLines, (yaml, some) => {
      const lines = entriesOf(some);
      const everywhere = lines.map((_, index) => index);
      assert.deepEqual(runWithCuts(yaml, lines, everywhere, false), wholeRun(yaml, lines));
    }),
    { numRuns: numRuns / 5 },
  );
});

test('no line is lost but by a drop that is counted, and no stage fails', () => {
  fc.assert(
    fc.property(anyPipeline, anyLines, (yaml, some) => {
      const test = compilePipeline(yaml);
      const account = accountFor(test);
      let out = 0;
      test.pipeline.output = () => {
        out += 1;
      };
      for (const make of entriesOf(some)) test.pipeline.process(make());
      test.pipeline.flush();
      const counts = test.pipeline.takeCounts();
      const dropped = [...(counts?.dropped.values() ?? [])].reduce((sum, each) => sum + each, 0);
      assert.deepEqual([...(counts?.failed ?? [])], []);
      assert.equal(out + dropped + account.joined, some.length);
      assert.deepEqual([test.pipeline.heldBytes, test.pipeline.heldStart], [0, undefined]);
    }),
    { numRuns },
  );
});

test('blocks that overlap for ever are cut, the same each time, and what is read again is bounded', () => {
  const yaml =
    '- multiline: { firstline: "^START", max_lines: 10000 }\n- limit: { rate: 9, burst: 9, drop: true }';
  const lines = Array.from({ length: 9000 }, (_, index) => () => {
    const source = index % 2 === 0 ? 'stdout' : 'stderr';
    // The two streams begin their blocks at different places, so that one is always open.
    const line = index % 20 === 0 || index % 20 === 11 ? `START ${index}` : `more ${index}`;
    const entry = newEntry(line, index, { labels: { source } });
    entry.capturedSeconds = 1_700_000_000 + Math.floor(index / 100);
    entry.capturedNanos = index % 100 === 0 ? 200_000_000 : 200_000_001;
    return entry;
  });
  const whole = wholeRun(yaml, lines);
  const { pipeline } = compilePipeline(yaml);
  lines.forEach((make, index) => {
    pipeline.process(make());
    assert.ok(index - (pipeline.heldStart?.ordinal ?? index) < 1200);
  });
  for (const cut of [500, 1003, 1100, 2222, 8999]) {
    assert.deepEqual(runWithCuts(yaml, lines, [cut, cut + 1], false), whole);
  }
});

test('a limit behind blocks remembers each block that went out before the one that is held', () => {
  const yaml =
    '- multiline: { firstline: "^START" }\n- limit: { rate: 0.001, burst: 2, drop: true }';
  const lines = Array.from({ length: 5 }, (_, index) => () => newEntry(`START ${index}`, index));
  const whole = wholeRun(yaml, lines);
  assert.equal(whole.length, 2);
  assert.deepEqual(runWithCuts(yaml, lines, [1, 2, 3, 4], false), whole);
});
