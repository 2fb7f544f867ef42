import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { rejectReasons } from '../../src/rejected/entry.ts';
import { type QueueGauges, QueueMeter, type QueueStats } from '../../src/shipper/queue-stats.ts';
import { threadIndexOf } from '../../src/threads/delivery.ts';
import { DeliveryTotals } from '../../src/threads/delivery-totals.ts';

const idle: QueueGauges = {
  ...{ backlogBytes: 0, backlogEntries: 0, backlogSeconds: 0 },
  ...{ inFlight: 0, breaker: 'closed', streams: 1 },
};

/** What a thread tells of an endpoint that took so many entries, each of 10 bytes. */
function statsOf(endpoint: string, entries: number, gauges: Partial<QueueGauges> = {}): QueueStats {
  const meter = new QueueMeter();
  meter.deliveredEntries = entries;
  meter.deliveredBytes = 10 * entries;
  meter.sentBytes = 20 * entries;
  meter.rejectedEntries.too_old = entries;
  meter.rejectedBytes.too_old = 10 * entries;
  meter.retries.limit = 2 * entries;
  meter.retried('limit', 5 * entries, 50 * entries);
  for (let request = 0; request < entries; request += 1) meter.requested(0.02);
  return meter.stats(endpoint, [{ ...idle, ...gauges }]);
}

const same = (label: string): string => label;

function find(totals: DeliveryTotals, endpoint: string): QueueStats {
  const found = totals.all().filter((stats) => stats.endpoint === endpoint);
  assert.equal(found.length, 1, `${endpoint} is there ${found.length} times`);
  return found[0] as QueueStats;
}

test('adds up what threads tell of the same endpoint, and shows the worst of their states', () => {
  const totals = new DeliveryTotals(same);
  const waiting = { backlogBytes: 100, backlogEntries: 10, backlogSeconds: 3, inFlight: 1 };
  totals.take(0, [statsOf('eu', 3, { ...waiting, breaker: 'half-open' }), statsOf('us', 1)]);
  totals.take(1, [statsOf('eu', 4, { ...waiting, backlogSeconds: 7, streams: 5 })]);
  const eu = find(totals, 'eu');
  assert.equal(eu.deliveredEntries, 7);
  assert.equal(eu.deliveredBytes, 70);
  assert.equal(eu.sentBytes, 140);
  assert.deepEqual(eu.retries, { outage: 0, limit: 14, settings: 0 });
  assert.deepEqual(eu.retriedEntries, { outage: 0, limit: 35, settings: 0 });
  assert.deepEqual(eu.retriedBytes, { outage: 0, limit: 350, settings: 0 });
  assert.equal(eu.rejectedEntries.too_old, 7);
  assert.equal(eu.rejectedBytes.too_old, 70);
  assert.deepEqual(Object.keys(eu.rejectedEntries), [...rejectReasons]);
  assert.equal(eu.requestSeconds.count, 7);
  assert.deepEqual(eu.requestSeconds.buckets.slice(0, 4), [0, 0, 7, 7]);
  assert.ok(Math.abs(eu.requestSeconds.sum - 0.14) < 1e-9);
  assert.deepEqual(
    [eu.backlogBytes, eu.backlogEntries, eu.backlogSeconds, eu.inFlight, eu.streams],
    [200, 20, 7, 2, 6],
  );
  assert.equal(eu.breaker, 'half-open');
  totals.take(1, [statsOf('eu', 4, { breaker: 'open' })]);
  assert.equal(find(totals, 'eu').breaker, 'open');
  assert.equal(find(totals, 'us').deliveredEntries, 1);
});

test('takes what a thread tells in place of what it told before', () => {
  const totals = new DeliveryTotals(same);
  totals.take(0, [statsOf('eu', 3)]);
  totals.take(0, [statsOf('eu', 5)]);
  assert.equal(find(totals, 'eu').deliveredEntries, 5);
});

test('counters of a thread that ended stay and never go back, however often it ends', () => {
  const totals = new DeliveryTotals(same);
  let told = 0;
  const check = (expected: number): void => {
    const { deliveredEntries, requestSeconds, rejectedEntries, ...more } = find(totals, 'eu');
    assert.equal(deliveredEntries, expected);
    assert.equal(requestSeconds.count, expected);
    assert.equal(rejectedEntries.too_old, expected);
    assert.equal(more.rejectedBytes.too_old, 10 * expected);
    assert.equal(more.retriedEntries.limit, 5 * expected);
    assert.equal(more.retriedBytes.limit, 50 * expected);
    assert.ok(expected >= told);
    told = expected;
  };
  totals.take(0, [statsOf('eu', 3)]);
  totals.ended(0);
  check(3);
  // It may end again before it has told anything.
  totals.ended(0);
  check(3);
  totals.take(0, [statsOf('eu', 0)]);
  check(3);
  totals.take(0, [statsOf('eu', 2)]);
  totals.ended(0);
  totals.take(0, [statsOf('eu', 4)]);
  check(9);
  totals.take(1, [statsOf('eu', 1)]);
  check(10);
});

test('whatever threads do, counters are what all lives of all threads told, and only grow', () => {
  const step = fc.record({
    thread: fc.nat({ max: 2 }),
    label: fc.constantFrom('eu', 'us'),
    grown: fc.option(fc.nat({ max: 5 }), { freq: 3, nil: undefined }),
  });
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const totals = new DeliveryTotals(same);
    const lives = new Map<number, Map<string, number>>();
    let ended = 0;
    let before = 0;
    for (const { thread, label, grown } of steps) {
      const life = lives.get(thread) ?? new Map<string, number>();
      if (grown === undefined) {
        for (const entries of life.values()) ended += entries;
        lives.delete(thread);
        totals.ended(thread);
      } else {
        lives.set(thread, life.set(label, (life.get(label) ?? 0) + grown));
        totals.take(
          thread,
          [...life].map(([name, entries]) => statsOf(name, entries)),
        );
      }
      const living = [...lives.values()].flatMap((counts) => [...counts.values()]);
      const expected = living.reduce((sum, entries) => sum + entries, ended);
      const all = totals.all();
      const told = all.reduce((sum, { deliveredEntries }) => sum + deliveredEntries, 0);
      assert.equal(told, expected);
      assert.ok(told >= before);
      assert.equal(new Set(all.map(({ endpoint }) => endpoint)).size, all.length);
      before = told;
    }
  });
  fc.assert(property, { seed: 5, numRuns: 200 });
});

test('what waited at a thread that ended waits until its successor tells its own', () => {
  const totals = new DeliveryTotals(same);
  const waiting = { backlogBytes: 100, backlogEntries: 10, backlogSeconds: 3, inFlight: 4 };
  totals.take(0, [statsOf('eu', 3, { ...waiting, breaker: 'open' })]);
  totals.ended(0);
  const dead = find(totals, 'eu');
  assert.equal(dead.backlogBytes, 100);
  assert.equal(dead.breaker, 'open');
  assert.equal(dead.inFlight, 0, 'nothing is under way without a thread');
  totals.take(0, [statsOf('eu', 1, { backlogBytes: 50 })]);
  const next = find(totals, 'eu');
  assert.deepEqual([next.deliveredEntries, next.backlogBytes, next.breaker], [4, 50, 'closed']);
});

test('an endpoint that no thread tells of any more keeps its counters and holds nothing', () => {
  const totals = new DeliveryTotals(same);
  totals.take(0, [statsOf('eu', 3, { backlogBytes: 100, breaker: 'open' })]);
  totals.ended(0);
  totals.take(0, []);
  const { deliveredEntries, backlogBytes, breaker, streams } = find(totals, 'eu');
  assert.deepEqual([deliveredEntries, backlogBytes, breaker, streams], [3, 0, 'closed', 0]);
});

test('adds up endpoints that labels call the same', () => {
  const totals = new DeliveryTotals((label) => (label === 'eu' ? label : 'other'));
  totals.take(0, [statsOf('eu', 1), statsOf('us', 2), statsOf('ap', 4)]);
  totals.ended(0);
  totals.take(0, [statsOf('us', 8)]);
  const counts = totals.all().map((stats) => `${stats.endpoint} ${stats.deliveredEntries}`);
  assert.deepEqual(counts.toSorted(), ['eu 1', 'other 14']);
});

test('a container belongs to the same thread for ever, and threads share containers', () => {
  const ids = Array.from({ length: 4000 }, (_, index) => index.toString(16).padStart(64, 'a'));
  for (const threads of [1, 2, 3, 8]) {
    const shares = Array.from({ length: threads }, () => 0);
    for (const id of ids) {
      const index = threadIndexOf(id, threads);
      assert.equal(index, threadIndexOf(id, threads));
      shares[index] = (shares[index] ?? 0) + 1;
    }
    assert.equal(shares.length, threads);
    for (const share of shares) {
      assert.ok(share > ids.length / threads / 2, `${threads} threads share ${shares.join(', ')}`);
    }
  }
});
