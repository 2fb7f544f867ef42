/** Labels and variables are selected as Docker's own drivers do it, to the letter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributesOf, pickEnv } from '../../src/pipeline/attributes.ts';

const environment = ['A=1', 'B=x=y', 'C=', 'PASSWORD=S3CRET', 'A=2', 'odd', 'a b=3'];

function picked(names?: string, pattern?: string): string[] {
  const selection = { ...(names !== undefined && { names }), ...(pattern && { pattern }) };
  return pickEnv(environment, selection).env;
}

test('picks variables by their names between commas, without trimming', () => {
  assert.deepEqual(picked(), []);
  assert.deepEqual(picked(''), []);
  assert.deepEqual(picked('A'), ['A=2'], 'the last of a name counts');
  assert.deepEqual(picked('B,A,C,none'), ['A=2', 'B=x=y', 'C=']);
  assert.deepEqual(picked('A, B'), ['A=2']);
  assert.deepEqual(picked('a b'), ['a b=3']);
  assert.deepEqual(picked('odd,,='), []);
});

test('picks variables by a pattern that matches anywhere in the name', () => {
  assert.deepEqual(picked(undefined, 'A'), ['A=2', 'PASSWORD=S3CRET']);
  assert.deepEqual(picked(undefined, '^[AB]$'), ['A=2', 'B=x=y']);
  assert.deepEqual(picked('C', '^B'), ['B=x=y', 'C=']);
});

test('what is picked is bounded, and what is left out is named', () => {
  const large = Array.from({ length: 5 }, (_, n) => `L${n}=${'x'.repeat(20_000)}`);
  const { env, left } = pickEnv(large, { pattern: '^L' });
  assert.equal(env.length, 3);
  assert.deepEqual(left, ['L3', 'L4']);
});

test('attributes are those of labels, then those of variables', () => {
  const labels = { 'com.example.app': 'web', A: 'label', other: 'x' };
  const options = { labels: { names: 'A', pattern: 'example' }, env: { names: 'A' } };
  assert.deepEqual(attributesOf(labels, ['A=env', 'B=no'], options), [
    { kind: 'label', name: 'A', value: 'label' },
    { kind: 'label', name: 'com.example.app', value: 'web' },
    { kind: 'env', name: 'A', value: 'env' },
  ]);
});

test('names that every object has are no labels', () => {
  const options = { labels: { names: 'constructor,toString' }, env: {} };
  assert.deepEqual(attributesOf({}, [], options), []);
});
