import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isBlank } from '../../src/pipeline/blank.ts';

// The White_Space property of Unicode, which Go's unicode.IsSpace goes by.
const spaces = [
  ...['\t', '\n', '\v', '\f', '\r', ' ', '\u0085', '\u00a0', '\u1680', '\u2000', '\u2001'],
  ...['\u2002', '\u2003', '\u2004', '\u2005', '\u2006', '\u2007', '\u2008', '\u2009', '\u200a'],
  ...['\u2028', '\u2029', '\u202f', '\u205f', '\u3000'],
];

function blank(text: string | Uint8Array): boolean {
  const bytes = Buffer.concat([Buffer.from('x'), Buffer.from(text), Buffer.from('x')]);
  return isBlank(bytes, 1, bytes.length - 1);
}

test('each white space of Go is blank, and no other character is', () => {
  for (let code = 0; code <= 0xffff; code += 1) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCharCode(code);
    assert.equal(blank(character), spaces.includes(character), code.toString(16));
  }
});

test('nothing is blank, and any number of spaces is', () => {
  assert.equal(blank(''), true);
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...spaces)), (some) => {
      assert.equal(blank(some.join('')), true);
      assert.equal(blank(`${some.join('')}.`), false);
    }),
  );
});

test('half a space is not blank, and what is behind the line does not count', () => {
  for (const space of spaces) {
    const bytes = Buffer.from(space);
    if (bytes.length > 1) assert.equal(isBlank(bytes, 0, bytes.length - 1), false);
  }
});
