import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileRegex } from '../../src/regex/go-regex.ts';
import { dockerFunctions } from '../../src/template/docker-functions.ts';
import { createPromtailFunctions } from '../../src/template/promtail-functions.ts';
import { parseTemplate, TemplateError } from '../../src/template/template.ts';
import type { TemplateValue } from '../../src/template/value.ts';
import { StringMap, Struct } from '../../src/template/value.ts';

const promtailFunctions = createPromtailFunctions({
  regex: compileRegex,
  time: { format: (layout) => layout, parse: () => 0n },
});

function execute(source: string, data?: TemplateValue): string {
  return parseTemplate(source, promtailFunctions).execute(data);
}

function errorOf(source: string, data?: TemplateValue): string {
  try {
    execute(source, data);
  } catch (error) {
    assert.ok(error instanceof TemplateError, `${source}: ${String(error)}`);
    return error.message;
  }
  return assert.fail(`${source.slice(0, 80)} gives no error`);
}

test("the examples of Go's documentation of text/template give what it says", () => {
  const quoted = [
    '{{"\\"output\\""}}',
    '{{`"output"`}}',
    '{{printf "%q" "output"}}',
    '{{"output" | printf "%q"}}',
    '{{printf "%q" (print "out" "put")}}',
    '{{"put" | printf "%s%s" "out" | printf "%q"}}',
    '{{"output" | printf "%s" | printf "%q"}}',
    '{{with "output"}}{{printf "%q" .}}{{end}}',
    '{{with $x := "output" | printf "%q"}}{{$x}}{{end}}',
    '{{with $x := "output"}}{{printf "%q" $x}}{{end}}',
    '{{with $x := "output"}}{{$x | printf "%q"}}{{end}}',
  ];
  for (const source of quoted) assert.equal(execute(source), '"output"', source);
  assert.equal(execute('{{"output" | len}}'), '6');
  assert.equal(execute('{{23 -}} < {{- 45}}'), '23<45');
  assert.equal(execute('{{1}}{{/* a comment */}}{{- /* trimmed */ -}} {{2}}'), '12');
  assert.equal(
    execute('{{define "T1"}}ONE{{end}}{{define "T2"}}TWO{{end}}{{template "T1"}}'),
    'ONE',
  );
});

test("a container's names and labels come out of a log tag", () => {
  const info = new Struct({
    ContainerName: '/web.1',
    ContainerLabels: new StringMap([['com.docker.swarm.task.name', 'web.1.abc']]),
    Name: () => 'web.1',
    ImageName: () => 'nginx',
    ID: () => '0123456789ab',
  });
  const render = (source: string): string => parseTemplate(source, dockerFunctions).execute(info);
  assert.equal(render('{{.ImageName}}/{{.Name}}/{{.ID}}'), 'nginx/web.1/0123456789ab');
  assert.equal(
    render('{{index .ContainerLabels "com.docker.swarm.task.name" | upper}}'),
    'WEB.1.ABC',
  );
  assert.equal(render('[{{index .ContainerLabels "nope"}}]'), '[]');
  assert.throws(() => render('{{.Nope}}'), /can't evaluate field Nope in type struct/);
});

test('a missing key is <no value>, and an empty text where a label is indexed', () => {
  const labels = new StringMap([['a', '1']]);
  const data = new Map<string, TemplateValue>([['labels', labels]]);
  assert.equal(execute('{{.x}} {{.labels.x}}', data), '<no value> <no value>');
  assert.equal(execute('{{index . "x"}}|{{index .labels "x"}}', data), '<no value>|');
  assert.equal(execute('{{printf "%v %s" .x .x}}', data), '<nil> %!s(<nil>)');
});

test('what Go changed after 1.19 is as it is now', () => {
  assert.equal(execute('{{range 3}}{{.}}{{end}}'), '012');
  assert.equal(execute('{{range $i := 2}}{{$i}}{{end}}{{range 0}}{{else}}none{{end}}'), '01none');
  assert.match(errorOf('{{range $i, $e := 3}}{{end}}'), /more than one variable/);
  assert.equal(execute('{{with ""}}a{{else with "b"}}{{.}}{{end}}'), 'b');
});

test('fields are the names of the top, wherever they stand', () => {
  const fieldsOf = (source: string): string[] =>
    [...parseTemplate(source, dockerFunctions).fields].sort();
  assert.deepEqual(fieldsOf('text'), []);
  assert.deepEqual(fieldsOf('{{.Name}} {{$.Config.x}} {{upper .ID | printf "%s"}}'), [
    ...['Config', 'ID', 'Name'],
  ]);
  assert.deepEqual(fieldsOf('{{$x := .A}}{{$x.B}}{{if .C}}{{(index .D "x").E}}{{end}}'), [
    ...['A', 'C', 'D'],
  ]);
});

test('what does not parse says where', () => {
  assert.equal(errorOf('a\n{{nope}}'), 'template: 2:2: function "nope" not defined');
  assert.equal(errorOf('{{$x}}'), 'template: 1:2: undefined variable "$x"');
  assert.match(errorOf('{{if}}{{end}}'), /missing value for if/);
  assert.match(errorOf('{{'), /unclosed action/);
});

test('an action that fails says which', () => {
  assert.equal(
    errorOf('{{ ToLower .n }}', new Map([['n', 1n]])),
    'template: 1:11: executing at <.n>: wrong type for value; expected string; got int',
  );
  assert.match(errorOf('{{fail "no"}}'), /error calling fail: no$/);
});

test('one template may be executed any number of times, also after it failed', () => {
  const template = parseTemplate(
    '{{$x := .a}}{{if eq $x "bad"}}{{fail $x}}{{end}}{{$x}}',
    promtailFunctions,
  );
  assert.equal(template.execute(new Map([['a', '1']])), '1');
  assert.throws(() => template.execute(new Map([['a', 'bad']])), TemplateError);
  assert.equal(template.execute(new Map([['a', '2']])), '2');
});

test('deep nesting is refused in words and never overflows the stack', () => {
  const count = 10_000;
  const sources = [
    `{{${'('.repeat(count)}1${')'.repeat(count)}}}`,
    '{{if 1}}'.repeat(count) + '{{end}}'.repeat(count),
    '{{range 1}}'.repeat(count) + '{{end}}'.repeat(count),
    '{{with 1}}{{else}}'.repeat(count) + '{{end}}'.repeat(count),
    '{{block "a" .}}'.repeat(count) + '{{end}}'.repeat(count),
  ];
  for (const source of sources) assert.match(errorOf(source), /nested deeper than 200 levels/);
  assert.match(errorOf(`{{1${' | print'.repeat(count)}}}`), /more than 100 commands in a pipeline/);
  assert.equal(execute(`{{if 0}}${'{{else if 0}}'.repeat(count)}{{else}}x{{end}}`), 'x');
  assert.equal(execute(`{{$.${'a.'.repeat(count)}a}}`, new Map()), '<no value>');
});

test('a template that would never end or fill the memory ends with an error', () => {
  const doubling = (what: string): string =>
    `{{$x := list 1}}{{range until 99}}{{$x = ${what}}}{{end}}`;
  const cases: [string, RegExp][] = [
    ['{{range 1000000000000}}{{end}}', /does too much/],
    ['{{range until 9999}}{{range until 9999}}{{end}}{{end}}', /does too much/],
    [
      '{{define "a"}}{{template "a"}}{{template "a"}}{{end}}{{template "a"}}',
      /maximum template depth/,
    ],
    ['{{$x := "a"}}{{range 99}}{{$x = print $x $x}}{{end}}', /at most 4194304 are allowed/],
    ['{{repeat 999999999 "x"}}', /at most 4194304 are allowed/],
    ['{{range 9}}{{repeat 999999 "x"}}{{end}}', /output is longer/],
    ['{{until 999999999}}', /at most 100000 are allowed/],
    ['{{printf "%999999d%999999d%999999d%999999d%999999d" 1 2 3 4 5}}', /4194304/],
    [doubling('concat $x $x'), /at most 100000 are allowed/],
    [`${doubling('list $x $x')}{{toJson $x}}`, /does too much/],
    [`${doubling('list $x $x')}{{deepEqual $x (deepCopy $x)}}`, /does too much/],
    ['{{$d := dict}}{{$_ := set $d "a" $d}}{{$d}}', /nested deeper than 100/],
    ['{{$d := dict}}{{$_ := set $d "a" $d}}{{toJson $d}}', /nested deeper than 100/],
    ['{{$d := dict}}{{$_ := set $d "a" $d}}{{merge $d $d}}', /nested deeper than 100/],
  ];
  for (const [source, expected] of cases) assert.match(errorOf(source), expected, source);
});

const names = [
  ...promtailFunctions.keys(),
  'printf',
  'index',
  'slice',
  'print',
  'html',
  'len',
  'eq',
];
const pieces = [
  ...[
    '{{',
    '}}',
    '{{-',
    '-}}',
    ' ',
    ' - ',
    '.',
    '.a',
    '.m.x',
    '$',
    '$x',
    '$x :=',
    '$x =',
    '|',
    '(',
  ],
  ...[')', 'if ', 'else', 'end', '{{end}}', '{{else}}', 'range ', 'with ', 'define "a"', ',', '/*'],
  ...['template "a" .', 'block "b" .', 'break', 'continue', '"s"', "'c'", '`r`', '1', '-3', '2.5'],
  ...['1e9', 'nil', 'true', 'printf "%v %*x" ', 'and ', 'or ', 'not ', '*/', '\n', '😀', '\ud800'],
];
const operands = [
  ...['.a', '.s', '.n', '.f', '.l', '.m', '.z', '.t', '"%s %5.3v|%q"', '"("', '0', '1', '-1'],
  ...['99999999', '1.5', 'nil', '"2006-01-02"', '(list 1 2)', '(dict "a" 1)', '(toDate "x" "y")'],
];

function fuzzData(): TemplateValue {
  return new Map<string, TemplateValue>([
    ['a', 'x'],
    ['s', 'Grüße 😀\ud800'],
    ['n', 5n],
    ['f', 2.5],
    ['l', ['a', 1n, null, ['b']]],
    ['m', new Map([['x', new StringMap([['y', '1']])]])],
    ['z', null],
    ['t', true],
  ]);
}

/** Nothing but a TemplateError that nobody had to translate, and soon. */
function assertTame(source: string): void {
  const startMs = performance.now();
  try {
    execute(source, fuzzData());
  } catch (error) {
    assert.ok(error instanceof TemplateError && error.cause === undefined, String(error));
  }
  assert.ok(performance.now() - startMs < 5000, source);
}

test('any text parses or is refused, and nothing else is ever thrown', () => {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...pieces) },
    { weight: 2, arbitrary: fc.constantFrom(...names).map((name) => `${name} `) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  );
  const source = fc.array(piece, { maxLength: 40 }).map((parts) => parts.join(''));
  fc.assert(fc.property(source, assertTame), { numRuns: 3000 });
});

test('any function takes any arguments or refuses them', () => {
  const call = fc
    .tuple(fc.constantFrom(...names), fc.array(fc.constantFrom(...operands), { maxLength: 4 }))
    .map(([name, given]) => `{{${name} ${given.join(' ')}}}`);
  fc.assert(fc.property(call, assertTame), { numRuns: 5000 });
});
