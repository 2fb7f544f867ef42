/** What a stream writer says of its segments, so that nobody has to list a directory. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import {
  CommittedLsn,
  listSegmentFacts,
  recoverTail,
  type SegmentFact,
  StreamWriter,
} from '../../src/wal/index.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { textFrame } from '../helpers/frames.ts';
import { StreamBench } from '../helpers/stream-bench.ts';

function writerOn(bench: StreamBench, closed: SegmentFact[]): StreamWriter {
  const { disk, directory, containerId, limits } = bench;
  return new StreamWriter({
    ...{ disk, directory, containerId, ...limits },
    tail: recoverTail(disk, directory, containerId),
    committed: new CommittedLsn(),
    now: () => bench.nowMs,
    onSegmentClosed: (fact) => closed.push(fact),
  });
}

test('says of each closed segment what a look at the directory says', () => {
  using bench = new StreamBench();
  bench.limits.segmentBytesMax = 300;
  const closed: SegmentFact[] = [];
  const writer = writerOn(bench, closed);
  bench.attach(writer, 'fifo');
  for (let index = 0; index < 20; index += 1) {
    bench.append(writer, textFrame(`line ${index}`));
    bench.nowMs += 7;
    const { activeSegment } = writer;
    assert.ok(activeSegment !== undefined);
    const { bytes: storedBytes, ...active } = activeSegment;
    const facts = [...closed, { ...active, storedBytes, kind: 'raw' as const }];
    assert.deepEqual(facts, listSegmentFacts(bench.disk, bench.directory, bench.containerId));
  }
  assert.ok(closed.length > 3);
  assert.equal(writer.endOrdinal, 20);
  const sizes = bench.segments().map((path) => fs.statSync(path).size);
  assert.equal(
    writer.writtenBytes,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  writer.closeSegment();
});

test('rotating closes a segment that holds something, once, and says so', () => {
  using bench = new StreamBench();
  const closed: SegmentFact[] = [];
  const writer = writerOn(bench, closed);
  writer.rotate();
  assert.equal(closed.length, 0);
  bench.append(writer, textFrame('one'));
  writer.rotate();
  writer.rotate();
  assert.deepEqual(
    closed.map(({ sequence }) => sequence),
    [1],
  );
  const active = (): unknown => writer.activeSegment;
  assert.equal(active(), undefined);
  bench.append(writer, textFrame('two'));
  const baseLsn = textFrame('one').length;
  assert.partialDeepStrictEqual(active(), { sequence: 2, baseLsn, baseOrdinal: 1 });
  writer.closeSegment();
  assert.equal(closed.length, 2);
});

test('a segment that never got a block is not told of and leaves no file', () => {
  const disk = new FaultyDisk();
  using bench = new StreamBench(disk);
  const closed: SegmentFact[] = [];
  const writer = writerOn(bench, closed);
  disk.fail('writevSync', 'ENOSPC');
  assert.throws(() => bench.append(writer, textFrame('one')), /ENOSPC/);
  writer.rotate();
  assert.notEqual(writer.activeSegment, undefined);
  writer.closeSegment();
  assert.deepEqual([closed, bench.segments()], [[], []]);
});

test('other limits hold from the next append on', () => {
  using bench = new StreamBench();
  const writer = writerOn(bench, []);
  bench.append(writer, textFrame('one'));
  writer.configure({ segmentBytesMax: 100, segmentAgeMsMax: 1_000_000 });
  bench.append(writer, textFrame('two'));
  assert.equal(writer.sequence, 2);
  writer.configure({ segmentBytesMax: 1 << 20, segmentAgeMsMax: 10 });
  bench.append(writer, textFrame('three'));
  assert.equal(writer.sequence, 2);
  bench.nowMs += 10;
  bench.append(writer, textFrame('four'));
  assert.equal(writer.sequence, 3);
  writer.closeSegment();
});
