import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePluginSettings } from '../../src/config/parse.ts';

/** The message of the error that these settings cause. */
function errorOf(env: Record<string, string>): string {
  try {
    parsePluginSettings(env);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'invalid_option');
    return (error as Error).message;
  }
  return assert.fail('nothing was refused');
}

test('gives the defaults where nothing, or nothing but space, is set', () => {
  const defaults = {
    logLevel: 'info',
    walDir: '/run/docker/logging/wal',
    walMaxBytes: 10 * 2 ** 30,
    walMinFree: { kind: 'percent', percent: 5 },
    deliveryThreads: 1,
    endpointGraceMs: 86_400_000,
    rejectedMaxBytes: 64 * 2 ** 20,
    metricsAddress: { kind: 'tcp', host: '127.0.0.1', port: 9417 },
  };
  assert.deepEqual(parsePluginSettings({}), defaults);
  const empty = { LOG_LEVEL: '', WAL_DIR: undefined, WAL_MAX_BYTES: ' ', METRICS_ADDRESS: '' };
  assert.deepEqual(parsePluginSettings(empty), defaults);
});

test('reads the plugin-wide settings', () => {
  const env = {
    LOG_LEVEL: 'DEBUG',
    WAL_DIR: '/mnt/wal',
    WAL_MAX_BYTES: '-1',
    WAL_MIN_FREE: '2g',
    DELIVERY_THREADS: '8',
    ENDPOINT_GRACE: '0',
    REJECTED_MAX_BYTES: '1g',
  };
  assert.deepEqual(parsePluginSettings({ ...env, METRICS_ADDRESS: 'OFF' }), {
    logLevel: 'debug',
    walDir: '/mnt/wal',
    walMaxBytes: Number.POSITIVE_INFINITY,
    walMinFree: { kind: 'bytes', bytes: 2 * 2 ** 30 },
    deliveryThreads: 8,
    endpointGraceMs: 0,
    rejectedMaxBytes: 2 ** 30,
    metricsAddress: undefined,
  });
  assert.equal(parsePluginSettings({ WAL_MAX_BYTES: '1m' }).walMaxBytes, 1_048_576);
  const minFree = (text: string) => parsePluginSettings({ WAL_MIN_FREE: text }).walMinFree;
  assert.deepEqual(minFree('0'), { kind: 'bytes', bytes: 0 });
  assert.deepEqual(minFree('12.5%'), { kind: 'percent', percent: 12.5 });
  const address = (text: string) => parsePluginSettings({ METRICS_ADDRESS: text }).metricsAddress;
  assert.deepEqual(address('unix:/run/m.sock'), { kind: 'unix', path: '/run/m.sock' });
  assert.deepEqual(address('[::]:80'), { kind: 'tcp', host: '::', port: 80 });
});

test('reports all wrong settings at once, each with what is allowed', () => {
  const message = errorOf({
    LOG_LEVEL: 'loud',
    WAL_DIR: 'wal',
    WAL_MAX_BYTES: '1k',
    WAL_MIN_FREE: 'some',
    METRICS_ADDRESS: '9417',
  });
  assert.deepEqual(message.split('; '), [
    'LOG_LEVEL: "loud" is not understood',
    'allowed is trace, debug, info, warn, error or silent',
    'WAL_DIR: "wal" is not absolute',
    'allowed is an absolute path inside the plugin',
    'WAL_MAX_BYTES: "1k" is too small',
    'allowed is a size from 1m to 1p, or -1 for no limit',
    'WAL_MIN_FREE: "some" is not understood',
    'allowed is a percentage from 0% to 90%, or a size up to 1p such as 2g',
    'METRICS_ADDRESS: "9417" is no address',
    'allowed is HOST:PORT, unix:/PATH, or off',
  ]);
});

test('refuses limits that leave no room, and none that only look odd', () => {
  const rows: [string, string, RegExp][] = [
    ['WAL_MIN_FREE', '91%', /is too large/],
    ['WAL_MIN_FREE', '2p', /is too large/],
    ['WAL_MIN_FREE', '-1', /is not understood/],
    ['WAL_MAX_BYTES', '0', /is too small/],
    ['WAL_MAX_BYTES', '-2', /is not understood/],
    ['WAL_MAX_BYTES', `${'9'.repeat(400)}p`, /is too large/],
    ['LOG_LEVEL', 'debugg', /did you mean debug\?/],
    ['DELIVERY_THREADS', '0', /is too small; allowed is a whole number from 1 to 8/],
    ['DELIVERY_THREADS', '9', /is too large/],
    ['DELIVERY_THREADS', 'all', /is not understood/],
    ['ENDPOINT_GRACE', '3651d', /is too large; allowed is a duration from 0s to 3650d/],
    ['ENDPOINT_GRACE', '-1s', /is not understood/],
    ['REJECTED_MAX_BYTES', '2g', /is too large; allowed is a size up to 1g, or 0 for none/],
    ['REJECTED_MAX_BYTES', '-1', /is not understood/],
  ];
  for (const [name, value, expected] of rows) assert.match(errorOf({ [name]: value }), expected);
  assert.deepEqual(parsePluginSettings({ WAL_MIN_FREE: '90%' }).walMinFree, {
    kind: 'percent',
    percent: 90,
  });
});
