import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { goQuote } from '../../src/pipeline/go-quote.ts';
import { goUnquote } from '../../src/pipeline/go-unquote.ts';

test('what Go quotes comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(goUnquote(goQuote(text)), text.toWellFormed());
    }),
  );
});

test('escapes are those of Go, and bytes make up characters', () => {
  assert.equal(goUnquote('"\\a\\b\\f\\n\\r\\t\\v\\\\\\""'), '\u0007\b\f\n\r\t\v\\"');
  assert.equal(goUnquote('"\\xc3\\xbc\\303\\274\\u00fc\\U000000fc"'), 'üüüü');
  assert.equal(goUnquote('"\\xff"'), '\ufffd');
  assert.equal(goUnquote('`a\\n"\r\n`'), 'a\\n"\n');
});

test('what Go does not take as a literal is refused', () => {
  for (const literal of [
    ...[
      '',
      '"',
      'a',
      '"a',
      'a"',
      '"a"b"',
      '`a`b`',
      "'a'",
      '"\n"',
      '"\\\'"',
      '"\\q"',
      '"\\"',
      '"\\x1"',
    ],
    ...['"\\400"', '"\\ud800"', '"\\U00110000"', '"\\u12"', '"a\\n"b"'],
  ]) {
    assert.equal(goUnquote(literal), undefined, literal);
  }
});
