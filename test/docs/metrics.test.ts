/** The tables of metrics in docs/operations.md and the page that is served name the same ones. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { createMetrics } from '../../src/metrics/registry.ts';
import { createSource, figuresOf } from '../metrics/helpers.ts';

const document = fs.readFileSync(`${import.meta.dirname}/../../docs/operations.md`, 'utf8');

/** Every metric with its labels, but for those of an endpoint and of buckets, as `name{label}`. */
async function served(): Promise<string[]> {
  const source = createSource();
  source.ships = [figuresOf('eu')];
  source.now = { ...source.now, freeBytes: 1, recoverySeconds: 1 };
  const page = await createMetrics(source).render();
  const found = new Set<string>();
  for (const [, name = '', type] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const suffix = type === 'histogram' ? '_count' : '';
    const labels = new RegExp(`^${name}${suffix}\\{(.*?)\\} `, 'm').exec(page)?.[1] ?? '';
    const [label = ''] = [...labels.matchAll(/(\w+)="/g)]
      .map((match) => match[1] ?? '')
      .filter((each) => each !== 'endpoint');
    found.add(label === '' ? name : `${name}{${label}}`);
  }
  return [...found].toSorted();
}

/** The names in the first column of the tables. */
function documented(): string[] {
  const section = /^## Metrics\n([\s\S]*?)^## /m.exec(document)?.[1] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `holdfast_'));
  const names = rows
    .map((row) => row.split(' | ')[0] ?? '')
    .filter((cell) => !/[>()]/.test(cell))
    .flatMap((cell) => [...cell.matchAll(/`(holdfast_\w+(?:\{\w+\})?)`/g)]);
  return names.map((match) => match[1] ?? '').toSorted();
}

test('the document names every metric with its label, and none that is not there', async () => {
  assert.deepEqual(documented(), await served());
});

test('alerts are made of metrics that there are', async () => {
  const names = new Set((await served()).map((name) => name.replace(/\{.*/, '')));
  const used = [...document.matchAll(/`[^`]*`/g)]
    .flatMap(([text]) => [...text.matchAll(/\bholdfast_[a-z_]+[a-z]/g)])
    .map(([name]) => name)
    .filter((name) => !names.has(name));
  assert.deepEqual(used, []);
});
