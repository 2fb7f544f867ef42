/** Output that finds no room: what is read back and what the gaps tell of is what was offered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { evictSegment, type GapRecord } from '../../src/wal/index.ts';
import { CaptureBench } from '../helpers/capture-bench.ts';
import { textFrame } from '../helpers/frames.ts';

function sumOf(gaps: readonly GapRecord[], of: (gap: GapRecord) => number | undefined): number {
  return gaps.reduce((sum, gap) => sum + (of(gap) ?? 0), 0);
}

function isLoss({ reason }: GapRecord): boolean {
  return reason === 'disk' || reason === 'full';
}

const happening = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('offer' as const),
      bytes: fc.integer({ min: 1, max: 150 }),
      fails: fc.constantFrom('no', 'no', 'no', 'disk', 'limit', 'torn', 'room'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), fails: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('retry' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('switch' as const),
      fails: fc.boolean(),
      cuts: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('age' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('fault' as const), after: fc.nat({ max: 4 }) }),
  },
);

type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** dockerd's output: frames of random lengths one behind the other, cut anywhere. */
class Output {
  frames = 0;
  bytes = 0;
  #made = 0;
  #pending = Buffer.alloc(0);

  take(bytes: number): Buffer {
    while (this.#pending.length < bytes) {
      this.frames += 1;
      this.#made += 1;
      const text = `line ${this.#made}`.padEnd((this.#made * 37) % 90, '.');
      this.#pending = Buffer.concat([this.#pending, textFrame(text, this.#made)]);
    }
    const taken = this.#pending.subarray(0, bytes);
    this.#pending = this.#pending.subarray(bytes);
    this.bytes += bytes;
    return taken;
  }

  /** The frame that was begun is never ended. */
  abandon(): void {
    if (this.#pending.length > 0) this.frames -= 1;
    this.#pending = Buffer.alloc(0);
  }

  /** The rest of the frame that was begun. */
  rest(): Buffer {
    return this.take(this.#pending.length);
  }
}

function play(bench: CaptureBench, output: Output, each: Happening): void {
  const { appender, disk } = bench;
  switch (each.do) {
    case 'offer': {
      if (each.fails === 'disk' || each.fails === 'room') disk.fail('writevSync', 'ENOSPC');
      if (each.fails === 'torn') disk.fail('writevSync', 'torn');
      bench.isAdmitted = each.fails !== 'limit';
      bench.makeRoom = () => each.fails === 'room';
      bench.offer(output.take(each.bytes));
      disk.heal();
      return;
    }
    case 'retry': {
      // A read that waits: refused at first, then taken.
      disk.fail('writevSync', 'ENOSPC');
      bench.isAdmitted = true;
      bench.makeRoom = () => false;
      const bytes = Buffer.from(output.take(60));
      let reason = appender.offer(bytes);
      appender.hold();
      bytes.fill(0xff);
      disk.heal();
      if (reason !== undefined) reason = appender.retry();
      assert.equal(reason, undefined);
      return;
    }
    case 'settle':
      if (each.fails) disk.fail('writevSync', 'EIO');
      appender.settle();
      disk.heal();
      return;
    case 'switch':
      if (each.cuts) output.abandon();
      else bench.offer(output.rest());
      if (each.fails) disk.fail('writevSync', 'EROFS', 0, 2);
      appender.end(appender.fifo ?? '');
      appender.begin(`fifo${output.frames}`);
      disk.heal();
      return;
    case 'age':
      bench.stream.nowMs += 2_000_000;
      return;
    case 'fault':
      disk.fail('writevSync', 'ENOSPC', each.after);
      return;
  }
}

test('frames read back and frames told of by gaps are the frames offered, whatever fails', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), fc.boolean(), (happenings, small) => {
      using bench = new CaptureBench(small ? 600 : 1 << 20);
      const output = new Output();
      bench.appender.begin('fifo');
      for (const each of happenings) play(bench, output, each);
      bench.disk.heal();
      bench.isAdmitted = true;
      bench.offer(output.rest());
      bench.appender.end(bench.appender.fifo ?? '');
      assert.ok(bench.appender.settle());
      bench.writer.closeSegment();
      const { lines, gaps, rawBytes } = bench.delivered();
      const losses = gaps.filter(isLoss);
      const lost = sumOf(losses, ({ frames }) => frames);
      assert.equal(lines.length + lost, output.frames);
      assert.equal(
        sumOf(losses, ({ lines: count }) => count),
        lost,
      );
      const lostBytes = sumOf(losses, ({ fromLsn, toLsn }) => toLsn - fromLsn);
      assert.equal(rawBytes + lostBytes, output.bytes);
      for (const cut of gaps.filter((gap) => !isLoss(gap))) {
        assert.equal(cut.reason, 'cut');
        const isTwice = losses.some((gap) => gap.fromLsn < cut.toLsn && gap.toLsn > cut.fromLsn);
        assert.ok(!isTwice, 'a loss is told once');
      }
      const told = [...bench.counters.gaps].flatMap(([reason, totals]) =>
        reason === 'cut' ? [] : [totals],
      );
      assert.equal(
        told.reduce((sum, { frames }) => sum + frames, 0),
        lost,
      );
      assert.equal(
        told.reduce((sum, { bytes }) => sum + bytes, 0),
        lostBytes,
      );
      const numbers = lines.map((line) => Number(/^line (\d+)/.exec(line)?.[1]));
      assert.ok(numbers.every((number, at) => at === 0 || number > (numbers[at - 1] ?? 0)));
      assert.equal(bench.counters.capturedFrames, output.frames);
      assert.equal(bench.counters.capturedBytes, output.bytes);
      assert.equal(bench.counters.writtenBytes, bench.writer.writtenBytes);
    }),
    { numRuns: 400 },
  );
});

test('a frame of which the middle is lost counts once, and so do frames cut at either end', () => {
  using bench = new CaptureBench();
  const { appender, disk } = bench;
  appender.begin('fifo');
  const frames = ['a', 'b', 'c', 'd', 'e'].map((text, at) => textFrame(text.repeat(40), at));
  const stream = Buffer.concat(frames);
  const length = frames[0]?.length ?? 0;
  bench.offer(stream.subarray(0, length + 20));
  disk.fail('writevSync', 'ENOSPC', 0, 2);
  // Out of the middle of b; then its end, c, and the beginning of d.
  bench.offer(stream.subarray(length + 20, length + 30));
  bench.offer(stream.subarray(length + 30, 3 * length + 5));
  disk.heal();
  bench.offer(stream.subarray(3 * length + 5));
  const { lines, gaps } = bench.delivered();
  assert.deepEqual(lines, ['a'.repeat(40), 'e'.repeat(40)]);
  assert.equal(gaps.length, 1);
  const [gap] = gaps;
  assert.ok(gap !== undefined);
  // The attachment takes the first position.
  assert.deepEqual([gap.fromLsn, gap.toLsn], [1 + length + 20, 1 + 4 * length]);
  assert.equal(gap.frames, 3);
  assert.equal(gap.lines, 3);
  assert.equal(gap.reason, 'disk');
  assert.equal(gap.afterNs, '1700000000000000000', 'the time of a');
});

for (const when of ['before', 'while'] as const) {
  test(`a frame whose beginning is given up ${when} its end is lost is told of once`, () => {
    using bench = new CaptureBench();
    const { appender, disk, writer, stream } = bench;
    const { directory, containerId } = stream;
    appender.begin('fifo');
    const frames = ['a', 'b', 'c', 'd'].map((text, at) => textFrame(text.repeat(40), at));
    const output = Buffer.concat(frames);
    const length = frames[0]?.length ?? 0;
    bench.offer(output.subarray(0, length + 20));
    writer.rotate();
    const giveUp = (): void => {
      const { endLsn: lsn, endOrdinal: ordinal, isLossDue } = writer;
      const place = { directory, containerId, sequence: 1, end: { lsn, ordinal, isLossDue } };
      const evicted = evictSegment(disk, { ...place, reason: 'evicted', atMs: 1 });
      if (evicted?.isCutTold === true) writer.cutToldLsn = evicted.toLsn;
    };
    if (when === 'before') giveUp();
    disk.fail('writevSync', 'ENOSPC', 0, 1);
    // The end of b.
    bench.offer(output.subarray(length + 20, 2 * length));
    if (when === 'while') giveUp();
    disk.heal();
    assert.ok(appender.settle());
    bench.offer(output.subarray(2 * length));
    const { lines, gaps } = bench.delivered();
    assert.deepEqual(lines, ['c'.repeat(40), 'd'.repeat(40)]);
    assert.equal(
      sumOf(gaps, ({ frames: lost }) => lost),
      2,
    );
    assert.deepEqual(new Set(gaps.map(({ reason }) => reason)), new Set(['evicted', 'disk']));
  });
}

test('a loss that is told in the middle of a frame goes on to the end of that frame', () => {
  using bench = new CaptureBench();
  const { appender, disk } = bench;
  appender.begin('fifo');
  const frame = textFrame('x'.repeat(100));
  disk.fail('writevSync', 'EIO');
  bench.offer(frame.subarray(0, 50));
  assert.deepEqual(appender.pendingLoss, { bytes: 50, frames: 0 });
  assert.ok(appender.settle());
  bench.offer(frame.subarray(50, 60));
  bench.offer(Buffer.concat([frame.subarray(60), textFrame('y')]));
  const { lines, gaps } = bench.delivered();
  assert.deepEqual(lines, ['y']);
  assert.deepEqual(
    gaps.map((gap) => gap.frames),
    [0, 1],
  );
});

test('the disk is told from the limit, and room is made for the disk under any policy', () => {
  using bench = new CaptureBench();
  const { appender, disk } = bench;
  appender.begin('fifo');
  let made = 0;
  bench.makeRoom = () => {
    made += 1;
    disk.heal();
    return true;
  };
  disk.fail('writevSync', 'EDQUOT', 0, 1000);
  bench.offer(textFrame('a'));
  assert.equal(made, 1);
  disk.fail('writevSync', 'EIO', 0, 1);
  bench.offer(textFrame('b'));
  assert.equal(made, 1, 'a broken disk has no use for room');
  bench.isAdmitted = false;
  // What is delivered may go under any policy; here nothing is.
  bench.makeRoom = () => {
    made += 1;
    return false;
  };
  bench.offer(textFrame('c'));
  assert.equal(made, 2);
  bench.policy = { ...bench.policy, full: 'drop-oldest' };
  bench.makeRoom = () => {
    made += 1;
    bench.isAdmitted = true;
    return true;
  };
  bench.offer(textFrame('d'));
  assert.equal(made, 3);
  const { lines, gaps } = bench.delivered();
  assert.deepEqual(lines, ['a', 'd']);
  assert.deepEqual(
    gaps.map(({ reason, frames }) => [reason, frames]),
    [
      ['disk', 1],
      ['full', 1],
    ],
  );
  assert.deepEqual(bench.counters.writeErrors, { enospc: 1, eio: 1, other: 0 });
});

test('garbage behind a loss is taken as it is, and a reader finds its place in it', () => {
  using bench = new CaptureBench();
  const { appender, disk } = bench;
  appender.begin('fifo');
  bench.offer(Buffer.alloc(100, 0xee));
  disk.fail('writevSync', 'ENOSPC');
  bench.offer(Buffer.alloc(50, 0xee));
  bench.offer(Buffer.alloc(70, 0xee));
  bench.offer(Buffer.concat([textFrame('a'), textFrame('b')]));
  bench.offer(textFrame('c'));
  const { lines, gaps, rawBytes } = bench.delivered();
  assert.deepEqual(lines, ['a', 'b', 'c']);
  assert.equal(rawBytes, 170 + 3 * textFrame('a').length);
  assert.deepEqual(
    gaps.map(({ reason, fromLsn, toLsn }) => [reason, toLsn - fromLsn]),
    [
      ['disk', 50],
      ['desync', 70],
    ],
  );
});
