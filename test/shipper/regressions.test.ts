/**
 * Bugs by which other shippers have lost lines, each as one test by the name of its report; and
 * that a shipper speaks of what it finds lost.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { nodeFileSystem as disk, type FileSystem } from '../../src/base/file-system.ts';
import { type Log, silentLog } from '../../src/base/log.ts';
import type { StreamOptions } from '../../src/shipper/endpoint-options.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import { CursorFile, readCursors } from '../../src/wal/index.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { rulesOf } from '../helpers/runs.ts';
import { delivered, endpointOf, numbered, planOf, TestSink, until, urlOf } from './ship-bench.ts';

const first = 'aa'.repeat(32);
const second = 'bb'.repeat(32);

describe('delivery, where others have lost lines', () => {
  let wal: TestWal;
  let sinks: Map<string, TestSink>;
  let shippers: Shipper[];

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    sinks = new Map();
    shippers = [];
  });

  afterEach(async () => {
    await Promise.all(shippers.map(async (shipper) => shipper.close()));
    wal.remove();
  });

  function start(fileSystem: FileSystem = disk, log: Log = silentLog): Shipper {
    const shipper = new Shipper({
      disk: fileSystem,
      log,
      createSink: ({ url }) => sinkOf(url).reopen(),
      onAcknowledged: () => {},
    });
    shippers.push(shipper);
    return shipper;
  }

  function sinkOf(url: string): TestSink {
    const sink = sinks.get(url) ?? new TestSink();
    sinks.set(url, sink);
    return sink;
  }

  /** From now on the endpoint takes so many pushes in all, and hangs with the next one. */
  function takes(key: string, pushes: number): void {
    sinkOf(urlOf(key)).rule = (_push, index) => (index < pushes ? delivered : undefined);
  }

  function optionsOf(log: TestLog, key: string, endpointId: number): StreamOptions {
    const endpoint = endpointOf(key, { batchSizeBytes: 600, batchWaitMs: 1 });
    return planOf(log, [{ endpointId, endpoint, ...rulesOf({ stdout: '{}', stderr: '{}' }) }]);
  }

  async function logOf(containerId: string, lines: number): Promise<TestLog> {
    const log = await wal.log(containerId);
    log.attach();
    log.write(numberedFrames('n ', 1, lines));
    return log;
  }

  const ackedOf = (log: TestLog, endpointId: number): number =>
    readCursors(disk, log.directory, log.containerId).find((each) => each.endpointId === endpointId)
      ?.ackLsn ?? 0;

  it('alloy#7065: entries of a push that was cancelled at shutdown are not counted as sent', async () => {
    const log = await logOf(first, 10);
    const said: string[] = [];
    const counting = pino({ level: 'info' }, { write: (text: string) => said.push(text) });
    const shipper = start(disk, counting);
    shipper.stream(optionsOf(log, 'a', 1));
    await until('ten lines are acknowledged', () => ackedOf(log, 1) === log.endLsn);
    const ackedLsn = log.endLsn;
    // Several batches: one is under way, one waits for its turn, one is being filled.
    const answered = sinkOf(urlOf('a')).pushes.length;
    takes('a', answered);
    log.write(numberedFrames('n ', 11, 90));
    shipper.appended([first]);
    await until('a push is under way', () => sinkOf(urlOf('a')).pushes.length > answered);
    await shipper.close();
    assert.equal(ackedOf(log, 1), ackedLsn);
    assert.match(said.at(-1) ?? '', /"deliveredEntries":10,"rejectedEntries":0,/);
    sinks.clear();
    start().stream(optionsOf(log, 'a', 1));
    await until('all is acknowledged', () => ackedOf(log, 1) === log.endLsn);
    assert.deepEqual(sinkOf(urlOf('a')).texts, numbered(11, 90));
  });

  it('alloy#6154: two endpoints never share a cursor', async () => {
    const log = await logOf(first, 30);
    const other = await logOf(second, 30);
    // In the file: setting one leaves the other, in this process and for the next.
    const file = new CursorFile(disk, other.directory, second);
    const place = { sequence: 1, offset: 64 };
    const cursor = { ackOrdinal: 1, place, ackedAtMs: 5 };
    file.set({ ...cursor, endpointId: 7, ackLsn: 70 }, false);
    assert.equal(file.get(8), undefined);
    file.set({ ...cursor, endpointId: 8, ackLsn: 20 }, false);
    file.set({ ...cursor, endpointId: 7, ackLsn: 90 }, false);
    const again = new CursorFile(disk, other.directory, second);
    assert.deepEqual([again.get(7)?.ackLsn, again.get(8)?.ackLsn], [90, 20]);
    // One endpoint takes all, the other hangs: its container stays where it is.
    takes('b', 0);
    const shipper = start();
    shipper.stream(optionsOf(log, 'a', 1));
    shipper.stream(optionsOf(other, 'b', 2));
    await until('the first has all', () => ackedOf(log, 1) === log.endLsn);
    await until('the second was asked', () => sinkOf(urlOf('b')).pushes.length > 0);
    assert.equal(ackedOf(log, 2), 0);
    assert.deepEqual([ackedOf(other, 1), ackedOf(other, 2)], [0, 0]);
    // The same container for another endpoint: that one has nothing of it yet.
    shipper.stream(optionsOf(log, 'c', 3));
    await until('the third has all', () => ackedOf(log, 3) === log.endLsn);
    assert.deepEqual(sinkOf(urlOf('c')).texts, numbered(1, 30));
    // And back: the first has it all and gets nothing twice.
    const before = sinkOf(urlOf('a')).pushes.length;
    log.write(numberedFrames('n ', 31, 31));
    shipper.stream(optionsOf(log, 'a', 1));
    await until('the first has the rest', () => ackedOf(log, 1) === log.endLsn);
    assert.equal(sinkOf(urlOf('a')).texts.filter((line) => line === 'n 30').length, 1);
    assert.ok(sinkOf(urlOf('a')).pushes.length > before);
  });

  it('alloy#7112: a position in the segment still being written survives a kill', async () => {
    const log = await logOf(first, 80);
    const power = { isOn: true };
    // A killed process moves no cursor any more, whatever its timers would like to do.
    const mortal: FileSystem = {
      ...disk,
      openSync: (...parameters) => {
        if (!power.isOn) throw new Error('this process is dead');
        return disk.openSync(...parameters);
      },
    };
    // The endpoint takes a part of what is in the segment, and no more.
    takes('a', 2);
    start(mortal).stream(optionsOf(log, 'a', 1));
    await until('a third push is under way', () => sinkOf(urlOf('a')).pushes.length > 2);
    await until('a part is acknowledged', () => ackedOf(log, 1) > 0);
    await until('both answers are in the cursor', () => {
      const taken = sinkOf(urlOf('a')).texts.length;
      return readCursors(disk, log.directory, first)[0]?.ackOrdinal === taken;
    });
    power.isOn = false;
    assert.ok(ackedOf(log, 1) < log.endLsn);
    const taken = sinkOf(urlOf('a')).texts.length;
    // More comes into the same segment while nobody ships it.
    log.write(numberedFrames('n ', 81, 120));
    sinks.clear();
    start().stream(optionsOf(log, 'a', 1));
    await until('all is acknowledged', () => ackedOf(log, 1) === log.endLsn);
    assert.deepEqual(sinkOf(urlOf('a')).texts, numbered(taken + 1, 120));
    const [cursor] = readCursors(disk, log.directory, first);
    assert.deepEqual([cursor?.place.sequence, cursor?.ackOrdinal], [1, 120]);
  });

  it('tells its owner of what it finds damaged, and counts it for that endpoint', async () => {
    const log = await wal.log(first, 500);
    log.attach();
    log.write(numberedFrames('n ', 1, 60), 100);
    const segment = `${log.directory}/00000000000000000002.w`;
    const bytes = disk.readFileSync(segment);
    bytes.fill(0, 64);
    fs.writeFileSync(segment, bytes);
    const losses: unknown[][] = [];
    const sink = sinkOf(urlOf('a'));
    const shipper = new Shipper({
      disk,
      log: silentLog,
      createSink: () => sink,
      onAcknowledged: () => {},
      onLoss: (...loss) => losses.push(loss),
    });
    shippers.push(shipper);
    shipper.stream(optionsOf(log, 'a', 1));
    await until('all is acknowledged', () => ackedOf(log, 1) === log.endLsn);
    const told = sink.texts.filter((line) => line.startsWith('holdfast: '));
    const lost = 60 - (sink.texts.length - told.length);
    assert.equal(losses.length, 1);
    const [label, reason, lostBytes, frames] = losses[0] ?? [];
    assert.deepEqual([label, reason, frames], ['a', 'damage', lost]);
    const size = `\\(${Number(lostBytes).toLocaleString('en-US')} bytes\\)`;
    assert.match(
      told.join('\n'),
      new RegExp(`^holdfast: up to ${lost} lines ${size} .*\\(damage\\)$`),
    );
  });
});
