import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  compilePipeline,
  configError,
  extractedFrom,
  hostileLines,
  runThrough,
  warningsOf,
} from '../helpers.ts';

/** All keys that the lines of these tests have. */
const yaml = '- logfmt: { mapping: { a: , b: , c: , out: message } }\n';

test('reads pairs as go-logfmt does', () => {
  const rows: [line: string, expected: Record<string, string>][] = [
    ['a=1 b=2', { a: '1', b: '2' }],
    ['a=1\tb=2\0c=3', { a: '1', b: '2', c: '3' }],
    ['message="this is a log line"', { out: 'this is a log line' }],
    ['a', { a: '' }],
    ['a b=', { a: '', b: '' }],
    ['a= b=1', { a: '', b: '1' }],
    ['a="" b=1', { a: '', b: '1' }],
    ['a=1 a=2', { a: '2' }],
    ['a=1\nb=2', { a: '1', b: '2' }],
    ['  a=1  ', { a: '1' }],
    ['{x} a=/x:y?z b=ü', { a: '/x:y?z', b: 'ü' }],
    ["a='x' b=1", { a: "'x'", b: '1' }],
    [String.raw`a="say \"hi\" \\ \/ \' \n\t\u00e9\ud83d\ude00"`, { a: 'say "hi" \\ / \' \n\té😀' }],
    ['a="x\ty" b=1', { a: 'x\ty', b: '1' }],
    ['a="1"b="2"', { a: '1', b: '2' }],
    [String.raw`a="lone \ud800"`, { a: 'lone \ufffd' }],
    // What is before an error stays.
    ['a=1 ="x" b=2', { a: '1' }],
    ['a=1 b"=2', { a: '1' }],
    ['a=1 b=x"y c=3', { a: '1' }],
    ['a=1 b=x=y c=3', { a: '1' }],
    ['a=1 b="x', { a: '1' }],
    ['a=1 b="x\ny" c=3', { a: '1' }],
    [String.raw`a=1 b="\x" c=3`, { a: '1' }],
    ['a=1 b="\\n\t" c=3', { a: '1' }],
    ['a=1 \ufffd=2 c=3', { a: '1' }],
    ['{"a":"json"}', {}],
    ['', {}],
  ];
  for (const [line, expected] of rows) assert.deepEqual(extractedFrom(yaml, line), expected, line);
});

test('reads a value that a stage before has found', () => {
  const two = '- logfmt: { mapping: { extra: } }\n- logfmt: { mapping: { user: }, source: extra }';
  assert.deepEqual(extractedFrom(two, 'extra="user=foo"'), { extra: 'user=foo', user: 'foo' });
  const missing = '- logfmt: { mapping: { user: }, source: nowhere }';
  assert.deepEqual(extractedFrom(missing, 'user=foo'), {});
});

test('reads back what is written as a quoted text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      const found = extractedFrom(yaml, `a=${JSON.stringify(value)} b=1`);
      assert.deepEqual(found, { a: value, b: '1' });
    }),
  );
});

test('survives hostile lines, and never throws', () => {
  const { shipped, counts } = runThrough(compilePipeline(yaml), hostileLines);
  assert.equal(shipped.length, hostileLines.length);
  assert.equal(counts, undefined);
  const pieces = fc.constantFrom('a', '=', '"', '\\', ' ', '\n', 'u', '\ud800', '\0', 'é');
  fc.assert(
    fc.property(fc.array(pieces), (parts) => {
      assert.equal(runThrough(compilePipeline(yaml), [parts.join('')]).counts, undefined);
    }),
  );
});

test('says what is wrong with its configuration', () => {
  const missing = 'stage 1 (logfmt), line 1: mapping is missing; logfmt needs at least one name';
  assert.equal(configError('- logfmt:'), missing);
  assert.equal(configError('- logfmt: { mapping: {} }'), missing);
  assert.equal(
    configError('- logfmt: { mapping: { a: }, source: "" }'),
    'stage 1 (logfmt), line 1: source is empty; allowed is the name of a value',
  );
  assert.equal(
    configError('- logfmt:\n    mapping: { a: [b] }'),
    'stage 1 (logfmt), line 2: the key of a has to be a text, and is a list',
  );
  assert.deepEqual(warningsOf('- logfmt: { mapping: { a: }, drop: true }'), [
    'stage 1 (logfmt), line 1: logfmt has no option drop (it knows mapping, source); it is ignored',
  ]);
});
