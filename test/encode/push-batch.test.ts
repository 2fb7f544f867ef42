import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { PushBatch } from '../../src/encode/push-batch.ts';
import { type DecodedStream, decodePush, encodePush } from '../helpers/logproto.ts';

/** Appends a whole buffer as one line. */
function add(batch: PushBatch, labels: string, line: Buffer, seconds = 1, nanos = 0): void {
  batch.append(batch.stream(labels), seconds, nanos, line, 0, line.length);
}

const entry = fc.record({
  stream: fc.nat({ max: 4 }),
  seconds: fc.oneof(
    fc.integer({ min: 1_700_000_000, max: 1_800_000_000 }),
    fc.integer({ min: -9_300_000_000, max: 9_300_000_000 }),
    fc.maxSafeInteger(),
    fc.constantFrom(0, -1, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 35, 2 ** 42, 2 ** 49),
  ),
  nanos: fc.oneof(fc.integer({ min: 0, max: 999_999_999 }), fc.constantFrom(0, 1, 127, 128)),
  line: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ minLength: 100, maxLength: 400 }),
    fc.constantFrom(16_300, 16_384, 70_000).map((length) => new Uint8Array(length).fill(0xff)),
  ),
  before: fc.nat({ max: 20 }),
  after: fc.nat({ max: 20 }),
});

const selectors = ['{a="1"}', '{a="ö€😀"}', '{b="2"}', '{}', `{long="${'x'.repeat(3000)}"}`];

test('decodes to what was appended, byte for byte as protobufjs writes it', () => {
  const batch = new PushBatch();
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 60 }), (entries) => {
      const expected = new Map<string, DecodedStream>();
      batch.reset();
      for (const { stream, seconds, nanos, line, before, after } of entries) {
        const labels = selectors[stream] ?? '';
        const source = Buffer.concat([Buffer.alloc(before, 1), line, Buffer.alloc(after, 2)]);
        batch.append(batch.stream(labels), seconds, nanos, source, before, before + line.length);
        const known = expected.get(labels) ?? { labels, entries: [] };
        known.entries.push({ seconds, nanos, line: Buffer.from(line) });
        expected.set(labels, known);
      }
      const encoded = batch.encode();
      assert.equal(batch.entries, entries.length);
      assert.equal(batch.sizeBytes, encoded.length);
      assert.deepEqual(decodePush(encoded), [...expected.values()]);
      assert.deepEqual(encoded, encodePush([...expected.values()]));
    }),
  );
});

test('gives the same handle for the same labels until reset', () => {
  const batch = new PushBatch();
  const first = batch.stream('{a="1"}');
  const second = batch.stream('{a="2"}');
  assert.notEqual(first, second);
  assert.equal(batch.stream('{a="1"}'), first);
  batch.reset();
  assert.throws(() => batch.append(first, 1, 0, Buffer.alloc(1), 0, 1), RangeError);
});

test('leaves out streams without entries and is empty without any', () => {
  const batch = new PushBatch();
  batch.stream('{quiet="1"}');
  assert.equal(batch.encode().length, 0);
  assert.equal(batch.sizeBytes, 0);
  add(batch, '{a="1"}', Buffer.from('x'));
  batch.stream('{quiet="2"}');
  assert.deepEqual(
    decodePush(batch.encode()).map(({ labels }) => labels),
    ['{a="1"}'],
  );
});

test('sends nothing of an earlier batch', () => {
  const batch = new PushBatch();
  for (const labels of ['{a="1"}', '{a="2"}', '{a="3"}']) {
    for (let i = 0; i < 100; i++) add(batch, labels, Buffer.alloc(500, 'old'));
  }
  batch.encode();
  batch.reset();
  assert.deepEqual([batch.entries, batch.sizeBytes, batch.encode().length], [0, 0, 0]);
  add(batch, '{a="2"}', Buffer.from('new'), 5, 7);
  assert.deepEqual(decodePush(batch.encode()), [
    { labels: '{a="2"}', entries: [{ seconds: 5, nanos: 7, line: Buffer.from('new') }] },
  ]);
});

test('keeps encoded bytes over append and reset, up to the next encode', () => {
  const batch = new PushBatch();
  add(batch, '{a="1"}', Buffer.from('one'));
  const encoded = batch.encode();
  const copy = Buffer.from(encoded);
  add(batch, '{a="1"}', Buffer.alloc(100_000, 'x'));
  batch.reset();
  add(batch, '{b="1"}', Buffer.alloc(100_000, 'y'));
  assert.deepEqual(encoded, copy);
});

test('can be encoded, appended to and encoded again', () => {
  const batch = new PushBatch();
  add(batch, '{a="1"}', Buffer.from('one'));
  batch.encode();
  add(batch, '{a="1"}', Buffer.from('two'));
  const lines = decodePush(batch.encode())[0]?.entries.map(({ line }) => line.toString());
  assert.deepEqual(lines, ['one', 'two']);
});

test('refuses ranges and times that are none, and stays as it was', () => {
  const batch = new PushBatch();
  const line = Buffer.from('line');
  add(batch, '{a="1"}', line);
  const before = Buffer.from(batch.encode());
  const stream = batch.stream('{a="1"}');
  const bad: [number, number, number, number, number][] = [
    [stream, 1, 0, -1, 2],
    [stream, 1, 0, 3, 2],
    [stream, 1, 0, 0, 5],
    [stream, 1, 0, Number.NaN, 2],
    [stream, 1, 0, 0, Number.NaN],
    [stream, 1, 1e9, 0, 1],
    [stream, 1, -1, 0, 1],
    [stream, 1, 0.5, 0, 1],
    [stream, 0.5, 0, 0, 1],
    [stream, Number.NaN, 0, 0, 1],
    [stream + 1, 1, 0, 0, 1],
    [-1, 1, 0, 0, 1],
  ];
  for (const [handle, seconds, nanos, start, end] of bad) {
    assert.throws(() => batch.append(handle, seconds, nanos, line, start, end), RangeError);
  }
  assert.deepEqual(batch.encode(), before);
});

test('takes a plain Uint8Array with an offset as source', () => {
  const batch = new PushBatch();
  const bytes = new Uint8Array(new ArrayBuffer(200), 50, 100).fill(65);
  batch.append(batch.stream('{a="1"}'), 1, 0, bytes, 10, 90);
  assert.equal(decodePush(batch.encode())[0]?.entries[0]?.line.toString(), 'A'.repeat(80));
});

test('2,000 quiet streams take a few MiB, and a huge batch is not kept', () => {
  const batch = new PushBatch();
  const usedBefore = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 2000; n++) add(batch, `{container_name="c${n}"}`, Buffer.alloc(100, 'x'));
  assert.equal(decodePush(batch.encode()).length, 2000);
  const usedMiB = (process.memoryUsage().arrayBuffers - usedBefore) / 2 ** 20;
  assert.ok(usedMiB < 4, `${usedMiB} MiB`);
  batch.reset();
  for (let n = 0; n < 40; n++) add(batch, '{a="1"}', Buffer.alloc(1 << 20, 'x'));
  assert.equal(batch.encode().length, batch.sizeBytes);
  batch.reset();
  add(batch, '{a="1"}', Buffer.from('small'));
  assert.ok(batch.encode().buffer.byteLength < 2 ** 20);
});
