import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { Quarantine, SegmentFiles, sealSegment, tidySegments } from '../../src/wal/index.ts';
import { type DiskCall, FaultyDisk } from '../helpers/faulty-disk.ts';
import { textFrame } from '../helpers/frames.ts';
import { drain, gapsOf, rawOf, type Seen, StreamBench, step } from '../helpers/stream-bench.ts';

const level = 3;

/** Frames of some 100 bytes, cut into blocks that do not care for frames. */
function fill(bench: StreamBench, frames: number, blockBytes: number, from = 0): Buffer {
  const all = Buffer.concat(
    Array.from({ length: frames }, (_, index) =>
      textFrame(`line ${from + index} ${'x'.repeat(index % 90)}`, from + index),
    ),
  );
  const writer = bench.writer();
  bench.attach(writer, `fifo${from}`);
  for (let at = 0; at < all.length; at += blockBytes) {
    bench.append(writer, all.subarray(at, at + blockBytes));
  }
  writer.appendDetach(`fifo${from}`);
  writer.closeSegment();
  return all;
}

function sequences(bench: StreamBench): number[] {
  const names = fs.readdirSync(bench.directory).filter((name) => /^\d{20}\.[wz]$/.test(name));
  return [...new Set(names.map((name) => Number(name.slice(0, 20))))].sort((a, b) => a - b);
}

function sealAll(bench: StreamBench): void {
  const { disk, directory, containerId } = bench;
  for (const sequence of sequences(bench)) {
    sealSegment(disk, { directory, containerId, sequence, level });
  }
}

/** What a reader sees, without regard to how stream bytes are cut. */
function shape(seen: readonly Seen[]): string[] {
  const lines: string[] = [];
  let raw = '';
  for (const each of seen) {
    if (each.what === 'raw') {
      raw += each.bytes.toString('latin1');
      continue;
    }
    if (raw !== '') lines.push(raw);
    raw = '';
    lines.push(JSON.stringify(each));
  }
  return raw === '' ? lines : [...lines, raw];
}

describe('sealing', () => {
  it('keeps every byte, remark and position, in less space', () => {
    using bench = new StreamBench();
    bench.limits.segmentBytesMax = 300_000;
    for (let run = 0; run < 3; run += 1) fill(bench, 4000, 7777, run * 10_000);
    const before = bench.read();
    const tail = bench.tail();
    const rawBytes = sizeOf(bench);
    sealAll(bench);
    assert.ok(bench.segments().length === 0, 'no raw file is left');
    assert.deepEqual(shape(bench.read()), shape(before));
    assert.ok(sizeOf(bench) < rawBytes / 4, `${sizeOf(bench)} of ${rawBytes}`);
    const { nextSequence, endLsn, endOrdinal, attach, openLsn, openBytes } = bench.tail();
    assert.deepEqual(
      { nextSequence, endLsn, endOrdinal, attach, openLsn, openBytes },
      {
        nextSequence: tail.nextSequence,
        endLsn: tail.endLsn,
        endOrdinal: tail.endOrdinal,
        attach: tail.attach,
        openLsn: tail.openLsn,
        openBytes: tail.openBytes,
      },
    );
  });

  it('finds every position again, also with hints of the raw file', () => {
    using bench = new StreamBench();
    bench.limits.segmentBytesMax = 100_000;
    fill(bench, 3000, 3001);
    const all = rawOf(bench.read());
    const places = bench.read().flatMap((seen) => (seen.what === 'raw' ? [seen] : []));
    sealAll(bench);
    for (const { fromLsn, place } of places) {
      for (const hint of [undefined, place]) {
        const seen = bench.read(fromLsn + 5, hint);
        // One attach stands before the bytes, one detach behind them.
        const [first] = seen;
        assert.ok(first?.what === 'raw' && first.fromLsn <= fromLsn + 5);
        assert.deepEqual(
          rawOf(seen).subarray(fromLsn + 5 - first.fromLsn),
          all.subarray(fromLsn + 4),
        );
      }
    }
  });

  it('goes on in an open and in a closed file when it is sealed under a reader', () => {
    for (const filesOpen of [4, 1]) {
      using bench = new StreamBench();
      bench.limits.segmentBytesMax = 200_000;
      fill(bench, 6000, 5003);
      const before = bench.read();
      const files = new SegmentFiles(bench.disk, filesOpen);
      const reader = bench.reader(files);
      reader.seek(0);
      const seen: Seen[] = [];
      for (let index = 0; index < 20; index += 1) {
        const next = step(reader, bench.committed.read());
        assert.ok(next !== undefined);
        seen.push(next);
      }
      sealAll(bench);
      if (filesOpen === 1) files.closeDirectory(bench.directory);
      const last = seen.at(-1);
      assert.ok(last?.what === 'raw');
      const endLsn = last.fromLsn + last.bytes.length;
      const rest = drain(reader, bench.committed.read(), endLsn);
      const [first] = rest;
      assert.ok(first?.what === 'raw');
      // A group may begin before the position: what was seen of it already is cut off.
      first.bytes = first.bytes.subarray(Math.max(0, endLsn - first.fromLsn));
      assert.deepEqual(rawOf([...seen, ...rest]), rawOf(before));
      assert.deepEqual(gapsOf(rest), []);
      files.closeDirectory(bench.directory);
    }
  });

  it('does not take the place of a hint for one in the sealed file', () => {
    using bench = new StreamBench();
    bench.limits.segmentBytesMax = 200_000;
    fill(bench, 3000, 5003);
    const all = bench.read();
    const middle = all[10];
    assert.ok(middle?.what === 'raw');
    const files = new SegmentFiles(bench.disk, 4);
    const reader = bench.reader(files);
    reader.seek(middle.fromLsn, middle.place);
    sealAll(bench);
    files.closeDirectory(bench.directory);
    assert.deepEqual(gapsOf(drain(reader, bench.committed.read(), middle.fromLsn)), []);
    files.closeDirectory(bench.directory);
  });

  it('keeps what does not compress as it is', () => {
    using bench = new StreamBench();
    const noise = randomBytes(500_000);
    const writer = bench.writer();
    writer.appendRaw(noise, 0, bench.counter.stats);
    writer.closeSegment();
    const rawBytes = sizeOf(bench);
    sealAll(bench);
    assert.deepEqual(rawOf(bench.read()), noise);
    assert.ok(sizeOf(bench) < rawBytes + 2000);
  });

  it('leaves the stream whole at whatever call the disk fails, and seals at the next try', () => {
    const calls: DiskCall[] = [
      ...(['openSync', 'readSync', 'writeSync', 'fstatSync', 'fdatasyncSync'] as const),
      ...(['renameSync', 'unlinkSync', 'closeSync', 'statSync'] as const),
    ];
    let failures = 0;
    for (const call of calls) {
      for (let after = 0; after < 40; after += 1) {
        const disk = new FaultyDisk();
        using bench = new StreamBench(disk);
        fill(bench, 300, 997);
        const before = shape(bench.read());
        const { directory, containerId } = bench;
        const request = { directory, containerId, sequence: 1, level } as const;
        disk.fail(call, 'EIO', after);
        try {
          sealSegment(disk, request);
        } catch {
          failures += 1;
        }
        disk.heal();
        assert.deepEqual(shape(bench.read()), before, `${call} failed after ${after}`);
        assert.equal(disk.openPaths.size, 0, `${call} after ${after} left a file open`);
        tidySegments(disk, directory, containerId, new Quarantine(disk, directory));
        assert.deepEqual(shape(bench.read()), before);
        sealSegment(disk, request);
        assert.deepEqual(shape(bench.read()), before);
        assert.equal(bench.segments().length, 0);
        if (disk.struck === 0) break;
      }
    }
    assert.ok(failures > 20, `${failures}`);
  });

  it('makes a gap of what cannot be read, with the exact count, and keeps a copy of it', () => {
    using bench = new StreamBench();
    fill(bench, 1000, 4001);
    const [path] = bench.segments();
    assert.ok(path !== undefined);
    const bytes = fs.readFileSync(path);
    bytes[20_000] = (bytes[20_000] ?? 0) ^ 0xff;
    fs.writeFileSync(path, bytes);
    const before = bench.read();
    const [gap] = before.filter((seen) => seen.what === 'gap');
    const { disk, directory, containerId } = bench;
    let kept = 0;
    const quarantine = new Quarantine(disk, directory, (length) => {
      kept += length;
    });
    const result = sealSegment(disk, { directory, containerId, sequence: 1, level }, quarantine);
    assert.equal(result?.damaged.length, 1);
    const [record] = result.damaged;
    assert.deepEqual([record?.fromLsn, record?.toLsn], gapsOf(before)[0]);
    assert.equal(kept, 4001 + 80);
    assert.equal(fs.readdirSync(`${directory}/quarantine`).length, 1);
    assert.deepEqual(rawOf(bench.read()), rawOf(before));
    // Frames are counted at their end: what was read, what is lost, and one cut by the loss.
    assert.ok(gap !== undefined && 'frames' in gap);
    assert.equal(record?.frames, gap.frames);
  });

  it('takes the raw file where a sealed one is not whole, and clears it away', () => {
    using bench = new StreamBench();
    fill(bench, 1000, 4001);
    const before = shape(bench.read());
    const { disk, directory, containerId } = bench;
    const [path] = bench.segments();
    assert.ok(path !== undefined);
    const raw = fs.readFileSync(path);
    sealSegment(disk, { directory, containerId, sequence: 1, level });
    const sealedPath = path.replace(/w$/, 'z');
    const sealed = fs.readFileSync(sealedPath);
    for (const length of [0, 63, 64, 200, sealed.length - 1]) {
      fs.writeFileSync(path, raw);
      fs.writeFileSync(sealedPath, sealed.subarray(0, length));
      assert.deepEqual(shape(bench.read()), before, `${length} bytes of the sealed file`);
      tidySegments(disk, directory, containerId, new Quarantine(disk, directory));
      assert.ok(!fs.existsSync(sealedPath), `${length} bytes of the sealed file stay`);
      assert.deepEqual(shape(bench.read()), before);
    }
    fs.writeFileSync(path, raw);
    fs.writeFileSync(sealedPath, sealed);
    tidySegments(disk, directory, containerId, new Quarantine(disk, directory));
    assert.ok(!fs.existsSync(path), 'of two whole ones the sealed one stays');
    assert.deepEqual(shape(bench.read()), before);
  });
});

function sizeOf(bench: StreamBench): number {
  return fs
    .readdirSync(bench.directory)
    .map((name) => fs.statSync(`${bench.directory}/${name}`).size)
    .reduce((a, b) => a + b, 0);
}
