import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { answerTextMax, createAnswerText } from '../../src/sink/answer-text.ts';

const answerText = createAnswerText(['S3/CR"ET', 'TOKEN==', '']);

test('puts an answer on one line of at most 512 characters', () => {
  const body = Buffer.from('  one\r\n\ttwo\u0000\u001b[31m\u2028three ');
  assert.equal(answerText(body, false), 'one two [31m three');
  assert.equal(answerText(Buffer.alloc(4096, 'x'), true).length, answerTextMax);
  assert.equal(answerText(Buffer.from([0xff, 0xfe, 0x41]), false), '\ufffd\ufffdA');
  assert.equal(answerText(Buffer.alloc(0), false), '');
});

test('takes secrets out in every spelling that a server may echo', () => {
  const body = 'a S3/CR"ET b S3%2FCR%22ET c S3/CR\\"ET d TOKEN==';
  assert.equal(answerText(Buffer.from(body), false), 'a *** b *** c *** d ***');
});

test('shows no first half of a secret at the end of a body that was cut', () => {
  assert.doesNotMatch(answerText(Buffer.from('so S3/CR"E'), true), /S3/);
});

test('never shows a secret, wherever it stands', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.boolean(), (before, after, cut) => {
      const text = answerText(Buffer.from(`${before}S3/CR"ET${after}TOKEN==${before}`), cut);
      assert.doesNotMatch(text, /S3\/CR"ET|TOKEN==/);
    }),
  );
});

/** Nothing of the secret is to be seen, whatever stands around it and however it is written. */
const encodings: [string, (text: string) => string][] = [
  ['as it is', (text) => text],
  ['as a part of a URL', (text) => encodeURIComponent(text)],
  ['in lower-case escapes', (text) => encodeURIComponent(text).toLowerCase()],
  ['as a form', (text) => new URLSearchParams({ q: text }).toString()],
  ['as JSON', (text) => JSON.stringify({ text })],
  ['as base64', (text) => Buffer.from(text).toString('base64')],
  ['as base64 for URLs', (text) => Buffer.from(text).toString('base64url')],
  ['as hex', (text) => Buffer.from(text).toString('hex')],
  ['as HTML', (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&#34;')],
];

for (const [name, encode] of encodings) {
  test(`takes a secret out ${name}, at any place in a longer text`, () => {
    const secret = 'pa55 w&rd"/+=?ä';
    const clean = createAnswerText([secret]);
    for (const before of ['', 'u', 'us', 'usr', 'user:']) {
      for (const after of ['', '!', '!!', '!!!']) {
        const echo = encode(`${before}${secret}${after}`);
        const text = clean(Buffer.from(`x ${echo} y`), false);
        assert.match(text, /\*\*\*/, echo);
        // Of what encodings put at the edges, a byte's worth of the secret can stay.
        const left = text.replaceAll('***', '');
        assert.ok(left.length <= before.length + after.length + 14 + 10, `${echo} -> ${text}`);
      }
    }
  });
}

test('leaves short encodings alone, which could be anything', () => {
  assert.equal(createAnswerText(['abc'])(Buffer.from('YWJj 616263'), false), 'YWJj 616263');
});
