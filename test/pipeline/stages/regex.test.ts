import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compilePipeline,
  configError,
  extractedFrom,
  hostileLines,
  runThrough,
  warningsOf,
} from '../helpers.ts';

const accessLine =
  '11.11.11.11 - frank [25/Jan/2000:14:00:01 -0500] "GET /1986.js HTTP/1.1" 200 932 "-" "Mozilla/5.0"';
const accessPattern = String.raw`^(?P<ip>\S+) (?P<identd>\S+) (?P<user>\S+) \[(?P<timestamp>[\w:/]+\s[+\-]\d{4})\] "(?P<action>\S+)\s?(?P<path>\S+)?\s?(?P<protocol>\S+)?" (?P<status>\d{3}|-) (?P<size>\d+|-)\s?"?(?P<referer>[^"]*)"?\s?"?(?P<useragent>[^"]*)?"?$`;
const access = {
  ip: '11.11.11.11',
  identd: '-',
  user: 'frank',
  timestamp: '25/Jan/2000:14:00:01 -0500',
  action: 'GET',
  path: '/1986.js',
  protocol: 'HTTP/1.1',
  status: '200',
  size: '932',
  referer: '-',
  useragent: 'Mozilla/5.0',
};

function stage(expression: string, more = ''): string {
  return `- regex:\n    expression: '${expression.replaceAll("'", "''")}'\n${more}`;
}

test('takes named groups of the first match', () => {
  const rows: [pattern: string, line: string, expected: Record<string, string>][] = [
    [accessPattern, accessLine, access],
    ['(?P<a>x)|(?P<b>y)', 'y', { a: '', b: 'y' }],
    ['(?<a>.)(.)(?P<b>.)', 'xyz', { a: 'x', b: 'z' }],
    ['(?i)(?P<bad>panic:|error)', 'A Terrible Error', { bad: 'Error' }],
    ['^(?P<time>\\S+?) (?P<rest>.*)$', 'nothing', {}],
    ['(?P<word>\\w+)', 'one two', { word: 'one' }],
    ['(?P<all>(?s).*)', 'a\nb', { all: 'a\nb' }],
    ['(?P<u>ü+)', 'über', { u: 'ü' }],
  ];
  for (const [pattern, line, expected] of rows) {
    assert.deepEqual(extractedFrom(stage(pattern), line), expected, pattern);
  }
});

test('looks into a value that a stage before has found', () => {
  const source = stage('^HTTP/(?P<version>.*)$', '    source: protocol\n');
  assert.deepEqual(extractedFrom(stage(accessPattern) + source, accessLine), {
    ...access,
    version: '1.1',
  });
  assert.deepEqual(extractedFrom(source, 'HTTP/1.1'), {});
  const flag = `- json: { expressions: { protocol: } }\n${source}`;
  assert.deepEqual(extractedFrom(flag, '{"protocol":true}'), { protocol: true });
  assert.deepEqual(extractedFrom(flag, '{}'), { protocol: null });
});

test('takes time linear in the line, whatever the pattern', () => {
  const line = `${'a'.repeat(256 * 1024)}!`;
  for (const pattern of ['^(?P<x>(a+)+)$', '^(?P<x>(.*a){20})$', '^(?P<x>(a|a)*)$']) {
    const startMs = performance.now();
    extractedFrom(stage(pattern), line);
    assert.ok(performance.now() - startMs < 20_000, pattern);
  }
});

test('survives hostile lines', () => {
  const yaml = stage('^(?P<a>\\S*) (?P<b>.*)$');
  const { shipped, counts } = runThrough(compilePipeline(yaml), hostileLines);
  assert.equal(shipped.length, hostileLines.length);
  assert.equal(counts, undefined);
});

test('says what is wrong with its configuration', () => {
  const missing = 'stage 1 (regex), line 1: expression is missing; it is the pattern to look for';
  assert.equal(configError('- regex:'), missing);
  assert.equal(configError("- regex: { expression: '' }"), missing);
  assert.match(
    configError("- regex: { expression: '(?P<ts[0-9]+).*' }"),
    /^stage 1 \(regex\), line 1: expression "\(\?P<ts\[0-9\]\+\)\.\*": .*invalid named capture/,
  );
  assert.match(configError("- regex: { expression: '(?=a)' }"), /line 1: expression "\(\?=a\)": /);
  assert.equal(
    configError('- regex:\n    expression: "(?P<a>.)"\n    source: ""'),
    'stage 1 (regex), line 3: source is empty; allowed is the name of a value',
  );
  assert.deepEqual(warningsOf('- regex: { expression: "(x)" }'), [
    'stage 1 (regex), line 1: expression has no named group, as (?P<name>…), so the stage finds nothing',
  ]);
  assert.deepEqual(warningsOf('- regex: { expression: "(?P<a>x)", labels_from_groups: true }'), [
    'stage 1 (regex), line 1: regex has no option labels_from_groups (it knows expression, source); it is ignored',
  ]);
});
