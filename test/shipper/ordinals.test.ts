/**
 * A position says how many frames of the stream end before it, wherever a batch was full, with
 * open lines, FIFOs that end amid a frame, gaps, damaged blocks and sealed segments in between.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import type { SourcePosition } from '../../src/shipper/stream-source.ts';
import { sealSegment } from '../../src/wal/index.ts';
import { anyFrame, encodeFrame } from '../helpers/frames.ts';
import { allOf, drainSource, fillOnce, lines, SourceBench, texts } from './source-bench.ts';

/** What happens to a stream in a test. */
type Step =
  | { do: 'frames'; bytes: Buffer[]; blockBytes: number }
  | { do: 'cut'; bytes: Buffer }
  | { do: 'gap'; span: number }
  | { do: 'close' };

/** Blocks of one byte are as many as bytes, so no frame is long. */
const shortFrame = anyFrame
  .filter(({ line }) => line.length < 400)
  .map((frame) => encodeFrame(frame));

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('frames' as const),
      bytes: fc.array(shortFrame, { maxLength: 8 }),
      blockBytes: fc.constantFrom(1, 7, 50, 300, 20_000),
    }),
  },
  fc.record({ do: fc.constant('cut' as const), bytes: shortFrame }),
  fc.record({ do: fc.constant('gap' as const), span: fc.integer({ min: 1, max: 5000 }) }),
  fc.record({ do: fc.constant('close' as const) }),
);

/** Writes the steps. Returns where each frame ends, and the blocks' places by segment file. */
function write(log: SourceBench, steps: readonly Step[]): number[] {
  const ends: number[] = [];
  log.attach();
  for (const step of steps) {
    if (step.do === 'close') log.writer.closeSegment();
    else if (step.do === 'gap') log.gap('disk', step.span, { afterNs: '1' });
    else if (step.do === 'cut') {
      log.write(step.bytes.subarray(0, step.bytes.length - 1));
      log.detach();
      log.attach();
    } else {
      let endLsn = log.writer.endLsn;
      for (const frame of step.bytes) {
        endLsn += frame.length;
        ends.push(endLsn);
      }
      const bytes = Buffer.concat(step.bytes);
      // A segment that begins amid a FIFO says so in a remark of no span, so positions are dense.
      for (let at = 0; at < bytes.length; at += step.blockBytes) {
        log.write(bytes.subarray(at, at + step.blockBytes));
      }
    }
  }
  return ends;
}

const endedAt = (ends: readonly number[], lsn: number): number =>
  ends.filter((end) => end <= lsn).length;

/** Reads on in batches of changing size, each as another process. */
function positionsOf(log: SourceBench, sizes: readonly number[]): SourcePosition[] {
  const positions: SourcePosition[] = [];
  let source = log.source();
  for (let round = 0; round < 1000; round += 1) {
    const size = sizes[round % sizes.length] ?? 1;
    const { position, isDone } = fillOnce(source, size);
    positions.push(position);
    if (isDone) return positions;
    // An open line lives in its source: who began anew at each piece of it would never end.
    if (position.lsn === positions.at(-2)?.lsn) continue;
    source.close();
    source = log.source(position);
  }
  throw new Error('the source never comes to an end');
}

test('the ordinal of every position is the number of frames that end before it', () => {
  fc.assert(
    fc.property(
      fc.array(anyStep, { minLength: 1, maxLength: 12 }),
      fc.array(fc.constantFrom(1, 40, 200, 5000, 100_000), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(300, 5000, 1 << 20),
      fc.boolean(),
      (steps, sizes, segmentBytesMax, isSealed) => {
        using log = new SourceBench(segmentBytesMax);
        const ends = write(log, steps);
        if (isSealed) sealAll(log);
        const positions = positionsOf(log, sizes);
        assert.ok(positions.length > 0);
        for (const { lsn, ordinal } of positions) {
          assert.equal(ordinal, endedAt(ends, lsn), `at ${lsn}`);
        }
      },
    ),
    { numRuns: 40 },
  );
});

function sealAll(log: SourceBench): void {
  log.writer.closeSegment();
  const { directory, containerId } = log.bench;
  for (const file of log.bench.segments()) {
    const sequence = Number(/(\d+)\.w$/.exec(file)?.[1]);
    sealSegment(disk, { directory, containerId, sequence, level: 1 });
  }
}

test('frames that damage has taken count in the positions behind it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.nat({ max: 5000 }),
      fc.constantFrom(1, 60, 300),
      fc.boolean(),
      (blockBytes, hitAt, bytesMax, isSealed) => {
        using log = new SourceBench();
        const steps: Step[] = [{ do: 'frames', bytes: framesOf(1, 25), blockBytes }];
        const ends = write(log, steps);
        log.writer.closeSegment();
        const [file = ''] = log.bench.segments();
        const bytes = fs.readFileSync(file);
        // Only blocks with bytes of the stream: behind the file's head and the attach.
        const from = 64 + 80 + 60;
        const at = from + (hitAt % (bytes.length - from));
        bytes[at] = (bytes[at] ?? 0) ^ 0x10;
        fs.writeFileSync(file, bytes);
        const tail: Step[] = [{ do: 'frames', bytes: framesOf(26, 30), blockBytes: 1000 }];
        ends.push(...writeMore(log, tail));
        if (isSealed) sealAll(log);
        const filled = drainSource(log.source(), bytesMax);
        for (const { position } of filled) {
          assert.equal(position.ordinal, endedAt(ends, position.lsn), `at ${position.lsn}`);
        }
        assert.equal(filled.at(-1)?.position.ordinal, 30);
        const got = allOf(filled).map(({ text }) => text);
        assert.deepEqual(got.slice(-5), texts(26, 30));
        const told = /up to (\d+) line|part of a line/.exec(got.find(isToldOf) ?? '');
        const lost = 30 - got.filter((text) => !isToldOf(text)).length;
        assert.equal(Number(told?.[1] ?? 0), lost, got.join('\n'));
      },
    ),
    { numRuns: 300 },
  );
});

const isToldOf = (text: string): boolean => text.startsWith('holdfast: ');

function framesOf(from: number, to: number): Buffer[] {
  return Array.from({ length: to - from + 1 }, (_, index) => lines(from + index, from + index));
}

/** Like `write`, for a stream that has begun. */
function writeMore(log: SourceBench, steps: readonly Step[]): number[] {
  const ends: number[] = [];
  for (const step of steps) {
    if (step.do !== 'frames') continue;
    for (const frame of step.bytes) {
      log.write(frame);
      ends.push(log.writer.endLsn);
    }
  }
  return ends;
}

test('the ordinal goes back with the position to the first piece of an open line', () => {
  using log = new SourceBench();
  log.attach();
  log.write(lines(1, 3));
  const startLsn = log.writer.endLsn;
  const piece = { source: 'stderr', timeNano: 5n, partial: true, last: false, id: 'x' } as const;
  log.write(encodeFrame({ ...piece, line: Buffer.from('a') }));
  log.write(lines(4, 9));
  log.write(encodeFrame({ ...piece, line: Buffer.from('b') }));
  const source = log.source();
  const last = drainSource(source).at(-1);
  assert.deepEqual([last?.position.lsn, last?.position.ordinal], [startLsn, 3]);
  log.detach();
  const end = drainSource(source).at(-1);
  assert.deepEqual([end?.position.lsn, end?.position.ordinal], [log.writer.endLsn, 11]);
});

test('a position without an ordinal, as older cursors have it, gets one from the log', () => {
  using log = new SourceBench();
  log.attach();
  for (let number = 1; number <= 20; number += 1) log.write(lines(number, number));
  const middle = drainSource(log.source(), 1)[7];
  assert.ok(middle !== undefined);
  const again = drainSource(log.source({ ...middle.position, ordinal: 0 }));
  assert.equal(again.at(-1)?.position.ordinal, 20);
});

test('a frame that only the end of a FIFO brings to light has no number, as for the writer', () => {
  using log = new SourceBench();
  log.attach();
  log.write(lines(1, 2));
  // The head of a long frame, and in the place of its text a whole one.
  const long = encodeFrame({ source: 'stdout', timeNano: 1n, line: Buffer.alloc(500, 0x61) });
  log.write(Buffer.concat([long.subarray(0, 30), lines(3, 3)]));
  log.detach();
  const source = log.source();
  const steps = drainSource(source, 1).map(({ got, position }) => [got[0]?.text, position.ordinal]);
  log.attach();
  log.write(lines(4, 4));
  steps.push(...drainSource(source).map(({ got, position }) => [got[0]?.text, position.ordinal]));
  assert.deepEqual(steps, [
    ['n 1', 1],
    ['n 2', 2],
    ['n 3', 2],
    ['n 4', 3],
  ]);
});
