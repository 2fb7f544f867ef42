/**
 * What an endpoint is told of losses: each is one entry, in its place, with the same text and
 * time whenever it is sent, and with the numbers that are true for this endpoint.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import type { SourcePosition, StreamSource } from '../../src/shipper/stream-source.ts';
import type { GapRecord } from '../../src/wal/index.ts';
import { encodeFrame } from '../helpers/frames.ts';
import {
  allOf,
  drainSource,
  type Filled,
  type Got,
  line,
  lines,
  SourceBench,
  texts,
  timeOf,
} from './source-bench.ts';

const isGap = ({ text }: Got): boolean => text.startsWith('holdfast: ');

/** The texts of all entries, those of gaps as their reason in brackets. */
function outline(got: readonly Got[]): string[] {
  return got.map((each) => (isGap(each) ? (/ (\(\w+\))$/.exec(each.text)?.[1] ?? '') : each.text));
}

/** Puts a loss behind line 5. */
type Plant = (log: SourceBench) => void;

/** Puts three lines into a segment of their own, and line 6 behind it; then spoils it. */
const inOwnSegment =
  (spoil: (log: SourceBench, file: string) => void): Plant =>
  (log) => {
    log.writer.closeSegment();
    log.write(lines(100, 102));
    log.writer.closeSegment();
    const file = log.bench.segments().at(-1) ?? '';
    log.write(line(6));
    spoil(log, file);
  };

const placeOf = ({ position }: Filled): number[] => [position.lsn, position.ordinal];

const flipAt = (file: string, at: number): void => {
  const bytes = fs.readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  fs.writeFileSync(file, bytes);
};

const afterNs = timeOf(5).toString();
const lostBytes = lines(100, 102).length;
const size = `\\(${lostBytes} bytes\\)`;

interface Kind {
  plant: Plant;
  says: RegExp;
  /** Whether the plant brings line 6 with it. */
  hasSix?: boolean;
}

/** Every kind of loss, how it gets into a log, and what its line says. */
const kinds: Record<string, Kind> = {
  disk: {
    plant: (log) => log.gap('disk', 1000, { frames: 20, afterNs }),
    says: /^holdfast: up to 20 lines \(1,000 bytes\) are .*\(disk\)$/,
  },
  full: {
    plant: (log) => log.gap('full', 77, { frames: 4, lines: 3, afterNs }),
    says: /^holdfast: 3 lines \(77 bytes\) are .*\(full\)$/,
  },
  evicted: {
    plant: inOwnSegment((log) => log.evict(2)),
    hasSix: true,
    says: new RegExp(`^holdfast: up to 3 lines ${size} are .*\\(evicted\\)$`),
  },
  expired: {
    plant: inOwnSegment((log) => log.evict(2, 'expired')),
    hasSix: true,
    says: new RegExp(`^holdfast: up to 3 lines ${size} are .*\\(expired\\)$`),
  },
  damage: {
    plant: inOwnSegment((_log, file) => flipAt(file, 64 + 80 + 72 + 3)),
    hasSix: true,
    says: new RegExp(`^holdfast: up to 3 lines ${size} are .*\\(damage\\)$`),
  },
  missing: {
    plant: inOwnSegment((_log, file) => fs.unlinkSync(file)),
    hasSix: true,
    says: new RegExp(`^holdfast: up to 3 lines ${size} are .*\\(missing\\)$`),
  },
  torn: {
    plant: (log) => log.gap('torn', 0, { afterNs }),
    says: /^holdfast: an unknown number of lines \(size unknown\) is .*\(torn\)$/,
  },
  desync: {
    plant: (log) => {
      const fromLsn = log.writer.endLsn;
      log.write(Buffer.concat([Buffer.alloc(33, 0x55), line(6)]));
      log.bench.counter.skipped = [];
      log.gap('desync', 0, { fromLsn, toLsn: fromLsn + 33, afterNs });
    },
    hasSix: true,
    says: /^holdfast: an unknown number of lines \(33 bytes\) is .*\(desync\)$/,
  },
  cut: {
    plant: (log) => {
      const fromLsn = log.writer.endLsn;
      log.write(line(99).subarray(0, 12));
      log.detach();
      log.gap('cut', 0, { fromLsn, toLsn: fromLsn + 12, afterNs });
      log.attach('second');
    },
    says: /^holdfast: an unknown number of lines \(12 bytes\) is .*\(cut\)$/,
  },
};

function planted({ plant, hasSix = false }: Kind): SourceBench {
  const log = new SourceBench();
  log.attach();
  log.write(lines(1, 5));
  plant(log);
  log.write(lines(hasSix ? 7 : 6, 9));
  return log;
}

for (const [reason, kind] of Object.entries(kinds)) {
  test(`a loss (${reason}) is one line of the stream, as standard error, in its place and time`, () => {
    using log = planted(kind);
    log.labels = { stdout: '{source="stdout"}', stderr: '{source="stderr"}' };
    const first = drainSource(log.source());
    const got = allOf(first);
    const [told, ...more] = got.filter(isGap);
    assert.deepEqual(more, []);
    assert.match(told?.text ?? '', kind.says);
    assert.equal(told?.labels, '{source="stderr"}');
    // What is given up together is timed by what was given up; all else by line 5 before it.
    const isGivenUp = reason === 'evicted' || reason === 'expired';
    assert.ok(told?.timeNs === timeOf(5) || (isGivenUp && told?.timeNs === timeOf(100)));
    assert.deepEqual(
      got.filter((each) => !isGap(each)).map(({ text }) => text),
      texts(1, 9),
    );
    log.labels = { stdout: '{}', stderr: '{}' };
    const second = drainSource(log.source());
    const order = outline(allOf(second));
    // What the writer skipped it can only tell of behind the block in which it was.
    const place = reason === 'desync' ? 6 : 5;
    assert.equal(order.indexOf(`(${reason})`), place, order.join());
    // The owner hears of it each time that an endpoint does, with the numbers of the line.
    const losses = first.flatMap((filled) => filled.losses);
    assert.deepEqual(
      losses.map((loss) => loss.reason),
      [reason],
    );
    assert.deepEqual(
      second.flatMap((filled) => filled.losses),
      losses,
    );
    const isFoundHere = reason === 'damage' || reason === 'missing';
    if (isFoundHere) assert.deepEqual(losses, [{ reason, bytes: lostBytes, frames: 3 }]);
  });

  test(`a loss (${reason}) is neither doubled nor left out, wherever a batch is full or a process dies`, () => {
    using log = planted(kind);
    const whole = allOf(drainSource(log.source()));
    const sizeMax = whole.reduce((bytes, { text }) => bytes + text.length + 40, 100);
    for (let bytesMax = 1; bytesMax <= sizeMax; bytesMax += 1) {
      const source = log.source();
      const filled = drainSource(source, bytesMax);
      assert.deepEqual(allOf(filled), whole, `batches of ${bytesMax} bytes`);
      if (bytesMax % 7 !== 1) continue;
      const losses = filled.map((each) => each.losses);
      for (const [index, { position }] of filled.entries()) {
        const sent = allOf(filled.slice(0, index + 1)).length;
        // In one process the source knows what it told, and says exactly the rest again.
        source.rewind(position);
        const rest = drainSource(source, bytesMax);
        assert.deepEqual(allOf(rest), whole.slice(sent), `gone back to ${index}`);
        if (index + 1 < filled.length) {
          assert.deepEqual(rest.map(placeOf), filled.slice(index + 1).map(placeOf));
        }
        const lossesOfRest = rest.flatMap((each) => each.losses);
        assert.deepEqual(lossesOfRest, losses.slice(index + 1).flat());
        const again = allOf(drainSource(log.source(position), bytesMax));
        assertGoesOn(whole, sent, again, `batches of ${bytesMax} bytes, at ${index}`);
        // Without the hint of the files as they were, for instance because they are sealed now.
        const found = { ...position, place: { sequence: 0, offset: 0 } };
        assertGoesOn(whole, sent, allOf(drainSource(log.source(found), bytesMax)), 'searched');
      }
    }
  });
}

/** What follows after `sent` entries; a remark at the very place may come once more, the same. */
function assertGoesOn(whole: Got[], sent: number, again: Got[], what: string): void {
  const remarks = whole.slice(0, sent).filter(isGap);
  const isRepeat = remarks.some(({ text }) => text === again[0]?.text);
  const first = again[0];
  if (isRepeat && first !== undefined) assert.deepEqual(first, remarks.at(-1), what);
  assert.deepEqual(isRepeat ? again.slice(1) : again, whole.slice(sent), what);
}

test('tells a remark once although the source goes back to the start of a frame around it', () => {
  using log = new SourceBench();
  log.attach();
  const frames = lines(1, 3);
  const half = line(1).length * 2 + 7;
  log.write(frames.subarray(0, half));
  log.gap('torn', 0, { afterNs });
  log.gap('torn', 0, { afterNs, atMs: 12 });
  const source = log.source();
  const got: Got[] = [];
  // A remark is read when something stands behind it; the frame around it has no end for long.
  for (const [from, to] of [
    [half, half + 1],
    [half + 1, half + 2],
    [half + 2, frames.length],
  ]) {
    log.write(frames.subarray(from, to));
    got.push(...allOf(drainSource(source)));
  }
  assert.deepEqual(outline(got), ['n 1', 'n 2', '(torn)', '(torn)', 'n 3']);
});

test('a loss of a range is told once, by who has a part of it already only for the rest', () => {
  using log = new SourceBench();
  log.attach();
  log.write(lines(1, 10));
  log.writer.closeSegment();
  log.write(lines(11, 30));
  log.writer.closeSegment();
  log.write(lines(31, 35));
  const startLsn = log.writer.endLsn - lines(31, 35).length - 1;
  const reach = (source: StreamSource, bytesMax: number): SourcePosition => {
    const positions = drainSource(source, bytesMax).map(({ position }) => position);
    return positions.find(({ ordinal }) => ordinal > 3 && ordinal < 30) ?? source.position;
  };
  const early = reach(log.source(), 120);
  const late = reach(log.source(), 450);
  assert.ok(early.ordinal < 10 && late.ordinal > 10, `${early.ordinal}, ${late.ordinal}`);
  log.evict(1);
  log.evict(2);
  for (const position of [early, late]) {
    const [told, ...rest] = allOf(drainSource(log.source(position)));
    const bytes = (startLsn + 1 - position.lsn).toLocaleString('en-US');
    const expected = `holdfast: up to ${30 - position.ordinal} lines (${bytes} bytes) are missing here`;
    assert.equal(told?.text.split(':', 2).join(':'), expected);
    assert.deepEqual(outline(rest), texts(31, 35));
  }
  // And who had nothing of it is told of all.
  const [told] = allOf(drainSource(log.source()));
  assert.match(told?.text ?? '', /^holdfast: up to 30 lines /);
});

test('a range that is lost while a frame at its edge is half read is told from that frame on', () => {
  using log = new SourceBench();
  log.attach();
  log.write(Buffer.concat([lines(1, 4), line(5).subarray(0, 9)]));
  log.writer.closeSegment();
  log.write(Buffer.concat([line(5).subarray(9), lines(6, 8)]));
  log.writer.closeSegment();
  log.write(lines(9, 10));
  const source = log.source();
  const before = drainSource(source, 1).find(({ got }) => got.some(({ text }) => text === 'n 4'));
  assert.ok(before !== undefined);
  assert.equal(before.position.ordinal, 4);
  log.evict(2);
  const after = allOf(drainSource(log.source(before.position)));
  assert.deepEqual(outline(after), ['(evicted)', 'n 9', 'n 10']);
  assert.match(after[0]?.text ?? '', /up to 4 lines /);
});

test('a gap that an endpoint was told of is not told again when its segment is given up', () => {
  using log = new SourceBench();
  log.attach();
  log.write(lines(1, 5));
  log.gap('full', 300, { frames: 7 });
  log.write(lines(6, 9));
  log.writer.closeSegment();
  log.write(lines(10, 12));
  // It has passed the gap, and stands before line 8.
  const steps = drainSource(log.source(), 1);
  const passed = steps.find(({ got }) => got.some(({ text }) => text === 'n 7'));
  assert.ok(outline(allOf(steps)).includes('(full)'));
  assert.ok(passed !== undefined);
  log.evict(1);
  const after = allOf(drainSource(log.source(passed.position)));
  assert.deepEqual(outline(after), ['(evicted)', 'n 10', 'n 11', 'n 12']);
  assert.match(after[0]?.text ?? '', /up to 2 lines /);
  const all = allOf(drainSource(log.source()));
  assert.match(all[0]?.text ?? '', /up to 16 lines /);
});

test('an endpoint that is new does not miss what was removed before it came', () => {
  using log = new SourceBench();
  log.attach();
  log.write(lines(1, 5));
  log.writer.closeSegment();
  log.write(lines(6, 8));
  fs.unlinkSync(log.bench.segments()[0] ?? '');
  const fresh = { lsn: 0, ordinal: 0 };
  const filled = drainSource(log.source(fresh), 1);
  assert.deepEqual(outline(allOf(filled)), texts(6, 8));
  assert.deepEqual(
    filled.flatMap(({ losses }) => losses),
    [],
  );
  // One that has stood there before does.
  const known = outline(allOf(drainSource(log.source(), 1)));
  assert.deepEqual(known, ['(missing)', ...texts(6, 8)]);
});

test('a range whose record is not understood is told with what the block itself says', () => {
  using log = new SourceBench();
  log.attach();
  log.write(lines(1, 2));
  const record = { reason: 'melted', note: 'by a newer version' };
  log.gap('disk', 40, record as unknown as Partial<GapRecord>);
  log.write(lines(3, 3));
  const got = allOf(drainSource(log.source()));
  assert.deepEqual(outline(got), ['n 1', 'n 2', '(unknown)', 'n 3']);
  assert.match(got[2]?.text ?? '', /^holdfast: an unknown number of lines \(40 bytes\) is /);
});

test('lines that are open at a loss come before its line, and keep to the size of a batch', () => {
  using log = new SourceBench();
  log.attach();
  const open = Buffer.concat([line(1), pieceOf('begin '.repeat(20))]);
  log.write(open);
  log.gap('disk', 100, { frames: 1, afterNs });
  log.write(line(2));
  for (let bytesMax = 1; bytesMax < 500; bytesMax += 1) {
    const filled = drainSource(log.source(), bytesMax);
    const order = outline(allOf(filled));
    assert.deepEqual(order, ['n 1', 'begin '.repeat(20), '(disk)', 'n 2']);
    for (const { got } of filled) {
      const bytes = got.reduce((sum, { text }) => sum + text.length, 0);
      assert.ok(got.length <= 1 || bytes <= bytesMax, `${bytes} bytes in a batch of ${bytesMax}`);
    }
  }
});

function pieceOf(text: string): Buffer {
  return encodeFrame({
    source: 'stdout',
    timeNano: timeOf(1),
    line: Buffer.from(text),
    partial: true,
    last: false,
    id: 'x',
    ordinal: 1,
  });
}
