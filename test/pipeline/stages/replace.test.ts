import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compilePipeline,
  configError,
  hostileLines,
  runPipeline,
  runThrough,
  warningsOf,
} from '../helpers.ts';

const accessLine =
  '11.11.11.11 - frank [25/Jan/2000:14:00:01 -0500] "GET /1986.js HTTP/1.1" 200 932 "-" "Mozilla/5.0"';
const upper = `{{ if eq .Value "200" }}{{ Replace .Value "200" "HttpStatusOk" -1 }}{{ else }}{{ .Value | ToUpper }}{{ end }}`;

function stage(expression: string, replace: string, more = ''): string {
  return `- replace:\n    expression: ${JSON.stringify(expression)}\n    replace: ${JSON.stringify(replace)}\n${more}`;
}

/** The line as it comes out, and what was extracted. */
function after(yaml: string, line: string): [line: string, extracted: Record<string, unknown>] {
  const [entry] = runPipeline(yaml, [line]);
  assert.ok(entry !== undefined);
  return [entry.line, entry.extracted];
}

test('replaces groups, and only them', () => {
  const rows: [expression: string, replace: string, line: string, expected: string][] = [
    ['11.11.11.11 - (\\S+) .*', 'dummy', accessLine, accessLine.replace('frank', 'dummy')],
    ['11.11.11.11 - (\\S+\\s)', '', accessLine, accessLine.replace('frank ', '')],
    ['(a|b|c)', '', 'abc', ''],
    ['(a|b|c)', '<{{ .Value }}>', 'xabcx', 'x<a><b><c>x'],
    ['(\\d+)-(\\d+)', '#', '1-2 3-4', '#-# #-#'],
    [
      'password=(\\S+)',
      '****',
      'password=x user=y password=z',
      'password=**** user=y password=****',
    ],
    // Of groups within groups, the outer one.
    ['((a)b)(c)', '<{{ .Value }}>', 'abc', '<ab><c>'],
    // A group that took no part; and one that holds nothing.
    ['(a)|(b)', '[{{ .Value }}]', 'ba', '[b][a]'],
    ['a(x*)', '!', 'a ax', 'a! a!'],
    // Without a group, nothing; without a match, nothing.
    ['frank', 'x', 'frank', 'frank'],
    ['(z)', 'x', 'frank', 'frank'],
    // A failing template changes nothing.
    ['(a)', '{{ .missing | ToUpper }}', 'a', 'a'],
    ['(ü)', 'ue', 'über 😀 ü', 'ueber 😀 ue'],
    ['(a)', '$1 ${1} {{ "$1" }}', 'a', '$1 ${1} $1'],
  ];
  for (const [expression, replace, line, expected] of rows) {
    assert.equal(after(stage(expression, replace), line)[0], expected, expression);
  }
});

test('extracts named groups as they are replaced in the first match', () => {
  const named =
    '^(?P<ip_user>(?P<ip>\\S+) (?P<identd>\\S+) (?P<user>\\S+)) \\[([\\w:/]+\\s[+\\-]\\d{4})\\] "(?P<action>\\S+)\\s?(?P<path>\\S+)?\\s?(?P<protocol>\\S+)?" (?P<status>\\d{3}|-) (\\d+|-)';
  assert.deepEqual(after(stage(named, upper), accessLine), [
    '11.11.11.11 - FRANK [25/JAN/2000:14:00:01 -0500] "GET /1986.JS HTTP/1.1" HttpStatusOk 932 "-" "Mozilla/5.0"',
    {
      ip_user: '11.11.11.11 - FRANK',
      ip: '11.11.11.11',
      identd: '-',
      user: 'FRANK',
      action: 'GET',
      path: '/1986.JS',
      protocol: 'HTTP/1.1',
      status: 'HttpStatusOk',
    },
  ]);
  assert.deepEqual(after(stage('(?P<w>\\w)', '<{{ .Value }}>'), 'ab')[1], { w: '<a>' });
  assert.deepEqual(after(stage('(?P<a>x)|(?P<b>y)', '{{ .Value }}!'), 'y')[1], { b: 'y!' });
  assert.deepEqual(after(stage('(?P<a>x)?(y)(z*)', '{{ .Value }}!'), 'y'), ['y!!', { a: '!' }]);
});

test('works on a value, with all others in the template', () => {
  const yaml = `- json: { expressions: { level: , msg: } }\n${stage('POST (\\S+)', '{{ .level }}:{{ .Value }}', '    source: msg\n')}`;
  const line = '{"level":"info","msg":"POST /push HTTP"}';
  assert.deepEqual(after(yaml, line), [line, { level: 'info', msg: 'POST info:/push HTTP' }]);
  const missing = stage('(.*)', 'x', '    source: nowhere\n');
  assert.deepEqual(after(missing, 'a'), ['a', {}]);
});

test('takes time linear in the line, whatever the pattern', () => {
  const line = `${'a'.repeat(256 * 1024)}!`;
  for (const pattern of ['^(a+)+$', '^((.*a){20})$', '(a)', '(a*)*b']) {
    const startMs = performance.now();
    after(stage(pattern, '{{ .Value }}'), line);
    assert.ok(performance.now() - startMs < 20_000, pattern);
  }
});

test('survives hostile lines', () => {
  const yaml = stage('(?P<word>\\w+)=("[^"]*")', '{{ .Value }}{{ .word }}');
  const { shipped, counts } = runThrough(compilePipeline(yaml), hostileLines);
  assert.equal(shipped.length, hostileLines.length);
  assert.equal(counts, undefined);
});

test('says what is wrong with its configuration', () => {
  const place = 'stage 1 (replace), line 1: ';
  assert.equal(
    configError('- replace: { replace: x }'),
    `${place}expression is missing; it is the pattern to look for`,
  );
  assert.equal(
    configError("- replace: { expression: '(a)', source: '' }"),
    `${place}source is empty; allowed is the name of a value`,
  );
  assert.match(configError("- replace: { expression: '(a' }"), /line 1: expression "\(a": /);
  assert.match(
    configError("- replace: { expression: '(a)', replace: '{{ end }}' }"),
    /replace: template: /,
  );
  assert.deepEqual(warningsOf('- replace: { expression: a, with: x }'), [
    `${place}replace has no option with (it knows expression, replace, source); it is ignored`,
    `${place}expression has no group, as (…), so the stage replaces nothing`,
  ]);
});
