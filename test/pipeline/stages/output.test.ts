import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configError, runPipeline, warningsOf } from '../helpers.ts';

const yaml = '- json: { expressions: { out: message } }\n- output: { source: out }\n';

test('makes a value the line', () => {
  const rows: [line: string, expected: string][] = [
    ['{"message":"this is a log line"}', 'this is a log line'],
    ['{"message":""}', ''],
    ['{"message":1e21}', '1000000000000000000000'],
    ['{"message":false}', 'false'],
    ['{"message":{"a":1}}', '{"a":1}'],
    ['{"message":"\\ud800"}', '\ufffd'],
    // What is not there, or null, changes nothing.
    ['{"message":null}', '{"message":null}'],
    ['{}', '{}'],
    ['no json', 'no json'],
  ];
  for (const [line, expected] of rows) {
    assert.deepEqual(
      runPipeline(yaml, [line]).map(({ line }) => line),
      [expected],
    );
  }
});

test('takes a label that the line began with', () => {
  const [entry] = runPipeline('- output: { source: host }', ['x'], { labels: { host: 'h' } });
  assert.equal(entry?.line, 'h');
});

test('says what is wrong with its configuration', () => {
  const missing = 'stage 1 (output), line 1: source is missing; it names the value to take';
  assert.equal(configError('- output:'), missing);
  assert.equal(configError('- output: { source: }'), missing);
  assert.equal(
    configError('- output: { source: "" }'),
    'stage 1 (output), line 1: source is empty; allowed is the name of a value',
  );
  assert.deepEqual(warningsOf('- output: { source: a, sources: b }'), [
    'stage 1 (output), line 1: output has no option sources (did you mean source?); it is ignored',
  ]);
});
