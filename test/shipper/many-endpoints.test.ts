/**
 * Several endpoints for one container: each has its own cursor and is in nobody's way; the data
 * stays until the slowest has it; where one begins, what it keeps when its settings change, and
 * what becomes of it when nobody names it any more.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Acknowledged } from '../../src/shipper/container-cursors.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import { readCursors } from '../../src/wal/index.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import {
  delivered,
  endpointOf,
  numbered,
  outage,
  planOf,
  TestSink,
  tick,
  until,
  urlOf,
} from './ship-bench.ts';

const first = 'aa'.repeat(32);
const second = 'bb'.repeat(32);

describe('several endpoints', () => {
  let wal: TestWal;
  let sinks: Map<string, TestSink>;
  let made: string[];
  let shipper: Shipper;
  let told: Map<string, Acknowledged>;

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    sinks = new Map();
    made = [];
    start();
  });

  afterEach(async () => {
    await shipper.close();
    wal.remove();
  });

  function start(): void {
    told = new Map();
    shipper = new Shipper({
      disk,
      log: silentLog,
      createSink: ({ url }) => {
        made.push(url);
        return sinkAt(url).reopen();
      },
      onAcknowledged: (containerId, position) => told.set(containerId, position),
    });
  }

  function sinkAt(url: string): TestSink {
    const sink = sinks.get(url) ?? new TestSink();
    sinks.set(url, sink);
    return sink;
  }

  const sinkOf = (key: string): TestSink => sinkAt(urlOf(key));

  async function logOf(containerId: string, lines: number): Promise<TestLog> {
    const log = await wal.log(containerId);
    log.attach();
    log.write(numberedFrames('n ', 1, lines));
    return log;
  }

  function more(log: TestLog, from: number, to: number): void {
    log.write(numberedFrames('n ', from, to));
    shipper.appended([log.containerId]);
  }

  const ackedOf = (log: TestLog, endpointId: number): number | undefined =>
    readCursors(disk, log.directory, log.containerId).find((each) => each.endpointId === endpointId)
      ?.ackLsn;

  const toldOf = (log: TestLog): number => told.get(log.containerId)?.lsn ?? -1;

  it('each get every line, and the slowest says how far the container is', async () => {
    const log = await logOf(first, 1000);
    sinkOf('b').rule = () => undefined;
    shipper.stream(planOf(log, [endpointOf('a'), endpointOf('b')]));
    await until('the first has all', () => ackedOf(log, 1) === log.endLsn);
    assert.deepEqual(sinkOf('a').texts, numbered(1, 1000));
    assert.equal(toldOf(log), 0);
    const b = sinkOf('b');
    b.rule = () => delivered;
    b.answer(b.open[0]);
    await until('the second has all', () => toldOf(log) === log.endLsn);
    assert.deepEqual(b.texts, numbered(1, 1000));
    assert.equal(told.get(first)?.ordinal, 1000);
    assert.deepEqual([ackedOf(log, 1), ackedOf(log, 2)], [log.endLsn, log.endLsn]);
  });

  it('I4: get the same lines in the same order, whatever another one does', async () => {
    const log = await logOf(first, 5000);
    let count = 0;
    sinkOf('sick').rule = async () => {
      count += 1;
      if (count % 3 === 0) await tick();
      if (count % 5 === 0) return { kind: 'retry', cause: 'limit', reason: '429' };
      return count % 2 === 0 ? outage() : outage({ cause: 'settings', afterMs: 1 });
    };
    sinkOf('mute').rule = () => undefined;
    const endpoints = ['mute', 'sick', 'fine'].map((key) => endpointOf(key));
    shipper.stream(planOf(log, endpoints));
    await until('the fine one has all', () => ackedOf(log, 3) === log.endLsn);
    more(log, 5001, 5100);
    await until('and what comes later', () => ackedOf(log, 3) === log.endLsn);
    assert.ok(sinkOf('sick').pushes.length > 0 && sinkOf('mute').open.length === 1);
    assert.deepEqual(sinkOf('fine').texts, numbered(1, 5100));
    assert.equal(toldOf(log), 0);
  });

  it('share a queue where containers want the same, and none where they differ', async () => {
    const log = await logOf(first, 10);
    const other = await logOf(second, 10);
    shipper.stream(planOf(log, [endpointOf('a'), endpointOf('b')]));
    shipper.stream(planOf(other, [endpointOf('a'), endpointOf('b', { maxBackoffMs: 77 })]));
    await until('all have all', () => toldOf(log) === log.endLsn && toldOf(other) === other.endLsn);
    assert.deepEqual(made.toSorted(), [urlOf('a'), urlOf('b'), urlOf('b')]);
    const stats = shipper.stats();
    assert.deepEqual(
      stats.map(({ endpoint, deliveredEntries, streams }) => [endpoint, deliveredEntries, streams]),
      [
        ['a', 20, 2],
        ['b', 20, 2],
      ],
    );
  });

  it('go on at their cursor with a new password, and what they had comes no second time', async () => {
    const log = await logOf(first, 50);
    const old = endpointOf('a');
    shipper.stream(planOf(log, [old]));
    await until('it has all', () => toldOf(log) === log.endLsn);
    const password = { kind: 'text', text: 'new' } as const;
    const credentials = { kind: 'basic', user: 'u', password } as const;
    shipper.stream(planOf(log, [{ ...old, sink: { ...old.sink, credentials } }]));
    more(log, 51, 60);
    await until('it has the rest', () => toldOf(log) === log.endLsn);
    assert.equal(made.length, 2);
    assert.deepEqual(sinkOf('a').texts, numbered(1, 60));
    assert.equal(shipper.stats()[0]?.deliveredEntries, 60, 'counters go on');
  });

  it('that are no longer named hold nothing back, and no late answer moves their cursor', async () => {
    const log = await logOf(first, 20);
    const endpoints = [endpointOf('a'), endpointOf('b')];
    sinkOf('b').rule = () => undefined;
    shipper.stream(planOf(log, endpoints));
    await until('one is under way', () => sinkOf('b').open.length === 1);
    await until('the other has all', () => ackedOf(log, 1) === log.endLsn);
    assert.equal(toldOf(log), 0);
    shipper.stream(planOf(log, [endpointOf('a')]));
    assert.equal(toldOf(log), log.endLsn);
    sinkOf('b').answer(sinkOf('b').open[0]);
    more(log, 21, 30);
    await until('the first goes on', () => toldOf(log) === log.endLsn);
    assert.equal(ackedOf(log, 2), undefined);
    assert.equal(sinkOf('b').pushes.length, 1);
  });

  it('that are pinned hold the data at their cursor, or at the beginning without one', async () => {
    const log = await logOf(first, 20);
    const [a, b] = [endpointOf('a'), endpointOf('b')];
    shipper.stream(planOf(log, [a, b]));
    await until('both have all', () => toldOf(log) === log.endLsn);
    const held = log.endLsn;
    shipper.stream(planOf(log, [a], [2]));
    more(log, 21, 30);
    await until('the first goes on', () => ackedOf(log, 1) === log.endLsn);
    assert.deepEqual([toldOf(log), told.get(first)?.ordinal], [held, 20]);
    // A new process knows it from the file; and one that never had a cursor from nothing.
    await shipper.close();
    start();
    shipper.stream(planOf(log, [a], [2]));
    assert.equal(toldOf(log), held);
    shipper.stream(planOf(log, [a], [2, 9]));
    assert.equal(toldOf(log), 0);
    shipper.stream(planOf(log, [a]));
    assert.equal(toldOf(log), log.endLsn);
  });

  it('that are pinned let go of what is durably behind them too', async () => {
    const log = await wal.log(first, 5000);
    log.attach();
    log.write(numberedFrames('n ', 1, 200), 1000);
    const [a, b] = [endpointOf('a'), endpointOf('b')];
    shipper.stream(planOf(log, [a, b]));
    await until('both have all', () => toldOf(log) === log.endLsn);
    const held = log.endLsn;
    await shipper.close();
    start();
    shipper.stream(planOf(log, [a], [2]));
    assert.deepEqual(told.get(first), { lsn: held, ordinal: 200, durableLsn: 0 });
    // The next durable cursor of the file takes the others with it.
    log.write(numberedFrames('n ', 201, 600), 1000);
    shipper.appended([first]);
    await until('it is known to be durable', () => told.get(first)?.durableLsn === held);
    assert.equal(toldOf(log), held);
  });

  it('begin with what is new where they are told to, and stay there over a restart', async () => {
    const log = await logOf(first, 100);
    const frame = numberedFrames('n ', 101, 101);
    log.write(frame.subarray(0, 9));
    const late = endpointOf('late', { startAt: 'newest' });
    sinkOf('late').rule = () => undefined;
    shipper.stream(planOf(log, [endpointOf('a'), late]));
    await until('the first has all', () => sinkOf('a').texts.length === 100);
    log.write(frame.subarray(9));
    more(log, 102, 110);
    await until('it is asked', () => sinkOf('late').open.length > 0);
    await shipper.close();
    sinkOf('late').rule = () => delivered;
    more(log, 111, 120);
    start();
    shipper.stream(planOf(log, [endpointOf('a'), late]));
    await until('all is acknowledged', () => toldOf(log) === log.endLsn);
    assert.deepEqual(sinkOf('late').texts, numbered(101, 120));
    assert.deepEqual(sinkOf('a').texts, numbered(1, 120));
    assert.equal(told.get(first)?.ordinal, 120);
  });

  it('finish what is written when asked to, and do not wait for one that is down', async () => {
    const log = await logOf(first, 2000);
    log.write(numberedFrames('n ', 2001, 2001).subarray(0, 7));
    sinkOf('down').rule = () => outage({ afterMs: 3_600_000 });
    const slow = endpointOf('a', { batchWaitMs: 60_000 });
    shipper.stream(planOf(log, [slow, endpointOf('down')]));
    await until('the one that is down said so', () => sinkOf('down').pushes.length > 0);
    const startedMs = performance.now();
    await shipper.drain(600_000);
    assert.deepEqual(sinkOf('a').texts, numbered(1, 2000));
    assert.ok(performance.now() - startedMs < 300_000, 'long before the time is over');
  });

  it('stop a drain when its time is over, and write cursors at the end', async () => {
    const log = await logOf(first, 5);
    sinkOf('a').rule = () => undefined;
    shipper.stream(planOf(log, [endpointOf('a'), endpointOf('b')]));
    await until('both are asked', () => [...sinks.values()].every((one) => one.pushes.length > 0));
    await shipper.close({ drainMs: 50 });
    assert.equal(ackedOf(log, 2), log.endLsn);
    assert.equal(ackedOf(log, 1), undefined);
  });
});
