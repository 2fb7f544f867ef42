import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { frameBodyBytesMax } from '../../src/base/limits.ts';
import { type FrameHandler, FrameSplitter } from '../../src/frame/frame-splitter.ts';
import {
  anyCuts,
  anyFrame,
  encodeFrame,
  numberedFrames,
  slices,
  textFrame,
} from '../helpers/frames.ts';

/** What came out: frames as `[endLsn, bytes]`, skipped ranges as `[from, to]`. */
class Recorder implements FrameHandler {
  readonly frames: [number, string][] = [];
  readonly skipped: [number, number][] = [];
  /** How many frames are taken before one is refused. */
  patience = Number.POSITIVE_INFINITY;

  onFrame(bytes: Uint8Array, start: number, end: number, endLsn: number): boolean {
    if (this.patience === 0) return false;
    this.patience -= 1;
    this.frames.push([endLsn, Buffer.from(bytes.subarray(start, end)).toString('latin1')]);
    return true;
  }

  onSkipped(fromLsn: number, toLsn: number): void {
    this.skipped.push([fromLsn, toLsn]);
  }

  /** Skipped ranges grow, do not touch frames, and together with them leave nothing out. */
  assertTiles(fromLsn: number, toLsn: number): void {
    const frames = this.frames.map(([end, body]) => [end - body.length - 4, end] as const);
    const all = [...frames, ...this.skipped].sort((a, b) => a[0] - b[0]);
    let at = fromLsn;
    for (const [from, to] of all) {
      assert.equal(from, at);
      assert.ok(to > from);
      at = to;
    }
    assert.equal(at, toLsn);
    for (const [index, [from]] of this.skipped.entries()) {
      assert.ok(index === 0 || from >= (this.skipped[index - 1]?.[1] ?? 0));
    }
  }
}

function splitterOf(baseLsn = 0): { splitter: FrameSplitter; recorder: Recorder } {
  const recorder = new Recorder();
  const splitter = new FrameSplitter(recorder);
  splitter.begin(baseLsn);
  return { splitter, recorder };
}

function expectedOf(frames: readonly Buffer[], baseLsn = 0): [number, string][] {
  let lsn = baseLsn;
  return frames.map((frame) => {
    lsn += frame.length;
    return [lsn, frame.subarray(4).toString('latin1')];
  });
}

const anyFrames = fc.array(anyFrame.map(encodeFrame), { maxLength: 30 });
/** Frames without long lines, whose bytes and sizes differ from each other. */
const smallFrames = fc
  .array(fc.string({ unit: 'grapheme', maxLength: 90 }), { minLength: 1, maxLength: 25 })
  .map((lines) => lines.map((line, index) => textFrame(`${index} ${line}`, index * 977)));

test('gives exactly the frames that were written, whatever the cuts', () => {
  fc.assert(
    fc.property(anyFrames, anyCuts, fc.nat(), (frames, cut, baseLsn) => {
      const { splitter, recorder } = splitterOf(baseLsn);
      const stream = Buffer.concat(frames);
      for (const piece of cut(stream)) {
        const framed = Buffer.concat([Buffer.alloc(5, 0xff), piece, Buffer.alloc(5, 0xff)]);
        assert.ok(splitter.feed(framed, 5, 5 + piece.length));
        assert.ok(splitter.nextLsn >= splitter.edgeLsn);
      }
      assert.deepEqual(recorder.frames, expectedOf(frames, baseLsn));
      assert.deepEqual(recorder.skipped, []);
      assert.equal(splitter.edgeLsn, baseLsn + stream.length);
      assert.equal(splitter.carriedBytes, 0);
    }),
  );
});

test('gives every frame once when the handler refuses some and reading begins again there', () => {
  fc.assert(
    fc.property(
      anyFrames,
      anyCuts,
      fc.array(fc.nat({ max: 6 }), { maxLength: 40 }),
      (frames, cut, refusals) => {
        const { splitter, recorder } = splitterOf(100);
        const stream = Buffer.concat(frames);
        let cutter = cut;
        for (let from = 0; from < stream.length; ) {
          recorder.patience = refusals.shift() ?? Number.POSITIVE_INFINITY;
          const sound = cutter(stream.subarray(from)).every((piece) =>
            splitter.feed(piece, 0, piece.length),
          );
          from = splitter.edgeLsn - 100;
          splitter.begin(splitter.edgeLsn);
          if (sound) break;
          cutter = (bytes) => [bytes];
        }
        assert.deepEqual(recorder.frames, expectedOf(frames, 100));
      },
    ),
  );
});

test('skips the half frame before a cut at any byte and takes the next FIFO from its start', () => {
  const first = [textFrame('one'), textFrame('two', 5), textFrame('three', 9)];
  const stream = Buffer.concat(first);
  const second = textFrame('other', 3);
  for (let at = 0; at <= stream.length; at += 1) {
    const { splitter, recorder } = splitterOf();
    splitter.feed(stream, 0, at);
    assert.ok(splitter.cut(at + 1));
    splitter.feed(second, 0, second.length);
    const whole = expectedOf(first).filter(([end]) => end <= at);
    const edge = whole.at(-1)?.[0] ?? 0;
    assert.deepEqual(recorder.frames, [...whole, ...expectedOf([second], at + 1)]);
    assert.deepEqual(recorder.skipped, edge === at ? [] : [[edge, at + 1]]);
  }
});

test('finds its place behind garbage in front, fed in any cuts', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 9, maxLength: 300 }),
      smallFrames,
      anyCuts,
      (garbage, frames, cut) => {
        const { splitter, recorder } = splitterOf();
        const stream = Buffer.concat([Buffer.from(garbage), ...frames]);
        for (const piece of cut(stream)) splitter.feed(piece, 0, piece.length);
        splitter.cut(stream.length);
        assert.deepEqual(recorder.frames, expectedOf(frames, garbage.length));
        assert.deepEqual(recorder.skipped, [[0, garbage.length]]);
        recorder.assertTiles(0, stream.length);
      },
    ),
  );
});

/**
 * Whether a loss cannot be seen in the bytes: what is left of one frame's body and the end of
 * another one have together the length that the first one said.
 */
function isSeamless(
  stream: Buffer,
  lengths: readonly number[],
  at: number,
  until: number,
): boolean {
  let start = 0;
  for (const length of lengths) {
    if (at < start + length) {
      if (at < start + 4) return true;
      const end = start + length + (until - at);
      const edges = new Set<number>([stream.length]);
      let edge = 0;
      for (const each of lengths) edges.add((edge += each));
      return edges.has(end);
    }
    start += length;
  }
  return true;
}

test('invents nothing and gives all that follows when bytes are lost in the middle', () => {
  fc.assert(
    fc.property(smallFrames, fc.nat(), fc.nat(), (frames, a, b) => {
      const stream = Buffer.concat(frames);
      const at = a % stream.length;
      const until = at + 1 + (b % (stream.length - at));
      const lengths = frames.map((frame) => frame.length);
      fc.pre(!isSeamless(stream, lengths, at, until));
      const { splitter, recorder } = splitterOf();
      const rest = Buffer.concat([stream.subarray(0, at), stream.subarray(until)]);
      // As after a kill: what is before the loss was read by another process.
      splitter.feed(rest, 0, at);
      splitter.feed(rest, at, rest.length);
      splitter.cut(rest.length);
      const original = expectedOf(frames);
      const before = original.filter(([end]) => end <= at);
      const lost = until - at;
      const behind = original
        .filter(([end, body]) => end - body.length - 4 >= until)
        .map(([end, body]) => [end - lost, body] as [number, string]);
      assert.deepEqual(recorder.frames, [...before, ...behind]);
      recorder.assertTiles(0, rest.length);
    }),
    { numRuns: 400 },
  );
});

test('invents nothing when bytes are lost at any place of a long run of frames', () => {
  const frames = Array.from({ length: 40 }, (_, n) => textFrame('x'.repeat(n * 7), n));
  const stream = Buffer.concat(frames);
  const lengths = frames.map((frame) => frame.length);
  const lines = new Set(frames.map((frame) => frame.subarray(4).toString('latin1')));
  for (let at = 0; at < stream.length - 700; at += 1) {
    const until = at + 1 + ((at * 37) % 290);
    if (isSeamless(stream, lengths, at, until)) continue;
    const rest = Buffer.concat([stream.subarray(0, at), stream.subarray(until)]);
    const { splitter, recorder } = splitterOf();
    splitter.feed(rest, 0, rest.length);
    splitter.cut(rest.length);
    recorder.assertTiles(0, rest.length);
    for (const [, body] of recorder.frames) assert.ok(lines.has(body), `lost ${at} to ${until}`);
    assert.ok(recorder.frames.some(([end]) => end === rest.length));
  }
});

test('does not believe a frame whose successor is none, even one byte of it', () => {
  const good = textFrame('good');
  const mixed = textFrame('mixed up');
  const { splitter, recorder } = splitterOf();
  splitter.feed(Buffer.concat([good, mixed, Buffer.from([7])]), 0, good.length + mixed.length + 1);
  assert.deepEqual(recorder.frames, expectedOf([good]));
  assert.ok(splitter.isLost);
  assert.equal(splitter.edgeLsn, good.length);
});

test('hands out whole frames that wait behind garbage when the stream is cut', () => {
  const frames = [textFrame('a'), textFrame('b', 1)];
  // Looks like the head of a very long frame.
  const bait = Buffer.from('\x00\x0f\xff\xff\x0a\x06std', 'latin1');
  const stream = Buffer.concat([Buffer.alloc(20, 0xee), bait, ...frames]);
  const { splitter, recorder } = splitterOf();
  splitter.feed(stream, 0, stream.length);
  assert.deepEqual(recorder.frames, []);
  recorder.patience = 1;
  assert.ok(!splitter.cut(stream.length + 1));
  const { edgeLsn } = splitter;
  assert.equal(edgeLsn, stream.length - (frames[1]?.length ?? 0));
  recorder.patience = 9;
  splitter.begin(edgeLsn);
  assert.ok(splitter.feed(stream, edgeLsn, stream.length));
  assert.ok(splitter.cut(stream.length + 1));
  assert.deepEqual(recorder.frames, expectedOf(frames, 29));
  recorder.assertTiles(0, stream.length);
});

test('keeps its memory bounded in garbage without end, and reports as it goes', () => {
  const baits = [
    Buffer.alloc(65_536, 0),
    Buffer.alloc(65_536, 0x0a),
    Buffer.alloc(65_536, Buffer.from('\x00\x0f\xff\xff\x0a\x06stdout', 'latin1')),
    Buffer.alloc(65_536, Buffer.from('\x00\x00\x00\x08\x0a\x06stdouX', 'latin1')),
  ];
  for (const bait of baits) {
    const { splitter, recorder } = splitterOf();
    splitter.feed(Buffer.alloc(9, 0xff), 0, 9);
    let fed = 9;
    for (let round = 0; round < 80; round += 1) {
      splitter.feed(bait, 0, bait.length);
      fed += bait.length;
      assert.equal(splitter.nextLsn, fed);
      assert.ok(splitter.carriedBytes <= 4 + frameBodyBytesMax, `${splitter.carriedBytes}`);
    }
    assert.ok(recorder.skipped.length >= 1);
    splitter.cut(fed);
    recorder.assertTiles(0, fed);
  }
});

test('gives up on hostile garbage in linear time', () => {
  // Every 16 bytes begin a candidate that takes the decoder on a long walk to a bad end.
  const period = Buffer.from('\x00\x08\x00\x22\x0a\x06std\x30\x30\x30\x30\x30\x30\x30', 'latin1');
  const garbage = Buffer.concat([Buffer.alloc(16, 0xff), Buffer.alloc(1 << 20, period)]);
  const { splitter, recorder } = splitterOf();
  for (const piece of slices(garbage, 65_536)) splitter.feed(piece, 0, piece.length);
  splitter.cut(garbage.length);
  recorder.assertTiles(0, garbage.length);
});

test('is not confused by frames inside of lines while it is in step', () => {
  const fake = textFrame('fake', 1, 'stderr');
  const lines = [
    fake,
    Buffer.concat([fake, fake, fake]),
    Buffer.concat([Buffer.from('x'), fake, Buffer.from('and some more')]),
    fake.subarray(0, 9),
    Buffer.alloc(16_384, fake),
  ];
  const frames = lines.map((line) =>
    encodeFrame({ source: 'stdout', timeNano: 1_700_000_000_000_000_000n, line }),
  );
  const stream = Buffer.concat(frames);
  for (const size of [1, 10, 64, 1000, stream.length]) {
    const { splitter, recorder } = splitterOf();
    for (const piece of slices(stream, size)) splitter.feed(piece, 0, piece.length);
    assert.deepEqual(recorder.frames, expectedOf(frames));
  }
  // Cut in the middle of a line, behind a fake frame in it: still one half frame.
  const { splitter, recorder } = splitterOf();
  const half = frames[2]?.subarray(0, -10) ?? fake;
  splitter.feed(half, 0, half.length);
  splitter.cut(half.length);
  assert.deepEqual(recorder.frames, []);
  assert.deepEqual(recorder.skipped, [[0, half.length]]);
});

test('never throws on random bytes, and accounts for every one of them', () => {
  const words = fc.constantFrom<Buffer>(
    textFrame('a'),
    textFrame('bb', 1).subarray(0, 15),
    Buffer.from('\x00\x00\x00\x10\x0a\x06stdout', 'latin1'),
    Buffer.from('\x0a\x06std', 'latin1'),
    Buffer.alloc(3),
    Buffer.alloc(9, 0xff),
  );
  const piece = fc.oneof(
    words,
    fc.uint8Array({ maxLength: 20 }).map((raw) => Buffer.from(raw)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), anyCuts, (pieces, cut) => {
      const { splitter, recorder } = splitterOf();
      const stream = Buffer.concat(pieces);
      for (const part of cut(stream)) splitter.feed(part, 0, part.length);
      splitter.cut(stream.length);
      recorder.assertTiles(0, stream.length);
    }),
    { numRuns: 1000 },
  );
});

test('serves another stream after begin as if it were new', () => {
  const { splitter, recorder } = splitterOf();
  splitter.feed(Buffer.alloc(300, 0xff), 0, 300);
  splitter.begin(7000);
  assert.ok(!splitter.isLost);
  const frames = numberedFrames('n ', 1, 3);
  splitter.feed(frames, 0, frames.length);
  assert.equal(recorder.frames.length, 3);
  assert.deepEqual(recorder.skipped, []);
  assert.equal(splitter.edgeLsn, 7000 + frames.length);
});
