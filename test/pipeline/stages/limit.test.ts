import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePipeline, configError, newEntry, runThrough, warningsOf } from '../helpers.ts';

/** Which of the lines, printed at these seconds, pass. */
function passing(yaml: string, seconds: readonly number[], app = 'web'): number[] {
  const capturedSeconds = seconds.map((second) => 1_700_000_000 + second);
  const lines = seconds.map((_, index) => String(index));
  const labels = { app };
  const { shipped, counts } = runThrough(compilePipeline(yaml), lines, { capturedSeconds, labels });
  assert.equal(
    counts?.dropped.get('ratelimit_drop_stage') ?? 0,
    seconds.length - shipped.length,
    'each dropped line is counted',
  );
  return shipped.map(({ lsn }) => lsn);
}

test('limit lets a burst through, and then its rate by the times of the lines', () => {
  const yaml = '- limit: { rate: 1, burst: 2, drop: true }';
  assert.deepEqual(passing(yaml, [0, 0, 0, 0]), [0, 1]);
  assert.deepEqual(passing(yaml, [0, 0, 0, 1, 1, 2, 9, 9, 9]), [0, 1, 3, 5, 6, 7]);
  assert.deepEqual(
    passing('- limit: { rate: 0.5, burst: 1, drop: true }', [0, 1, 2, 3, 4]),
    [0, 2, 4],
  );
});

test('limit takes a time that goes back as no time', () => {
  const yaml = '- limit: { rate: 1, burst: 1, drop: true }';
  assert.deepEqual(passing(yaml, [100, 50, 50, 101]), [0, 3]);
});

test('limit by a label has a bucket for each value, and none for lines without it', () => {
  const yaml = `
- match: { selector: '{app="web"} |~ "^[ab]"', stages: [static_labels: { key: ab }] }
- match: { selector: '{app="web"} |= "c"', stages: [static_labels: { key: c }] }
- limit: { rate: 1, burst: 1, drop: true, by_label_name: key }`;
  const capturedSeconds = [0, 0, 0, 0, 0, 0];
  const { shipped } = runThrough(compilePipeline(yaml), ['a', 'b', 'c', 'c', 'd', 'd'], {
    capturedSeconds,
    labels: { app: 'web' },
  });
  assert.deepEqual(
    shipped.map(({ line }) => line),
    ['a', 'c', 'd', 'd'],
  );
});

test('limit by a label forgets the value that was not seen for longest', () => {
  const yaml =
    '- limit: { rate: 0.001, burst: 1, drop: true, by_label_name: app, max_distinct_labels: 2 }';
  const { pipeline } = compilePipeline(yaml);
  const passed: string[] = [];
  pipeline.output = (entry) => passed.push(entry.labels.get('app') ?? '');
  for (const app of ['a', 'b', 'a', 'c', 'a', 'b'])
    pipeline.process(newEntry('', 0, { labels: { app } }));
  assert.deepEqual(passed, ['a', 'b', 'c', 'b']);
});

test('limit goes on where it was, with what it remembered', () => {
  for (const more of ['', ', by_label_name: app']) {
    const yaml = `- limit: { rate: 1, burst: 3, drop: true${more} }`;
    const first = compilePipeline(yaml);
    runThrough(first, ['a', 'b'], { labels: { app: 'x' } });
    const state = JSON.parse(JSON.stringify(first.pipeline.resumePoint.state)) as number[][];
    const second = compilePipeline(yaml);
    second.pipeline.restore(state);
    assert.deepEqual(second.pipeline.resumePoint.state, first.pipeline.resumePoint.state);
    second.pipeline.restore(undefined);
    assert.deepEqual(second.pipeline.resumePoint.state, [[]]);
    second.pipeline.restore([[Number.NaN, 1, 2, 3, 4]]);
    assert.deepEqual(second.pipeline.resumePoint.state, [[]]);
  }
});

test('limit without drop lets all lines pass, and says when the next one is welcome', () => {
  const limit = compilePipeline('- limit: { rate: 10, burst: 2 }');
  assert.equal(limit.pipeline.pausedUntilMs(1000), 0);
  const { shipped, counts } = runThrough(limit, ['a', 'b', 'c']);
  assert.deepEqual([shipped.length, counts], [3, undefined]);
  assert.equal(limit.pipeline.pausedUntilMs(1000), 1200);
  assert.equal(limit.pipeline.pausedUntilMs(1100), 1200);
  assert.equal(limit.pipeline.pausedUntilMs(1200), 0);
  // A clock that goes back fills nothing.
  runThrough(limit, ['a', 'b']);
  assert.equal(limit.pipeline.pausedUntilMs(500), 700);
});

test('limit without drop keeps to its rate with any burst, though who waits comes back late', () => {
  const limit = compilePipeline('- limit: { rate: 1000, burst: 1 }');
  let passed = 0;
  // Somebody looks each 5 ms, for a second.
  for (let nowMs = 1000; nowMs < 2000; nowMs += 5) {
    while (limit.pipeline.pausedUntilMs(nowMs) <= nowMs) {
      runThrough(limit, ['a']);
      passed += 1;
    }
  }
  assert.ok(passed > 950 && passed < 1020, `${passed} lines`);
});

test('wrong configurations of limit are refused', () => {
  const rows: [string, string][] = [
    ['', 'limit needs rate'],
    ['{ rate: 1 }', 'limit needs burst'],
    ['{ rate: 0, burst: 1 }', 'rate is "0"; allowed is a number above 0'],
    ['{ rate: x, burst: 1 }', 'rate is "x"; allowed is a number from 0 to 1000000000'],
    ['{ rate: 1, burst: 0 }', 'burst is "0"; allowed is a number from 1 to 1000000000'],
    ['{ rate: 1, burst: 1.5 }', 'burst is "1.5"; allowed is a whole number'],
    ['{ rate: 1, burst: 1, by_label_name: a }', 'by_label_name needs drop: true'],
    ['{ rate: 1, burst: 1, drop: maybe }', 'drop is "maybe"; allowed is true or false'],
  ];
  for (const [options, message] of rows) {
    assert.equal(configError(`- limit: ${options}`), `stage 1 (limit), line 1: ${message}`);
  }
});

test('more values of a label than are kept apart are told of', () => {
  const options = 'rate: 1, burst: 1, drop: true, by_label_name: a, max_distinct_labels: 10000';
  assert.deepEqual(warningsOf(`- limit: { ${options} }`), [
    'stage 1 (limit), line 1: max_distinct_labels is 10000; at most 1000 values are kept apart here',
  ]);
});
