import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { uncompressSync } from 'snappy';
import { compressBlock } from '../../src/encode/snappy.ts';

test('makes blocks that decompress to the same bytes', () => {
  for (const raw of [
    Buffer.alloc(0),
    Buffer.from('a'),
    Buffer.alloc(3e6, 'ab'),
    randomBytes(1e6),
  ]) {
    assert.deepEqual(uncompressSync(compressBlock(raw)), raw);
  }
});

test('takes a view into a larger buffer', () => {
  const raw = Buffer.from('0123456789'.repeat(100)).subarray(15, 415);
  assert.deepEqual(uncompressSync(compressBlock(raw)), Buffer.from(raw));
});

test('gives a block of its own, which outlives the input', () => {
  const raw = Buffer.alloc(1000, 'a');
  const block = compressBlock(raw);
  raw.fill('b');
  assert.deepEqual(uncompressSync(block), Buffer.alloc(1000, 'a'));
});

test('holds no memory of 400 batches', () => {
  const raw = randomBytes(1 << 20);
  compressBlock(raw);
  const before = process.memoryUsage.rss();
  for (let batch = 0; batch < 400; batch += 1) compressBlock(raw);
  const grown = process.memoryUsage.rss() - before;
  assert.ok(grown < 200 << 20, `400 batches of 1 MiB took ${grown} bytes`);
});
