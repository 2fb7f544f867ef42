import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool, pooledBytesMax, pooledBytesMin } from '../../src/encode/buffer-pool.ts';

test('rounds up to a power of two and never gives less than was asked for', () => {
  const pool = new BufferPool();
  const rows = [
    [0, 512],
    [1, 512],
    [512, 512],
    [513, 1024],
    [1024, 1024],
    [65_537, 131_072],
    [5_000_000, 8_388_608],
  ];
  for (const [asked = 0, got] of rows) assert.equal(pool.take(asked).length, got);
});

test('hands a returned buffer out again, once', () => {
  const pool = new BufferPool();
  const buffer = pool.take(1000);
  pool.give(buffer);
  assert.equal(pool.take(1024), buffer);
  assert.notEqual(pool.take(1024), buffer);
  assert.equal(pool.keptBytes, 0);
});

test('lets large buffers go', () => {
  const pool = new BufferPool();
  pool.give(pool.take(pooledBytesMax + 1));
  assert.equal(pool.keptBytes, 0);
  pool.give(pool.take(pooledBytesMax));
  assert.equal(pool.keptBytes, pooledBytesMax);
});

test('keeps a bounded number of bytes and of buffers', () => {
  const pool = new BufferPool();
  const large = Array.from({ length: 20 }, () => pool.take(2 ** 20));
  for (const buffer of large) pool.give(buffer);
  assert.equal(pool.keptBytes, 8 * 2 ** 20);
  const many = new BufferPool();
  const small = Array.from({ length: 5000 }, () => many.take(pooledBytesMin));
  for (const buffer of small) many.give(buffer);
  assert.equal(many.keptBuffers, 4096);
});
