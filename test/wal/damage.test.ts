import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { createBlockHeader, decodeBlockHeader, encodeBlock, noStats } from '../../src/wal/block.ts';
import { blockType, fileHeaderBytes } from '../../src/wal/format.ts';
import { SegmentFile } from '../../src/wal/segment-file.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { gapsOf, rawOf, StreamBench } from '../helpers/stream-bench.ts';

test('is not confused by payloads that contain the log itself', () => {
  using bench = new StreamBench();
  const writer = bench.writer();
  bench.append(writer, Buffer.from('first'));
  const [file = ''] = bench.segments();
  const copy = fs.readFileSync(file);
  bench.append(writer, Buffer.concat([copy, copy.subarray(fileHeaderBytes)]));
  const nested = fs.readFileSync(file);
  bench.append(writer, nested);
  bench.append(writer, Buffer.from('last'));
  writer.closeSegment();
  const sound = fs.readFileSync(file);
  const expected = rawOf(bench.read());
  assert.equal(expected.length, bench.committed.read());
  // The header of the block that holds the log is gone: what is in it is searched, and refused.
  const outer = Buffer.from(sound).fill(0, nested.length, nested.length + 8);
  fs.writeFileSync(file, outer);
  const seen = bench.read();
  const lost = 5 + copy.length * 2 - fileHeaderBytes;
  assert.deepEqual(gapsOf(seen), [[lost, lost + nested.length]]);
  assert.equal(rawOf(seen).length, expected.length - nested.length);
  // The end of the file lies at the end of a copy: the tail is what is before it.
  fs.writeFileSync(file, sound.subarray(0, nested.length + 72 + nested.length));
  const tail = bench.tail();
  assert.equal(tail.endLsn, lost);
  assert.equal(tail.tornBytes, 72 + nested.length);
});

test('refuses to write a block that no reader would believe', () => {
  using bench = new StreamBench();
  const writer = bench.writer();
  assert.throws(() => bench.append(writer, Buffer.alloc((1 << 20) + 1)), RangeError);
  bench.append(writer, Buffer.alloc(1 << 20, 1));
  assert.equal(rawOf(bench.read()).length, 1 << 20);
});

test('binds a block to its salt, its offset and its position', () => {
  const header = Buffer.alloc(72);
  const trailer = Buffer.alloc(8);
  const into = createBlockHeader();
  const block = {
    type: blockType.raw,
    flags: 3,
    lsn: 2 ** 52,
    lsnSpan: 3,
    ordinal: 2 ** 40,
    attachOffset: 64,
    stats: {
      ...noStats,
      frames: 9,
      lines: 8,
      firstFrameOffset: 1,
      maxSeconds: 9_223_372_036,
      maxNanos: 854_775_807,
    },
  };
  encodeBlock(header, trailer, 77, 5000, block, Buffer.from('abc'));
  assert.ok(decodeBlockHeader(header, 0, 77, 5000, into));
  const { lsn, ordinal, frames, lines, firstFrameOffset, attachOffset, storedBytes } = into;
  assert.deepEqual(
    { lsn, ordinal, frames, lines, firstFrameOffset, attachOffset, storedBytes },
    {
      lsn: 2 ** 52,
      ordinal: 2 ** 40,
      frames: 9,
      lines: 8,
      firstFrameOffset: 1,
      attachOffset: 64,
      storedBytes: 3,
    },
  );
  assert.ok(!decodeBlockHeader(header, 0, 78, 5000, into));
  assert.ok(!decodeBlockHeader(header, 0, 77, 5001, into));
});

test('steps over a page that the disk cannot read, and reads what is behind it', () => {
  const disk = new FaultyDisk();
  using bench = new StreamBench(disk);
  const writer = bench.writer();
  const parts = Array.from({ length: 40 }, (_, index) => Buffer.alloc(8000, index));
  for (const part of parts) bench.append(writer, part);
  writer.closeSegment();
  disk.badRange = { from: 100 * 1024, to: 104 * 1024 };
  const seen = bench.read();
  assert.ok(disk.struck > 0);
  assert.equal(gapsOf(seen).length, 1);
  const lost = gapsOf(seen).reduce((sum, [from, to]) => sum + to - from, 0);
  assert.equal(lost, 16_000, 'the page lies over two blocks');
  assert.equal(rawOf(seen).length + lost, 40 * 8000);
  disk.badRange = undefined;
  disk.fail('readSync', 'EIO', 1, 1);
  assert.deepEqual(gapsOf(bench.read()), [], 'one that works at the second try costs nothing');
  assert.equal(disk.openPaths.size, 0);
});

test('goes on behind short reads', () => {
  const disk = new FaultyDisk();
  using bench = new StreamBench(disk);
  const writer = bench.writer();
  for (let index = 0; index < 50; index += 1) bench.append(writer, Buffer.alloc(9000, index));
  writer.closeSegment();
  for (let after = 0; after < 8; after += 1) disk.fail('readSync', 'short', after, 3);
  const seen = bench.read();
  assert.deepEqual(gapsOf(seen), []);
  assert.equal(rawOf(seen).length, 50 * 9000);
});

test('leaves no descriptor behind when a segment cannot be opened or is none', () => {
  const disk = new FaultyDisk();
  using bench = new StreamBench(disk);
  const writer = bench.writer();
  bench.append(writer, Buffer.from('x'));
  writer.closeSegment();
  const open = (sequence: number): SegmentFile | undefined =>
    SegmentFile.open(disk, bench.directory, sequence, bench.containerId);
  disk.fail('readSync', 'EMFILE');
  assert.throws(() => open(1), /EMFILE/);
  disk.fail('readSync', 'EIO', 0, 2);
  assert.equal(open(1), undefined);
  fs.mkdirSync(`${bench.directory}/00000000000000000002.w`);
  assert.equal(open(2), undefined);
  fs.writeFileSync(`${bench.directory}/00000000000000000003.w`, 'no segment');
  assert.equal(open(3), undefined);
  fs.copyFileSync(bench.segments()[0] ?? '', `${bench.directory}/00000000000000000004.w`);
  assert.equal(open(4), undefined);
  assert.equal(disk.openPaths.size, 0);
});
