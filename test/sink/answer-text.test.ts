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
