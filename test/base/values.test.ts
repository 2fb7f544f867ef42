import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseByteSize, parseCount, parseDurationMs, parsePercent } from '../../src/base/values.ts';

test('reads durations as Go does, and days', () => {
  const rows: [string, number][] = [
    ['0', 0],
    ['5s', 5000],
    ['500ms', 500],
    ['1.5m', 90_000],
    ['1h2m3.5s', 3_723_500],
    ['.5s', 500],
    ['1.s', 1000],
    ['1m1ms', 60_001],
    ['100us', 0.1],
    ['100µs', 0.1],
    ['100μs', 0.1],
    ['1000000ns', 1],
    ['1s1s', 2000],
    ['6d', 518_400_000],
    ['1.5d', 129_600_000],
    ['1d12h', 129_600_000],
  ];
  for (const [text, ms] of rows)
    assert.ok(Math.abs((parseDurationMs(text) ?? -1) - ms) < 1e-9, text);
});

test('refuses what is not wholly a duration', () => {
  for (const text of [
    '',
    '5',
    's',
    '.s',
    '5 s',
    '-5s',
    '5S',
    '5D',
    '5w',
    '1h5',
    '1s ',
    '5s!',
    '1e3s',
  ]) {
    assert.equal(parseDurationMs(text), undefined, text);
  }
});

test('reads sizes as Docker does', () => {
  const rows: [string, number][] = [
    ['0', 0],
    ['400', 400],
    ['1048576', 1_048_576],
    ['512k', 524_288],
    ['1m', 1_048_576],
    ['1M', 1_048_576],
    ['1.5mb', 1_572_864],
    ['1MiB', 1_048_576],
    ['2 g', 2_147_483_648],
    ['10b', 10],
  ];
  for (const [text, bytes] of rows) assert.equal(parseByteSize(text), bytes, text);
  for (const text of ['', 'm', '-1', '1x', '1mm', '1,5m', '0x10', '1e6', 'NaN', '1  m']) {
    assert.equal(parseByteSize(text), undefined, text);
  }
});

test('reads whole numbers only', () => {
  assert.equal(parseCount('10'), 10);
  for (const text of ['', '-1', '1.5', '1e3', 'ten', ' 1'])
    assert.equal(parseCount(text), undefined);
});

test('reads percentages, with the sign only', () => {
  const rows: [string, number][] = [
    ['0%', 0],
    ['5%', 5],
    ['2.5 %', 2.5],
    ['150%', 150],
  ];
  for (const [text, percent] of rows) assert.equal(parsePercent(text), percent, text);
  for (const text of ['', '5', '%', '-5%', '5%%', '1e1%', '5 percent', '.5%']) {
    assert.equal(parsePercent(text), undefined, text);
  }
});

test('never throws and never gives NaN, whatever the text', () => {
  const unit = fc.constantFrom(...'0123456789.dhmsnukMGib% -'.split(''));
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      for (const parse of [parseDurationMs, parseByteSize, parseCount, parsePercent]) {
        assert.ok(!Number.isNaN(parse(text)));
      }
    }),
  );
});
