import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { goQuote } from '../../src/pipeline/go-quote.ts';

test("quotes as Go's strconv.Quote does", () => {
  // The first rows are Go's own quotetests (strconv/quote_test.go).
  const rows: [string, string][] = [
    ['\u0007\b\f\r\n\t\v', String.raw`"\a\b\f\r\n\t\v"`],
    ['\\', String.raw`"\\"`],
    ['\u263a', '"☺"'],
    ['\u{10ffff}', String.raw`"\U0010ffff"`],
    ['\u0004', String.raw`"\x04"`],
    ['!\u00a0!\u2000!\u3000!', String.raw`"!\u00a0!\u2000!\u3000!"`],
    ['\u007f', String.raw`"\x7f"`],
    ['\u0000', String.raw`"\x00"`],
    ['\u0085', String.raw`"\u0085"`],
    ['\u00ad\ufeff', String.raw`"\u00ad\ufeff"`],
    ['say "hi"', String.raw`"say \"hi\""`],
    ["it's ünï €", `"it's ünï €"`],
    ['😀', '"😀"'],
    ['e\u0301', '"e\u0301"'],
    ['\ud800x', '"\ufffdx"'],
    ['', '""'],
  ];
  for (const [text, expected] of rows) assert.equal(goQuote(text), expected);
});

test('loses nothing: JSON rules read back whatever has no Go-only escape', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const json = goQuote(text)
        .replace(/\\x(..)/g, '\\u00$1')
        .replaceAll('\\a', '\\u0007')
        .replaceAll('\\v', '\\u000b');
      if (json.includes('\\U') || text.includes('\\')) return;
      assert.equal(JSON.parse(json), text);
    }),
  );
});
