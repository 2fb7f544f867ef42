import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedLabels } from '../../src/base/bounded-labels.ts';

test('calls all labels but the first few the same, whatever comes in which order', () => {
  const labels = new BoundedLabels(2);
  assert.deepEqual(
    ['a', 'b', 'c', 'a', 'd', 'b', 'c'].map((label) => labels.of(label)),
    [...['a', 'b', 'other', 'a', 'other', 'b', 'other']],
  );
});

test('takes names that objects have by themselves for labels like others', () => {
  const labels = new BoundedLabels(1);
  assert.equal(labels.of('__proto__'), '__proto__');
  assert.equal(labels.of('constructor'), 'other');
});
