import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compilePipeline,
  configError,
  extractedFrom,
  hostileLines,
  runPipeline,
  runThrough,
  warningsOf,
} from '../helpers.ts';

const line = JSON.stringify({
  time: '2012-11-01T22:08:41+00:00',
  app: 'loki',
  component: ['parser', 'type'],
  level: 'WARN',
  numeric: { float: 12.34, integer: 123, string: '123' },
  nested: { child: 'value <&>' },
  isOk: true,
  nothing: null,
  'quoted.name': { x: 1 },
  complex: { log: { array: [{ test1: 'test2' }, { test3: 'test4' }], prop: 'value' } },
  inner: '{"user":"marco"}',
});

function expressions(...pairs: string[]): string {
  return `- json:\n    expressions:\n${pairs.map((pair) => `      ${pair}\n`).join('')}`;
}

test('takes values by name, path, index and any other expression', () => {
  const rows: [pair: string, expected: Record<string, unknown>][] = [
    ['app:', { app: 'loki' }],
    ['out: app', { out: 'loki' }],
    ['float: numeric.float', { float: 12.34 }],
    ['integer: numeric.integer', { integer: 123 }],
    ['string: numeric.string', { string: '123' }],
    ['isOk:', { isOk: true }],
    ['component:', { component: '["parser","type"]' }],
    ['nested:', { nested: String.raw`{"child":"value \u003c\u0026\u003e"}` }],
    ['test: complex.log.array[1].test3', { test: 'test4' }],
    ['test: complex.log.array[-1].test3', { test: 'test4' }],
    ['test: complex.log.array[7].test3', { test: null }],
    [`test: '"quoted.name".x'`, { test: 1 }],
    ['unknown:', { unknown: null }],
    ['nothing:', { nothing: null }],
    ['deep: app.x.y', { deep: null }],
    ['deep: component.x', { deep: null }],
    ['all: numeric.keys(@)', { all: '["float","integer","string"]' }],
    ['all: complex.log.array[].test1', { all: '["test2"]' }],
    ['one: component | [0]', { one: 'parser' }],
    ['either: missing || app', { either: 'loki' }],
    ['is: "level == `WARN`"', { is: true }],
    // A function with a wrong type fails, and sets nothing.
    ['wrong: abs(app)', {}],
    ['constructor:', { constructor: null }],
    ['proto: __proto__', { proto: null }],
    ['length: app.length', { length: null }],
  ];
  for (const [pair, expected] of rows) {
    assert.deepEqual(extractedFrom(expressions(pair), line), expected, pair);
  }
});

test('takes members of every name that the line itself has', () => {
  const odd = '{"__proto__":{"x":1},"constructor":"c","toString":2,"10":"ten"}';
  const yaml = expressions('proto: __proto__.x', 'constructor:', 'toString:', `ten: '"10"'`);
  assert.deepEqual(
    { ...extractedFrom(yaml, odd) },
    { proto: 1, constructor: 'c', toString: 2, ten: 'ten' },
  );
});

test('reads JSON in a value that a stage before has found', () => {
  const yaml = `${expressions('inner:')}- json: { expressions: { user: }, source: inner }\n`;
  assert.deepEqual(extractedFrom(yaml, line), { inner: '{"user":"marco"}', user: 'marco' });
  const missing = '- json: { expressions: { user: }, source: nowhere, drop_malformed: true }\n';
  assert.deepEqual(extractedFrom(missing, line), {});
  const isNull = `${expressions('nothing:')}- json: { expressions: { user: }, source: nothing, drop_malformed: true }`;
  assert.deepEqual(extractedFrom(isNull, line), { nothing: null });
});

test('lets what is no object pass as it is, or drops it and counts it', () => {
  const malformed = ['', 'no json', '{"a":1} x', '[1]', '"a"', '1', 'true', '{"a":1,}', "{'a':1}"];
  const objects = ['{}', '{"a":1}', ' {"a":1}\n', 'null'];
  const lines = [...malformed, ...objects];
  const keeping = '- json: { expressions: { a: } }\n';
  assert.deepEqual(
    runPipeline(keeping, lines).map(({ line }) => line),
    lines,
  );
  assert.deepEqual(extractedFrom(keeping, '[1]'), {});
  assert.deepEqual(extractedFrom(keeping, 'null'), { a: null });
  const dropping = '- json: { expressions: { a: }, drop_malformed: true }\n';
  const { shipped, counts } = runThrough(compilePipeline(dropping), lines);
  assert.deepEqual(
    shipped.map(({ line }) => line),
    objects,
  );
  assert.deepEqual(counts?.dropped, new Map([['malformed_json', malformed.length]]));
  assert.equal(counts.failed.size, 0);
});

test('takes more than 10,000 levels for malformed, and brackets in texts for none', () => {
  const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const yaml = '- json: { expressions: { a: } }\n';
  assert.equal(extractedFrom(yaml, nested(9_999))['a'], '['.repeat(9_999) + ']'.repeat(9_999));
  assert.deepEqual(extractedFrom(yaml, nested(10_001)), {});
  const text = String.raw`\"[\\`.repeat(20_000);
  assert.equal(typeof extractedFrom(yaml, `{"a":"${text}"}`)['a'], 'string');
});

test('survives hostile lines with every kind of expression', () => {
  const yaml = expressions('a:', 'x: a.b', 'y: "a[0]"', 'z: "*.[x]"', 'toString:', 'v: values(@)');
  const { shipped, counts } = runThrough(compilePipeline(yaml), hostileLines);
  assert.equal(shipped.length, hostileLines.length);
  assert.equal(counts, undefined);
});

test('says what is wrong with its configuration', () => {
  const rows: [yaml: string, message: string][] = [
    ['- json:', 'stage 1 (json), line 1: expressions is missing; json needs at least one name'],
    [
      '- json: { expressions: {} }',
      'stage 1 (json), line 1: expressions is missing; json needs at least one name',
    ],
    [
      '- json:\n    expressions: { a: }\n    source: ""',
      'stage 1 (json), line 3: source is empty; allowed is the name of a value',
    ],
    [
      '- json:\n    expressions:\n      a: 3##@$#33',
      'stage 1 (json), line 3: the expression of a "3##@$#33": Unknown character:#',
    ],
    [
      '- json: { expressions: { "a b": } }',
      'stage 1 (json), line 1: the expression of a b "a b": Unexpected token type: UnquotedIdentifier, value: b',
    ],
    [
      '- json: { expressions: [a] }',
      'stage 1 (json), line 1: expressions has to be a map (name: value), and is a list',
    ],
    [
      '- json: { expressions: { a: }, drop_malformed: maybe }',
      'stage 1 (json), line 1: drop_malformed is "maybe"; allowed is true or false',
    ],
  ];
  for (const [yaml, message] of rows) assert.equal(configError(yaml), message);
  assert.match(
    configError(`- json: { expressions: { a: "${'a'.repeat(5000)}" } }`),
    /it has 5000 characters; allowed are 4096$/,
  );
  assert.deepEqual(warningsOf('- json: { expressions: { a: }, sorce: x }'), [
    'stage 1 (json), line 1: json has no option sorce (did you mean source?); it is ignored',
  ]);
});
