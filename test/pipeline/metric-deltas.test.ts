/** What stages measured, on its way to people: for which endpoint. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LabelSet } from '../../src/pipeline/label-set.ts';
import {
  type MetricDefinition,
  MetricDeltas,
  ofEndpoint,
} from '../../src/pipeline/metric-deltas.ts';

const definition: MetricDefinition = {
  kind: 'counter',
  name: 'x',
  help: '',
  buckets: [],
  maxIdleMs: 1000,
};

test('each series says for which endpoint it is, and no label of a line goes for that', () => {
  const rows: [labels: Record<string, string>, expected: Record<string, string>][] = [
    [{}, {}],
    [{ app: 'web' }, { app: 'web' }],
    [{ endpoint: '/a' }, { exported_endpoint: '/a' }],
    [{ exported_endpoint: '/a' }, { exported_endpoint: '/a' }],
    [
      { endpoint: '/a', exported_endpoint: '/b' },
      { exported_exported_endpoint: '/a', exported_endpoint: '/b' },
    ],
  ];
  for (const [labels, expected] of rows) {
    const deltas = new MetricDeltas();
    deltas.add(definition, LabelSet.of(Object.entries(labels)), 2);
    const [made] = ofEndpoint(deltas.take(), 'eu');
    assert.deepEqual(made?.labels, [['endpoint', 'eu'], ...Object.entries(expected)]);
    assert.deepEqual([made?.definition, made?.add], [definition, 2]);
  }
});
