import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../src/metrics/registry.ts';
import { createSource, figuresOf, samplesOf } from './helpers.ts';

/** Every metric that an endpoint has, but for the buckets, which depend on the bounds. */
const names = [
  'entries_total',
  'bytes_total',
  'sent_bytes_total',
  'dropped_lines_total reason="blank"',
  'stage_failures_total stage="json"',
  ...['too_old', 'other'].flatMap((reason) =>
    ['entries', 'bytes'].map((unit) => `rejected_${unit}_total reason="${reason}"`),
  ),
  ...['outage', 'limit', 'settings'].flatMap((cause) =>
    ['retries', 'retried_entries', 'retried_bytes'].map((of) => `${of}_total cause="${cause}"`),
  ),
  ...['bytes', 'frames'].flatMap((unit) =>
    ['disk', 'full'].map((reason) => `gap_${unit}_total reason="${reason}"`),
  ),
  ...['backlog_bytes', 'backlog_entries', 'backlog_seconds', 'in_flight', 'streams'],
  ...['closed', 'open', 'half-open'].map((state) => `breaker_state state="${state}"`),
  ...['request_seconds_sum', 'request_seconds_count'],
];

/** The samples of one endpoint by name and second label, without the buckets. */
function samplesOfEndpoint(page: string, endpoint: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [sample, value] of samplesOf(page)) {
    const match = /^holdfast_delivery_(\w+)\{(.*)\}$/.exec(sample);
    const labels = (match?.[2] ?? '').split(',');
    if (match === null || !labels.includes(`endpoint="${endpoint}"`)) continue;
    if (sample.includes('_bucket{')) continue;
    const others = labels.filter((label) => !label.startsWith('endpoint='));
    found.set([match[1], ...others].join(' '), value);
  }
  return found;
}

test('no endpoint has no series, and each that is known has all of them from the start', async () => {
  const source = createSource();
  const metrics = createMetrics(source);
  const empty = await metrics.render();
  assert.ok(![...samplesOf(empty).keys()].some((name) => name.startsWith('holdfast_delivery_')));
  source.ships = [figuresOf('eu'), figuresOf('us')];
  const page = await metrics.render();
  for (const endpoint of ['eu', 'us']) {
    const samples = samplesOfEndpoint(page, endpoint);
    assert.deepEqual([...samples.keys()].sort(), names.toSorted());
    for (const [name, value] of samples) {
      assert.equal(value, name === 'breaker_state state="closed"' ? 1 : 0, name);
    }
  }
});

test('each figure of an endpoint is told under its own name, and anew at each scrape', async () => {
  const source = createSource();
  const metrics = createMetrics(source);
  source.counters.tell('eu', 'full', 1, 2);
  const eu = figuresOf('eu', {
    deliveredEntries: 3,
    deliveredBytes: 4,
    sentBytes: 5,
    rejectedEntries: { too_old: 6, other: 0 },
    rejectedBytes: { too_old: 60, other: 0 },
    retries: { outage: 7, limit: 8, settings: 9 },
    retriedEntries: { outage: 70, limit: 80, settings: 90 },
    retriedBytes: { outage: 700, limit: 800, settings: 900 },
    droppedLines: { blank: 14, drop_stage: 15 },
    failedLines: { json: 16 },
    backlogBytes: 10,
    backlogEntries: 11,
    backlogSeconds: 12.5,
    inFlight: 2,
    breaker: 'half-open',
    streams: 13,
  });
  const expected: Record<string, number> = {
    'gap_bytes_total reason="full"': 1,
    'gap_frames_total reason="full"': 2,
    'gap_bytes_total reason="disk"': 0,
    entries_total: 3,
    bytes_total: 4,
    sent_bytes_total: 5,
    'dropped_lines_total reason="blank"': 14,
    'dropped_lines_total reason="drop_stage"': 15,
    'stage_failures_total stage="json"': 16,
    'rejected_entries_total reason="too_old"': 6,
    'rejected_entries_total reason="other"': 0,
    'rejected_bytes_total reason="too_old"': 60,
    'retried_entries_total cause="limit"': 80,
    'retried_bytes_total cause="settings"': 900,
    'retries_total cause="outage"': 7,
    'retries_total cause="limit"': 8,
    'retries_total cause="settings"': 9,
    backlog_bytes: 10,
    backlog_entries: 11,
    backlog_seconds: 12.5,
    in_flight: 2,
    'breaker_state state="closed"': 0,
    'breaker_state state="open"': 0,
    'breaker_state state="half-open"': 1,
    streams: 13,
  };
  source.ships = [figuresOf('us'), eu];
  // Twice, because a counter that adds instead of being set would double.
  for (let scrape = 0; scrape < 2; scrape += 1) {
    const samples = samplesOfEndpoint(await metrics.render(), 'eu');
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(samples.get(name), value, name);
    }
  }
  source.ships = [figuresOf('us')];
  const left = samplesOfEndpoint(await metrics.render(), 'eu');
  assert.equal(left.get('backlog_bytes'), undefined, 'an endpoint that is gone has no backlog');
  assert.equal(left.get('gap_bytes_total reason="full"'), 1);
});

test('a loss is told before the first figures of its endpoint are there', async () => {
  const source = createSource();
  source.counters.tell('eu', 'full', 100, 3);
  const samples = samplesOfEndpoint(await createMetrics(source).render(), 'eu');
  assert.equal(samples.get('gap_frames_total reason="full"'), 3);
  assert.equal(samples.get('gap_frames_total reason="disk"'), 0);
});

test('request times come out as a histogram, as they were counted elsewhere', async () => {
  const source = createSource();
  const metrics = createMetrics(source);
  const requestSeconds = { buckets: [2, 5], sum: 12.5, count: 7 };
  source.ships = [figuresOf('eu', { requestSeconds }), figuresOf('us')];
  for (let scrape = 0; scrape < 2; scrape += 1) {
    const page = await metrics.render();
    assert.match(page, /^# TYPE holdfast_delivery_request_seconds histogram$/m);
    const samples = samplesOf(page);
    const of = (name: string) => samples.get(`holdfast_delivery_request_seconds_${name}`);
    assert.equal(of('bucket{le="0.1",endpoint="eu"}'), 2);
    assert.equal(of('bucket{le="1",endpoint="eu"}'), 5);
    assert.equal(of('bucket{le="+Inf",endpoint="eu"}'), 7);
    assert.equal(of('bucket{le="+Inf",endpoint="us"}'), 0);
    assert.equal(of('sum{endpoint="eu"}'), 12.5);
    assert.equal(of('count{endpoint="eu"}'), 7);
  }
});

test('names, help and types are what Prometheus takes, and a label cannot break a line', async () => {
  const source = createSource();
  const metrics = createMetrics(source);
  source.ships = [figuresOf('a"b\\c\nd')];
  source.counters.tell('a"b\\c\nd', 'full', 1, 1);
  const page = await metrics.render();
  const helps = [...page.matchAll(/^# HELP (\S+) (.+)$/gm)];
  const types = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  assert.deepEqual(
    helps.map(([, name]) => name),
    types.map(([, name]) => name),
  );
  for (const [, name = '', type = ''] of types) {
    assert.match(name, /^holdfast_[a-z][a-z_]*$/);
    assert.equal(type === 'counter', name.endsWith('_total'), name);
  }
  const line = 'holdfast_delivery_entries_total{endpoint="a\\"b\\\\c\\nd"} 0';
  assert.ok(page.split('\n').includes(line), 'quotes, backslashes and line ends are escaped');
});
