import assert from 'node:assert/strict';
import { pbkdf2, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { uncompressSync } from 'snappy';
import { compressBlock } from '../../src/encode/snappy.ts';

/** Keeps all four threads of libuv's pool busy, so that what is queued next waits. */
function blockPool(): Promise<unknown> {
  const slow = () => promisify(pbkdf2)('password', 'salt', 60_000, 64, 'sha512');
  return Promise.all(Array.from({ length: 4 }, slow));
}

test('makes blocks that decompress to the same bytes', async () => {
  for (const raw of [
    Buffer.alloc(0),
    Buffer.from('a'),
    Buffer.alloc(3e6, 'ab'),
    randomBytes(1e6),
  ]) {
    const block = await compressBlock(raw);
    assert.deepEqual(uncompressSync(block), raw);
  }
});

test('takes a view into a larger buffer', async () => {
  const raw = Buffer.from('0123456789'.repeat(100)).subarray(15, 415);
  assert.deepEqual(uncompressSync(await compressBlock(raw)), Buffer.from(raw));
});

test('runs several at once, each with its own result', async () => {
  const raws = Array.from({ length: 16 }, () => randomBytes(200_000));
  const blocks = await Promise.all(raws.map((raw) => compressBlock(raw)));
  for (const [n, block] of blocks.entries()) assert.deepEqual(uncompressSync(block), raws[n]);
});

test('reads the input in place while it runs, so the caller must not touch it before', async () => {
  const busy = blockPool();
  const raw = Buffer.alloc(1000, 'a');
  const pending = compressBlock(raw);
  raw.fill('b');
  // If this fails, the package has begun to copy: the warning in snappy.ts can go.
  assert.deepEqual(uncompressSync(await pending), Buffer.alloc(1000, 'b'));
  await busy;
});
