import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FrameCounter } from '../../src/capture/frame-counter.ts';
import { blockFlag, noFrame } from '../../src/wal/index.ts';
import {
  anyCuts,
  anyFrame,
  encodeFrame,
  numberedFrames,
  slices,
  type TestFrame,
  textFrame,
} from '../helpers/frames.ts';

const giga = 1_000_000_000n;

test('counts frames where they end, whatever the cuts', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 25 }), anyCuts, fc.nat(), (frames, cut, base) => {
      const counter = new FrameCounter();
      counter.restore(base, Buffer.alloc(0));
      const encoded = frames.map((frame) => encodeFrame(frame));
      const ends: number[] = [];
      for (const bytes of encoded) ends.push((ends.at(-1) ?? 0) + bytes.length);
      const stream = Buffer.concat(encoded);
      let at = 0;
      for (const piece of cut(stream)) {
        counter.count(piece, base + at);
        assertCounted(counter, frames, ends, at, at + piece.length);
        at += piece.length;
      }
      assert.deepEqual(counter.skipped, []);
    }),
    { numRuns: 300 },
  );
});

function assertCounted(
  counter: FrameCounter,
  frames: readonly TestFrame[],
  ends: readonly number[],
  from: number,
  to: number,
): void {
  const { stats, flags } = counter;
  const inside = frames.filter((_, index) => (ends[index] ?? 0) > from && (ends[index] ?? 0) <= to);
  assert.equal(stats.frames, inside.length);
  const lines = inside.filter((frame) => frame.partial !== true || frame.last === true);
  assert.equal(stats.lines, lines.length);
  const edges = [0, ...ends];
  const first = edges.find((edge) => edge >= from && edge < to);
  const startsOnEdge = edges.includes(from);
  const expected = startsOnEdge ? 0 : first === undefined ? noFrame : first - from;
  assert.equal(stats.firstFrameOffset, expected);
  assert.equal((flags & blockFlag.startsOnFrame) !== 0, startsOnEdge);
  assert.equal((flags & blockFlag.endsOnFrame) !== 0, edges.includes(to));
  assert.equal(
    (flags & blockFlag.hasStderr) !== 0,
    inside.some((frame) => frame.source === 'stderr'),
  );
  const times = inside.map((frame) => frame.timeNano);
  if (times.length === 0) return;
  const min = times.reduce((a, b) => (a < b ? a : b));
  const max = times.reduce((a, b) => (a > b ? a : b));
  assert.equal(BigInt(stats.maxSeconds) * giga + BigInt(stats.maxNanos), max);
  assert.equal(BigInt(stats.minSeconds) * giga + BigInt(stats.minNanos), min);
  const sorted = times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0n));
  assert.equal((flags & blockFlag.unorderedTimes) !== 0, !sorted);
}

test('goes on with a half frame that another process has read, cut at any byte', () => {
  const frames = [textFrame('one'), textFrame('two', 1), textFrame('three', 2)];
  const stream = Buffer.concat(frames);
  for (let at = 0; at <= stream.length; at += 1) {
    const edges = [0, frames[0]?.length ?? 0];
    for (const open of edges.filter((edge) => edge <= at)) {
      const counter = new FrameCounter();
      counter.restore(1000 + open, stream.subarray(open, at));
      counter.count(stream.subarray(at), 1000 + at);
      const ends = [
        frames[0]?.length ?? 0,
        stream.length - (frames[2]?.length ?? 0),
        stream.length,
      ];
      assert.equal(counter.stats.frames, ends.filter((end) => end > at).length);
      assert.deepEqual(counter.skipped, []);
      assert.notEqual(counter.flags & blockFlag.endsOnFrame, 0);
    }
  }
});

test('reports the half frame that another FIFO cuts off', () => {
  const counter = new FrameCounter();
  const frame = textFrame('half');
  counter.count(frame.subarray(0, 20), 0);
  assert.equal(counter.stats.frames, 0);
  counter.cut(21);
  assert.deepEqual(counter.skipped, [{ fromLsn: 0, toLsn: 21 }]);
  counter.skipped = [];
  counter.count(frame, 21);
  assert.equal(counter.stats.frames, 1);
  assert.equal(counter.stats.firstFrameOffset, 0);
  counter.cut(21 + frame.length);
  assert.deepEqual(counter.skipped, []);
});

test('makes statistics that fit a block header, however the stream is damaged', () => {
  const words = fc.constantFrom<Buffer>(
    textFrame('a'),
    numberedFrames('n ', 1, 30),
    Buffer.from('\x00\x00\x01\x00\x0a\x06stdout', 'latin1'),
    Buffer.alloc(30, 0xff),
    textFrame('cut off').subarray(0, 17),
  );
  fc.assert(
    fc.property(
      fc.array(words, { maxLength: 20 }),
      fc.integer({ min: 1, max: 300 }),
      (all, size) => {
        const counter = new FrameCounter();
        let lsn = 0;
        for (const piece of slices(Buffer.concat(all), size)) {
          counter.count(piece, lsn);
          const { firstFrameOffset } = counter.stats;
          const fits = firstFrameOffset >= 0 && firstFrameOffset < piece.length;
          assert.ok(fits || firstFrameOffset === noFrame, `${firstFrameOffset}`);
          lsn += piece.length;
        }
        counter.cut(lsn);
        let at = 0;
        for (const { fromLsn, toLsn } of counter.skipped) {
          assert.ok(fromLsn >= at && toLsn > fromLsn);
          at = toLsn;
        }
        assert.ok(at <= lsn);
      },
    ),
    { numRuns: 400 },
  );
});

test('marks the block in which it finds its place again', () => {
  const counter = new FrameCounter();
  counter.count(Buffer.alloc(40, 0xff), 0);
  assert.equal(counter.flags & blockFlag.afterResync, 0);
  assert.equal(counter.stats.firstFrameOffset, 0, 'a frame was due there');
  const frames = numberedFrames('n ', 1, 5);
  counter.count(frames, 40);
  assert.notEqual(counter.flags & blockFlag.afterResync, 0);
  assert.equal(counter.stats.frames, 5);
  assert.deepEqual(counter.skipped, [{ fromLsn: 0, toLsn: 40 }]);
});
