import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatSelector, isLabelName, sanitizeLabelName } from '../../src/pipeline/labels.ts';

test('sorts by name whatever the order of the labels', () => {
  const labels = new Map(['zone', 'a', 'Z', '_x', 'iron'].map((name) => [name, '1']));
  assert.equal(formatSelector(labels), '{Z="1", _x="1", a="1", iron="1", zone="1"}');
});

test('leaves out labels with an empty value', () => {
  const labels = new Map([
    ['container_name', ''],
    ['source', 'stdout'],
  ]);
  assert.equal(formatSelector(labels), '{source="stdout"}');
});

test('escapes values so that they cannot close the quotes', () => {
  assert.equal(formatSelector(new Map([['a', 'x", b="y\n']])), String.raw`{a="x\", b=\"y\n"}`);
});

test('cuts values to 2,048 bytes at a whole character', () => {
  const rows: [string, string][] = [
    ['x'.repeat(2048), 'x'.repeat(2048)],
    ['x'.repeat(2049), 'x'.repeat(2048)],
    [`${'x'.repeat(2047)}ö`, 'x'.repeat(2047)],
    [`${'x'.repeat(2046)}ö`, `${'x'.repeat(2046)}ö`],
    [`${'x'.repeat(2045)}😀`, 'x'.repeat(2045)],
    ['€'.repeat(1000), '€'.repeat(682)],
  ];
  for (const [value, expected] of rows) {
    assert.equal(formatSelector(new Map([['a', value]])), `{a="${expected}"}`);
  }
});

test('knows label names', () => {
  for (const name of ['a', '_', 'A9_', 'x'.repeat(1024)]) assert.ok(isLabelName(name), name);
  for (const name of ['', '9a', 'a.b', 'a-b', 'ä', 'a b', 'a\n', 'x'.repeat(1025)]) {
    assert.ok(!isLabelName(name), name);
  }
});

test('sanitises any text to a label name and leaves valid ones alone', () => {
  assert.equal(sanitizeLabelName('com.docker.compose-x'), 'com_docker_compose_x');
  assert.equal(sanitizeLabelName('9'), '_9');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const name = sanitizeLabelName(text);
      assert.ok(isLabelName(name), name);
      assert.equal(sanitizeLabelName(name), name);
    }),
  );
});
