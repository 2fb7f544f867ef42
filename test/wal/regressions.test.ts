/** Failures of other systems, told as they happened there; none of them may be ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { ContainerCursors } from '../../src/shipper/container-cursors.ts';
import { CursorKeeper } from '../../src/shipper/cursor-keeper.ts';
import { blockOverheadBytes } from '../../src/wal/format.ts';
import {
  CursorFile,
  listSegmentFacts,
  readCursors,
  removeSegmentsBefore,
  sealSegment,
} from '../../src/wal/index.ts';
import { textFrame } from '../helpers/frames.ts';
import { MemoryDisk } from '../helpers/memory-disk.ts';
import { loseAll, lossOf } from '../helpers/memory-file.ts';
import { MemoryLog } from '../helpers/memory-log.ts';

const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index}`);

function acknowledge(log: MemoryLog, endpointId: number, ackLsn: number, isDurable: boolean): void {
  const file = new CursorFile(log.disk, log.directory, log.containerId);
  const place = { sequence: 1, offset: 64 };
  file.set({ endpointId, ackLsn, ackOrdinal: 0, place, ackedAtMs: 1 }, isDurable);
}

test('vector#17644: a cursor ahead of the data after a loss of power neither loops nor hides lines', () => {
  for (let seed = 0; seed < 40; seed += 1) {
    const log = new MemoryLog();
    log.attach('fifo');
    log.lines(...texts(0, 20));
    // The cursor was synced, the segment was not.
    acknowledge(log, 1, log.endLsn, true);
    const ackedLsn = log.endLsn;
    log.disk.crash(seed === 0 ? loseAll : lossOf(seed, 60));
    const [cursor] = readCursors(log.disk, log.directory, log.containerId);
    assert.equal(cursor?.ackLsn, ackedLsn);
    log.open();
    assert.ok(log.endLsn >= ackedLsn, 'nothing is written before what was acknowledged');
    log.attach('next');
    log.lines(...texts(20, 30));
    const first = log.deliver(ackedLsn);
    assert.deepEqual(first.lines, texts(20, 30), 'every new line reaches who was ahead');
    assert.deepEqual(first.gaps, [], 'and nothing that it has is told lost');
    // Another endpoint had read nothing: it gets what is left, hears of the rest, and goes on.
    const second = log.deliver(0);
    assert.deepEqual(second.lines.slice(-10), texts(20, 30));
    const old = second.lines.slice(0, -10);
    assert.deepEqual(
      old,
      texts(0, 20).filter((text) => old.includes(text)),
      'in order, once',
    );
    if (old.length < 20) assert.ok(second.gaps.length > 0, 'what is lost is told');
  }
});

test('vector#25570: no segment goes before the cursor behind it would survive a loss of power', () => {
  for (let seed = 0; seed < 60; seed += 1) {
    const log = new MemoryLog(1200);
    log.attach('fifo');
    const file = new CursorFile(log.disk, log.directory, log.containerId);
    const { containerId, directory, disk } = log;
    let removableLsn = 0;
    const keeper = new CursorKeeper(silentLog, (container) => {
      removableLsn = container.least().durableLsn;
    });
    const cursors = new ContainerCursors(containerId, file);
    const cursor = cursors.serve(1, { lsn: 0, ordinal: 0 });
    let removed = 0;
    for (let round = 0; round < 30; round += 1) {
      log.lines(...texts(round * 3, round * 3 + 3));
      // Several acknowledgements in one segment: only the first of them is synced.
      const newest = listSegmentFacts(disk, directory, containerId).at(-1);
      const place = { sequence: newest?.sequence ?? 0, offset: 64 };
      cursor.position = { lsn: log.endLsn, ordinal: 0, place };
      keeper.moved(cursor);
      keeper.flush();
      removed += removeSegmentsBefore(disk, directory, containerId, removableLsn);
    }
    assert.ok(removed > 3, 'segments were removed on the way');
    disk.crash(seed === 0 ? loseAll : lossOf(seed, 50));
    const kept = readCursors(disk, directory, containerId)[0]?.ackLsn ?? 0;
    assert.ok(kept >= removableLsn, `${kept} is on the platter, ${removableLsn} was removed`);
    log.open();
    log.attach('next');
    log.lines('after');
    const { lines, gaps } = log.deliver(kept);
    assert.equal(lines.at(-1), 'after');
    const endLsn = cursor.position.lsn;
    assert.ok(
      gaps.every(({ toLsn }) => toLsn <= endLsn),
      'only what was not synced may be lost',
    );
    assert.ok(
      gaps.every(({ fromLsn }) => fromLsn >= removableLsn),
      'nothing removed is told lost',
    );
  }
});

test('vector#25570: a segment that is gone without its cursor is a gap, not an endless restart', () => {
  const log = new MemoryLog(400);
  log.attach('fifo');
  log.lines(...texts(0, 40));
  const facts = listSegmentFacts(log.disk, log.directory, log.containerId);
  const [, second, , fourth] = facts;
  assert.ok(second !== undefined && fourth !== undefined);
  for (const { sequence } of facts.slice(1, 3)) {
    log.disk.unlinkSync(`${log.directory}/0000000000000000000${sequence}.w`);
  }
  for (let restart = 0; restart < 3; restart += 1) {
    log.disk.kill();
    log.open();
    log.lines(`restart ${restart}`);
    const { lines, gaps } = log.deliver();
    assert.equal(lines[0], 'line 0');
    assert.equal(lines.at(-1), `restart ${restart}`);
    assert.equal(gaps.length, 1);
    assert.deepEqual([gaps[0]?.fromLsn, gaps[0]?.toLsn], [second.baseLsn, fourth.baseLsn]);
  }
});

test('moby#53631: a run of zeros hides nothing behind it, and what it costs is told', () => {
  for (const isSealed of [false, true]) {
    // In groups of a few lines: each segment is one, and the middle one is hit.
    const log = new MemoryLog(isSealed ? 700 : 1 << 20);
    log.attach('fifo');
    log.lines(...texts(0, 60));
    log.rotate();
    const { disk, directory, containerId } = log;
    const facts = listSegmentFacts(disk, directory, containerId);
    if (isSealed) {
      for (const { sequence } of facts) {
        sealSegment(disk, { directory, containerId, sequence, level: 3 });
      }
    }
    const hit = facts[Math.floor(facts.length / 2)];
    const ending = isSealed ? 'z' : 'w';
    const path = `${directory}/${String(hit?.sequence).padStart(20, '0')}.${ending}`;
    const bytes = disk.readFileSync(path);
    const middle = Math.floor(bytes.length / 2);
    disk.plant(path, bytes.fill(0, middle - 100, middle + 100));
    const { lines, gaps } = log.deliver();
    assert.equal(lines[0], 'line 0');
    assert.equal(lines.at(-1), 'line 59', 'what stands behind the zeros comes out');
    assert.equal(gaps.length, 1);
    assert.ok(lines.length < 60);
    assert.equal(gaps[0]?.frames, 60 - lines.length, 'the gap counts exactly what is missing');
    assert.deepEqual(
      lines,
      texts(0, 60).filter((text) => lines.includes(text)),
      'in order, once',
    );
    // A reader that stands behind it, as a tail or a look back in time does, meets nothing.
    const behind = log.deliver(gaps[0]?.toLsn);
    assert.deepEqual(behind.gaps, []);
    assert.equal(behind.lines.at(-1), 'line 59');
  }
});

test('loki#14848: lines that come after a second restart are no duplicates of earlier ones', () => {
  const log = new MemoryLog(600);
  log.attach('fifo');
  let ackedLsn = 0;
  const delivered: string[] = [];
  for (let restart = 0; restart < 5; restart += 1) {
    // The same text each time: only the position tells one from another.
    log.lines(...texts(0, 7));
    const { lines, ends, gaps } = log.deliver(ackedLsn);
    assert.deepEqual(gaps, []);
    assert.deepEqual(lines, texts(0, 7), `after restart ${restart} all lines are new`);
    assert.ok(
      ends.every((endLsn) => endLsn > ackedLsn),
      'positions only grow',
    );
    ackedLsn = log.endLsn;
    acknowledge(log, 1, ackedLsn, true);
    delivered.push(...lines);
    log.disk.kill();
    log.open();
    assert.equal(log.endLsn, ackedLsn, 'a restart moves no position');
    // And once more, with nothing written in between.
    log.disk.kill();
    log.open();
    assert.equal(log.endLsn, ackedLsn, 'nor does a second one');
    assert.equal(readCursors(log.disk, log.directory, log.containerId)[0]?.ackLsn, ackedLsn);
  }
  assert.equal(delivered.length, 35);
  assert.deepEqual(log.deliver().lines, delivered);
});

/** A log in which a write of `line 1` gets as far as `length` bytes, then no further. */
function shortWrite(length: number, alsoFails: boolean): MemoryLog {
  const log = new MemoryLog(1 << 20, new MemoryDisk({ blockBytes: 1 }));
  const { disk } = log;
  log.attach('fifo');
  log.lines('line 0');
  disk.capacityBytes = disk.usedBytes + length;
  if (alsoFails) disk.faults.fail('ftruncateSync', 'EIO');
  assert.throws(() => log.lines('line 1'), /ENOSPC/, `${length} bytes fit`);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  return log;
}

const blockBytes = blockOverheadBytes + textFrame('line 1').length;

test('Prometheus: what is written behind a short write, of any length, is read back exactly', () => {
  for (let length = 0; length < blockBytes; length += 1) {
    for (const alsoFails of [false, true]) {
      const log = shortWrite(length, alsoFails);
      assert.deepEqual(log.deliver().lines, ['line 0']);
      // The refused line comes again, as capture's next read; then the process is started anew.
      log.open();
      log.lines('line 1', 'line 2');
      for (let restart = 0; restart < 2; restart += 1) {
        const { lines, gaps } = log.deliver();
        assert.deepEqual(lines, ['line 0', 'line 1', 'line 2'], `${length} bytes were written`);
        assert.deepEqual(gaps, [], `${length} bytes were written`);
        log.disk.kill();
        log.open();
      }
    }
  }
});

test('Prometheus: the writer itself goes on behind a short write of any length', () => {
  for (let length = 0; length < blockBytes; length += 1) {
    for (const alsoFails of [false, true]) {
      const log = shortWrite(length, alsoFails);
      // What the writer counted of the refused line is void: it comes again as a whole.
      log.attach('again');
      log.lines('line 1', 'a longer line 2, longer than what was torn off before it');
      log.disk.kill();
      log.open();
      log.lines('line 3');
      const { lines, gaps } = log.deliver();
      const expected = [
        'line 0',
        'line 1',
        'a longer line 2, longer than what was torn off before it',
      ];
      assert.deepEqual(lines, [...expected, 'line 3'], `${length} bytes were written`);
      assert.deepEqual(gaps, [], `${length} bytes were written`);
    }
  }
});

test('Prometheus: a write that a kill cut at any byte costs that write and nothing else', () => {
  for (let length = 0; length < blockBytes; length += 1) {
    const log = shortWrite(length, true);
    log.disk.kill();
    log.open();
    log.lines('line 1', 'line 2');
    log.disk.kill();
    log.open();
    log.lines('line 3');
    const { lines, gaps } = log.deliver();
    assert.deepEqual(lines, texts(0, 4), `${length} bytes were written`);
    assert.deepEqual(gaps, [], `${length} bytes were written`);
  }
});
