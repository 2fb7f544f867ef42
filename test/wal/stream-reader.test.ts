import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { removeSegmentsBefore, SegmentFiles, type StreamPlace } from '../../src/wal/index.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { numberedFrames, textFrame } from '../helpers/frames.ts';
import {
  drain,
  endOf,
  gapsOf,
  rawOf,
  type Seen,
  StreamBench,
  step,
} from '../helpers/stream-bench.ts';

/** A stream of many small segments, closed. Returns its raw bytes. */
function manySegments(bench: StreamBench, blocks = 60): Buffer {
  bench.limits.segmentBytesMax = 300;
  const writer = bench.writer();
  const parts: Buffer[] = [];
  for (let index = 0; index < blocks; index += 1) {
    const part = numberedFrames('n ', index * 3, index * 3 + (index % 3));
    parts.push(part);
    bench.append(writer, part);
  }
  writer.closeSegment();
  return Buffer.concat(parts);
}

test('gives several readers the same stream while it is written, each at its own pace', () => {
  using bench = new StreamBench();
  bench.limits.segmentBytesMax = 500;
  const writer = bench.writer();
  const files = new SegmentFiles(bench.disk, 2);
  const readers = [1, 2, 3, 7].map((pace) => ({
    pace,
    reader: bench.reader(files),
    seen: [] as Seen[],
  }));
  for (const { reader } of readers) reader.seek(0);
  const parts: Buffer[] = [];
  for (let round = 0; round < 200; round += 1) {
    const part = Buffer.alloc(1 + (round % 70), round);
    parts.push(part);
    bench.append(writer, part);
    for (const { pace, reader, seen } of readers) {
      if (round % pace !== 0) continue;
      for (let steps = 0; steps < pace; steps += 1) {
        const committed = bench.committed.read();
        const next = step(reader, committed);
        if (next === undefined) break;
        assert.ok(endOf(next) <= committed);
        seen.push(next);
      }
    }
  }
  for (const { reader, seen } of readers) {
    seen.push(
      ...drain(reader, bench.committed.read(), seen.length > 0 ? endOf(seen.at(-1) as Seen) : 0),
    );
    assert.deepEqual(rawOf(seen), Buffer.concat(parts));
    assert.deepEqual(gapsOf(seen), []);
  }
  writer.closeSegment();
});

test('never gives a byte behind the committed position', () => {
  using bench = new StreamBench();
  const stream = manySegments(bench);
  const ends = bench.read().map(endOf);
  for (const committed of ends) {
    const seen = bench.read(0, undefined, committed);
    assert.deepEqual(rawOf(seen), stream.subarray(0, committed));
  }
});

test('begins at any position, with a right hint, a wrong one or none', () => {
  using bench = new StreamBench();
  const stream = manySegments(bench);
  const all = bench.read();
  const places: StreamPlace[] = all.flatMap((each) => (each.what === 'raw' ? [each.place] : []));
  const ends = bench
    .segments()
    .map((path, index) => ({ sequence: index + 1, offset: fs.statSync(path).size }));
  const liars = [
    { sequence: 0, offset: 0 },
    { sequence: 999, offset: 64 },
    { sequence: 1, offset: 0 },
    { sequence: 2, offset: Number.NaN },
  ];
  const hint = fc.oneof(
    fc.constantFrom(...places, ...ends, ...liars),
    fc.record({ sequence: fc.nat({ max: 25 }), offset: fc.nat({ max: 400 }) }),
    fc.constant(undefined),
  );
  fc.assert(
    fc.property(fc.nat({ max: stream.length }), hint, (lsn, place) => {
      const seen = bench.read(lsn, place);
      assert.deepEqual(gapsOf(seen), []);
      const start = seen[0]?.fromLsn ?? lsn;
      assert.ok(start <= lsn);
      assert.deepEqual(rawOf(seen), stream.subarray(lsn === stream.length ? lsn : start));
    }),
    { numRuns: 800 },
  );
});

test('does not take the end of a file for the place of a position inside of it', () => {
  using bench = new StreamBench();
  const writer = bench.writer();
  bench.append(writer, Buffer.from('acknowledged'));
  bench.append(writer, Buffer.from('open'));
  writer.closeSegment();
  const end = { sequence: 1, offset: fs.statSync(bench.segments()[0] ?? '').size };
  bench.append(writer, Buffer.from('next'));
  writer.closeSegment();
  assert.equal(rawOf(bench.read(12, end)).toString(), 'opennext');
  assert.equal(rawOf(bench.read(16, end)).toString(), 'next');
});

test('says exactly which range is missing when segments in the middle are gone', () => {
  using bench = new StreamBench();
  const stream = manySegments(bench);
  const whole = bench.read().filter((each) => each.what === 'raw');
  const names = bench.segments();
  const gone = new Set([2, 3, 7, names.length]);
  for (const sequence of gone) fs.unlinkSync(names[sequence - 1] ?? '');
  const seen = bench.read();
  const sound = whole.filter((each) => !gone.has(each.place.sequence));
  assert.deepEqual(rawOf(seen), Buffer.concat(sound.map((each) => each.bytes)));
  const lost = gapsOf(seen).reduce((sum, [from, to]) => sum + to - from, 0);
  assert.equal(gapsOf(seen).length, 3);
  assert.equal(lost + rawOf(seen).length, stream.length);
  assert.ok(seen.every((each) => each.what !== 'gap' || each.reason === 'missing'));
});

test('reads on in a segment that is unlinked under it, and counts those it had not opened', () => {
  using bench = new StreamBench();
  const stream = manySegments(bench);
  const reader = bench.reader();
  reader.seek(0);
  const first = step(reader, stream.length);
  for (const path of bench.segments().slice(0, 4)) fs.unlinkSync(path);
  const seen = [first as Seen, ...drain(reader, stream.length, endOf(first as Seen))];
  const gaps = gapsOf(seen);
  assert.equal(gaps.length, 1);
  assert.equal(rawOf(seen).length + (gaps[0]?.[1] ?? 0) - (gaps[0]?.[0] ?? 0), stream.length);
  assert.ok((gaps[0]?.[0] ?? 0) > endOf(first as Seen), 'the rest of the open file was read');
});

test('reports all as missing when nothing is left, and reads what comes then', () => {
  using bench = new StreamBench();
  const writer = bench.writer();
  bench.append(writer, Buffer.from('gone'));
  writer.closeSegment();
  fs.unlinkSync(bench.segments()[0] ?? '');
  const reader = bench.reader();
  reader.seek(0);
  assert.deepEqual(drain(reader, 4), [{ what: 'gap', fromLsn: 0, toLsn: 4, reason: 'missing' }]);
  bench.append(writer, Buffer.from('new'));
  assert.equal(rawOf(drain(reader, 7, 4)).toString(), 'new');
  writer.closeSegment();
});

test('finds blocks that are written behind damage after it was met', () => {
  using bench = new StreamBench();
  const writer = bench.writer();
  bench.append(writer, Buffer.from('one'));
  bench.append(writer, Buffer.from('two'));
  const [file = ''] = bench.segments();
  const fd = fs.openSync(file, 'r+');
  fs.writeSync(fd, Buffer.alloc(20, 0xff), 0, 20, fs.fstatSync(fd).size - 40);
  const reader = bench.reader();
  reader.seek(0);
  const before = drain(reader, 6);
  assert.deepEqual(gapsOf(before), [[3, 6]]);
  // What a write in the making looks like: longer than the file that the reader saw.
  fs.writeSync(fd, Buffer.alloc(30, 0xee), 0, 30, fs.fstatSync(fd).size);
  assert.deepEqual(drain(reader, 6, 6), []);
  bench.append(writer, Buffer.from('three'));
  bench.append(writer, Buffer.from('four'));
  const after = drain(reader, bench.committed.read(), 6);
  assert.equal(rawOf(after).toString(), 'threefour');
  assert.deepEqual(gapsOf(after), []);
  fs.closeSync(fd);
  writer.closeSegment();
});

test('reads a block that came in the place of one that had failed and was read ahead', () => {
  const disk = new FaultyDisk();
  using bench = new StreamBench(disk);
  const writer = bench.writer();
  bench.append(writer, Buffer.from('one'));
  const reader = bench.reader();
  reader.seek(0);
  disk.fail('writevSync', 'torn');
  disk.fail('ftruncateSync', 'EIO');
  assert.throws(() => bench.append(writer, Buffer.alloc(900, 7)), /ENOSPC/);
  assert.equal(rawOf(drain(reader, bench.committed.read())).toString(), 'one');
  bench.append(writer, Buffer.from('two'));
  writer.closeSegment();
  bench.append(writer, Buffer.from('three'));
  const seen = drain(reader, bench.committed.read(), 3);
  assert.equal(rawOf(seen).toString(), 'twothree');
  assert.deepEqual(gapsOf(seen), []);
  writer.closeSegment();
});

test('gives remarks in the place where they were written', () => {
  using bench = new StreamBench();
  bench.limits.segmentBytesMax = 600;
  const writer = bench.writer();
  bench.attach(writer, 'a');
  bench.append(writer, textFrame('one'));
  writer.appendGap(
    { kind: 'gap', reason: 'disk', fromLsn: 1, toLsn: 101, atMs: 1, frames: 2 },
    100,
  );
  bench.append(writer, textFrame('two'));
  writer.closeSegment();
  bench.append(writer, textFrame('three'));
  writer.appendGap({ kind: 'gap', reason: 'desync', fromLsn: 5, toLsn: 6, atMs: 1 }, 0);
  writer.appendDetach('a');
  bench.attach(writer, 'b');
  writer.closeSegment();
  const kinds = bench.read().map((each) => (each.what === 'meta' ? each.kind : each.what));
  assert.deepEqual(kinds, [
    'attach',
    'raw',
    'gap',
    'raw',
    'attach',
    'raw',
    'gap',
    'detach',
    'attach',
  ]);
});

test('removes only segments that end before a position, past one with a hurt header', () => {
  using bench = new StreamBench();
  const stream = manySegments(bench);
  const names = bench.segments();
  const raw = bench.read().filter((each) => each.what === 'raw');
  const startOf = (sequence: number): number =>
    raw.find((each) => each.place.sequence === sequence)?.fromLsn ?? -1;
  const remove = (lsn: number): number =>
    removeSegmentsBefore(bench.disk, bench.directory, bench.containerId, lsn);
  assert.equal(remove(0), 0);
  assert.equal(remove(startOf(2) - 1), 0);
  assert.equal(remove(startOf(2)), 1);
  fs.writeFileSync(names[3] ?? '', 'hurt');
  assert.equal(remove(startOf(6)), 4);
  assert.deepEqual(gapsOf(bench.read(startOf(6))), []);
  assert.equal(remove(stream.length), names.length - 6);
  assert.equal(bench.segments().length, 1);
});
