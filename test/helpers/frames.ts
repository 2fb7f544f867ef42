/**
 * dockerd's frames as tests make them: one by one, in bulk, and at random. The encoder is
 * checked against protobufjs in frames.test.ts, so that it can stand for dockerd's own.
 */
import * as fc from 'fast-check';
import protobuf from 'protobufjs';

/** One frame as dockerd would describe it; `id` and `ordinal` only with `partial`. */
export interface TestFrame {
  source: string;
  timeNano: bigint;
  line: Uint8Array;
  partial?: boolean | undefined;
  last?: boolean | undefined;
  id?: string | undefined;
  ordinal?: number | undefined;
}

const schema = `
  syntax = "proto3";
  message PartialLogEntryMetadata { bool last = 1; string id = 2; int32 ordinal = 3; }
  message LogEntry {
    string source = 1;
    int64 time_nano = 2;
    bytes line = 3;
    bool partial = 4;
    PartialLogEntryMetadata partial_log_metadata = 5;
  }
`;

/** The message by reflection: slow, and the oracle. */
export const logEntryType = protobuf.parse(schema, { keepCase: true }).root.lookupType('LogEntry');

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function delimited(tag: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([tag]), varint(BigInt(content.length)), content]);
}

/** The body of a frame, zero fields left out, as dockerd's encoder does. */
export function encodeBody(frame: TestFrame): Buffer {
  const { source, timeNano, line, partial = false, last, id, ordinal } = frame;
  const parts: Buffer[] = [];
  if (source !== '') parts.push(delimited(0x0a, Buffer.from(source, 'utf8')));
  if (timeNano !== 0n) parts.push(Buffer.from([0x10]), varint(BigInt.asUintN(64, timeNano)));
  if (line.length > 0) parts.push(delimited(0x1a, line));
  if (partial) parts.push(Buffer.from([0x20, 1]));
  if (last !== undefined || id !== undefined || ordinal !== undefined) {
    const metadata: Buffer[] = [];
    if (last === true) metadata.push(Buffer.from([0x08, 1]));
    if (id !== undefined && id !== '') metadata.push(delimited(0x12, Buffer.from(id, 'utf8')));
    if (ordinal !== undefined && ordinal !== 0) {
      metadata.push(Buffer.from([0x18]), varint(BigInt(ordinal)));
    }
    parts.push(delimited(0x2a, Buffer.concat(metadata)));
  }
  return Buffer.concat(parts);
}

/** A body with its length in front. */
export function frameOf(body: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length, 0);
  return Buffer.concat([head, body]);
}

/** One whole frame. */
export function encodeFrame(frame: TestFrame): Buffer {
  return frameOf(encodeBody(frame));
}

/** A frame of standard output with this text; `index` makes its time differ from others. */
export function textFrame(text: string, index = 0, source = 'stdout'): Buffer {
  const timeNano = 1_700_000_000_000_000_000n + BigInt(index);
  return encodeFrame({ source, timeNano, line: Buffer.from(text, 'utf8') });
}

/** Frames with the lines `<prefix><from>` to `<prefix><to>`, one behind the other; fast. */
export function numberedFrames(prefix: string, from: number, to: number): Buffer {
  const head = Buffer.from('\0\0\0\0\x0a\x06stdout\x10', 'latin1');
  const parts: Buffer[] = [];
  // Loki refuses lines that are a week old, so the time is now.
  const base = BigInt(Date.now()) * 1_000_000n;
  for (let number = from; number <= to; number += 1) {
    const line = Buffer.from(`${prefix}${number}`, 'utf8');
    const time = varint(base + BigInt(number));
    const lineHead = Buffer.concat([Buffer.from([0x1a]), varint(BigInt(line.length))]);
    const bytes = Buffer.concat([head, time, lineHead, line]);
    bytes.writeUInt32BE(bytes.length - 4, 0);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

const hexId = fc.constantFrom('a', 'b', '7').map((digit) => digit.repeat(64));

/** Times of any size that an int64 after 1970 has. */
export const anyTimeNano: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 1_600_000_000_000_000_000n, max: 1_900_000_000_000_000_000n }),
  fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
  fc.constantFrom(0n, 1n, 999_999_999n, 1_000_000_000n, (1n << 42n) - 1n, (1n << 63n) - 1n),
);

/** Lines, short ones mostly, with every byte in them, and now and then one of dockerd's longest. */
export const anyLine: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  { weight: 2, arbitrary: fc.uint8Array({ minLength: 120, maxLength: 300 }) },
  { weight: 1, arbitrary: fc.constantFrom(16_384, 5000).map((size) => Buffer.alloc(size, 0x61)) },
);

/** Frames as dockerd makes them: whole lines and pieces, with and without line ids. */
export const anyFrame: fc.Arbitrary<TestFrame> = fc
  .record({
    source: fc.constantFrom('stdout', 'stderr'),
    timeNano: anyTimeNano,
    line: anyLine,
    piece: fc.option(
      fc.record({
        last: fc.boolean(),
        id: fc.option(hexId, { nil: undefined }),
        ordinal: fc.integer({ min: 1, max: 300 }),
      }),
      { nil: undefined, freq: 3 },
    ),
  })
  .map(({ piece, ...frame }) => {
    if (piece === undefined) return frame;
    if (piece.id === undefined) return { ...frame, partial: true };
    return { ...frame, partial: true, ...piece };
  });

/** Cuts a buffer into pieces at random places; a piece may be empty. */
export const anyCuts: fc.Arbitrary<(bytes: Buffer) => Buffer[]> = fc
  .oneof(
    fc.array(fc.nat({ max: 1_000_000 }), { maxLength: 12 }),
    fc.constantFrom(1, 2, 7).map((step) => step),
  )
  .map((plan) => (bytes: Buffer) => {
    if (typeof plan === 'number') return slices(bytes, plan);
    const places = plan.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
    return [...places, bytes.length].map((to, index) =>
      bytes.subarray(index === 0 ? 0 : places[index - 1], to),
    );
  });

/** Pieces of `size` bytes. */
export function slices(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
