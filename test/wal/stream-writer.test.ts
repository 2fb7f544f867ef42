import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { textFrame } from '../helpers/frames.ts';
import { gapsOf, rawOf, StreamBench } from '../helpers/stream-bench.ts';
import { ModelRun } from '../helpers/stream-model.ts';

test('completes a write that the disk took only half of', () => {
  const disk = new FaultyDisk();
  using bench = new StreamBench(disk);
  const writer = bench.writer();
  disk.fail('writevSync', 'short', 0, 3);
  disk.fail('writeSync', 'short', 0, 2);
  for (const text of ['one', 'two', 'three', 'four']) bench.append(writer, Buffer.from(text));
  writer.closeSegment();
  assert.equal(rawOf(bench.read()).toString(), 'onetwothreefour');
});

test('publishes a position only when its bytes are in the file', () => {
  const seen: number[] = [];
  class WatchedDisk extends FaultyDisk {
    override writevSync(fd: number, sources: readonly Uint8Array[], at: number): number {
      seen.push(bench.committed.read());
      return super.writevSync(fd, sources, at);
    }
  }
  const disk = new WatchedDisk();
  using bench = new StreamBench(disk);
  const writer = bench.writer();
  bench.append(writer, Buffer.from('12345'));
  bench.append(writer, Buffer.from('678'));
  assert.deepEqual(seen, [0, 5], 'while a block is written, the position is that before it');
  disk.fail('writevSync', 'EIO');
  assert.throws(() => bench.append(writer, Buffer.from('lost')));
  assert.equal(bench.committed.read(), 8);
  writer.closeSegment();
});

test('leaves the stream as it was when an append fails, at every call of the disk', () => {
  const calls = [
    'openSync',
    'writeSync',
    'writevSync',
    'ftruncateSync',
    'closeSync',
    'unlinkSync',
  ] as const;
  for (const call of calls) {
    for (const fault of ['EIO', 'ENOSPC', 'torn'] as const) {
      for (let after = 0; after < 6; after += 1) {
        const disk = new FaultyDisk();
        using bench = new StreamBench(disk);
        bench.limits.segmentBytesMax = 200;
        const writer = bench.writer();
        disk.fail(call, fault, after);
        // With a failing write also nothing can be cut back or taken away.
        if (call.startsWith('write')) {
          disk.fail('ftruncateSync', 'EIO');
          disk.fail('unlinkSync', 'EIO');
        }
        const expected: Buffer[] = [];
        for (let round = 0; round < 12; round += 1) {
          const bytes = Buffer.alloc(40 - round, 65 + round);
          const { endLsn } = writer;
          try {
            if (round % 4 === 0) bench.attach(writer, `fifo${round}`);
            bench.append(writer, bytes);
            expected.push(bytes);
          } catch {
            assert.ok(writer.endLsn - endLsn <= 1, 'at most the remark was written');
          }
        }
        writer.closeSegment();
        const seen = bench.read();
        assert.deepEqual(rawOf(seen), Buffer.concat(expected), `${call} ${fault} ${after}`);
        assert.deepEqual(gapsOf(seen), []);
        assert.equal(disk.openPaths.size, 0);
        assert.equal(bench.tail().endLsn, writer.endLsn);
        assert.equal(bench.tail().attach?.fifo, writer.attachedFifo);
      }
    }
  }
});

test('does not fill a full disk with empty segments', () => {
  const disk = new FaultyDisk();
  using bench = new StreamBench(disk);
  const writer = bench.writer();
  bench.attach(writer, 'fifo');
  bench.append(writer, textFrame('x'));
  writer.closeSegment();
  disk.fail('writevSync', 'ENOSPC', 0, 1000);
  for (let round = 0; round < 50; round += 1) {
    assert.throws(() => bench.append(writer, textFrame('y')), /ENOSPC/);
    assert.throws(() => bench.attach(writer, 'other'), /ENOSPC/);
  }
  assert.equal(bench.segments().length, 1);
  assert.equal(writer.attachedFifo, 'fifo');
  disk.heal();
  bench.append(writer, textFrame('z'));
  writer.closeSegment();
  assert.deepEqual(rawOf(bench.read()), Buffer.concat([textFrame('x'), textFrame('z')]));
  assert.equal(bench.tail().attach?.fifo, 'fifo');
});

test('begins a new segment when one is large or old enough', () => {
  using bench = new StreamBench();
  bench.limits = { segmentBytesMax: 500, segmentAgeMsMax: 1000 };
  const writer = bench.writer();
  bench.append(writer, Buffer.alloc(500));
  assert.equal(writer.sequence, 1);
  assert.ok(!writer.isComplete(1));
  bench.append(writer, Buffer.alloc(1));
  assert.equal(writer.sequence, 2);
  assert.ok(writer.isComplete(1));
  bench.nowMs += 1000;
  bench.append(writer, Buffer.alloc(1));
  assert.equal(writer.sequence, 3);
  writer.closeSegment();
  assert.ok(writer.isComplete(3));
});

const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      size: fc.integer({ min: 1, max: 400 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('attach' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('detach' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('age' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('crash' as const), torn: fc.nat({ max: 200 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('read' as const), steps: fc.nat({ max: 9 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      call: fc.constantFrom('openSync', 'writevSync', 'writeSync', 'ftruncateSync', 'unlinkSync'),
      fault: fc.constantFrom('EIO', 'ENOSPC', 'torn', 'short'),
      after: fc.nat({ max: 2 }),
    }),
  },
);

test('keeps every byte that it took, in order, through crashes, torn tails and faults', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      using run = new ModelRun();
      for (const each of commands) run.apply(each);
      run.finish();
    }),
    { numRuns: 150 },
  );
});
