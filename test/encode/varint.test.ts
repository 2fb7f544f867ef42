import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  varint64Length,
  varintLength,
  writeVarint,
  writeVarint64,
} from '../../src/encode/varint.ts';

/** The slow and obvious way. */
function reference(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

const edges = [0, 1, 127, 128, 16_383, 16_384, 2 ** 21 - 1, 2 ** 21, 2 ** 28 - 1, 2 ** 28];

test('writes 32-bit values as announced', () => {
  const value = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(...edges));
  fc.assert(
    fc.property(value, (n) => {
      const target = new Uint8Array(12);
      const end = writeVarint(target, 1, n);
      assert.deepEqual([...target.subarray(1, end)], reference(n));
      assert.equal(varintLength(n), end - 1);
    }),
  );
});

test('writes every safe integer as an int64, as announced', () => {
  const powers = [32, 34, 35, 36, 41, 42, 43, 48, 49, 50, 52].map((n) => 2 ** n);
  const value = fc.oneof(
    fc.maxSafeInteger(),
    fc.constantFrom(...edges, ...powers, ...powers.map((n) => n - 1), ...powers.map((n) => -n)),
    fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1),
  );
  fc.assert(
    fc.property(value, (n) => {
      const target = new Uint8Array(12);
      const end = writeVarint64(target, 1, n);
      assert.deepEqual([...target.subarray(1, end)], reference(n));
      assert.equal(varint64Length(n), end - 1);
    }),
    { numRuns: 1000 },
  );
});
