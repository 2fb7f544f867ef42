import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { blockOverheadBytes, fileHeaderBytes } from '../../src/wal/format.ts';
import { CursorFile } from '../../src/wal/index.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { numberedFrames, textFrame } from '../helpers/frames.ts';
import { gapsOf, rawOf, StreamBench } from '../helpers/stream-bench.ts';

test('has nothing to go on with where no segment is', () => {
  using bench = new StreamBench();
  const { nextSequence, endLsn, endOrdinal, attach, openBytes } = bench.tail();
  assert.deepEqual(
    { nextSequence, endLsn, endOrdinal, attach, open: openBytes.length },
    { nextSequence: 1, endLsn: 0, endOrdinal: 0, attach: undefined, open: 0 },
  );
});

test('goes on behind the longest sound prefix, whatever byte the newest file ends at', () => {
  const frames = numberedFrames('line ', 1, 12);
  for (let cut = 0; ; cut += 1) {
    using bench = new StreamBench();
    const first = bench.writer();
    bench.attach(first, 'fifo');
    bench.append(first, frames.subarray(0, 100));
    first.closeSegment();
    const ends = [{ offset: fileHeaderBytes, lsn: first.endLsn }];
    let at = 100;
    for (const size of [50, 3, 120]) {
      bench.append(first, frames.subarray(at, at + size));
      at += size;
      const file = bench.segments()[1] ?? '';
      ends.push({ offset: fs.statSync(file).size, lsn: first.endLsn });
    }
    first.closeSegment();
    const file = bench.segments()[1] ?? '';
    const whole = fs.readFileSync(file);
    if (cut > whole.length) break;
    fs.writeFileSync(file, whole.subarray(0, cut));

    const expectedEnd = ends.findLast((end) => end.offset <= cut)?.lsn ?? 101;
    const tail = bench.tail();
    assert.equal(tail.endLsn, expectedEnd, `cut at ${cut}`);
    assert.equal(tail.attach?.fifo, 'fifo');
    assert.equal(tail.nextSequence, 3);
    assert.equal(tail.openLsn + tail.openBytes.length, tail.endLsn);
    assert.deepEqual(bench.tail(), tail, 'found twice, the same');

    // The half frame at the end is completed by what the FIFO gives next.
    const writer = bench.writer();
    const rest = frames.subarray(expectedEnd - 1);
    if (rest.length > 0) bench.append(writer, rest);
    assert.deepEqual(bench.counter.skipped, []);
    writer.closeSegment();
    assert.equal(bench.tail().endOrdinal, 12);
    const seen = bench.read();
    assert.deepEqual(rawOf(seen), frames);
    assert.deepEqual(gapsOf(seen), []);
  }
});

test('finds the start of a half frame that lies over many blocks and files', () => {
  using bench = new StreamBench();
  bench.limits.segmentBytesMax = 400;
  const writer = bench.writer();
  bench.attach(writer, 'fifo');
  bench.append(writer, textFrame('whole'));
  const openLsn = writer.endLsn;
  const half = textFrame('h'.repeat(3000)).subarray(0, 2500);
  for (let at = 0; at < half.length; at += 90) bench.append(writer, half.subarray(at, at + 90));
  writer.closeSegment();
  assert.ok(bench.segments().length > 5);
  const tail = bench.tail();
  assert.equal(tail.openLsn, openLsn);
  assert.deepEqual(tail.openBytes, half);
  assert.equal(tail.tornBytes, 0);
});

test('holds no more than a frame and a block of a stream that has lost its place', () => {
  using bench = new StreamBench();
  const writer = bench.writer();
  bench.attach(writer, 'fifo');
  const garbage = Buffer.alloc(60_000, 0xee);
  for (let round = 0; round < 30; round += 1) bench.append(writer, garbage);
  writer.closeSegment();
  const { openBytes } = bench.tail();
  assert.ok(openBytes.length <= (1 << 20) + garbage.length, `${openBytes.length}`);
});

test('knows that a FIFO was let go of, also when a remark follows', () => {
  using bench = new StreamBench();
  const writer = bench.writer();
  bench.attach(writer, 'fifo');
  bench.append(writer, textFrame('x').subarray(0, 10));
  assert.equal(bench.tail().attach?.fifo, 'fifo');
  writer.appendDetach('fifo');
  assert.equal(bench.tail().attach, undefined);
  writer.appendGap({ kind: 'gap', reason: 'cut', fromLsn: 1, toLsn: 12, atMs: 5 }, 0);
  const { attach, openBytes, endLsn } = bench.tail();
  assert.equal(attach, undefined);
  assert.equal(openBytes.length, 0);
  assert.equal(endLsn, 12);
  writer.closeSegment();
});

test('never gives a position twice when the newest file is empty and the one before is hurt', () => {
  const disk = new FaultyDisk();
  using bench = new StreamBench(disk);
  const first = bench.writer();
  bench.append(first, Buffer.from('first'));
  bench.append(first, Buffer.from('second'));
  first.closeSegment();
  const [file = ''] = bench.segments();
  bench.append(first, Buffer.from('third'));
  first.closeSegment();
  const [, newest = ''] = bench.segments();
  fs.truncateSync(newest, fileHeaderBytes);
  fs.truncateSync(file, fs.statSync(file).size - 1);
  assert.equal(bench.tail().endLsn, 11);
  const writer = bench.writer();
  bench.append(writer, Buffer.from('fourth'));
  writer.closeSegment();
  const seen = bench.read();
  assert.equal(rawOf(seen).toString(), 'firstfourth');
  assert.deepEqual(gapsOf(seen), [[5, 11]]);
  assert.equal(disk.openPaths.size, 0);
});

test('passes over a newest file without a sound header, and does not use its number again', () => {
  for (const content of [Buffer.alloc(0), Buffer.alloc(64), Buffer.alloc(500, 0xff)]) {
    using bench = new StreamBench();
    const first = bench.writer();
    bench.append(first, Buffer.from('first'));
    first.closeSegment();
    fs.writeFileSync(`${bench.directory}/00000000000000000002.w`, content);
    const tail = bench.tail();
    assert.equal(tail.endLsn, 5);
    assert.equal(tail.nextSequence, 3);
    const writer = bench.writer();
    bench.append(writer, Buffer.from('second'));
    writer.closeSegment();
    assert.equal(rawOf(bench.read()).toString(), 'firstsecond');
    assert.deepEqual(gapsOf(bench.read()), []);
  }
});

test('says how many bytes behind the last block are torn', () => {
  using bench = new StreamBench();
  const writer = bench.writer();
  bench.append(writer, Buffer.from('first'));
  writer.closeSegment();
  const [file = ''] = bench.segments();
  fs.appendFileSync(file, Buffer.alloc(33, 7));
  assert.equal(bench.tail().tornBytes, 33);
  fs.truncateSync(file, fileHeaderBytes + 5 + blockOverheadBytes - 1);
  assert.equal(bench.tail().tornBytes, 5 + blockOverheadBytes - 1);
});

test('begins behind what was acknowledged, even when that is no longer on disk', () => {
  using bench = new StreamBench();
  const writer = bench.writer();
  bench.attach(writer, 'fifo');
  bench.append(writer, textFrame('x'));
  writer.closeSegment();
  const { endLsn } = writer;
  const cursors = new CursorFile(bench.disk, bench.directory, bench.containerId);
  const place = { sequence: 1, offset: 64 };
  cursors.set({ endpointId: 1, ackLsn: endLsn + 500, ackOrdinal: 0, place, ackedAtMs: 1 }, false);
  const tail = bench.tail();
  assert.equal(tail.endLsn, endLsn + 500);
  assert.equal(tail.openLsn, endLsn + 500);
  assert.equal(tail.attach, undefined);
  const next = bench.writer();
  bench.append(next, textFrame('y'));
  next.closeSegment();
  assert.deepEqual(gapsOf(bench.read()), [[endLsn, endLsn + 500]]);
  assert.deepEqual(rawOf(bench.read(endLsn + 500)), textFrame('y'));
});
