import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { nextDelayMs } from '../../src/base/backoff.ts';

const bounds = { minMs: 500, maxMs: 300_000 };

test('doubles from the lower bound up to the upper bound', () => {
  const highest = [0, 1, 2, 3, 9, 10, 50, 5000].map((n) => nextDelayMs(n, bounds, () => 1));
  assert.deepEqual(highest, [500, 1000, 2000, 4000, 256_000, 300_000, 300_000, 300_000]);
});

test('draws one half of the delay and keeps the other half certain', () => {
  assert.equal(
    nextDelayMs(3, bounds, () => 0),
    2000,
  );
  assert.equal(
    nextDelayMs(3, bounds, () => 0.5),
    3000,
  );
});

test('stays between half the lower bound and the upper bound for any attempt', () => {
  const input = fc.record({
    attempt: fc.oneof(fc.integer(), fc.double({ noNaN: true })),
    minMs: fc.integer({ min: 1, max: 100_000 }),
    extraMs: fc.integer({ min: 0, max: 1e9 }),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });
  fc.assert(
    fc.property(input, ({ attempt, minMs, extraMs, random }) => {
      const maxMs = minMs + extraMs;
      const delayMs = nextDelayMs(attempt, { minMs, maxMs }, () => random);
      assert.ok(delayMs >= minMs / 2 && delayMs <= maxMs, String(delayMs));
    }),
  );
});

test('uses its own random source when none is given', () => {
  const delayMs = nextDelayMs(0, bounds);
  assert.ok(delayMs >= 250 && delayMs <= 500);
});
