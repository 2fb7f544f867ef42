/**
 * What delivery does while an endpoint is down: it opens the breaker, holds nothing, reads
 * nothing, asks with one small probe, and goes on where it was; and when it gives up.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk, type FileSystem } from '../../src/base/file-system.ts';
import { createLog } from '../../src/base/log.ts';
import type { RejectedEntry } from '../../src/rejected/entry.ts';
import { failuresToOpen } from '../../src/shipper/breaker.ts';
import type { EndpointOptions } from '../../src/shipper/endpoint-options.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import {
  delivered,
  endpointOf,
  numbered,
  outage,
  type Push,
  planOf,
  TestSink,
  textsOf,
  tick,
  until,
} from './ship-bench.ts';

const first = 'aa'.repeat(32);
const probeBytesMax = 16 * 1024;

describe('an endpoint that is down', () => {
  let wal: TestWal;
  let sink: TestSink;
  let shipper: Shipper;
  let reads: number;
  let acked: number;
  let rejected: RejectedEntry[];
  let said: string[];

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    sink = new TestSink();
    reads = 0;
    acked = 0;
    rejected = [];
    said = [];
    const counting: FileSystem = {
      ...disk,
      readSync: (...parameters) => {
        reads += 1;
        return disk.readSync(...parameters);
      },
    };
    shipper = new Shipper({
      disk: counting,
      log: createLog({ level: 'info', thread: 'delivery', write: (text) => said.push(text) }),
      createSink: () => sink,
      onAcknowledged: (_containerId, { lsn }) => {
        acked = lsn;
      },
      onRejected: (entries) => rejected.push(...entries),
    });
  });

  afterEach(async () => {
    await shipper.close();
    wal.remove();
  });

  async function begin(lines: number, changes: Partial<EndpointOptions> = {}): Promise<TestLog> {
    const log = await wal.log(first);
    log.attach();
    log.write(numberedFrames('n ', 1, lines));
    shipper.stream(planOf(log, [endpointOf('k', changes)]));
    return log;
  }

  const stats = () => shipper.stats()[0];

  it('is not read for while the breaker is open, and nothing is held for it', async () => {
    // The fifth failure opens it for a minute.
    sink.rule = (_push, index) =>
      outage(index + 1 < failuresToOpen ? {} : { afterMs: 60_000, cause: 'limit' });
    const log = await begin(5000);
    await until('it opens', () => stats()?.breaker === 'open');
    const { length } = sink.pushes;
    const before = { reads, encoded: sink.encoded };
    log.write(numberedFrames('n ', 5001, 6000));
    shipper.appended([first]);
    // Longer than the poll for lost signals.
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.deepEqual({ reads, encoded: sink.encoded }, before);
    assert.equal(sink.pushes.length, length);
    const { inFlight, backlogBytes, backlogEntries, backlogSeconds = -1 } = stats() ?? {};
    assert.deepEqual([inFlight, backlogBytes, backlogEntries], [0, log.endLsn, 6000]);
    assert.ok(backlogSeconds >= 0 && backlogSeconds < 60, `${backlogSeconds} s`);
    assert.deepEqual(stats()?.retries, { outage: 4, limit: 1, settings: 0 });
    const entriesOf = (pushes: Push[]): number => textsOf(pushes).length;
    const bytesOf = (pushes: Push[]): number => pushes.reduce((sum, { bytes }) => sum + bytes, 0);
    const [early, last] = [sink.pushes.slice(0, 4), sink.pushes.slice(4)];
    const { retriedEntries, retriedBytes } = stats() ?? {};
    assert.deepEqual(retriedEntries, {
      outage: entriesOf(early),
      limit: entriesOf(last),
      settings: 0,
    });
    assert.deepEqual(retriedBytes, { outage: bytesOf(early), limit: bytesOf(last), settings: 0 });
    assert.ok((retriedEntries?.outage ?? 0) > 0);
  });

  it('gets one probe of at most 16 KiB at a time, then small batches, and every line once', async () => {
    let isUp = false;
    let probes = 0;
    sink.rule = (push, index) => {
      if (isUp) return delivered;
      if (index >= failuresToOpen) {
        probes += 1;
        assert.ok(push.bytes <= probeBytesMax, `the probe has ${push.bytes} bytes`);
        assert.equal(sink.open.length, 0, 'nothing else is under way');
        if (probes === 6) isUp = true;
      }
      return isUp ? delivered : outage();
    };
    const log = await begin(30_000, { batchSizeBytes: 1 << 20 });
    await until('all is acknowledged', () => acked === log.endLsn);
    assert.equal(probes, 6);
    assert.deepEqual(sink.texts, numbered(1, 30_000));
    assert.equal(stats()?.breaker, 'closed');
    // A server that has just come back is not met with the largest batch.
    const [probe, next] = sink.taken;
    assert.ok((probe?.bytes ?? 0) <= probeBytesMax && (next?.bytes ?? 0) <= 64 * 1024);
  });

  it('is told of at once and not again within a minute, and when it is over', async () => {
    sink.rule = (_push, index) => (index < 12 ? outage({ reason: 'nobody home' }) : delivered);
    const log = await begin(10);
    await until('all is acknowledged', () => acked === log.endLsn);
    const lines = said.filter((text) => text.includes('nobody home'));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /"level":"warn".*"endpoint":"k".*they are kept and tried again/);
    const over = said.filter((text) => text.includes('the endpoint takes logs again'));
    assert.equal(over.length, 1);
    assert.match(over[0] ?? '', /"attempts":13/);
  });

  it('is an error that names the endpoint where somebody must mend settings, with nothing lost', async () => {
    sink.rule = () => ({ kind: 'retry', cause: 'settings', reason: '401: check', status: 401 });
    await begin(10, { retries: 1, givesUp: true });
    await until('it was asked', () => stats()?.retries.settings === 1);
    assert.match(said.join(''), /"level":"error".*"endpoint":"k".*"reason":"401: check"/);
    for (let turn = 0; turn < 50; turn += 1) await tick();
    assert.deepEqual([sink.pushes.length, acked, rejected.length], [1, 0, 0]);
  });

  it('never uses up attempts unless it is to give up, by outages or by limits', async () => {
    const failures = [outage(), outage({ status: 503 }), outage({ cause: 'limit', status: 429 })];
    sink.rule = (_push, index) => (index < 20 && failures[index % 3]) || delivered;
    const log = await begin(100, { retries: 2 });
    await until('all is acknowledged', () => acked === log.endLsn);
    assert.deepEqual(sink.texts, numbered(1, 100));
    assert.equal(rejected.length, 0);
  });

  for (const retries of [1, 3, 7]) {
    it(`loses a batch to rejected/ after ${retries} attempts if it is to give up`, async () => {
      const giveUp = { retries, givesUp: true, maxLineBytes: 1 << 20 };
      sink.rule = (push) => (textsOf([push]).includes('n 1') ? outage({ status: 503 }) : delivered);
      const log = await begin(100, giveUp);
      await until('all is acknowledged', () => acked === log.endLsn);
      assert.equal(sink.pushes.length, retries);
      assert.deepEqual(
        rejected.map(({ line }) => line.toString()),
        numbered(1, 100),
      );
      for (const { reason, endpoint, endpointKey, labels, detail, status } of rejected) {
        assert.deepEqual([reason, endpoint, endpointKey], ['given_up', 'k', 'k']);
        assert.equal(labels, '{out="aa"}');
        assert.equal(detail, `given up after ${retries} attempts: down`);
        assert.equal(status, 503);
      }
      assert.equal(stats()?.rejectedEntries.given_up, 100);
      log.write(numberedFrames('n ', 101, 110));
      shipper.appended([first]);
      await until('what comes after is taken', () => acked === log.endLsn);
      assert.deepEqual(sink.texts, numbered(101, 110));
    });
  }

  it('gives up at limits as well, if it is to give up at all', async () => {
    sink.rule = () => outage({ cause: 'limit', status: 429 });
    const log = await begin(100, { retries: 3, givesUp: true, maxLineBytes: 1 << 20 });
    await until('all is acknowledged', () => acked === log.endLsn);
    assert.equal(sink.pushes.length, 3);
    assert.deepEqual(
      rejected.map(({ line }) => line.toString()),
      numbered(1, 100),
    );
  });

  it('with a limit below the size of a batch gets all, in smaller batches', async () => {
    sink.rule = (push) =>
      push.bytes > 100_000 ? { kind: 'retry', cause: 'limit', reason: '429' } : delivered;
    const log = await begin(30_000, { batchSizeBytes: 1 << 20 });
    await until('all is acknowledged', () => acked === log.endLsn);
    assert.deepEqual(sink.texts, numbered(1, 30_000));
  });
});
