import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { withoutEscapes } from '../../../src/pipeline/stages/decolorize.ts';
import { compileRegex } from '../../../src/regex/go-regex.ts';
import { compilePipeline, hostileLines, runPipeline, runThrough, warningsOf } from '../helpers.ts';

test('takes colours, cursor movements and titles out of the line', () => {
  const rows: [line: string, expected: string][] = [
    ['sample text', 'sample text'],
    ['\u001b[0;32mgreen\u001b[0m \u001b[0;31mred\u001b[0m', 'green red'],
    ['\u001b[38;5;196mx\u001b[m', 'x'],
    ['\u009b1mx', 'x'],
    ['\u001b]0;title\u0007x', 'x'],
    ['\u001b[2J\u001b[1;1Hx', 'x'],
    ['\u001b', '\u001b'],
    ['\u001b x', '\u001b x'],
    ['\u001b[12 x', ' x'],
    ['\u001b[12;; x', ';; x'],
    ['\u001b[12345mx', 'mx'],
  ];
  for (const [line, expected] of rows) {
    assert.equal(runPipeline('- decolorize:\n', [line])[0]?.line, expected, JSON.stringify(line));
  }
});

test("does what promtail's pattern does", () => {
  const pattern = compileRegex(
    String.raw`[\x{1b}\x{9b}][[\]()#;?]*(?:(?:(?:[a-zA-Z\d]*(?:;[a-zA-Z\d]*)*)?\x{07})|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PRZcf-ntqry=><~]))`,
  );
  const pieces = fc.constantFrom(
    ...'\u001b\u009b[]();?#01234567890mKQRSZabcefz\u0007~= -;;;12'.split(''),
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join('');
      assert.equal(withoutEscapes(text), pattern.replaceAllLiteral(text, ''));
    }),
    { numRuns: 3000 },
  );
});

test('takes linear time, also for what its pattern would look back far in', () => {
  const startMs = performance.now();
  for (const part of ['\u001b[;;;;', ';', '\u001b[1;2', 'a;', '\u001b']) {
    withoutEscapes(`\u001b[${part.repeat(200_000)}`);
    withoutEscapes(`\u001b[${part.repeat(200_000)} `);
  }
  assert.ok(performance.now() - startMs < 20_000);
});

test('survives hostile lines, and leaves bytes without escapes as they are', () => {
  const { shipped, counts } = runThrough(compilePipeline('- decolorize:\n'), hostileLines);
  assert.equal(shipped.length, hostileLines.length);
  assert.equal(counts, undefined);
});

test('has no options', () => {
  assert.deepEqual(warningsOf('- decolorize: { all: true }'), [
    'stage 1 (decolorize), line 1: decolorize has no option all; it is ignored',
  ]);
  assert.deepEqual(warningsOf('- decolorize: {}'), []);
});
