import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configError } from '../helpers.ts';
import { runOne } from '../one-entry.ts';

const withTenant = (entry: { tenantId: string | undefined }) => {
  entry.tenantId = 'before';
};

test('tenant is a fixed text, a value that was found, or a label', () => {
  assert.equal(runOne('- tenant: { value: a }').out?.tenantId, 'a');
  assert.equal(runOne('- tenant: { source: id }', { extracted: { id: 42 } }).out?.tenantId, '42');
  assert.equal(runOne('- tenant: { label: app }', { labels: { app: 'web' } }).out?.tenantId, 'web');
});

test('tenant changes nothing but the tenant', () => {
  const { out } = runOne('- tenant: { value: a }', { line: 'x', labels: { b: 'c' } });
  assert.deepEqual([out?.line, out?.labels, out?.metadata], ['x', { b: 'c' }, undefined]);
});

test('an entry keeps its tenant when what was found is none', () => {
  for (const id of [null, '', 'a b', 'ü', '\n', 'x'.repeat(151), '\u007f']) {
    const { out } = runOne('- tenant: { source: id }', { extracted: { id }, prepare: withTenant });
    assert.equal(out?.tenantId, 'before');
  }
  const longest = `!~${'x'.repeat(148)}`;
  const { out } = runOne('- tenant: { source: id }', { extracted: { id: longest } });
  assert.equal(out?.tenantId, longest);
  assert.equal(runOne('- tenant: { label: no }', { prepare: withTenant }).out?.tenantId, 'before');
});

test('wrong configurations of tenant are refused', () => {
  const one = 'stage 1 (tenant), line 1: tenant needs exactly one of value, source and label';
  for (const [yaml, message] of [
    ['- tenant:', one],
    ['- tenant: { value: "" }', one],
    ['- tenant: { value: a, source: b }', one],
    ['- tenant: { source: a, label: b }', one],
    [
      '- tenant: { value: "a b" }',
      'stage 1 (tenant), line 1: value is "a b"; allowed are 1 to 150 visible ASCII characters without spaces',
    ],
  ] as const) {
    assert.equal(configError(yaml), message);
  }
});
