/**
 * Lines are read again after failures and restarts: the same lines have to give the same entries,
 * wherever reading stopped and began again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compilePipeline, newEntry } from './helpers.ts';
import { accountFor, anyLines, anyPipeline, entriesOf } from './random-pipelines.ts';
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
