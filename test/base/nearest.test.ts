import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from '../../src/base/nearest.ts';

const names = ['loki-url', 'loki-timeout', 'loki-batch-size', 'mode', 'tag'];

test('finds the name behind a slip and nothing behind another word', () => {
  const rows: [string, string | undefined][] = [
    ['loki-ulr', 'loki-url'],
    ['loki_url', 'loki-url'],
    ['LOKI-URL', 'loki-url'],
    ['loki-timeuot', 'loki-timeout'],
    ['loki-batchsize', 'loki-batch-size'],
    ['mod', 'mode'],
    ['fluentd-address', undefined],
    ['x', undefined],
    ['', undefined],
    ['x'.repeat(10_000), undefined],
  ];
  for (const [written, expected] of rows) assert.equal(nearestName(written, names), expected);
});
