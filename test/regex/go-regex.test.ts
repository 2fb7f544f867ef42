/** Go's regular expressions: syntax, groups, replacement, and time that grows with the text only. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileAnchoredRegex, compileRegex, RegexError } from '../../src/regex/go-regex.ts';

test('names groups as Go does, in both ways to write them', () => {
  assert.deepEqual(compileRegex('(?P<a>x)(y)?(?<b>z)').names, ['', 'a', '', 'b']);
  assert.deepEqual(compileRegex('(?P<a>x)(y)?(?<b>z)').match('-xz-'), ['xz', 'x', undefined, 'z']);
  assert.equal(compileRegex('q').match('-xz-'), undefined);
});

// From the documentation of Go's package regexp.
test('replaces as the examples of Go do', () => {
  const rows: [pattern: string, text: string, template: string, expected: string][] = [
    ['a(x*)b', '-ab-axxb-', 'T', '-T-T-'],
    ['a(x*)b', '-ab-axxb-', '$1', '--xx-'],
    ['a(x*)b', '-ab-axxb-', '$1W', '---'],
    ['a(x*)b', '-ab-axxb-', '${1}W', '-W-xxW-'],
    ['a(?P<n>x*)b', '-ab-axxb-', '${n}$$', '-$-xx$-'],
    ['a*', 'baac', '-', '-b-c-'],
    ['', 'ab', '-', '-a-b-'],
    ['(?i)É', 'é€', '<$0>', '<é>€'],
  ];
  for (const [pattern, text, template, expected] of rows) {
    assert.equal(compileRegex(pattern).replaceAll(text, template), expected, pattern);
  }
  assert.equal(compileRegex('a').replaceAllLiteral('aba', '$0'), '$0b$0');
});

test('replaces each group by itself and leaves what is between them', () => {
  const upper = (group: string): string => `<${group}>`;
  assert.equal(compileRegex('k(\\d)=(\\w)?').replaceGroups('k1=a, k2=', upper), 'k<1>=<a>, k<2>=');
  assert.equal(compileRegex('(a(b))').replaceGroups('ab', upper), '<ab>');
  assert.equal(compileRegex('ab').replaceGroups('ab', upper), '<ab>');
});

test('anchors a pattern as a whole, over lines, too', () => {
  const regex = compileAnchoredRegex('a|b.c');
  const found = ['a', 'ab', 'b\nc', 'xa', 'b-c'].filter((text) => regex.test(text));
  assert.deepEqual(found, ['a', 'b\nc', 'b-c']);
  assert.throws(() => compileAnchoredRegex('a)(b'), RegexError);
});

test('says what is wrong with a pattern, as Go does', () => {
  const rows: [pattern: string, expected: RegExp][] = [
    ['(', /missing closing \)/],
    ['a(?=b)', /invalid or unsupported Perl syntax: `\(\?=`/],
    ['\\1', /invalid escape sequence: `\\1`/],
    ['x{2000}', /invalid repeat count: `\{2000\}`/],
    ['[z-a]', /invalid character class range: `z-a`/],
    ['x'.repeat(16_385), /16385 characters; allowed are 16384/],
  ];
  for (const [pattern, expected] of rows) {
    assert.throws(
      () => compileRegex(pattern),
      (error) => {
        assert.ok(error instanceof RegexError);
        assert.match(error.message, expected);
        return true;
      },
    );
  }
});

test('any text is a pattern or an error of a pattern', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 40, unit: 'binary-ascii' }),
      fc.string(),
      (pattern, text) => {
        try {
          const regex = compileRegex(pattern);
          assert.equal(regex.test(text), regex.match(text) !== undefined);
        } catch (error) {
          if (!(error instanceof RegexError)) throw error;
        }
      },
    ),
  );
});

test('one pattern is compiled once, and that keeps nothing between two texts', () => {
  const regex = compileRegex('(a)|b');
  assert.equal(compileRegex('(a)|b'), regex);
  assert.deepEqual(regex.match('a'), ['a', 'a']);
  assert.deepEqual(regex.match('b'), ['b', undefined]);
  for (let index = 0; index < 500; index += 1) compileRegex(`x${index}`);
  assert.notEqual(compileRegex('(a)|b'), regex, 'patterns that nobody wants are forgotten');
});

test('patterns that take others for ever are answered in time that grows with the text', () => {
  for (const pattern of ['(a+)+$', '^(.*a){20}$', '(x|xx|xxx)*y', '(?:a?){50}a{50}']) {
    const regex = compileRegex(pattern);
    const text = `${'a'.repeat(100_000)}!`;
    const beganAtMs = performance.now();
    regex.test(text);
    // V8's own engine takes longer than anybody lives.
    assert.ok(performance.now() - beganAtMs < 60_000, pattern);
  }
});
