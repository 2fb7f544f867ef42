import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePipeline, configError, newEntry, runThrough } from '../helpers.ts';

function passing(yaml: string, lsns: readonly number[]): number[] {
  const { pipeline } = compilePipeline(yaml);
  const passed: number[] = [];
  pipeline.output = ({ lsn }) => passed.push(lsn);
  for (const lsn of lsns) pipeline.process(Object.assign(newEntry('x'), { lsn }));
  return passed;
}

test('sampling lets about its part through, whatever the distance of the lines', () => {
  for (const rate of [0.01, 0.25, 0.5, 0.99]) {
    for (const step of [1, 64, 117, 4096, 2 ** 20, 2 ** 32 + 1]) {
      const lsns = Array.from({ length: 20_000 }, (_, index) => index * step);
      const part = passing(`- sampling: { rate: ${rate} }`, lsns).length / lsns.length;
      assert.ok(Math.abs(part - rate) < 0.02, `${rate} ${step}: ${part}`);
    }
  }
});

test('sampling with 1 lets all through, and with 0 none', () => {
  const lsns = Array.from({ length: 1000 }, (_, index) => index * 100);
  assert.equal(passing('- sampling: { rate: 1 }', lsns).length, 1000);
  assert.equal(passing('- sampling: { rate: 0 }', lsns).length, 0);
});

test('a line that is read again meets the same fate, and two stages do not take the same lines', () => {
  const lsns = Array.from({ length: 20_000 }, (_, index) => index * 80);
  const yaml = '- sampling: { rate: 0.5 }';
  const once = passing(yaml, lsns);
  assert.deepEqual(
    passing(yaml, lsns.slice(7)),
    once.filter((lsn) => lsn >= 560),
  );
  const part = passing(`${yaml}\n${yaml}`, lsns).length / lsns.length;
  assert.ok(Math.abs(part - 0.25) < 0.02, String(part));
});

test('what sampling drops is counted', () => {
  for (const [more, reason] of [
    ['', 'sampling_stage'],
    [', drop_counter_reason: dice', 'dice'],
  ] as const) {
    const pipeline = compilePipeline(`- sampling: { rate: 0${more} }`);
    assert.equal(runThrough(pipeline, ['a', 'b']).counts?.dropped.get(reason), 2);
  }
});

test('wrong configurations of sampling are refused', () => {
  const place = 'stage 1 (sampling), line 1: ';
  assert.equal(configError('- sampling:'), `${place}sampling needs rate, a number from 0 to 1`);
  for (const rate of ['12', '-0.1', 'x', 'NaN']) {
    assert.equal(
      configError(`- sampling: { rate: ${rate} }`),
      `${place}rate is "${rate}"; allowed is a number from 0 to 1`,
    );
  }
});
