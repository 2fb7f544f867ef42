import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { hash53, mix32 } from '../../src/pipeline/hash.ts';

test('hashes stay what they are: what was decided by them is decided again after an update', () => {
  assert.deepEqual([mix32(0), mix32(1), mix32(-1)], [0, 1364076727, 2180083513]);
  assert.deepEqual(['', 'a', '{app="web"}'].map(hash53), [
    ...[4584623394476658, 8852047242571560, 1941103381698990],
  ]);
});

test('hashes of texts are whole numbers, and differ', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      assert.ok(Number.isSafeInteger(hash53(a)) && hash53(a) >= 0);
      assert.equal(hash53(a) === hash53(b), a === b);
    }),
  );
  const texts = Array.from({ length: 100_000 }, (_, index) => `value-${index}`);
  assert.equal(new Set(texts.map(hash53)).size, texts.length);
});
