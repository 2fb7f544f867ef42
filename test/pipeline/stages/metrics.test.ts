import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricDelta } from '../../../src/pipeline/metric-deltas.ts';
import { numberOf } from '../../../src/pipeline/stages/metric-number.ts';
import { compilePipeline, configError, newEntry, warningsOf } from '../helpers.ts';
import type { OneEntry } from '../one-entry.ts';

function measure(metrics: string, entries: readonly OneEntry[]): readonly MetricDelta[] {
  const { pipeline } = compilePipeline(`- metrics: ${metrics}`);
  let passed = 0;
  pipeline.output = () => {
    passed += 1;
  };
  for (const { line = 'a line', labels = {}, extracted = {} } of entries) {
    const entry = newEntry(line, 0, { labels });
    for (const [name, value] of Object.entries(extracted)) entry.extracted.set(name, value);
    pipeline.process(entry);
  }
  assert.equal(passed, entries.length);
  return pipeline.takeCounts()?.metrics ?? [];
}

const added = (metrics: string, entries: readonly OneEntry[]) =>
  measure(metrics, entries).map(({ add }) => add);

const found = (...values: (string | number | boolean | null)[]) =>
  values.map((x) => ({ extracted: { x } }));

test('a counter counts values that are there, those with a text, or all lines', () => {
  const entries = [...found('a', 'b', 'a', null), {}];
  assert.deepEqual(added('{ x: { type: counter, config: { action: inc } } }', entries), [4]);
  assert.deepEqual(
    added('{ y: { type: Counter, source: x, config: { action: INC, value: a } } }', entries),
    [2],
  );
  assert.deepEqual(
    added('{ y: { type: counter, config: { action: inc, match_all: true } } }', entries),
    [5],
  );
});

test('a counter adds values, or the bytes of lines, and never goes down', () => {
  const entries = found(1.5, '2', '1.5s', true, -1, 'x', null, 'NaN', '1e999');
  assert.deepEqual(added('{ x: { type: counter, config: { action: add } } }', entries), [6]);
  const bytes =
    '{ b: { type: counter, config: { action: add, match_all: true, count_entry_bytes: true } } }';
  assert.deepEqual(added(bytes, [{ line: 'üü' }, { line: 'abc' }]), [7]);
});

test('a gauge is set, and goes up and down', () => {
  const gauge = (action: string) => `{ x: { type: gauge, config: { action: ${action} } } }`;
  const entries = found(5, '-2.5', 'none');
  const [set] = measure(gauge('set'), entries);
  assert.deepEqual([set?.set, set?.add], [-2.5, 0]);
  assert.deepEqual(added(gauge('add'), entries), [2.5]);
  assert.deepEqual(added(gauge('sub'), entries), [-2.5]);
  assert.deepEqual(added(gauge('inc'), entries), [3]);
  assert.deepEqual(added(gauge('Dec'), entries), [-3]);
  assert.deepEqual(
    added('{ y: { type: gauge, source: x, config: { action: inc, value: 5 } } }', entries),
    [1],
  );
});

test('a histogram puts values into buckets', () => {
  const metrics = '{ x: { type: histogram, config: { buckets: [10, 20, +Inf] } } }';
  const [delta] = measure(metrics, found(10, 20, 21, '5', 'none'));
  assert.deepEqual(delta?.definition.buckets, [10, 20]);
  assert.deepEqual([delta?.bucketCounts, delta?.add], [[2, 1, 1], 56]);
  const [normal] = measure('{ x: { type: histogram } }', found(0.3));
  assert.deepEqual(
    normal?.definition.buckets,
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  );
  assert.deepEqual(added('{ x: { type: histogram, config: { value: 2 } } }', found(1, 2)), [2]);
});

test('a metric has its prefix, its help, its time to live, and the labels of the entry', () => {
  const metrics = `
    x: { type: counter, description: how many, max_idle_duration: 90s, config: { action: inc } }
    y: { type: histogram, source: x, prefix: my_ }`;
  const labels = { app: 'web', __path: 'p', le: '1' };
  const [x, y] = measure(metrics, [{ labels, extracted: { x: 1 } }]);
  assert.deepEqual(x?.definition, {
    ...{ kind: 'counter', name: 'promtail_custom_x', help: 'how many' },
    ...{ buckets: [], maxIdleMs: 90_000 },
  });
  assert.deepEqual(x?.labels, [
    ['app', 'web'],
    ['le', '1'],
  ]);
  assert.deepEqual(
    [y?.definition.name, y?.definition.maxIdleMs],
    ['my_x'.replace('x', 'y'), 300_000],
  );
  // The bounds of a histogram have that label.
  assert.deepEqual(y?.labels, [['app', 'web']]);
});

test('each set of labels has its own series', () => {
  const metrics = '{ x: { type: counter, config: { action: inc, match_all: true } } }';
  const labels = [{ a: '1' }, { a: '2' }, { a: '1' }];
  assert.deepEqual(
    added(
      metrics,
      labels.map((each) => ({ labels: each })),
    ),
    [2, 1],
  );
});

test('texts are numbers or durations as in Go', () => {
  const texts: Record<string, number | undefined> = {
    ...{ '0.804': 0.804, '+1': 1, '-.5': -0.5, '1.': 1, '1e3': 1000, '0.5ms': 0.0005 },
    ...{ '10h': 36_000, '-1m30s': -90, '': undefined, ' 1': undefined, '1 s': undefined },
    ...{ '0x10': undefined, '1d': undefined, s: undefined, '1s\n': undefined },
  };
  for (const [text, number] of Object.entries(texts)) assert.equal(numberOf(text), number, text);
  const others = [7n, false, true, null, Number.POSITIVE_INFINITY, Number.NaN];
  assert.deepEqual(others.map(numberOf), [7, 0, 1, undefined, undefined, undefined]);
});

test('wrong definitions of metrics are refused', () => {
  const place = 'stage 1 (metrics), line 1: ';
  const name = 'is no name of a metric; allowed are letters, digits, _ and :, no digit first';
  const rows: [string, string][] = [
    ['', 'metrics needs at least one metric'],
    ['{ x: }', 'metric x needs a type'],
    ['{ x: { type: pipe } }', 'type of metric x is "pipe"; allowed is counter, gauge, histogram'],
    ['{ a-b: { type: counter } }', `"promtail_custom_a-b" ${name}`],
    ['{ x: { type: counter, prefix: "1" } }', `"1x" ${name}`],
    [
      '{ x: { type: counter, max_idle_duration: 10f } }',
      'max_idle_duration is "10f"; allowed is a duration such as 500ms, 3s or 24h',
    ],
    [
      '{ x: { type: counter, max_idle_duration: 20ns } }',
      'max_idle_duration is less than 1s; allowed is 1s or more',
    ],
    ['{ x: { type: counter } }', 'a counter needs config with an action: inc, add'],
    [
      '{ x: { type: counter, config: { action: set } } }',
      'action of a counter is "set"; allowed is inc, add',
    ],
    [
      '{ x: { type: counter, config: { action: inc, match_all: true, value: a } } }',
      'value cannot be given together with match_all: true',
    ],
    [
      '{ x: { type: counter, config: { action: add, count_entry_bytes: true } } }',
      'count_entry_bytes: true needs match_all: true',
    ],
    [
      '{ x: { type: counter, config: { action: inc, match_all: true, count_entry_bytes: true } } }',
      'count_entry_bytes: true needs action: add',
    ],
    [
      '{ x: { type: gauge, config: { value: a } } }',
      'a gauge needs config with an action: set, inc, dec, add, sub',
    ],
    [
      '{ x: { type: gauge, config: { action: up } } }',
      'action of a gauge is "up"; allowed is set, inc, dec, add, sub',
    ],
    [
      '{ x: { type: histogram, config: { buckets: [1, 1] } } }',
      'buckets are 1, 1; allowed are ascending numbers',
    ],
    [
      '{ x: { type: histogram, config: { buckets: [2, 1] } } }',
      'buckets are 2, 1; allowed are ascending numbers',
    ],
    [
      '{ x: { type: histogram, config: { buckets: [a] } } }',
      'a bucket is "a"; allowed is a number',
    ],
    ['{ x: { type: histogram, config: { buckets: 1 } } }', 'buckets has to be a list, and is "1"'],
  ];
  for (const [metrics, message] of rows)
    assert.equal(configError(`- metrics: ${metrics}`), place + message);
});

test('one name is one metric in the whole pipeline', () => {
  const counter = '- metrics: { x: { type: counter, config: { action: inc } } }';
  const gauge = '- metrics: { x: { type: gauge, config: { action: inc } } }';
  const histogram = (bound: number) =>
    `- metrics: { x: { type: histogram, config: { buckets: [${bound}] } } }`;
  assert.equal(compilePipeline(`${counter}\n${counter}`).stages.length, 2);
  assert.equal(
    configError(`${counter}\n- match: { selector: '{a=""}', stages: [${gauge.slice(2)}] }`),
    'stage 2 (match), stage 1 (metrics), line 2: the metric promtail_custom_x is a counter ' +
      'elsewhere in this pipeline, and here a gauge',
  );
  assert.equal(
    configError(`${histogram(1)}\n${histogram(2)}`),
    'stage 2 (metrics), line 2: the metric promtail_custom_x has other buckets elsewhere in this pipeline',
  );
});

test('options that do nothing are told of', () => {
  assert.deepEqual(
    warningsOf(`- metrics:
    x: { type: counter, config: { action: add, match_all: true } }
    y: { type: gauge, sorce: z, config: { action: set, match_all: true } }`),
    [
      'stage 1 (metrics), line 2: match_all with action add counts nothing without count_entry_bytes: true',
      'stage 1 (metrics), line 3: metric y has no option sorce (did you mean source?); it is ignored',
      'stage 1 (metrics), line 3: config of a gauge has no option match_all (it knows action, value); it is ignored',
    ],
  );
});
