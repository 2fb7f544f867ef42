import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createFrameView, decodeFrame } from '../../src/frame/frame-decoder.ts';
import { FrameWriter } from '../../src/history/frame-writer.ts';
import { anyFrame, encodeBody, logEntryType } from '../helpers/frames.ts';

/** A frame as protobufjs reads it. */
interface Entry {
  source: string;
  timeNano: string;
  line: string;
}

/** Newer engines refuse frames of over a million bytes. */
const engineFrameBytesMax = 1_000_000;

/** Takes frames apart with another decoder than ours. */
function entriesOf(bytes: Uint8Array): Entry[] {
  const all = Buffer.from(bytes);
  const entries: Entry[] = [];
  for (let at = 0; at < all.length; ) {
    const end = at + 4 + all.readUInt32BE(at);
    assert.ok(end <= all.length, `the frame at ${at} is whole`);
    assert.ok(end - at - 4 <= engineFrameBytesMax, `a frame of ${end - at - 4} bytes`);
    const message = logEntryType.decode(all.subarray(at + 4, end));
    const options = { longs: String, bytes: Buffer, defaults: true };
    const { source, time_nano, line, partial } = logEntryType.toObject(message, options) as {
      source: string;
      time_nano: string;
      line: Buffer;
      partial: boolean;
    };
    assert.equal(partial, false);
    entries.push({ source, timeNano: time_nano, line: line.toString('latin1') });
    at = end;
  }
  return entries;
}

/** What a body comes out as, amid other bytes and behind what was written before. */
function written(body: Buffer, writer = new FrameWriter(Buffer.alloc(16))): Uint8Array {
  const bytes = Buffer.concat([Buffer.alloc(5, 0xee), body, Buffer.alloc(3, 0xee)]);
  const view = createFrameView();
  assert.ok(decodeFrame(bytes, 5, 5 + body.length, view));
  writer.whole(bytes, 5, 5 + body.length, view);
  return writer.takeCopy();
}

/** Fields of protobuf that a newer engine might add. */
const anyUnknownField = fc
  .record({
    number: fc.integer({ min: 6, max: 200 }),
    content: fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
    ),
  })
  .map(({ number, content }) => {
    if (typeof content === 'bigint') return Buffer.concat([varint(number * 8), varint(content)]);
    return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
  });

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

test('a line comes out with its source, its time, its bytes and a newline', () => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      const { source, timeNano, line } = frame;
      const text = `${Buffer.from(line).toString('latin1')}\n`;
      const whole = { source, timeNano, line };
      assert.deepEqual(entriesOf(written(encodeBody(whole))), [
        { source, timeNano: String(timeNano), line: text },
      ]);
    }),
    { numRuns: 1000 },
  );
});

test('fields that are not known here do no harm, wherever they stand', () => {
  fc.assert(
    fc.property(anyFrame, anyUnknownField, anyUnknownField, (frame, before, behind) => {
      const { source, timeNano, line } = frame;
      const expected = {
        ...{ source, timeNano: String(timeNano) },
        line: `${Buffer.from(line).toString('latin1')}\n`,
      };
      const body = encodeBody({ source, timeNano, line });
      for (const bytes of [
        [before, body],
        [body, behind],
        [before, body, behind],
        [body, body],
      ]) {
        assert.deepEqual(entriesOf(written(Buffer.concat(bytes))), [expected]);
      }
    }),
    { numRuns: 500 },
  );
});

test('a line length that takes another byte with the newline is written as such', () => {
  const lengths = [0, 1, 125, 126, 127, 128, 129, 16_381, 16_382, 16_383, 16_384, 16_385];
  for (const length of [...lengths, (1 << 19) - 2, 1 << 19, (1 << 19) + 1]) {
    const line = Buffer.alloc(length, 0x61);
    const body = encodeBody({ source: 'stderr', timeNano: 1n, line });
    const entries = entriesOf(written(body));
    const text = entries.map((entry) => entry.line).join('');
    assert.ok(text === `${line.toString('latin1')}\n`, `${length} bytes`);
    for (const { source, timeNano } of entries) {
      assert.deepEqual({ source, timeNano }, { source: 'stderr', timeNano: '1' });
    }
  }
});

test('an empty line that is there as a field of no length is a newline', () => {
  const body = Buffer.concat([
    encodeBody({ source: 'stdout', timeNano: 7n, line: Buffer.alloc(0) }),
    Buffer.from([0x1a, 0x00]),
  ]);
  assert.deepEqual(entriesOf(written(body)), [{ source: 'stdout', timeNano: '7', line: '\n' }]);
});

test('the largest frame that a stream can hold comes out in frames that engines take', () => {
  for (const bodyBytes of [engineFrameBytesMax - 1, engineFrameBytesMax, 1 << 20]) {
    const head = encodeBody({ source: 'stdout', timeNano: 5n, line: Buffer.alloc(0) });
    const line = Buffer.alloc(bodyBytes - head.length - 4, 'abc');
    const body = Buffer.concat([head, Buffer.from([0x1a]), varint(line.length), line]);
    assert.equal(body.length, bodyBytes);
    const entries = entriesOf(written(body));
    assert.ok(entries.map((entry) => entry.line).join('') === `${line.toString('latin1')}\n`);
    // Without a line, but with a field that nobody knows.
    const field = Buffer.concat([Buffer.from([0x32]), varint(line.length), line]);
    const strange = Buffer.concat([head, field]);
    assert.deepEqual(entriesOf(written(strange)), [
      { source: 'stdout', timeNano: '5', line: '\n' },
    ]);
  }
});

test('a joined line of any length is split, and only its end has the newline', () => {
  const writer = new FrameWriter(Buffer.alloc(16));
  for (const length of [0, 1, 524_287, 524_288, 524_289, (1 << 21) - 1, 1 << 21, 4 << 20]) {
    const bytes = Buffer.alloc(length + 2, 'xyz');
    for (const isEnded of [true, false]) {
      writer.line(true, 3, 999_999_999, bytes, 1, 1 + length, isEnded);
      const entries = entriesOf(writer.takeCopy());
      const expected = bytes.toString('latin1', 1, 1 + length) + (isEnded ? '\n' : '');
      assert.ok(entries.map(({ line }) => line).join('') === expected, `${length} bytes`);
      for (const { source, timeNano } of entries) {
        assert.deepEqual({ source, timeNano }, { source: 'stderr', timeNano: '3999999999' });
      }
    }
  }
});

test('times from 1970 to the end of what an int64 holds are exact', () => {
  const writer = new FrameWriter(Buffer.alloc(16));
  for (const timeNs of [
    0n,
    1n,
    999_999_999n,
    1n << 53n,
    1_900_000_000_123_456_789n,
    (1n << 63n) - 1n,
  ]) {
    const seconds = Number(timeNs / 1_000_000_000n);
    writer.line(false, seconds, Number(timeNs % 1_000_000_000n), Buffer.from('x'), 0, 1, true);
    const [entry] = entriesOf(writer.takeCopy());
    assert.deepEqual(entry, { source: 'stdout', timeNano: String(timeNs), line: 'x\n' });
  }
});

test('a heartbeat has no line, and a source that dockerd drops', () => {
  const writer = new FrameWriter(Buffer.alloc(16));
  writer.heartbeat(1_700_000_000_123);
  const [entry, ...others] = entriesOf(writer.takeCopy());
  assert.deepEqual(others, []);
  assert.equal(entry?.line, '');
  assert.equal(entry?.timeNano, '1700000000123000000');
  assert.ok(entry?.source !== 'stdout' && entry?.source !== 'stderr');
});

test('what was taken stays as it is, whatever is written next', () => {
  const first = Buffer.alloc(4096);
  const writer = new FrameWriter(first);
  const put = (text: string): void =>
    writer.line(false, 1, 0, Buffer.from(text), 0, text.length, true);
  put('one');
  assert.ok(writer.length > 0);
  const second = Buffer.alloc(4096);
  const taken = writer.take(second);
  assert.equal(taken.buffer, first.buffer, 'nothing was copied');
  assert.equal(writer.length, 0);
  put('two');
  const copied = writer.takeCopy();
  assert.notEqual(copied.buffer, second.buffer);
  assert.equal(copied.byteOffset, 0);
  assert.equal(copied.buffer.byteLength, copied.length, 'a copy takes no more than it needs');
  put('three');
  assert.deepEqual(
    [taken, copied, writer.takeCopy()].map((bytes) => entriesOf(bytes)[0]?.line),
    ['one\n', 'two\n', 'three\n'],
  );
});

test('grows as far as one turn needs, and goes on in the buffer that it is given next', () => {
  const writer = new FrameWriter(Buffer.alloc(100));
  const line = Buffer.alloc(5000, 0x62);
  writer.line(false, 1, 0, line, 0, line.length, true);
  writer.line(true, 1, 0, line, 0, 10, false);
  const next = Buffer.alloc(300);
  const entries = entriesOf(writer.take(next));
  assert.deepEqual(
    entries.map((entry) => [entry.source, entry.line.length]),
    [
      ['stdout', 5001],
      ['stderr', 10],
    ],
  );
  writer.heartbeat(0);
  assert.equal(writer.take(Buffer.alloc(1)).buffer, next.buffer);
});
