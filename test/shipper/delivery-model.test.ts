/**
 * Random histories of delivery against the invariants I1 to I6 of the log: what is conserved, in
 * which order it comes, and where cursors may stand. HOLDFAST_RUNS=n runs other histories, n
 * times as many.
 */
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Command, DeliveryModel, type Mood } from './delivery-model.ts';

const runs = process.env['HOLDFAST_RUNS'];
const factor = Math.max(1, Number(runs ?? 1));
/** The suite runs the same histories each time. */
const seed = runs === undefined ? { seed: 20_261_123 } : {};

const one = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);
const container = fc.nat({ max: 1 });
const endpoint = fc.nat({ max: 2 });

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: one('print'),
      container,
      lines: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 20, max: 120 })),
      source: fc.constantFrom('stdout', 'stdout', 'stderr'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: one('piece'), container, last: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('gap', 'cut', 'rotate', 'rotate', 'seal', 'seal', 'remove'),
      container,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: one('moods'),
      endpoint,
      moods: fc.oneof(
        fc.array(fc.constantFrom<Mood>('ok', 'ok', 'outage', 'outage', 'limit', 'hang'), {
          minLength: 1,
          maxLength: 9,
        }),
        // Enough to open the breaker, and for some probes.
        fc
          .integer({ min: 5, max: 9 })
          .map((count) => Array.from({ length: count }, (): Mood => 'outage')),
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('release', 'well'), endpoint }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('drop', 'name', 'name'), endpoint }) },
  { weight: 6, arbitrary: fc.record({ do: one('wait') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('kill', 'restart', 'settle') }) },
);

test('under any failures, kills and rotations every endpoint gets every line in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (commands) => {
      const model = new DeliveryModel();
      try {
        await model.begin();
        for (const each of commands) await model.apply(each);
        await model.end();
      } finally {
        await model.dispose();
      }
    }),
    { numRuns: 25 * factor, endOnFailure: factor === 1, ...seed },
  );
});
