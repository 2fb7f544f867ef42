import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { joinedLineBytesMax } from '../../src/base/limits.ts';
import { blocksBackwards, blocksOf } from '../../src/wal/block-walk.ts';
import { segmentName } from '../../src/wal/catalog.ts';
import { fileHeaderBytes } from '../../src/wal/format.ts';
import { findReadStart } from '../../src/wal/index.ts';
import { SegmentFile } from '../../src/wal/segment-file.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import type { TestFrame } from '../helpers/frames.ts';
import { HistoryLog } from '../helpers/history-log.ts';
import {
  anyHurts,
  anyLog,
  anyWholeLog,
  hurt,
  type LogPlan,
  writeLog,
} from '../helpers/history-plan.ts';
import { meddledDisk } from '../helpers/meddled-disk.ts';
import { MemoryDisk } from '../helpers/memory-disk.ts';
import { temporaryDirectory } from '../helpers/stream-bench.ts';

const timeNano = 1_700_000_000_000_000_000n;

function whole(text: string, addNs = 0n): TestFrame {
  return { source: 'stdout', timeNano: timeNano + addNs, line: Buffer.from(text) };
}

function piece(source: string, text: string, id: string, last: boolean): TestFrame {
  return { source, timeNano, line: Buffer.from(text), partial: true, id, last, ordinal: 1 };
}

/** What `findReadStart` is asked for. */
interface From {
  lines?: number | undefined;
  sinceNs?: bigint | undefined;
  endLsn?: number | undefined;
}

function startOf(log: HistoryLog, from: From = {}): number {
  const before = openFilesOf(log);
  const start = findReadStart(log.disk, log.directory, log.containerId, from);
  assert.equal(openFilesOf(log), before, 'no file is left open');
  return start;
}

function openFilesOf({ disk }: HistoryLog): number {
  return disk instanceof MemoryDisk ? disk.openPaths.length : 0;
}

/** Positions at which wanted lines begin, of the last lines or of those from a time on. */
function wantedOf(log: HistoryLog, { lines, sinceNs }: From): number[] {
  const all = log.expected();
  const last = lines === undefined ? all : lines === 0 ? [] : all.slice(-lines);
  const wanted = last.filter(({ timeNano: at }) => sinceNs === undefined || at >= sinceNs);
  return wanted.map(({ fromLsn }) => fromLsn);
}

const anyFrom: fc.Arbitrary<From> = fc.record({
  lines: fc.option(fc.oneof(fc.nat(12), fc.constant(1_000_000)), { nil: undefined }),
  sinceNs: fc.option(
    fc.integer({ min: -5, max: 60 }).map((step) => timeNano + BigInt(step) * 500_000_001n),
    { nil: undefined },
  ),
});

/** The word of a loss behind the last byte is not read yet, and so is none of the last lines. */
const lateWord: [LogPlan, From[]] = [
  {
    segmentBytesMax: 300,
    blockSizes: [1],
    steps: [
      { do: 'frame', source: 'stdout', kind: 'whole', bytes: 0, stepNs: 0 },
      { do: 'frame', source: 'stdout', kind: 'whole', bytes: 126, stepNs: 0 },
      { do: 'word', keepBytes: 0 },
    ],
    fates: ['sealed'],
    removedShare: 0,
  },
  [{ lines: 2 }],
];

test('begins on the edge of a frame, and behind nothing that is wanted', () => {
  fc.assert(
    fc.property(anyWholeLog, fc.array(anyFrom, { minLength: 1, maxLength: 8 }), (plan, asked) => {
      const log = writeLog(plan);
      for (const from of asked) {
        const start = startOf(log, from);
        assert.ok(log.edges.has(start), `${start} is an edge`);
        for (const lsn of wantedOf(log, from)) {
          assert.ok(start <= lsn, `begins at ${start}, behind a wanted line at ${lsn}`);
        }
      }
    }),
    { numRuns: 300, examples: [lateWord] },
  );
});

test('begins on an edge in what retention and limits left', () => {
  fc.assert(
    fc.property(anyLog, fc.array(anyFrom, { minLength: 1, maxLength: 8 }), (plan, asked) => {
      const log = writeLog(plan);
      // Without any frame that is whole, it is the end of what there is.
      const ends = log.endLsn;
      for (const from of asked) {
        const start = startOf(log, from);
        const isEdge = log.edges.has(start) || start === ends || isFileEdge(log, start);
        assert.ok(isEdge, `${start} is an edge`);
        assert.ok(start >= startOf(log), 'not before what there is');
      }
    }),
    { numRuns: 300 },
  );
});

/** Whether a segment begins there: behind one that was given up, a reader begins anew. */
function isFileEdge(log: HistoryLog, lsn: number): boolean {
  return log.sequences.some((sequence) => {
    const file = SegmentFile.open(log.disk, log.directory, sequence, log.containerId);
    file?.close();
    return file?.header.baseLsn === lsn;
  });
}

test('whatever is damaged, it throws nothing, loops nowhere and leaves no file open', () => {
  fc.assert(
    fc.property(anyLog, anyHurts, anyFrom, (plan, hurts, from) => {
      const log = writeLog(plan);
      hurt(log, hurts);
      const start = startOf(log, from);
      assert.ok(Number.isSafeInteger(start) && start >= 0 && start <= log.endLsn, `${start}`);
    }),
    { numRuns: 300 },
  );
});

/** 60,000 lines of 100 bytes in blocks of 64 KiB. */
function largeLog(): HistoryLog {
  const log = new HistoryLog(1 << 20);
  for (let number = 0; number < 60_000; number += 1) {
    log.frame(whole(String(number).padStart(100, '0'), BigInt(number)));
    if (number % 600 === 599) log.flush();
  }
  return log;
}

test('for a few lines of a large log it begins near the end, sealed or not', () => {
  const log = largeLog();
  const frameBytes = log.endLsn / 60_000;
  const blocksBytes = 3 * 65_536;
  const check = (): void => {
    for (const lines of [0, 1, 10, 599, 600, 601, 5000]) {
      const start = startOf(log, { lines });
      const wantedLsn = log.endLsn - lines * frameBytes;
      assert.ok(start <= wantedLsn, `${lines} lines`);
      const early = wantedLsn - start;
      assert.ok(
        early <= (log.complete.length > 0 ? 6 : 1) * blocksBytes,
        `${lines} lines: ${early}`,
      );
    }
    const sinceNs = timeNano + 30_000n;
    const start = startOf(log, { sinceNs });
    assert.ok(start <= 30_000 * frameBytes && start > 30_000 * frameBytes - 6 * blocksBytes);
    assert.ok(startOf(log, { sinceNs, lines: 10 }) > log.endLsn - 6 * blocksBytes);
  };
  check();
  for (const sequence of log.complete) log.seal(sequence);
  check();
});

test('a wanted line that has many pieces is begun at its first one', () => {
  const log = new HistoryLog(1 << 20);
  for (let number = 0; number < 5000; number += 1) log.frame(whole(`before ${number}`));
  log.flush();
  const lsn = log.endLsn;
  // A line of nearly the longest there is, and after each piece a line of the other source.
  const part = 'x'.repeat(16_384);
  const count = Math.floor(joinedLineBytesMax / (part.length + 200));
  for (let number = 0; number < count; number += 1) {
    log.frame(piece('stdout', part, 'long', number === count - 1));
    log.frame({ ...whole('other'), source: 'stderr' });
    if (number % 4 === 3) log.flush();
  }
  log.flush();
  for (const lines of [1, 2, 50, count]) {
    const start = startOf(log, { lines });
    assert.ok(start <= lsn, `${lines} lines: ${start} is not behind ${lsn}`);
  }
});

test('a log that is not there, or has nothing in it, is begun at 0', () => {
  const log = new HistoryLog();
  for (const from of [{}, { lines: 5 }, { sinceNs: timeNano }, { lines: 0, sinceNs: 0n }]) {
    assert.equal(startOf(log, from), 0);
  }
  assert.equal(findReadStart(log.disk, '/nowhere', log.containerId, { lines: 3 }), 0);
});

test('behind what retention took the middle of a frame is passed over', () => {
  const log = new HistoryLog(1 << 20);
  log.frame(whole('first'));
  log.frame(whole('cut'));
  log.flush([65_536], 10);
  log.rotate();
  log.frame(whole('second'));
  log.flush();
  const [, cut, second] = log.events;
  assert.ok(cut?.what === 'frame' && second?.what === 'frame');
  assert.equal(log.removeBefore(log.endLsn - 1), 1);
  for (const from of [{}, { lines: 9 }, { sinceNs: 0n }]) {
    assert.equal(startOf(log, from), second.fromLsn);
  }
});

test('where a log has only the word of a loss it begins there', () => {
  const log = new HistoryLog(1 << 20);
  for (let number = 0; number < 3; number += 1) {
    log.frame(whole(`${number}`, BigInt(number)));
    log.flush();
    log.rotate();
  }
  for (const sequence of log.complete) log.evict(sequence);
  assert.equal(startOf(log), 0);
  assert.equal(startOf(log, { lines: 0 }), 0);
  assert.equal(startOf(log, { sinceNs: timeNano }), 0);
});

test('the word of a loss counts as wanted from its own time on', () => {
  const log = new HistoryLog(1 << 20);
  for (const addNs of [0n, 10n, 20n]) {
    log.frame(whole('x', addNs));
    log.flush();
    log.rotate();
  }
  const [, middle = 0] = log.complete;
  log.evict(middle);
  // It has the time of the first line that is lost, later than the line before it.
  const [, lost] = log.events;
  assert.equal(startOf(log, { sinceNs: timeNano + 5n }), lost?.what === 'frame' && lost.fromLsn);
});

test('the word of a loss without a time of its own has that of the frame before it', () => {
  for (const isSealed of [false, true]) {
    const log = new HistoryLog(1 << 20);
    // Nothing stands before it: it has the time at which it was noticed.
    log.gap(100);
    assert.equal(startOf(log, { sinceNs: 1n }), 0);
    log.frame(whole('x'));
    log.flush();
    log.gap(50, false, 1_900_000_000_000);
    const { endLsn } = log;
    log.frame(whole('y'));
    log.flush();
    log.rotate();
    if (isSealed) log.seal(1);
    assert.equal(startOf(log, { sinceNs: 1_600_000_000_000_000_000n }), 0);
    // Right before what is wanted, though it is earlier: some of what is lost may be wanted.
    assert.equal(startOf(log, { sinceNs: timeNano }), 0);
    // As late as it was noticed, but not as late as the frame before it.
    assert.equal(startOf(log, { sinceNs: timeNano + 1n }), endLsn);
  }
});

test('damage at the very beginning of a log is not passed over in silence', () => {
  const log = new HistoryLog(1 << 20);
  for (let number = 0; number < 6; number += 1) {
    log.frame(whole(`${number}`));
    log.flush();
    if (number === 2) log.rotate();
  }
  const { disk } = log;
  assert.ok(disk instanceof MemoryDisk);
  const path = `${log.directory}/00000000000000000001.w`;
  const sound = disk.readFileSync(path);
  // The first block: the log begins with a hole.
  const hurtBlock = Buffer.from(sound);
  hurtBlock[fileHeaderBytes + 5] = 0xff;
  disk.plant(path, hurtBlock);
  assert.equal(startOf(log), 0);
  assert.equal(startOf(log, { lines: 100 }), 0);
  // The head of the file: the log began with segment 1, so all of it is a hole.
  disk.plant(path, sound.subarray(3));
  assert.equal(startOf(log), 0);
  // A segment that is gone is one that retention took.
  disk.unlinkSync(path);
  assert.ok(startOf(log) > 0);
});

test('a last block that is being written does no harm, whatever part of it is there', () => {
  const log = new HistoryLog(1 << 20);
  for (let number = 0; number < 5; number += 1) {
    log.frame(whole(`${number}`));
    log.flush();
  }
  const { disk } = log;
  assert.ok(disk instanceof MemoryDisk);
  const path = `${log.directory}/00000000000000000001.w`;
  const bytes = disk.readFileSync(path);
  const frames = log.events.flatMap((event) => (event.what === 'frame' ? [event.fromLsn] : []));
  const fourthLsn = frames[3] ?? 0;
  const blockBytes = (bytes.length - fileHeaderBytes) / 5;
  for (let cut = 1; cut < blockBytes; cut += 1) {
    disk.plant(path, bytes.subarray(0, bytes.length - cut));
    assert.ok(startOf(log, { lines: 1 }) <= fourthLsn, `cut ${cut}`);
    assert.ok(startOf(log, { lines: 1 }) >= (frames[2] ?? 0), `cut ${cut}`);
  }
});

test('lines that came after the question do not count', () => {
  const log = new HistoryLog(1 << 20);
  for (let number = 0; number < 100; number += 1) {
    log.frame(whole(`${number}`));
    log.flush();
  }
  const { endLsn } = log;
  const start = startOf(log, { lines: 10, endLsn });
  for (let number = 0; number < 1000; number += 1) log.frame(whole('later'));
  log.flush();
  assert.equal(startOf(log, { lines: 10, endLsn }), start);
  assert.ok(startOf(log, { lines: 10 }) > start);
});

test('walks the blocks of a file backwards as forwards, also when a trailer is hurt', () => {
  const log = new HistoryLog(1 << 20);
  for (let number = 0; number < 8; number += 1) {
    log.frame(whole('y'.repeat(number * 7)));
    log.flush();
  }
  const { disk } = log;
  assert.ok(disk instanceof MemoryDisk);
  const path = `${log.directory}/00000000000000000001.w`;
  const sound = disk.readFileSync(path);
  const walk = (): { forwards: number[]; backwards: number[] } => {
    const file = SegmentFile.open(disk, log.directory, 1, log.containerId);
    assert.ok(file !== undefined);
    const forwards: number[] = [];
    for (const { offset } of blocksOf(file)) forwards.push(offset);
    const backwards: number[] = [];
    for (const { offset } of blocksBackwards(file)) backwards.push(offset);
    file.close();
    return { forwards, backwards };
  };
  const { forwards } = walk();
  assert.equal(forwards.length, 8);
  for (const end of [...forwards.slice(1), sound.length]) {
    for (const target of [0, ...forwards]) {
      // The trailer says that its block begins at another one.
      const damaged = Buffer.from(sound);
      damaged.writeUInt32LE(Math.max(0, end - target), end - 8);
      disk.plant(path, damaged);
      assert.deepEqual(walk().backwards.toReversed(), forwards, `${target} before ${end}`);
    }
  }
});

test('throws what the disk throws, and leaves no file open', () => {
  using directory = temporaryDirectory();
  const disk = new FaultyDisk();
  const log = new HistoryLog(200, disk, directory.path);
  for (let number = 0; number < 20; number += 1) {
    log.frame(whole(`${number}`));
    log.flush();
  }
  log.rotate();
  assert.equal(disk.openPaths.size, 0);
  const froms: From[] = [{}, { lines: 5 }, { sinceNs: timeNano + 1n }];
  for (const call of ['openSync', 'readdirSync', 'fstatSync'] as const) {
    // Nobody asks for the length of a file that is read from its beginning.
    for (const from of call === 'fstatSync' ? froms.slice(1) : froms) {
      disk.fail(call, 'EMFILE', call === 'openSync' ? 1 : 0);
      assert.throws(() => findReadStart(disk, log.directory, log.containerId, from), /EMFILE/);
      assert.equal(disk.openPaths.size, 0, call);
      disk.heal();
    }
  }
});

test('never begins behind what is wanted, at whatever call of it segments are given up', () => {
  let calls = Number.POSITIVE_INFINITY;
  for (let at = 0; at < calls; at += 1) {
    const log = new HistoryLog(600);
    for (let n = 0; n < 400; n += 1) log.frame(whole(`n ${n}`, BigInt(n)));
    log.flush([100]);
    const given = log.complete.slice(0, 5);
    calls = 0;
    const disk = meddledDisk(log.disk, (call) => {
      calls = call + 1;
      if (call === at) for (const sequence of given) log.evict(sequence);
    });
    // A line in the fourth of them.
    const sinceNs = timeNano + 60n;
    const [wanted = -1] = wantedOf(log, { sinceNs });
    const start = findReadStart(disk, log.directory, log.containerId, { sinceNs });
    assert.ok(start <= wanted, `${start} at call ${at}, and ${wanted} is wanted`);
  }
});

test('what is removed in order, time and again, sends no search to the beginning of the log', () => {
  const log = new HistoryLog(600);
  for (let n = 0; n < 1500; n += 1) log.frame(whole(`n ${n}`, BigInt(n)));
  log.flush([100]);
  const start = startOf(log, { lines: 3 });
  let removed = 0;
  const disk = meddledDisk(log.disk, (call) => {
    const [oldest = 0] = log.sequences;
    if (call % 3 > 0) return;
    log.disk.unlinkSync(`${log.directory}/${segmentName(oldest)}`);
    removed += 1;
  });
  assert.equal(findReadStart(disk, log.directory, log.containerId, { lines: 3 }), start);
  assert.ok(removed > 2, `only ${removed} segments went`);
});
