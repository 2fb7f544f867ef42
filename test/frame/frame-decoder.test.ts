import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createFrameView, decodeFrame } from '../../src/frame/frame-decoder.ts';
import { anyFrame, encodeBody, logEntryType, type TestFrame } from '../helpers/frames.ts';

const view = createFrameView();

interface Wire {
  source: string;
  time_nano: string;
  line: Uint8Array;
  partial: boolean;
  partial_log_metadata: { last: boolean; id: string } | null;
}

/** What the view says, in the oracle's words. */
function seen(bytes: Buffer): object {
  return {
    isStderr: view.isStderr,
    timeNano: BigInt(view.seconds) * 1_000_000_000n + BigInt(view.nanos),
    line: Buffer.from(bytes.subarray(view.lineStart, view.lineEnd)),
    partial: view.partial,
    last: view.last,
    id: bytes.subarray(view.idStart, view.idEnd).toString('utf8'),
  };
}

function seenByOracle(body: Uint8Array): object {
  const wire = logEntryType.toObject(logEntryType.decode(body), {
    defaults: true,
    longs: String,
  }) as Wire;
  return {
    isStderr: wire.source === 'stderr',
    timeNano: BigInt(wire.time_nano),
    line: Buffer.from(wire.line),
    partial: wire.partial,
    last: wire.partial_log_metadata?.last ?? false,
    id: wire.partial_log_metadata?.id ?? '',
  };
}

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Fields that a later version of Docker may add: numbers 6 and up, of every wire type. */
const unknownField = fc
  .record({
    number: fc.oneof(fc.integer({ min: 6, max: 15 }), fc.integer({ min: 16, max: 100_000 })),
    wire: fc.constantFrom(0, 1, 2, 5),
    content: fc.uint8Array({ maxLength: 200 }),
    value: fc.nat(),
  })
  .map(({ number, wire, content, value }) => {
    const tag = varintOf(number * 8 + wire);
    if (wire === 0) return Buffer.concat([tag, varintOf(value)]);
    if (wire === 2) return Buffer.concat([tag, varintOf(content.length), content]);
    return Buffer.concat([tag, Buffer.alloc(wire === 1 ? 8 : 4, value)]);
  });

const otherSource = fc.constantFrom('', 'stdin', 'x', 'stdout2', 'ö€');
const anyEntry: fc.Arbitrary<TestFrame> = fc
  .tuple(anyFrame, fc.option(otherSource, { nil: undefined, freq: 5 }))
  .map(([frame, source]) => (source === undefined ? frame : { ...frame, source }));

test('reads every message as protobufjs does, with unknown fields around the known ones', () => {
  fc.assert(
    fc.property(
      anyEntry,
      fc.array(unknownField, { maxLength: 3 }),
      fc.array(unknownField, { maxLength: 3 }),
      fc.nat({ max: 9 }),
      (frame, before, behind, shift) => {
        const body = Buffer.concat([...before, encodeBody(frame), ...behind]);
        const bytes = Buffer.concat([Buffer.alloc(shift, 0x1a), body, Buffer.alloc(9, 0x10)]);
        assert.ok(decodeFrame(bytes, shift, shift + body.length, view));
        assert.deepEqual(seen(bytes), seenByOracle(body));
      },
    ),
    { numRuns: 1500 },
  );
});

test('passes over unknown fields in the metadata of a piece', () => {
  const metadata = Buffer.concat([
    Buffer.from([0x08, 1, 0x18, 7, 0x12, 2]),
    Buffer.from('ab'),
    Buffer.from([0x35, 1, 2, 3, 4, 0xfa, 0x01, 1, 9]),
  ]);
  const body = Buffer.concat([Buffer.from([0x2a, metadata.length]), metadata]);
  assert.ok(decodeFrame(body, 0, body.length, view));
  assert.deepEqual(seen(body), seenByOracle(body));
});

test('reads the times 0, 1 and the greatest there is to the nanosecond', () => {
  for (const timeNano of [0n, 1n, 999_999_999n, 1_000_000_000n, (1n << 63n) - 1n]) {
    const body = encodeBody({ source: 'stdout', timeNano, line: Buffer.from('x') });
    assert.ok(decodeFrame(body, 0, body.length, view));
    assert.equal(BigInt(view.seconds) * 1_000_000_000n + BigInt(view.nanos), timeNano);
  }
});

test('refuses a time before 1970', () => {
  const body = encodeBody({ source: 'stdout', timeNano: -1n, line: Buffer.from('x') });
  assert.ok(!decodeFrame(body, 0, body.length, view));
});

test('keeps nothing of the message before', () => {
  const first = encodeBody({
    source: 'stderr',
    timeNano: 5n,
    line: Buffer.from('x'),
    partial: true,
    last: true,
    id: 'a',
  });
  assert.ok(decodeFrame(first, 0, first.length, view));
  assert.ok(decodeFrame(Buffer.alloc(0), 0, 0, view));
  assert.deepEqual(view, createFrameView());
});

test('refuses every message that is cut short, but where the cut falls between fields', () => {
  const body = encodeBody({
    source: 'stdout',
    timeNano: 1_700_000_000_000_000_000n,
    line: Buffer.from('line'),
    partial: true,
    last: true,
    id: 'f'.repeat(64),
    ordinal: 3,
  });
  const sound: number[] = [];
  for (let end = 0; end <= body.length; end += 1) {
    if (decodeFrame(body, 0, end, view)) sound.push(end);
  }
  assert.deepEqual(sound, [0, 8, 18, 24, 26, body.length]);
});

/** A buffer that remembers whether anybody read outside `[start, end)`. */
function fenced(bytes: Buffer, start: number, end: number): { bytes: Buffer; outside: number[] } {
  const outside: number[] = [];
  const proxy = new Proxy(bytes, {
    get(target, key) {
      const index = typeof key === 'string' ? Number(key) : Number.NaN;
      if (Number.isInteger(index) && (index < start || index >= end)) outside.push(index);
      const value: unknown = Reflect.get(target, key, target);
      return value;
    },
  });
  return { bytes: proxy, outside };
}

function assertHarmless(bytes: Buffer, start: number, end: number): void {
  const { bytes: guarded, outside } = fenced(bytes, start, end);
  const ok = decodeFrame(guarded, start, end, view);
  assert.deepEqual(outside, []);
  if (!ok) return;
  for (const [from, to] of [
    [view.lineStart, view.lineEnd],
    [view.idStart, view.idEnd],
  ] as const) {
    assert.ok(from <= to);
    assert.ok(from === to || (from >= start && to <= end), `${from} to ${to} of ${start}, ${end}`);
  }
  assert.ok(Number.isSafeInteger(view.seconds) && view.seconds >= 0);
  assert.ok(view.nanos >= 0 && view.nanos < 1e9);
}

test('never throws and never looks outside of its range, whatever the bytes are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), fc.nat(), (raw, a, b) => {
      const start = a % (raw.length + 1);
      assertHarmless(Buffer.from(raw), start, start + (b % (raw.length - start + 1)));
    }),
    { numRuns: 3000 },
  );
});

test('never throws and never looks outside of its range on flipped bytes and wrong ends', () => {
  const small = anyFrame.filter((frame) => frame.line.length < 100);
  fc.assert(
    fc.property(
      small,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.nat(),
      (frame, at, bits, n) => {
        const bytes = Buffer.concat([
          Buffer.alloc(3, 0x22),
          encodeBody(frame),
          Buffer.alloc(20, 0x22),
        ]);
        const index = 3 + (at % (bytes.length - 23));
        bytes[index] = (bytes[index] ?? 0) ^ bits;
        assertHarmless(bytes, 3, 3 + (n % (bytes.length - 2)));
      },
    ),
    { numRuns: 2000 },
  );
});

test('gives up on a message with more fields than dockerd could ever write', () => {
  const field = Buffer.from([0x30, 1]);
  assert.ok(decodeFrame(Buffer.alloc(512, field), 0, 512, view));
  assert.ok(!decodeFrame(Buffer.alloc(514, field), 0, 514, view));
  const nested = Buffer.concat([Buffer.from([0x2a, 0x82, 0x04]), Buffer.alloc(514, field)]);
  assert.ok(!decodeFrame(nested, 0, nested.length, view));
});
