import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { nodeFileSystem } from '../../src/base/file-system.ts';
import { createFrameView, decodeFrame } from '../../src/frame/frame-decoder.ts';
import { FrameSplitter } from '../../src/frame/frame-splitter.ts';
import {
  blockType,
  decodeMetaRecord,
  evictSegment,
  listSegmentFacts,
  SegmentFiles,
  StreamReader,
  sealSegment,
} from '../../src/wal/index.ts';
import { type DiskCall, FaultyDisk } from '../helpers/faulty-disk.ts';
import { textFrame } from '../helpers/frames.ts';
import { meddledDisk } from '../helpers/meddled-disk.ts';
import { StreamBench } from '../helpers/stream-bench.ts';

/** Frames in blocks and segments that do not care where frames end. */
function fill(bench: StreamBench, frames: number): void {
  bench.limits.segmentBytesMax = 5000;
  const writer = bench.writer();
  bench.attach(writer, 'fifo');
  const all = Buffer.concat(Array.from({ length: frames }, (_, n) => textFrame(`line ${n}`, n)));
  for (let at = 0; at < all.length; at += 777) bench.append(writer, all.subarray(at, at + 777));
}

/** Gap blocks and whole lines that a reader meets from `lsn` on. */
function read(
  bench: StreamBench,
  lsn = 0,
  files = new SegmentFiles(bench.disk, 4),
): { lines: string[]; gaps: Gap[] } {
  const reader = bench.reader(files);
  const lines: string[] = [];
  const gaps: Gap[] = [];
  const view = createFrameView();
  const splitter = new FrameSplitter({
    onFrame: (bytes, start, end) => {
      assert.ok(decodeFrame(bytes, start, end, view));
      lines.push(Buffer.from(bytes.subarray(view.lineStart, view.lineEnd)).toString('utf8'));
      return true;
    },
    onSkipped: () => {},
  });
  splitter.begin(lsn);
  reader.seek(lsn);
  for (;;) {
    const result = reader.next(bench.committed.read());
    if (result === 'idle') break;
    assert.equal(result, 'block', 'nothing is missing that no gap tells of');
    const { header, payload } = reader;
    const endLsn = header.lsn + header.lsnSpan;
    if (header.type === blockType.raw) {
      splitter.feed(payload, Math.max(0, splitter.nextLsn - header.lsn), payload.length);
    } else if (header.type === blockType.gap) {
      const record = decodeMetaRecord(payload);
      assert.ok(record?.kind === 'gap');
      gaps.push({ ordinal: header.ordinal, ...record });
      splitter.cut(endLsn);
    } else if (header.lsnSpan > 0) {
      splitter.cut(endLsn);
    }
  }
  return { lines, gaps };
}

interface Gap {
  ordinal: number;
  reason: string;
  fromLsn: number;
  toLsn: number;
  frames?: number | undefined;
  afterNs?: string | undefined;
}

function evict(bench: StreamBench, sequence: number): ReturnType<typeof evictSegment> {
  const { disk, directory, containerId } = bench;
  const request = { directory, containerId, sequence, reason: 'evicted', atMs: 5 } as const;
  return evictSegment(disk, request);
}

/** One segment that ends amid its last frame; `go` begins the next one, and goes on with it. */
function endingAmidFrame(bench: StreamBench): {
  go: () => void;
  end: { lsn: number; ordinal: number };
} {
  bench.limits.segmentBytesMax = 1 << 20;
  const writer = bench.writer();
  bench.attach(writer, 'fifo');
  const all = Buffer.concat(Array.from({ length: 20 }, (_, n) => textFrame(`line ${n}`, n)));
  const cut = all.length - 10;
  bench.append(writer, all.subarray(0, cut));
  writer.closeSegment();
  const end = { lsn: writer.endLsn, ordinal: 19 };
  return {
    end,
    go: () => bench.append(writer, Buffer.concat([all.subarray(cut), textFrame('next', 20)])),
  };
}

function filesOf(bench: StreamBench): string[] {
  return fs.readdirSync(bench.directory).sort();
}

describe('giving up segments', () => {
  for (const isSealed of [false, true]) {
    const form = isSealed ? 'sealed' : 'raw';
    it(`is exact for who has a segment open that went before the one in front of it, ${form}`, () => {
      for (let sequence = 1; sequence <= 5; sequence += 1) {
        using bench = new StreamBench();
        fill(bench, 800);
        const { disk, directory, containerId } = bench;
        const request = { directory, containerId, sequence: sequence + 1, level: 1 } as const;
        if (isSealed) sealSegment(disk, request);
        const files = new SegmentFiles(disk, 100);
        // As a search among the segments leaves it.
        assert.ok(files.open(directory, sequence + 1, containerId));
        // The first was being sealed when the second had to go.
        for (const given of [sequence + 1, sequence]) evict(bench, given);
        const { lines, gaps } = read(bench, 0, files);
        const told = gaps.reduce((sum, { frames = 0 }) => sum + frames, 0);
        files.closeDirectory(directory);
        assert.equal(lines.length + told, 800, `segment ${sequence}`);
      }
    });
  }

  for (const isSealed of [false, true]) {
    const form = isSealed ? 'sealed' : 'raw';
    it(`counts the frame whose end comes only after it was given up, ${form}`, () => {
      using bench = new StreamBench();
      const { go, end } = endingAmidFrame(bench);
      const { disk, directory, containerId } = bench;
      if (isSealed) sealSegment(disk, { directory, containerId, sequence: 1, level: 1 });
      const request = { directory, containerId, sequence: 1, reason: 'evicted', atMs: 5 } as const;
      assert.equal(evictSegment(disk, { ...request, end })?.frames, 20);
      go();
      const { lines, gaps } = read(bench);
      assert.deepEqual(lines, ['next']);
      assert.deepEqual(
        gaps.map(({ frames }) => frames),
        [20],
      );
    });
  }

  for (const isSealed of [false, true]) {
    it(`leaves a gap with the exact count, ${isSealed ? 'sealed' : 'raw'}`, () => {
      for (let sequence = 1; sequence <= 4; sequence += 1) {
        using bench = new StreamBench();
        fill(bench, 800);
        const { directory, containerId } = bench;
        const facts = listSegmentFacts(bench.disk, directory, containerId);
        assert.ok(facts.length > 5);
        const request = { directory, containerId, sequence, level: 1 } as const;
        if (isSealed) sealSegment(bench.disk, request);
        const evicted = evict(bench, sequence);
        const { lines, gaps } = read(bench);
        const [gap] = gaps;
        assert.equal(gaps.length, 1);
        assert.equal(lines.length + (gap?.frames ?? 0), 800);
        assert.equal(evicted?.frames, gap?.frames);
        assert.equal(gap?.fromLsn, facts[sequence - 1]?.baseLsn);
        assert.equal(gap?.toLsn, facts[sequence]?.baseLsn);
        assert.match(gap?.afterNs ?? '', /^17000000000000\d{5}$/);
        const kinds = listSegmentFacts(bench.disk, directory, containerId).map(({ kind }) => kind);
        assert.equal(kinds[sequence - 1], 'gap');
        assert.ok(filesOf(bench).every((name) => !name.endsWith('.tmp')));
      }
    });
  }

  it('makes one gap of neighbours, in any order of giving up from the oldest', () => {
    using bench = new StreamBench();
    fill(bench, 1500);
    const before = listSegmentFacts(bench.disk, bench.directory, bench.containerId);
    let lost = 0;
    for (const { sequence } of before.slice(0, -2)) {
      lost += evict(bench, sequence)?.frames ?? 0;
      const { lines, gaps } = read(bench);
      assert.equal(gaps.length, 1, `after ${sequence}`);
      assert.equal(lines.length + (gaps[0]?.frames ?? 0), 1500, `after ${sequence}`);
    }
    const facts = listSegmentFacts(bench.disk, bench.directory, bench.containerId);
    assert.deepEqual(
      facts.map(({ kind }) => kind),
      ['gap', 'raw', 'raw'],
    );
    assert.equal(lost, read(bench).gaps[0]?.frames);
  });

  it('keeps apart what was given up for other reasons', () => {
    using bench = new StreamBench();
    fill(bench, 800);
    const { disk, directory, containerId } = bench;
    const place = { directory, containerId, atMs: 1 };
    evictSegment(disk, { ...place, sequence: 1, reason: 'expired' });
    evictSegment(disk, { ...place, sequence: 2, reason: 'evicted' });
    evictSegment(disk, { ...place, sequence: 3, reason: 'evicted' });
    const { gaps } = read(bench);
    assert.deepEqual(
      gaps.map(({ reason }) => reason),
      ['expired', 'evicted'],
    );
  });

  it('tells a reader inside the range where its part begins', () => {
    using bench = new StreamBench();
    fill(bench, 800);
    const facts = listSegmentFacts(bench.disk, bench.directory, bench.containerId);
    const from = facts[1]?.baseLsn ?? 0;
    evict(bench, 2);
    const { gaps } = read(bench, from + 100);
    assert.equal(gaps[0]?.fromLsn, from);
    assert.equal(gaps[0]?.ordinal, facts[1]?.baseOrdinal);
  });

  it('counts the frames of gaps that were in what is given up', () => {
    using bench = new StreamBench();
    bench.limits.segmentBytesMax = 4000;
    const writer = bench.writer();
    bench.attach(writer, 'fifo');
    for (let n = 0; n < 200; n += 1) {
      bench.append(writer, textFrame(`line ${n}`, n));
      if (n !== 50) continue;
      const fromLsn = writer.endLsn;
      const range = { fromLsn, toLsn: fromLsn + 500, atMs: 1 };
      writer.appendGap({ kind: 'gap', reason: 'disk', ...range, frames: 7 }, 500);
      bench.counter.restore(writer.endLsn, Buffer.alloc(0));
    }
    const facts = listSegmentFacts(bench.disk, bench.directory, bench.containerId);
    for (const { sequence } of facts.slice(0, -1)) evict(bench, sequence);
    const { lines, gaps } = read(bench);
    assert.equal(gaps.length, 1);
    assert.equal(lines.length + (gaps[0]?.frames ?? 0), 207);
  });

  for (const isHeld of [false, true])
    it(`is found by a reader whose segment it took in, ${isHeld ? 'held open' : 'closed'}`, () => {
      using bench = new StreamBench();
      fill(bench, 800);
      const facts = listSegmentFacts(bench.disk, bench.directory, bench.containerId);
      const files = new SegmentFiles(bench.disk, 4);
      const reader = bench.reader(files);
      // In the middle of the second segment when that and the one before it are given up.
      const lsn = (facts[1]?.baseLsn ?? 0) + 1500;
      reader.seek(lsn);
      assert.equal(reader.next(bench.committed.read()), 'block');
      for (const { sequence } of facts.slice(0, 4)) evict(bench, sequence);
      if (!isHeld) files.closeDirectory(bench.directory);
      while (reader.header.type !== blockType.gap) {
        assert.equal(reader.next(bench.committed.read()), 'block', 'nothing is missing untold');
      }
      assert.equal(reader.header.lsn, 0);
      assert.equal(reader.header.lsn + reader.header.lsnSpan, facts[4]?.baseLsn);
      files.closeDirectory(bench.directory);
    });

  it('is found by a reader at whatever call of the disk the segments in front of it go', () => {
    let calls = Number.POSITIVE_INFINITY;
    for (let at = 0; at < calls; at += 1) {
      using bench = new StreamBench();
      fill(bench, 800);
      const facts = listSegmentFacts(bench.disk, bench.directory, bench.containerId);
      calls = 0;
      const disk = meddledDisk(nodeFileSystem, (call) => {
        calls = call + 1;
        if (call === at) for (const { sequence } of facts.slice(0, 4)) evict(bench, sequence);
      });
      const files = new SegmentFiles(disk, 2);
      const { directory, containerId, committed } = bench;
      const reader = new StreamReader({ disk, directory, containerId, files });
      // It ends what it has of the second when that goes, with those around it.
      reader.seek((facts[1]?.baseLsn ?? 0) + 1500);
      for (let met = reader.next(committed.read()); met !== 'idle'; ) {
        assert.equal(met, 'block', `${reader.gap?.reason} at call ${at}`);
        met = reader.next(committed.read());
      }
      files.closeDirectory(directory);
      assert.ok(calls > 20, `only ${calls} calls`);
    }
  });

  it('is looked for in vain, however few files may be open, before a segment is called missing', () => {
    for (const openMax of [1, 2, 3]) {
      using bench = new StreamBench();
      fill(bench, 800);
      const facts = listSegmentFacts(bench.disk, bench.directory, bench.containerId);
      for (const sequence of [3, 4]) {
        fs.unlinkSync(`${bench.directory}/${String(sequence).padStart(20, '0')}.w`);
      }
      const files = new SegmentFiles(bench.disk, openMax);
      const reader = bench.reader(files);
      reader.seek(0);
      const gaps: (readonly number[])[] = [];
      for (let what = reader.next(bench.committed.read()); what !== 'idle'; ) {
        if (what === 'gap') gaps.push([reader.gap?.fromLsn ?? 0, reader.gap?.toLsn ?? 0]);
        what = reader.next(bench.committed.read());
      }
      assert.deepEqual(gaps, [[facts[2]?.baseLsn, facts[4]?.baseLsn]], `${openMax} files`);
      files.closeDirectory(bench.directory);
    }
  });

  it('never gives up the newest', () => {
    using bench = new StreamBench();
    fill(bench, 300);
    const last = listSegmentFacts(bench.disk, bench.directory, bench.containerId).at(-1);
    assert.equal(evict(bench, last?.sequence ?? 0), undefined);
    assert.equal(read(bench).lines.length, 300);
  });

  it('has the segment or the gap at whatever call the disk fails', () => {
    const calls: DiskCall[] = [
      ...(['openSync', 'readSync', 'writeSync', 'fstatSync', 'statSync'] as const),
      ...(['renameSync', 'unlinkSync', 'closeSync', 'readdirSync'] as const),
    ];
    let failures = 0;
    for (const call of calls) {
      for (let after = 0; after < 30; after += 1) {
        const disk = new FaultyDisk();
        using bench = new StreamBench(disk);
        fill(bench, 400);
        evict(bench, 1);
        disk.fail(call, 'ENOSPC', after);
        try {
          evict(bench, 2);
        } catch {
          failures += 1;
        }
        disk.heal();
        const { lines, gaps } = read(bench);
        const lost = gaps.reduce((sum, { frames }) => sum + (frames ?? 0), 0);
        assert.equal(lines.length + lost, 400, `${call} failed after ${after}`);
        evict(bench, 2);
        assert.equal(read(bench).gaps.length, 1);
        if (disk.struck === 0) break;
      }
    }
    assert.ok(failures > 10, `${failures}`);
  });
});
