/**
 * Claims that a planted bug (test/long/plants.ts) showed to be tested nowhere else: what sealing
 * checks and syncs before the raw file goes, and that a loss is counted to the frame.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { WalCounters } from '../../src/base/wal-counters.ts';
import { SegmentLedger } from '../../src/capture/segment-ledger.ts';
import { type KeptContainer, SegmentUpkeep } from '../../src/capture/segment-upkeep.ts';
import { listSegmentFacts, type StreamWriter, sealSegment } from '../../src/wal/index.ts';
import { textFrame } from '../helpers/frames.ts';
import { loseAll, lossOf } from '../helpers/memory-file.ts';
import { MemoryLog } from '../helpers/memory-log.ts';

const texts = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `line ${index}`);

/** A log of one closed segment with so many lines. */
function closedLog(lines: number): MemoryLog {
  const log = new MemoryLog();
  log.attach('fifo');
  log.lines(...texts(lines));
  log.rotate();
  return log;
}

test('a sealed file that the disk did not keep as it was written takes no raw file with it', () => {
  const sealedBytes = sealedLengthOf(closedLog(60));
  let refused = 0;
  for (let hurtAt = 0; hurtAt < sealedBytes; hurtAt += 1) {
    const log = closedLog(60);
    const { directory, containerId } = log;
    const before = log.deliver();
    turnBit(log, hurtAt);
    try {
      sealSegment(log.disk, { directory, containerId, sequence: 1, level: 3 });
    } catch {
      refused += 1;
    }
    const { lines, gaps } = log.deliver();
    assert.deepEqual(lines, before.lines, `byte ${hurtAt}`);
    assert.deepEqual(gaps, [], `byte ${hurtAt}`);
  }
  assert.ok(refused > sealedBytes / 2, 'most bytes of a sealed file matter');
});

function sealedLengthOf({ disk, directory, containerId }: MemoryLog): number {
  const result = sealSegment(disk, { directory, containerId, sequence: 1, level: 3 });
  return result?.storedBytes ?? 0;
}

/** From now on the byte at `at` of a file that is being sealed lands with one bit turned. */
function turnBit({ disk }: MemoryLog, at: number): void {
  const sealed = new Set<number>();
  const openSync = disk.openSync.bind(disk);
  const writeSync = disk.writeSync.bind(disk);
  disk.openSync = (path, flags, mode) => {
    const fd = openSync(path, flags, mode);
    if (flags === 'w' && path.endsWith('.z.tmp')) sealed.add(fd);
    return fd;
  };
  disk.writeSync = (fd, source, from, length, offset) => {
    const piece = Buffer.from(source.subarray(from, from + length));
    if (sealed.has(fd) && offset <= at && at < offset + length) {
      piece.writeUInt8(piece.readUInt8(at - offset) ^ 1, at - offset);
    }
    return writeSync(fd, piece, 0, length, offset);
  };
}

test('what was synced raw survives a loss of power at any moment behind its sealing', () => {
  for (let seed = 0; seed < 60; seed += 1) {
    const log = closedLog(60);
    const { disk, directory, containerId } = log;
    disk.syncAll();
    assert.ok(sealSegment(disk, { directory, containerId, sequence: 1, level: 3 }));
    // The raw file may be gone for good while what was not synced of the sealed one is not there.
    disk.crash(seed === 0 ? loseAll : lossOf(seed, 50));
    log.open();
    log.attach('next');
    const { lines, gaps } = log.deliver();
    assert.deepEqual(lines, texts(60), `seed ${seed}`);
    assert.deepEqual(gaps, [], `seed ${seed}`);
  }
});

test('a gap that a reader finds counts the frame of which it took the head', () => {
  // Blocks that end anywhere in a frame, and segments of a few of them.
  const all = Buffer.concat(texts(90).map((text) => textFrame(text)));
  for (const cut of [7, 13, 29, 41]) {
    const log = new MemoryLog(500);
    log.attach('fifo');
    for (let at = 0; at < all.length; at += 60 + cut) {
      log.append(all.subarray(at, at + 60 + cut));
    }
    const { disk, directory, containerId } = log;
    const facts = listSegmentFacts(disk, directory, containerId);
    for (const { sequence } of facts.slice(1, -1)) {
      const path = `${directory}/${String(sequence).padStart(20, '0')}.w`;
      const sound = disk.readFileSync(path);
      disk.unlinkSync(path);
      const { lines, gaps } = log.deliver();
      assert.equal(gaps.length, 1, `segment ${sequence}`);
      assert.equal(lines.length + (gaps[0]?.frames ?? 0), 90, `segment ${sequence}, ${cut}`);
      disk.plant(path, sound);
    }
  }
});

test('what is given up is counted once, to the frame, less what is acknowledged', () => {
  for (const acked of [0, 1, 17, 25, 26, 40, 80]) {
    const log = new MemoryLog(900);
    const writer = log.open();
    log.attach('fifo');
    log.lines(...texts(80));
    const counters = new WalCounters(['evicted']);
    const container = keptContainer(log, writer, acked);
    const upkeep = new SegmentUpkeep({
      disk: log.disk,
      log: silentLog,
      counters,
      onSealSeconds: () => {},
    });
    const { containerId, ledger } = container;
    const facts = [...ledger.facts];
    const kept = facts.slice(-2);
    for (const { sequence } of facts.slice(0, -2)) {
      const action = { do: 'evict', containerId, sequence, reason: 'evicted' } as const;
      assert.ok(upkeep.free(container, action));
    }
    const keptFrames = writer.endOrdinal - (kept[0]?.baseOrdinal ?? 0);
    const lost = Math.max(0, 80 - keptFrames - acked);
    assert.equal(counters.gaps.get('evicted')?.frames, lost, `${acked} acknowledged`);
    assert.equal(log.deliver(0).lines.length, keptFrames);
  }
});

/** As upkeep sees a log of which the first `acked` lines are acknowledged. */
function keptContainer(log: MemoryLog, writer: StreamWriter, acked: number): KeptContainer {
  const { disk, directory, containerId } = log;
  const ledger = new SegmentLedger();
  const active = writer.activeSegment?.sequence;
  ledger.load(
    listSegmentFacts(disk, directory, containerId).filter(({ sequence }) => sequence !== active),
  );
  const ackLsn = acked === 0 ? 0 : (log.deliver().ends[acked - 1] ?? 0);
  const position = { ackLsn, ackOrdinal: acked, durableLsn: ackLsn };
  const policy = {
    maxBytes: 1,
    maxEntries: 1,
    maxAgeMs: 1,
    segmentBytes: 1,
    segmentAgeMs: 1,
    sync: 'off',
    full: 'drop-oldest',
    blockTimeoutMs: 0,
    historyBytes: 0,
    historyAgeMs: 0,
  } as const;
  const state = { endedAtMs: undefined, state: 'kept', isSealing: false } as const;
  return { containerId, directory, ledger, writer, policy, ...position, ...state };
}
