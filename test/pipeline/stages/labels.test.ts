import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configError, hostileLines, runPipeline } from '../helpers.ts';
import { type OneEntry, runOne } from '../one-entry.ts';

function labelsAfter(yaml: string, entry: OneEntry): Record<string, string> | undefined {
  return runOne(yaml, entry).out?.labels;
}

test('labels takes values by their own name or another, and leaves the rest', () => {
  const yaml = '- labels: { level: , status: code, gone: missing, empty: }';
  const entry = {
    labels: { app: 'web', empty: 'full' },
    extracted: { level: 'info', code: 500, empty: '' },
  };
  assert.deepEqual(labelsAfter(yaml, entry), { app: 'web', level: 'info', status: '500' });
});

test('labels takes numbers, flags and labels as text, and null not at all', () => {
  const yaml = '- labels: { a: , b: , c: , d: , e: x, f: app }';
  const extracted = { a: 0.1, b: 12345678901234567890n, c: true, d: null, x: 1e21 };
  assert.deepEqual(labelsAfter(yaml, { labels: { app: 'web', d: 'kept' }, extracted }), {
    ...{ app: 'web', a: '0.1', b: '12345678901234567890', c: 'true', d: 'kept' },
    ...{ e: '1000000000000000000000', f: 'web' },
  });
});

test('labeldrop takes labels away, and those that are not there do not matter', () => {
  const labels = { a: '1', b: '2', c: '3' };
  assert.deepEqual(labelsAfter('- labeldrop: [a, c, "no such name"]', { labels }), { b: '2' });
});

test('labelallow leaves only what it names', () => {
  const labels = { a: '1', b: '2', c: '3' };
  assert.deepEqual(labelsAfter('- labelallow: [b, x]', { labels }), { b: '2' });
  assert.deepEqual(labelsAfter('- labelallow: [x]', { labels }), {});
});

test('static_labels sets fixed values, over labels that there are, and skips empty ones', () => {
  const yaml = '- static_labels: { team: pay, tier: 1, kept: "", also: }';
  const labels = { team: 'old', kept: 'k', also: 'a' };
  assert.deepEqual(labelsAfter(yaml, { labels }), { team: 'pay', tier: '1', kept: 'k', also: 'a' });
});

test('static_labels does not become a value that later stages find', () => {
  const yaml = '- static_labels: { a: "1" }\n- labels: { b: a }';
  assert.deepEqual(labelsAfter(yaml, {}), { a: '1' });
});

test('structured_metadata takes values, then labels, and takes labels away that went there', () => {
  for (const stage of ['structured_metadata', 'non_indexed_labels']) {
    const yaml = `
- static_labels: { pod: querier-1 }
- ${stage}: { trace: , pod_name: pod, source_name: source, app: , none: }`;
    const { out } = runOne(yaml, {
      labels: { source: 'test', app: 'web', other: 'o' },
      extracted: { trace: 7, app: 'changed' },
    });
    assert.deepEqual(out?.metadata, {
      ...{ trace: '7', pod_name: 'querier-1', source_name: 'test', app: 'changed' },
    });
    // `app` has another value than the label: that stays.
    assert.deepEqual(out?.labels, { app: 'web', other: 'o' });
  }
});

test('structured_metadata of two stages adds up, and the later value counts', () => {
  const yaml = '- structured_metadata: { a: , b: }\n- structured_metadata: { a: c }';
  const { out } = runOne(yaml, { extracted: { a: 1, b: 2, c: 3 } });
  assert.deepEqual(out?.metadata, { a: '3', b: '2' });
});

test('without anything to take there is no metadata', () => {
  assert.equal(runOne('- structured_metadata: { a: }').out?.metadata, undefined);
});

test('wrong configurations are refused, with the stage, the line and the cause', () => {
  const names = 'allowed are letters, digits and _, no digit first';
  for (const [yaml, message] of [
    ['- labels:', 'stage 1 (labels), line 1: labels needs at least one name'],
    [
      '- labels: [a]',
      'stage 1 (labels), line 1: labels has to be a map (name: value), and is a list',
    ],
    ['- labels: { a-b: }', `stage 1 (labels), line 1: "a-b" is no name of a label; ${names}`],
    [
      '- labels: { a: [b] }',
      'stage 1 (labels), line 1: the source of a has to be a text, and is a list',
    ],
    ['- labeldrop:', 'stage 1 (labeldrop), line 1: labeldrop needs at least one name'],
    ['- labeldrop: a', 'stage 1 (labeldrop), line 1: labeldrop has to be a list, and is "a"'],
    ['- labelallow: []', 'stage 1 (labelallow), line 1: labelallow needs at least one name'],
    ['- static_labels:', 'stage 1 (static_labels), line 1: static_labels needs at least one label'],
    [
      '- static_labels:\n    1a: b',
      `stage 1 (static_labels), line 2: "1a" is no name of a label; ${names}`,
    ],
    [
      '- static_labels: { a: [b] }',
      'stage 1 (static_labels), line 1: the value of a has to be a text, and is a list',
    ],
    [
      '- structured_metadata: {}',
      'stage 1 (structured_metadata), line 1: structured_metadata needs at least one name',
    ],
  ] as const) {
    assert.equal(configError(yaml), message);
  }
});

test('hostile lines and values go through', () => {
  const yaml = `
- labels: { a: , b: }
- static_labels: { c: x }
- structured_metadata: { a: }
- labeldrop: [b]
- labelallow: [c]`;
  assert.equal(runPipeline(yaml, hostileLines).length, hostileLines.length);
  for (const value of ['\0', '\ud800', 'x'.repeat(100_000), '"}{']) {
    const { out, counts } = runOne(yaml, { extracted: { a: value, b: value } });
    assert.deepEqual(out?.labels, { c: 'x' });
    assert.equal(counts, undefined);
  }
});
