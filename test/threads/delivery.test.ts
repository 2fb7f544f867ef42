/**
 * Delivery on real threads, from a log on disk to a double of Loki: threads that die, that end
 * in the middle of work, and what is told of them. What one thread does with a stream is tested
 * in test/shipper.
 */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { EndpointOptions, StreamOptions } from '../../src/shipper/endpoint-options.ts';
import type { QueueStats } from '../../src/shipper/queue-stats.ts';
import { Delivery, type DeliveryOptions, threadIndexOf } from '../../src/threads/delivery.ts';
import { DeliveryThread } from '../../src/threads/delivery-thread.ts';
import { numberedFrames, textFrame } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { rulesOf } from '../helpers/runs.ts';
import { keepingLog } from '../metrics/helpers.ts';

const lines = 500;
const waitMsMax = 20_000;

/** The id of the nth container; their threads are not the same. */
const idOf = (index: number): string => index.toString(16).padStart(64, '0');

describe('the delivery threads', () => {
  let wal: TestWal;
  let loki: LokiDouble;
  let workers: Worker[];
  let acked: Map<string, number>;
  let released: string[];
  let losses: [endpoint: string, reason: string, frames: number][];
  let rejectedLost: number;
  let said: string[];
  let open: Delivery[];

  const onWorker = (worker: Worker): void => {
    workers.push(worker);
  };

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    loki = new LokiDouble();
    await loki.start();
    workers = [];
    acked = new Map();
    released = [];
    losses = [];
    rejectedLost = 0;
    open = [];
    process.on('worker', onWorker);
  });

  afterEach(async () => {
    process.off('worker', onWorker);
    // Whatever a test left: it must not wait for an endpoint.
    await loki.stop();
    await Promise.all(workers.map((worker) => worker.terminate()));
    await Promise.all(open.map((delivery) => delivery.close()));
    wal.remove();
  });

  function start(options: Partial<DeliveryOptions> = {}): Delivery {
    const keeping = keepingLog();
    said = keeping.lines;
    const { log } = keeping;
    const child = (): typeof log => log;
    const delivery = new Delivery({
      log: Object.assign(log, { child }),
      logLevel: 'silent',
      threads: 1,
      walRoot: wal.root,
      rejectedMaxBytes: 1 << 20,
      events: {
        onAcknowledged: (containerId, { lsn }) => acked.set(containerId, lsn),
        onLoss: (endpoint, reason, _bytes, frames) => losses.push([endpoint, reason, frames]),
        onQuarantined: () => undefined,
        onRejectedLost: (entries) => {
          rejectedLost += entries;
        },
        onReleased: (containerId) => released.push(containerId),
      },
      ...options,
    });
    open.push(delivery);
    return delivery;
  }

  function endpointOf(changes: Partial<EndpointOptions> = {}, url = loki.url): EndpointOptions {
    return {
      key: 'aa'.repeat(32),
      label: 'eu',
      sink: {
        url: `${url}/loki/api/v1/push`,
        timeoutMs: 5000,
        encoding: 'protobuf',
        headers: {},
        tls: { skipVerify: false },
      },
      startAt: 'oldest',
      batchSizeBytes: 64 * 1024,
      batchWaitMs: 50,
      minBackoffMs: 20,
      maxBackoffMs: 100,
      retries: 0,
      givesUp: false,
      maxLineBytes: 256 * 1024,
      longLines: 'truncate',
      ...changes,
    };
  }

  function streamOf(log: TestLog, ...endpoints: EndpointOptions[]): StreamOptions {
    const { containerId, directory } = log;
    const name = containerId.slice(-4);
    const labels = { stdout: `{c="${name}", s="out"}`, stderr: `{c="${name}", s="err"}` };
    return {
      ...{ containerId, directory, committed: log.committed.buffer },
      endpoints: endpoints.map((endpoint, index) => ({
        endpointId: index + 1,
        endpoint,
        ...rulesOf(labels),
      })),
      pinnedIds: [],
    };
  }

  async function makeLogs(count: number, filled = true): Promise<TestLog[]> {
    const logs: TestLog[] = [];
    for (let index = 0; index < count; index += 1) {
      const log = await wal.log(idOf(index));
      log.attach();
      if (filled) log.write(numberedFrames('n ', 1, lines));
      logs.push(log);
    }
    return logs;
  }

  async function until(what: string, condition: () => boolean): Promise<void> {
    const startedMs = performance.now();
    while (!condition()) {
      if (performance.now() - startedMs > waitMsMax) {
        const state = JSON.stringify({ loki: loki.counts(), said });
        throw new Error(`waited in vain until ${what}: ${state}`);
      }
      await setTimeout(5);
    }
  }

  const isAcked = (log: TestLog): boolean => (acked.get(log.containerId) ?? 0) >= log.endLsn;

  async function allAcked(logs: readonly TestLog[]): Promise<void> {
    await until('all is acknowledged', () => logs.every(isAcked));
  }

  function statsOf(delivery: Delivery, label = 'eu'): QueueStats | undefined {
    return delivery.stats().find((stats) => stats.endpoint === label);
  }

  async function untilStats(
    delivery: Delivery,
    what: string,
    condition: (stats: QueueStats) => boolean,
    label = 'eu',
  ): Promise<QueueStats> {
    const holds = (stats: QueueStats | undefined): boolean =>
      stats !== undefined && condition(stats);
    await until(what, () => holds(statsOf(delivery, label)));
    return statsOf(delivery, label) as QueueStats;
  }

  function assertWhole(log: TestLog, count = lines, double = loki): void {
    const selector = { c: log.containerId.slice(-4), s: 'out' };
    const report = double.checkNumbered(selector, 'n ', count, { order: 'arrival' });
    assert.ok(report.ok, `${log.containerId.slice(-4)}: ${report.summary}`);
  }

  it('share containers, and each delivers its own, every line once and in order', async () => {
    const logs = await makeLogs(40);
    const delivery = start({ threads: 3 });
    for (const log of logs) delivery.stream(streamOf(log, endpointOf()));
    await allAcked(logs);
    assert.equal(workers.length, 3);
    for (const log of logs) assertWhole(log);
    assert.equal(loki.counts().duplicates, 0);
    const stats = await untilStats(
      delivery,
      'figures are there',
      ({ deliveredEntries, backlogBytes }) => deliveredEntries >= 40 * lines && backlogBytes === 0,
    );
    assert.equal(stats.deliveredEntries, 40 * lines);
    assert.equal(stats.streams, 40);
    assert.equal(stats.sentBytes, loki.counts().bodyBytes);
    assert.equal(stats.requestSeconds.count, loki.counts().requests);
    assert.deepEqual([stats.inFlight, stats.breaker], [0, 'closed']);
  });

  it('deliver what is appended later, too', async () => {
    const [log] = await makeLogs(1, false);
    assert.ok(log);
    const delivery = start();
    delivery.stream(streamOf(log, endpointOf()));
    for (let line = 1; line <= 50; line += 1) {
      log.write(numberedFrames('n ', line, line));
      delivery.appended(log.containerId);
      if (line % 10 === 0) await setTimeout(1);
    }
    await allAcked([log]);
    assertWhole(log, 50);
  });

  it('go on where they were when one is killed, and no count goes back', async () => {
    const logs = await makeLogs(12, false);
    const delivery = start({ threads: 2 });
    for (const log of logs) delivery.stream(streamOf(log, endpointOf()));
    let before = 0;
    let written = 0;
    const look = (): void => {
      const { deliveredEntries = 0 } = statsOf(delivery) ?? {};
      assert.ok(deliveredEntries >= before, `${deliveredEntries} after ${before}`);
      before = deliveredEntries;
    };
    for (let kill = 0; kill < 2; kill += 1) {
      for (const log of logs) log.write(numberedFrames('n ', written + 1, written + lines));
      written += lines;
      for (const log of logs) delivery.appended(log.containerId);
      await until('some has come', () => loki.entries > before + lines);
      if (kill === 0) await until('it is counted', () => (statsOf(delivery)?.streams ?? 0) === 12);
      look();
      const count: number = workers.length;
      await workers.at(kill === 0 ? 0 : -1)?.terminate();
      look();
      await until('the next one is started', () => workers.length > count);
      look();
    }
    await allAcked(logs);
    for (const log of logs) assertWhole(log, written);
    assert.equal(said.filter((line) => line.endsWith('thread is started again')).length, 2);
    const { streams } = await untilStats(delivery, 'all threads tell', (s) => s.streams >= 12);
    look();
    assert.equal(streams, 12);
    assert.equal(
      (await untilStats(delivery, 'it is done', (s) => s.backlogBytes === 0)).inFlight,
      0,
    );
  });

  it('let go of a container even if the thread that was asked has died', async () => {
    const [log, other] = await makeLogs(2);
    assert.ok(log && other);
    const delivery = start();
    for (const each of [log, other]) delivery.stream(streamOf(each, endpointOf()));
    await allAcked([log, other]);
    await workers[0]?.terminate();
    delivery.release(log.containerId);
    await until('it is released', () => released.length > 0);
    assert.deepEqual(released, [log.containerId]);
    other.write(numberedFrames('n ', lines + 1, lines + 10));
    delivery.appended(other.containerId);
    await allAcked([other]);
    assertWhole(other, lines + 10);
  });

  it('deliver what is written before they end, and nothing of it again afterwards', async () => {
    const logs = await makeLogs(6);
    await loki.setMode({ kind: 'slow', delayMs: 100 });
    const first = start({ threads: 2 });
    for (const log of logs) first.stream(streamOf(log, endpointOf()));
    await until('it has begun', () => loki.counts().requests > 0);
    for (const log of logs) log.write(numberedFrames('n ', lines + 1, 2 * lines));
    await first.close();
    for (const log of logs) assertWhole(log, 2 * lines);
    assert.ok(logs.every(isAcked), 'the cursors are written and told');
    const stats = statsOf(first);
    assert.equal(stats?.deliveredEntries, 12 * lines, 'the last figures are told');
    const { requests } = loki.counts();
    acked.clear();
    await loki.setMode({ kind: 'up' });
    const second = start({ threads: 2 });
    for (const log of logs) second.stream(streamOf(log, endpointOf()));
    await allAcked(logs);
    assert.equal(loki.counts().requests, requests);
    assert.equal(loki.counts().duplicates, 0);
  });

  it('do not wait for an endpoint that is dead when they end', async () => {
    const [log] = await makeLogs(1);
    assert.ok(log);
    const dead = new LokiDouble();
    await dead.start();
    const { url } = dead;
    await dead.stop();
    const delivery = start({ threads: 2 });
    const bad = { key: 'bb'.repeat(32), label: 'us', minBackoffMs: 60_000, maxBackoffMs: 60_000 };
    delivery.stream(streamOf(log, endpointOf(), endpointOf(bad, url)));
    await loki.waitFor((double) => double.entries === lines);
    const isRetried = (stats: QueueStats): boolean => stats.retries.outage > 0;
    const { backlogEntries } = await untilStats(delivery, 'it is met', isRetried, 'us');
    assert.equal(backlogEntries, lines);
    const startedMs = performance.now();
    await delivery.close();
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < 3000, `took ${tookMs} ms`);
    assertWhole(log);
    assert.ok(!isAcked(log), 'what one endpoint lacks is kept');
  });

  it('end at once while one of them is dead and not yet started again', async () => {
    const delivery = start();
    await until('it is started', () => workers.length > 0);
    await workers[0]?.terminate();
    await until('its end is seen', () => said.some((line) => line.includes('started again')));
    const startedMs = performance.now();
    await delivery.close();
    assert.ok(performance.now() - startedMs < 1000);
    await setTimeout(600);
    assert.equal(workers.length, 1, 'none is started behind the end');
  });

  it('are stopped when they do not end in time', async () => {
    const [log] = await makeLogs(1);
    assert.ok(log);
    await loki.setMode({ kind: 'hang' });
    const keeping = keepingLog();
    let ended = 0;
    const thread = new DeliveryThread({
      log: keeping.log,
      data: { logLevel: 'silent', walRoot: wal.root, rejectedMaxBytes: 0 },
      onMessage: () => undefined,
      onReleased: () => undefined,
      onEnded: () => {
        ended += 1;
      },
    });
    const endpoint = endpointOf();
    const patient = { ...endpoint, sink: { ...endpoint.sink, timeoutMs: 60_000 } };
    thread.stream(streamOf(log, patient));
    await loki.waitFor((double) => double.counts().hung > 0);
    const startedMs = performance.now();
    await thread.close(60_000, 300);
    assert.ok(performance.now() - startedMs < 5000);
    assert.equal(ended, 1);
    assert.deepEqual(keeping.lines, ['warn: the delivery thread does not end; it is stopped']);
  });

  it('keep what an endpoint refuses, and count it by reason', async () => {
    const [log] = await makeLogs(1);
    assert.ok(log);
    // From 2023, and Loki takes nothing that is older than a week.
    for (let index = 0; index < 3; index += 1) log.write(textFrame('old', index));
    log.write(numberedFrames('n ', lines + 1, lines + 10));
    const delivery = start();
    delivery.stream(streamOf(log, endpointOf()));
    await allAcked([log]);
    const stats = await untilStats(delivery, 'it is told', (s) => s.rejectedEntries.too_old > 0);
    assert.equal(stats.rejectedEntries.too_old, 3);
    assert.equal(stats.deliveredEntries, lines + 10);
    assert.ok(delivery.rejectedBytes > 0);
    assertWhole(log, lines + 10);
    const kept = fs
      .readdirSync(`${wal.root}/rejected`, { recursive: true, encoding: 'utf8' })
      .map((name) => `${wal.root}/rejected/${name}`)
      .filter((name) => fs.statSync(name).isFile());
    assert.ok(kept.length > 0);
    for (const name of kept) assert.equal(fs.statSync(name).mode & 0o777, 0o600, name);
    assert.equal(rejectedLost, 0);
  });

  it('count what is refused and cannot be kept, and go on', async () => {
    const [log] = await makeLogs(1);
    assert.ok(log);
    for (let index = 0; index < 3; index += 1) log.write(textFrame('old', index));
    // In the place of the directory there is a file.
    fs.writeFileSync(`${wal.root}/rejected`, '');
    const delivery = start();
    delivery.stream(streamOf(log, endpointOf()));
    await allAcked([log]);
    assertWhole(log);
    await until('it is told', () => rejectedLost > 0);
    assert.equal(rejectedLost, 3);
  });

  it('tell which endpoint was told of a loss, each for itself', async () => {
    const [log] = await makeLogs(1);
    assert.ok(log);
    log.gap(1000);
    log.write(numberedFrames('n ', lines + 1, lines + 10));
    const other = new LokiDouble();
    await other.start();
    const delivery = start();
    const us = endpointOf({ key: 'bb'.repeat(32), label: 'us' }, other.url);
    delivery.stream(streamOf(log, endpointOf(), us));
    await allAcked([log]);
    await until('both are told', () => losses.length >= 2);
    const told = losses.map(([endpoint, reason]) => `${endpoint} ${reason}`);
    assert.deepEqual(told.toSorted(), ['eu disk', 'us disk']);
    await delivery.close();
    await other.stop();
  });

  it('belong to containers by their id', () => {
    const ids = Array.from({ length: 40 }, (_, index) => idOf(index));
    assert.equal(new Set(ids.map((id) => threadIndexOf(id, 3))).size, 3);
  });
});
