/** Requests are read and taken apart as protobufjs sees them, and garbage is only said to be it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { type PushStream, readMetadata, readPush } from '../../src/encode/push-reader.ts';
import {
  bytesOf,
  chunk,
  encodePieces,
  entriesOf,
  halve,
  type PushPiece,
  pick,
} from '../../src/encode/push-split.ts';
import { decodePush } from '../helpers/logproto.ts';
import { encodePush, type PlainEntry, type PlainStream } from '../helpers/loki-double/schema.ts';

const entry: fc.Arbitrary<PlainEntry> = fc.record({
  timestamp: fc.record({
    seconds: fc.oneof(
      fc.integer({ min: 1_700_000_000, max: 1_800_000_000 }),
      fc.integer({ min: -9_300_000_000, max: 9_300_000_000 }),
      fc.constantFrom(0, -1, 2 ** 31, 2 ** 35, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
    ),
    nanos: fc.integer({ min: 0, max: 999_999_999 }),
  }),
  line: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ minLength: 200, maxLength: 300 }),
  ),
  structuredMetadata: fc.array(fc.record({ name: fc.string(), value: fc.string() }), {
    maxLength: 2,
  }),
});
const streams: fc.Arbitrary<PlainStream[]> = fc.array(
  fc.record({
    labels: fc.constantFrom('{a="1"}', '{a="ö😀"}', '{}', '', `{l="${'x'.repeat(200)}"}`),
    entries: fc.array(entry, { maxLength: 8 }),
  }),
  { maxLength: 5 },
);

function read(request: Buffer): PushStream[] {
  const found = readPush(request);
  assert.ok(found !== undefined);
  return found;
}

const piecesOf = (request: Buffer): PushPiece[] =>
  read(request).map((stream) => ({ stream, entries: stream.entries }));

describe('readPush', () => {
  it('finds the streams, times, lines and metadata that protobufjs has put there', () => {
    fc.assert(
      fc.property(streams, (plain) => {
        const request = encodePush(plain);
        const found = read(request).map(({ labels, entries }) => ({
          labels,
          entries: entries.map((each) => ({
            timestamp: { seconds: each.seconds, nanos: each.nanos },
            line: new Uint8Array(request.subarray(each.lineStart, each.lineEnd)),
            structuredMetadata: readMetadata(request, each),
          })),
        }));
        // Records of fast-check may have no prototype.
        assert.deepEqual(found, structuredClone(plain));
      }),
    );
  });

  it('never throws and never reads outside of bytes that are none, or that are cut or altered', () => {
    const damage = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), cut: fc.nat() });
    fc.assert(
      fc.property(streams, fc.uint8Array({ maxLength: 60 }), damage, (plain, garbage, how) => {
        const whole = encodePush(plain);
        const altered = Buffer.from(whole);
        if (altered.length > 0) altered[how.at % altered.length] = how.byte;
        const cut = whole.subarray(0, how.cut % (whole.length + 1));
        for (const bytes of [altered, cut, Buffer.from(garbage)]) {
          for (const { labelsStart, labelsEnd, entries } of readPush(bytes) ?? []) {
            assert.ok(labelsStart <= labelsEnd && labelsEnd <= bytes.length);
            for (const each of entries) {
              assert.ok(each.start <= each.lineStart && each.lineEnd <= each.end);
              assert.ok(each.end <= bytes.length && each.lineStart <= each.lineEnd);
              assert.ok(Number.isSafeInteger(each.seconds) && Number.isSafeInteger(each.nanos));
              readMetadata(bytes, each);
            }
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('says of lengths beyond the end, endless numbers and unknown forms that they are no request', () => {
    const bad: number[][] = [
      [0x0a],
      [0x0a, 5, 1],
      [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
      [0x0a, ...Array.from({ length: 11 }, () => 0x80)],
      // A length of -1.
      [0x0a, ...Array.from({ length: 9 }, () => 0xff), 1],
      // Eight bytes of fixed length, a group, and number 0.
      [0x09, 1, 2, 3, 4, 5, 6, 7, 8],
      [0x0b],
      [0x02, 0],
    ];
    for (const bytes of bad) assert.equal(readPush(Buffer.from(bytes)), undefined, String(bytes));
    assert.deepEqual(readPush(Buffer.alloc(0)), []);
  });
});

describe('encodePieces', () => {
  it('makes the request that protobufjs makes of the same entries, and knows its length', () => {
    fc.assert(
      fc.property(streams, fc.nat(), (plain, seed) => {
        const isWanted = (_: unknown, index: number): boolean => ((seed >> (index % 30)) & 1) === 1;
        const request = encodePush(plain);
        const pieces = pick(piecesOf(request), isWanted);
        let index = -1;
        const expected = plain
          .map(({ labels, entries }) => ({
            labels,
            entries: entries.filter((each) => {
              index += 1;
              return isWanted(each, index);
            }),
          }))
          .filter(({ entries }) => entries.length > 0);
        const made = encodePieces(request, pieces);
        assert.deepEqual(made, encodePush(expected));
        assert.equal(bytesOf(pieces), made.length);
      }),
    );
  });
});

describe('halve and chunk', () => {
  const linesOf = (request: Buffer, parts: readonly PushPiece[][]): string[] =>
    parts
      .flatMap((part) => decodePush(encodePieces(request, part)))
      .flatMap(({ labels, entries }) =>
        entries.map(({ line }) => `${labels} ${line.toString('hex')}`),
      );

  it('give every entry back once, in order, and no part without one', () => {
    fc.assert(
      fc.property(streams, fc.integer({ min: 1, max: 2000 }), (plain, bytesMax) => {
        const request = encodePush(plain);
        const pieces = pick(piecesOf(request), () => true);
        const all = linesOf(request, [pieces]);
        const chunks = chunk(pieces, bytesMax);
        assert.deepEqual(linesOf(request, chunks), all);
        for (const part of chunks) {
          assert.ok(entriesOf(part) > 0 && part.every(({ entries }) => entries.length > 0));
          assert.ok(entriesOf(part) === 1 || bytesOf(part) <= bytesMax);
        }
        if (all.length < 2) return;
        const halves = halve(pieces);
        assert.deepEqual(linesOf(request, halves), all);
        assert.ok(halves.every((part) => entriesOf(part) > 0));
      }),
    );
  });

  it('leave a chunk together that fits', () => {
    const request = encodePush([
      { labels: '{a="1"}', entries: [{ line: 'x' }, { line: 'y' }] },
      { labels: '{a="2"}', entries: [{ line: 'z' }] },
    ]);
    assert.equal(chunk(piecesOf(request), 1000).length, 1);
    assert.equal(chunk(piecesOf(request), 1).length, 3);
  });
});
