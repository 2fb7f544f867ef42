/** Metrics of users: added up, bounded, gone when idle, and no danger to the driver's own page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../src/metrics/registry.ts';
import { type StageDelta, type StageMetric, StageSeries } from '../../src/metrics/stage-series.ts';
import { createSource, samplesOf } from './helpers.ts';

function metric(name: string, changes: Partial<StageMetric> = {}): StageMetric {
  return { kind: 'counter', name, help: `of ${name}`, buckets: [], maxIdleMs: 1000, ...changes };
}

function delta(definition: StageMetric, changes: Partial<StageDelta> = {}): StageDelta {
  return { definition, labels: [['a', '1']], add: 1, set: undefined, bucketCounts: [], ...changes };
}

function pairs(labels: Record<string, string>): [name: string, value: string][] {
  return Object.entries(labels);
}

async function pageOf(series: StageSeries, nowMs = 0): Promise<string> {
  const source = createSource();
  source.families = series.families(nowMs);
  return createMetrics(source).render();
}

test('shows metrics of all kinds that nobody described', async () => {
  const series = new StageSeries();
  const bare = { help: '', buckets: [1] };
  series.take([delta(metric('plain', { help: '' }))], 0);
  series.take([delta(metric('level', { ...bare, kind: 'gauge' }))], 0);
  series.take(
    [delta(metric('times', { ...bare, kind: 'histogram' }), { bucketCounts: [1, 0] })],
    0,
  );
  const samples = samplesOf(await pageOf(series));
  const names = ['plain{a="1"}', 'level{a="1"}', 'times_count{a="1"}'];
  assert.deepEqual(
    names.map((name) => samples.get(name)),
    [1, 1, 1],
  );
});

test('adds up counters, sets gauges and counts into buckets', async () => {
  const series = new StageSeries();
  const lines = metric('promtail_custom_lines_total');
  const level = metric('level', { kind: 'gauge' });
  const times = metric('times', { kind: 'histogram', buckets: [1, 5] });
  series.take([delta(lines, { add: 2 }), delta(level, { set: 7, add: 1 })], 0);
  series.take([delta(lines, { add: 3 }), delta(level, { add: -2 })], 0);
  series.take([delta(lines, { add: 1, labels: [['b', 'x"\\\n']] })], 0);
  series.take([delta(times, { add: 3.5, bucketCounts: [1, 1, 0] })], 0);
  series.take([delta(times, { add: 9, bucketCounts: [0, 0, 1] })], 0);
  const page = await pageOf(series);
  const samples = samplesOf(page);
  assert.equal(samples.get('promtail_custom_lines_total{a="1"}'), 5);
  assert.ok(page.includes('promtail_custom_lines_total{b="x\\"\\\\\\n"} 1'));
  assert.equal(samples.get('level{a="1"}'), 6);
  assert.equal(samples.get('times_bucket{le="1",a="1"}'), 1);
  assert.equal(samples.get('times_bucket{le="5",a="1"}'), 2);
  assert.equal(samples.get('times_bucket{le="+Inf",a="1"}'), 3);
  assert.equal(samples.get('times_sum{a="1"}'), 12.5);
  assert.equal(samples.get('times_count{a="1"}'), 3);
});

test('series are told apart by all their labels, and not by the order of them', async () => {
  const kinds = ['counter', 'gauge', 'histogram'] as const;
  for (const kind of kinds) {
    const series = new StageSeries();
    const x = metric('x', { kind, buckets: kind === 'histogram' ? [1] : [] });
    const counts = kind === 'histogram' ? { bucketCounts: [0, 1] } : {};
    const each: [labels: StageDelta['labels'], add: number][] = [
      [[['a', '1,b:2']], 2],
      [pairs({ a: '1', b: '2' }), 3],
      [pairs({ b: '2', a: '1' }), 4],
    ];
    for (const [labels, add] of each) series.take([delta(x, { labels, add, ...counts })], 0);
    const samples = samplesOf(await pageOf(series));
    const name = kind === 'histogram' ? 'x_sum' : 'x';
    assert.equal(samples.get(`${name}{a="1,b:2"}`), 2, kind);
    assert.equal(samples.get(`${name}{a="1",b="2"}`), 7, kind);
  }
});

test('a series that nothing was added to for its time goes, and others stay', () => {
  const series = new StageSeries();
  const lines = metric('lines_total', { maxIdleMs: 100 });
  series.take([delta(lines)], 0);
  series.take([delta(lines, { labels: [['a', '2']] })], 90);
  const left = series.families(150).flatMap(({ samples }) => samples.map(({ labels }) => labels));
  assert.deepEqual(left, [{ a: '2' }]);
  assert.deepEqual(series.families(1000), []);
});

test('series are bounded, and what finds no room is counted', () => {
  const series = new StageSeries();
  const lines = metric('lines_total');
  for (let index = 0; index < 6000; index += 1) {
    series.take([delta(lines, { labels: [['a', String(index)]] })], 0);
  }
  assert.equal(series.families(0)[0]?.samples.length, 5000);
  assert.equal(series.lost, 1000);
  // Once the old ones are idle there is room again.
  series.take([delta(lines, { labels: [['a', 'new']] })], 5000);
  assert.equal(series.families(5000)[0]?.samples.length, 1);
});

test('a hundred endpoints have series of their own, and the others one', () => {
  const series = new StageSeries();
  const lines = metric('lines_total');
  for (let index = 0; index < 110; index += 1) {
    series.take([delta(lines, { labels: [['endpoint', `e${index}`]] })], 0);
  }
  const samples = series.families(0).flatMap((family) => family.samples);
  assert.deepEqual(samples.map(({ labels, value }) => [labels['endpoint'], value]).slice(98), [
    ['e98', 1],
    ['e99', 1],
    ['other', 10],
  ]);
});

test('neither a name of the driver nor one of another kind is touched', async () => {
  const series = new StageSeries();
  series.take([delta(metric('holdfast_build_info'))], 0);
  series.take([delta(metric('x'))], 0);
  series.take([delta(metric('x', { kind: 'gauge' }), { set: 9 })], 0);
  assert.equal(series.lost, 2);
  assert.equal(samplesOf(await pageOf(series)).get('x{a="1"}'), 1);
});

test('a metric that the page cannot hold costs no other one', async () => {
  const series = new StageSeries();
  const bad = metric('bad', { kind: 'histogram', buckets: [1] });
  series.take([delta(bad, { labels: [['le', 'x']], bucketCounts: [1, 0] })], 0);
  series.take([delta(metric('not a name'))], 0);
  series.take([delta(metric('good_total'))], 0);
  const samples = samplesOf(await pageOf(series));
  assert.equal(samples.get('good_total{a="1"}'), 1);
  assert.ok(samples.has('holdfast_wal_limit_bytes') || samples.size > 20);
});
