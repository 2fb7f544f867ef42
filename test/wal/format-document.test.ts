/**
 * docs/wal-format.md against the code: a reader that was written by the document alone reads
 * what the code writes. Where the two differ, one of them is wrong.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import {
  blockType,
  CursorFile,
  decodeMetaRecord,
  evictSegment,
  gapReasons,
  listSegmentFacts,
  readCursors as readCursorsBySource,
  recoverTail,
  SegmentFiles,
  StreamReader,
  sealSegment,
} from '../../src/wal/index.ts';
import { textFrame } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { StreamBench, temporaryDirectory } from '../helpers/stream-bench.ts';
import {
  blocksOf,
  openSegments,
  readCursors,
  readIndex,
  readStream,
} from './independent-reader.ts';

type Items = ReturnType<typeof readStream>;

const containerId = 'ab'.repeat(32);
const document = fs.readFileSync(path.resolve('docs/wal-format.md'), 'utf8');
const golden = path.resolve('test/wal/golden');

/** A log in a directory of its own, and the frames that went into it. */
async function inLog(
  segmentBytesMax: number,
  use: (log: TestLog, frames: Buffer[]) => Promise<void> | void,
): Promise<void> {
  const wal = new TestWal();
  try {
    await wal.open();
    const frames: Buffer[] = [];
    await use(await wal.log(containerId, segmentBytesMax), frames);
  } finally {
    wal.remove();
  }
}

/** Frame number `n` of every log here; the golden files hold the first 60. */
function frameAt(n: number): Buffer {
  return textFrame(`line ${n} ${'x'.repeat(n % 70)}`, n, n % 9 === 0 ? 'stderr' : 'stdout');
}

function framesFrom(from: number, count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => frameAt(from + n));
}

/** Two FIFOs one after the other, the first with a loss in its middle; blocks cut frames. */
function fill(log: TestLog, frames: Buffer[], count: number, blockBytes: number): void {
  const write = (): void => {
    const more = framesFrom(frames.length, count);
    frames.push(...more);
    log.write(Buffer.concat(more), blockBytes);
  };
  log.attach('first');
  write();
  log.gap(500);
  write();
  log.detach('first');
  log.attach('second');
  write();
  log.detach('second');
  log.close();
}

/** The section "The stream": whole frames, each begun anew where the stream is broken. */
function framesOf(items: Items): Buffer[] {
  const frames: Buffer[] = [];
  let open: Buffer | undefined = Buffer.alloc(0);
  for (const { what, span, payload, firstFrame } of items) {
    if (what !== 'bytes' && span > 0) open = undefined;
    if (what !== 'bytes' || (open === undefined && firstFrame < 0)) continue;
    open = open === undefined ? payload.subarray(firstFrame) : Buffer.concat([open, payload]);
    while (open.length >= 4 && open.length >= 4 + open.readUInt32BE(0)) {
      const end = 4 + open.readUInt32BE(0);
      frames.push(open.subarray(0, end));
      open = open.subarray(end);
    }
  }
  return frames;
}

/** What a reader met, without regard to how stream bytes are cut into blocks. */
class Shape {
  readonly lines: string[] = [];
  #bytes: { lsn: number; end: number; hash: ReturnType<typeof createHash> } | undefined;

  bytes(lsn: number, payload: Buffer): void {
    if (this.#bytes?.end !== lsn) {
      this.flush();
      this.#bytes = { lsn, end: lsn, hash: createHash('sha256') };
    }
    this.#bytes.hash.update(payload);
    this.#bytes.end += payload.length;
  }

  add(what: 'told' | 'lost', lsn: number, span: number, text: string): void {
    this.flush();
    this.lines.push(`${what} ${lsn}+${span} ${text}`);
  }

  flush(): string[] {
    const bytes = this.#bytes;
    if (bytes) this.lines.push(`bytes ${bytes.lsn}-${bytes.end} ${bytes.hash.digest('hex')}`);
    this.#bytes = undefined;
    return this.lines;
  }
}

function shapeOf(items: Items): string[] {
  const shape = new Shape();
  for (const { what, lsn, span, payload, record } of items) {
    if (what === 'bytes') shape.bytes(lsn, payload);
    else if (what === 'told') shape.add(what, lsn, span, payload.toString());
    else shape.add('lost', lsn, span, `${record.reason}, ${record.frames} frames`);
  }
  return shape.flush();
}

/** The same by the code. */
function shapeBySource(directory: string, committedLsn: number, fromLsn = 0): string[] {
  const files = new SegmentFiles(disk, 8);
  const reader = new StreamReader({ disk, directory, containerId, files });
  const shape = new Shape();
  let at = fromLsn;
  reader.seek(fromLsn);
  for (;;) {
    const result = reader.next(committedLsn);
    if (result === 'idle') break;
    const { header, payload, gap } = reader;
    if (result === 'gap' && gap !== undefined) {
      const span = gap.toLsn - gap.fromLsn;
      shape.add('lost', gap.fromLsn, span, `${gap.reason}, ${gap.frames} frames`);
      at = gap.toLsn;
      continue;
    }
    const skip = Math.max(0, at - header.lsn);
    if (header.type === blockType.raw) shape.bytes(header.lsn + skip, payload.subarray(skip));
    else
      shape.add(
        'told',
        header.lsn + skip,
        header.lsnSpan - skip,
        payload.subarray(skip).toString(),
      );
    at = header.lsn + header.lsnSpan;
  }
  files.closeDirectory(directory);
  return shape.flush();
}

function sequencesOf(log: TestLog): number[] {
  return listSegmentFacts(disk, log.directory, containerId).map(({ sequence }) => sequence);
}

function seal(log: TestLog, sequence: number): void {
  const { directory } = log;
  assert.ok(sealSegment(disk, { directory, containerId, sequence, level: 3 }));
}

/** Frames that gaps and losses tell of. */
function lostFramesOf(items: Items): number {
  return items.reduce((sum, { what, record }) => {
    return what === 'bytes' ? sum : sum + (record.frames ?? 0);
  }, 0);
}

describe('a reader that knows only the document', () => {
  it('is short, and knows nothing of the code', () => {
    const text = fs.readFileSync(path.resolve('test/wal/independent-reader.ts'), 'utf8');
    const names = [...text.matchAll(/(?:from|import|require)\b[\s(]*'([^']+)'/g)].map(([, n]) => n);
    assert.deepEqual(names, ['node:fs', 'node:zlib']);
    assert.ok(!/\bimport\(|getBuiltinModule|createRequire/.test(text));
    // Two forms of cursors have to be read.
    assert.ok(text.trimEnd().split('\n').length < 155);
  });

  it('reads raw segments: bytes, FIFOs, remarks and gaps', async () => {
    await inLog(20_000, (log, frames) => {
      fill(log, frames, 500, 1777);
      const items = readStream(log.directory, containerId);
      assert.ok(openSegments(log.directory, containerId).length > 3);
      assert.deepEqual(framesOf(items), frames);
      assert.deepEqual(shapeOf(items), shapeBySource(log.directory, log.endLsn));
      const told = items.filter(({ what, span }) => what === 'told' && span > 0);
      assert.deepEqual(
        told.map(({ payload }) => decodeMetaRecord(payload)?.kind),
        ['attach', 'gap', 'detach', 'attach', 'detach'],
      );
      const fifos = items.flatMap(({ what, record }) => (what === 'bytes' ? [record.fifo] : []));
      assert.deepEqual([...new Set(fifos)], ['first', 'second']);
      const last = items.at(-1);
      assert.equal(last && last.lsn + last.span, log.endLsn);
    });
  });

  it('reads the same from sealed ones, and finds its way by their index', async () => {
    await inLog(300_000, (log, frames) => {
      fill(log, frames, 8000, 7777);
      const raw = readStream(log.directory, containerId);
      const created = openSegments(log.directory, containerId).map((segment) => segment?.createdMs);
      for (const sequence of sequencesOf(log)) seal(log, sequence);
      const sealed = readStream(log.directory, containerId);
      assert.deepEqual(shapeOf(sealed), shapeOf(raw));
      assert.deepEqual(framesOf(sealed), frames);
      const fifosOf = (items: Items): string[] =>
        items.flatMap(({ what, lsn, record }) =>
          what === 'bytes' ? [`${lsn} ${record.fifo}`] : [],
        );
      assert.ok(fifosOf(sealed).length > 4);
      for (const place of fifosOf(sealed)) assert.ok(fifosOf(raw).includes(place), place);
      const segments = openSegments(log.directory, containerId);
      assert.deepEqual(
        segments.map((segment) => segment?.createdMs),
        created,
      );
      for (const [at, segment] of segments.entries()) {
        assert.ok(segment !== undefined);
        const index = readIndex(segment);
        const blocks = [...blocksOf(segment)].filter((block) => block !== undefined).slice(1, -1);
        assert.ok(blocks.some(({ type, codec }) => type === 2 && codec === 1));
        assert.deepEqual(
          index?.entries,
          blocks.map(({ offset, type, lsn, ordinal, minNs, maxNs, frames, lines }) => {
            return { offset, type, lsn, ordinal, minNs, maxNs, frames, lines };
          }),
        );
        const end = segments[at + 1] ?? { lsn: log.endLsn, ordinal: frames.length };
        assert.deepEqual([index?.lsn, index?.ordinal], [end.lsn, end.ordinal]);
        assert.equal(
          index?.allLines,
          blocks.reduce((sum, { lines }) => sum + lines, 0),
        );
        const times = blocks.flatMap(({ minNs, maxNs }) => (maxNs > 0n ? [minNs, maxNs] : []));
        assert.deepEqual([index?.minNs, index?.maxNs], [times[0], times.at(-1)]);
      }
    });
  });

  it('reads groups that did not get smaller', async () => {
    await inLog(1 << 20, (log) => {
      const noise = randomBytes(300_000);
      log.attach('noise');
      log.write(noise);
      log.close();
      seal(log, 1);
      const items = readStream(log.directory, containerId).filter(({ what }) => what === 'bytes');
      assert.ok(items.every(({ type, codec }) => type === 2 && codec === 0));
      assert.deepEqual(Buffer.concat(items.map(({ payload }) => payload)), noise);
    });
  });

  for (const isSealed of [false, true]) {
    it(`counts what was given up, ${isSealed ? 'sealed' : 'raw'} before`, async () => {
      await inLog(6000, (log, frames) => {
        fill(log, frames, 600, 777);
        const sequences = sequencesOf(log);
        assert.ok(sequences.length > 12);
        if (isSealed) for (const sequence of sequences) seal(log, sequence);
        const { directory } = log;
        const request = { directory, containerId, atMs: 5 };
        const given = [2, 3, 4, 7, 8, sequences.length - 2];
        for (const sequence of given) {
          const reason = sequence === 8 ? 'expired' : 'evicted';
          assert.ok(evictSegment(disk, { ...request, sequence, reason }));
          const items = readStream(directory, containerId);
          assert.equal(framesOf(items).length + lostFramesOf(items), frames.length);
          assert.deepEqual(shapeOf(items), shapeBySource(directory, log.endLsn));
          checkOrdinals(items);
        }
        const items = readStream(directory, containerId);
        const told = items.filter(({ record }) => /evicted|expired/.test(record.reason ?? ''));
        assert.deepEqual(
          told.map(({ record }) => record.reason),
          ['evicted', 'evicted', 'expired', 'evicted'],
        );
        const kept = new Set(framesOf(items).map((frame) => frame.toString('latin1')));
        const left = frames.filter((frame) => kept.has(frame.toString('latin1')));
        assert.deepEqual(framesOf(items), left);
        const gap = openSegments(directory, containerId)[1];
        assert.ok(gap !== undefined && gap.sequence === 2);
        assert.deepEqual(
          [...blocksOf(gap)].map((block) => block?.type),
          [0, 3, 5],
        );
      });
    });
  }

  it('takes the file that counts when a raw and a sealed one are there', async () => {
    await inLog(1 << 20, (log, frames) => {
      fill(log, frames, 200, 999);
      const rawPath = `${log.directory}/${'1'.padStart(20, '0')}.w`;
      const sealedPath = rawPath.replace(/w$/, 'z');
      const raw = fs.readFileSync(rawPath);
      seal(log, 1);
      const sealed = fs.readFileSync(sealedPath);
      const kinds: (number | undefined)[] = [];
      for (const [rawBytes, sealedBytes] of [
        [raw, sealed],
        [raw, sealed.subarray(0, -1)],
        [raw.subarray(1), sealed.subarray(0, -1)],
        [raw, sealed.subarray(0, 40)],
      ] as const) {
        fs.writeFileSync(rawPath, rawBytes);
        fs.writeFileSync(sealedPath, sealedBytes);
        const items = readStream(log.directory, containerId);
        assert.deepEqual(framesOf(items), frames);
        assert.deepEqual(shapeOf(items), shapeBySource(log.directory, log.endLsn));
        kinds.push(openSegments(log.directory, containerId)[0]?.kind);
      }
      assert.deepEqual(kinds, [2, 1, 2, 1]);
    });
  });

  it('goes on where a cursor stands, by position and by ordinal', async () => {
    await inLog(8000, (log, frames) => {
      const { directory } = log;
      fill(log, frames, 100, 777);
      const cursors = new CursorFile(disk, directory, containerId);
      // Behind the attach and 40 frames.
      const ackLsn = 1 + Buffer.concat(frames.slice(0, 40)).length;
      const cursor = { ackLsn, ackOrdinal: 40, place: { sequence: 1, offset: 64 }, ackedAtMs: 9 };
      const path = `${directory}/cursors`;
      cursors.set({ ...cursor, endpointId: 7, ackLsn: 1, ackOrdinal: 0 }, false);
      cursors.set({ ...cursor, endpointId: 300 }, false);
      cursors.set({ ...cursor, endpointId: 7, state: Uint8Array.of(1, 2, 0xff) }, true);
      const found = readCursors(path, containerId);
      const bySource = readCursorsBySource(disk, directory, containerId);
      assert.deepEqual(
        found,
        bySource.map(({ state, ...rest }) => ({
          ...rest,
          ...(state && { state: Buffer.from(state).toString('hex') }),
        })),
      );
      assert.deepEqual(found, [
        { ...cursor, endpointId: 7, state: '0102ff' },
        { ...cursor, endpointId: 300 },
      ]);
      for (const sequence of sequencesOf(log)) {
        const items = readStream(directory, containerId, found[0]?.ackLsn);
        assert.deepEqual(framesOf(items), frames.slice(found[0]?.ackOrdinal));
        assert.deepEqual(shapeOf(items), shapeBySource(directory, log.endLsn, ackLsn));
        seal(log, sequence);
      }
      // A torn write: the slot before it counts.
      const bytes = fs.readFileSync(path);
      bytes[256 + 60] = ~(bytes[256 + 60] ?? 0) & 0xff;
      fs.writeFileSync(path, bytes);
      assert.deepEqual(readCursors(path, containerId)[0], {
        ...cursor,
        endpointId: 7,
        ackLsn: 1,
        ackOrdinal: 0,
      });
    });
  });

  for (const isSealed of [false, true]) {
    it(`finds the next block behind any flipped byte, ${isSealed ? 'sealed' : 'raw'}`, async () => {
      await inLog(4000, (log, frames) => {
        fill(log, frames, 80, 777);
        const sequences = sequencesOf(log);
        if (isSealed) for (const sequence of sequences) seal(log, sequence);
        const name = `${String(sequences[1]).padStart(20, '0')}.${isSealed ? 'z' : 'w'}`;
        const path = `${log.directory}/${name}`;
        const whole = fs.readFileSync(path);
        let losses = 0;
        for (let at = 0; at < whole.length; at += 3) {
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] ?? 0) ^ 0x40;
          fs.writeFileSync(path, bytes);
          const items = readStream(log.directory, containerId);
          const where = `${name} at ${at}`;
          assert.equal(framesOf(items).length + lostFramesOf(items), frames.length, where);
          assert.deepEqual(shapeOf(items), shapeBySource(log.directory, log.endLsn), where);
          if (items.some(({ what }) => what === 'lost')) losses += 1;
        }
        assert.ok(losses > whole.length / 3 / 3, `${losses} losses`);
      });
    });
  }

  it('counts what is gone with a file, also behind one that was given up', async () => {
    await inLog(4000, (log, frames) => {
      fill(log, frames, 200, 777);
      const { directory } = log;
      seal(log, 2);
      const request = { directory, containerId, atMs: 5, reason: 'evicted' } as const;
      assert.ok(evictSegment(disk, { ...request, sequence: 5 }));
      for (const name of ['3.w', '6.w', '7.w']) {
        fs.rmSync(`${directory}/${name.padStart(22, '0')}`);
        const items = readStream(directory, containerId);
        assert.equal(items.filter(({ what }) => what === 'lost').length, name === '3.w' ? 1 : 2);
        assert.equal(framesOf(items).length + lostFramesOf(items), frames.length, name);
        assert.deepEqual(shapeOf(items), shapeBySource(directory, log.endLsn), name);
      }
    });
  });

  it('counts a frame that damage cut before a remark amid it, raw and sealed', () => {
    using bench = new StreamBench();
    const { directory } = bench;
    const frames = framesFrom(0, 40);
    const stream = Buffer.concat(frames);
    const writer = bench.writer();
    bench.attach(writer, 'fifo');
    for (let at = 0; at < stream.length; at += 777) {
      bench.append(writer, stream.subarray(at, at + 777));
      const { endLsn } = writer;
      const range = { fromLsn: endLsn, toLsn: endLsn, atMs: 5 };
      if (at === 777) writer.appendGap({ kind: 'gap', reason: 'torn', ...range }, 0);
    }
    writer.closeSegment();
    const [path = ''] = bench.segments();
    const bytes = fs.readFileSync(path);
    // In the second block of stream bytes, the last one before the remark.
    bytes.fill(0, bytes.indexOf('"torn"') - 400, bytes.indexOf('"torn"') - 300);
    fs.writeFileSync(path, bytes);
    for (const isSealed of [false, true]) {
      if (isSealed) sealSegment(disk, { directory, containerId, sequence: 1, level: 3 });
      const items = readStream(directory, containerId);
      assert.deepEqual(shapeOf(items), shapeBySource(directory, writer.endLsn));
      assert.equal(framesOf(items).length + lostFramesOf(items), frames.length, `${isSealed}`);
    }
  });

  it('reads what sealing made of damage, with the ordinals that it says', async () => {
    await inLog(8000, (log, frames) => {
      fill(log, frames, 100, 777);
      const path = `${log.directory}/${'1'.padStart(20, '0')}.w`;
      const bytes = fs.readFileSync(path);
      bytes.fill(0, 2000, 4000);
      fs.writeFileSync(path, bytes);
      const before = readStream(log.directory, containerId);
      const [lost] = before.filter(({ what }) => what === 'lost');
      seal(log, 1);
      const items = readStream(log.directory, containerId);
      assert.deepEqual(framesOf(items), framesOf(before));
      const [told] = items.filter(({ record }) => record.reason === 'damage');
      assert.ok(lost !== undefined && lost.span > 0 && told?.what === 'told');
      const keys = ['lsn', 'span', 'ordinal'] as const;
      for (const key of keys) assert.equal(told[key], lost[key], key);
      assert.equal(told.record.frames, lost.record.frames);
      assert.equal(framesOf(items).length + lostFramesOf(items), frames.length);
      checkOrdinals(items);
    });
  });
});

/** The rule of the document for the block behind a gap. */
function checkOrdinals(items: Items): void {
  let checked = 0;
  items.forEach(({ what, span, ordinal, record, frames }, at) => {
    const next = items[at + 1];
    if (what !== 'told' || record.reason === undefined || span === 0 || next === undefined) return;
    assert.equal(frames, 0);
    const behind = items.slice(at + 1).find((item) => item.span > 0);
    const cut = behind?.what === 'bytes' && (behind.flags & 1) === 0 ? 1 : 0;
    const hadOrdinals = ['evicted', 'expired', 'damage'].includes(record.reason);
    const told = (record.frames ?? 0) - (record.innerFrames ?? 0);
    const endOrdinal = hadOrdinals ? (record.endOrdinal ?? ordinal + told) - cut : ordinal;
    assert.equal(next.ordinal, endOrdinal, `behind ${JSON.stringify(record)}`);
    checked += 1;
  });
  assert.ok(checked > 0);
}

/** What was written once and must be read for ever: SHA-256 of each file. */
const goldenFiles = {
  '00000000000000000001.w': '5ce8e24ea5d94da3a8d47029b3ef733e68fe77615ae7029852ed383d15c1cf7a',
  '00000000000000000001.z': '7822812b5277339f1947bd4d5d2cccc422a186aff20a86d9b6ef8b8cba99fbb4',
  '00000000000000000002.z': '425a6cb40c9a1218e628bccd196ac25f3276e3b4552b5266947abc88f3bbfb89',
  '00000000000000000003.w': '173c4ce00824511124eeddcb4f02b62899bdb6e6642c04339cd9a61db49302f9',
  '00000000000000000004.w': '2fd0f4558ed3cc454bea6b739b5780a9fee0eb74d9a74b4f3f499743e72d2540',
  cursors: '3ae6f7c993ab8a9f0f3e750bb0202f80b2ef746c31f2531ee2d31beb40d7ec84',
  'cursors.v2': '06280c5c90ddc35a00f6a03d1a7423827c35b706cf89b62fce0f70e8b7b953ed',
};

describe('the golden files', () => {
  /** A copy of them, one of the two forms of the first segment left out. */
  function goldenWithout(kind: 'w' | 'z'): ReturnType<typeof temporaryDirectory> {
    const directory = temporaryDirectory();
    fs.cpSync(golden, directory.path, { recursive: true });
    fs.rmSync(`${directory.path}/${'1'.padStart(20, '0')}.${kind}`);
    return directory;
  }

  it('are the ones that were written once', () => {
    const found = fs.readdirSync(golden).map((name) => {
      const bytes = fs.readFileSync(`${golden}/${name}`);
      return [name, createHash('sha256').update(bytes).digest('hex')];
    });
    assert.deepEqual(Object.fromEntries(found), goldenFiles);
  });

  for (const kind of ['w', 'z'] as const) {
    it(`are read by the code and by the document, without the first .${kind}`, () => {
      using directory = goldenWithout(kind);
      const items = readStream(directory.path, containerId);
      const all = framesFrom(0, 60);
      const read = framesOf(items);
      const gaps = items.filter(({ record }) => record.reason !== undefined);
      const [gap] = gaps.filter(({ record }) => record.reason === 'evicted');
      assert.deepEqual([gaps.length, gap?.ordinal, gap?.record.frames], [2, 26, 19]);
      assert.deepEqual(read, [...all.slice(0, 26), ...all.slice(26 + 19)]);
      const { endLsn, endOrdinal } = recoverTail(disk, directory.path, containerId);
      assert.deepEqual([endLsn, endOrdinal], [4184, 60]);
      assert.deepEqual(shapeOf(items), shapeBySource(directory.path, endLsn));
      const facts = listSegmentFacts(disk, directory.path, containerId);
      const first = kind === 'w' ? 'sealed' : 'raw';
      assert.deepEqual(
        facts.map((fact) => fact.kind),
        [first, 'gap', 'raw', 'raw'],
      );
    });
  }

  it('are sealed to the same stream as they were then', () => {
    using raw = goldenWithout('z');
    using sealed = goldenWithout('w');
    const request = { directory: raw.path, containerId, sequence: 1, level: 3 } as const;
    assert.ok(sealSegment(disk, request));
    const then = shapeOf(readStream(sealed.path, containerId));
    assert.deepEqual(shapeOf(readStream(raw.path, containerId)), then);
  });

  it('have a cursor that both find, also in the form of the first version', () => {
    const [cursor, ...others] = readCursors(`${golden}/cursors`, containerId);
    assert.deepEqual(others, []);
    assert.deepEqual(readCursorsBySource(disk, golden, containerId), [cursor]);
    using directory = temporaryDirectory();
    fs.copyFileSync(`${golden}/cursors.v2`, `${directory.path}/cursors`);
    const state = Buffer.from('state of the reader');
    assert.deepEqual(readCursors(`${directory.path}/cursors`, containerId), [
      { ...cursor, state: state.toString('hex') },
    ]);
    assert.deepEqual(readCursorsBySource(disk, directory.path, containerId), [
      { ...cursor, state: new Uint8Array(state) },
    ]);
    assert.deepEqual([cursor?.endpointId, cursor?.ackOrdinal, cursor?.ackedAtMs], [7, 5, 9]);
    const items = readStream(golden, containerId, cursor?.ackLsn);
    assert.deepEqual(framesOf(items).slice(0, 10), framesFrom(5, 10));
  });
});

describe('the document', () => {
  it('names every reason of a gap', () => {
    for (const reason of gapReasons) assert.ok(document.includes(`| \`${reason}\` |`), reason);
  });
});
