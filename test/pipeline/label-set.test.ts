/** Sets of labels: what is kept of them is bounded, whatever containers print. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { LabelSet } from '../../src/pipeline/label-set.ts';
import { cutLabelValue, labelValueBytesMax } from '../../src/pipeline/labels.ts';
import { runOne } from './one-entry.ts';

const mebi = 1 << 20;
const long = 'x'.repeat(5000);
const cut = 'x'.repeat(labelValueBytesMax);

/** What is in use after a collection, in bytes. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
  return process.memoryUsage().heapUsed;
}

test('a value is cut as the selector has it, and equal ones are one set', () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, fc.nat(400), (value, times) => {
      const given = value.repeat(times + 1);
      const root = LabelSet.of([['a', '1']]);
      const made = root.with('user', given);
      assert.equal(made.get('user') ?? '', cutLabelValue(given));
      assert.equal(root.with('user', cutLabelValue(given)), made);
      const ofBoth = LabelSet.of([...root, ['user', given]]);
      assert.equal(ofBoth.selector, made.selector);
      for (const [, kept] of made) assert.ok(Buffer.byteLength(kept) <= labelValueBytesMax);
    }),
  );
});

test('a set keeps no long line for a few characters of it', () => {
  const root = LabelSet.of([]);
  const before = heapBytes();
  for (let index = 0; index < 100; index += 1) {
    const line = Buffer.alloc(900_000, `${index}: user=user-number-${index} `).toString();
    root.with('user', /user=(\S+)/.exec(line)?.[1] ?? '');
  }
  assert.ok(heapBytes() - before < 20 * mebi);
  assert.equal(root.with('user', 'user-number-7').get('user'), 'user-number-7');
});

test('many sets of long values are forgotten before they are much', () => {
  const root = LabelSet.of([]);
  const before = heapBytes();
  for (let index = 0; index < 5000; index += 1) {
    const value = Buffer.alloc(20_000, `${index} `).toString();
    assert.ok(root.with('user', value).selector.length < 2100);
  }
  assert.ok(heapBytes() - before < 40 * mebi);
  assert.equal(root.size, 0);
});

test('values of metrics are cut with their labels', () => {
  const yaml = `
- labels: { user: }
- metrics: { lines: { type: counter, config: { match_all: true, action: inc } } }`;
  const { counts } = runOne(yaml, { labels: { app: long }, extracted: { user: long } });
  assert.deepEqual(counts?.metrics[0]?.labels, [
    ['app', cut],
    ['user', cut],
  ]);
});

test('what is taken from a line stays whole where its label is cut', () => {
  const inner = '- labels: { user: }\n- match: { selector: \'{user!=""}\', stages: [STAGE] }';
  const extracted = { user: long };
  const asLine = inner.replace('STAGE', '{ output: { source: user } }');
  assert.equal(runOne(asLine, { extracted }).out?.line, long);
  const asMetadata = inner.replace('STAGE', '{ structured_metadata: { user: } }');
  const { out } = runOne(asMetadata, { extracted });
  assert.deepEqual([out?.metadata, out?.labels], [{ user: long }, {}]);
});
