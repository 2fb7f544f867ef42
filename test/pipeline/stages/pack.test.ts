import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configError, extractedFrom, hostileLines, runPipeline, warningsOf } from '../helpers.ts';

const labels = { foo: 'bar', bar: 'baz' };

test('packs the line with labels and values, sorted, and takes those labels away', () => {
  const rows: [names: string, packed: string, left: Record<string, string>][] = [
    ['[]', '{"_entry":"test line 1"}', labels],
    ['[foo]', '{"foo":"bar","_entry":"test line 1"}', { bar: 'baz' }],
    ['[foo, bar, foo]', '{"bar":"baz","foo":"bar","_entry":"test line 1"}', {}],
    ['[foo, missing]', '{"foo":"bar","_entry":"test line 1"}', { bar: 'baz' }],
    ['foo', '{"foo":"bar","_entry":"test line 1"}', { bar: 'baz' }],
  ];
  for (const [names, line, left] of rows) {
    const [entry] = runPipeline(`- pack: { labels: ${names} }\n`, ['test line 1'], { labels });
    assert.equal(entry?.line, line);
    assert.deepEqual(entry.labels, left);
  }
});

test('packs what stages have found, but no null', () => {
  const yaml = `- json: { expressions: { n: , t: , o: , 'nothing': } }\n- pack: { labels: [o, n, nothing, t, foo] }\n`;
  const line = '{"n":1.5,"t":true,"o":["x"]}';
  const [entry] = runPipeline(yaml, [line], { labels });
  assert.equal(
    entry?.line,
    String.raw`{"foo":"bar","n":"1.5","o":"[\"x\"]","t":"true","_entry":"{\"n\":1.5,\"t\":true,\"o\":[\"x\"]}"}`,
  );
});

test("escapes as Go's encoder of JSON does", () => {
  const yaml = `- regex: { expression: '(?P<v>.*)' }\n- pack: { labels: [v, 'a"<'] }\n`;
  const text = 'q" b\\ <b>&amp; \b\f\t\u2028 \\b \u007f é😀';
  const json = String.raw`"q\" b\\ \u003cb\u003e\u0026amp; \u0008\u000c\t\u2028 \\b ${'\u007f'} é😀"`;
  const [entry] = runPipeline(yaml, [text]);
  assert.equal(entry?.line, `{"v":${json},"_entry":${json}}`);
  assert.deepEqual(JSON.parse(entry.line), { v: text, _entry: text });
});

test('ships with the time at which dockerd read the line, unless it is told not to', () => {
  const time = '- json: { expressions: { t: } }\n- timestamp: { source: t, format: Unix }\n';
  const options = { capturedSeconds: [1_700_000_000], capturedNanos: 5 };
  const rows: [option: string, seconds: number, nanos: number][] = [
    ['', 1_700_000_000, 5],
    ['ingest_timestamp: true', 1_700_000_000, 5],
    ['ingest_timestamp: false', 1_600_000_000, 250_000_000],
  ];
  for (const [option, seconds, nanos] of rows) {
    const [entry] = runPipeline(`${time}- pack: { ${option} }\n`, ['{"t":1600000000.25}'], options);
    assert.deepEqual([entry?.seconds, entry?.nanos], [seconds, nanos]);
  }
});

test('makes JSON of hostile lines', () => {
  for (const { line } of runPipeline('- pack:\n', hostileLines)) {
    assert.deepEqual(Object.keys(JSON.parse(line) as object), ['_entry']);
  }
  assert.deepEqual(extractedFrom('- pack:\n', 'x'), {});
});

test('says what is wrong with its configuration', () => {
  assert.equal(
    configError('- pack: { ingest_timestamp: 7 }'),
    'stage 1 (pack), line 1: ingest_timestamp is "7"; allowed is true or false',
  );
  assert.equal(
    configError('- pack: { labels: { a: b } }'),
    'stage 1 (pack), line 1: a name of labels has to be a text, and is a map',
  );
  assert.deepEqual(warningsOf('- pack: { label: [a] }'), [
    'stage 1 (pack), line 1: pack has no option label (did you mean labels?); it is ignored',
  ]);
});
