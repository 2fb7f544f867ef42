import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseLogOpts } from '../../src/config/parse.ts';

type Pairs = Record<string, string>;

const mib = 2 ** 20;
const dayMs = 86_400_000;

function logOf(logOpts: Pairs, env: Pairs = {}) {
  return parseLogOpts(logOpts, env).settings.log;
}

function warningsOf(logOpts: Pairs, env: Pairs = {}): string[] {
  return parseLogOpts(logOpts, env).warnings;
}

/** The message of the error that these options cause. */
function errorOf(logOpts: Pairs, env: Pairs = {}): string {
  try {
    parseLogOpts(logOpts, env);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'invalid_option');
    return (error as Error).message;
  }
  return assert.fail('nothing was refused');
}

test('gives the defaults of the reference', () => {
  assert.deepEqual(logOf({}), {
    maxBytes: Number.POSITIVE_INFINITY,
    maxEntries: Number.POSITIVE_INFINITY,
    maxAgeMs: 6 * dayMs,
    segmentBytes: 16 * mib,
    segmentAgeMs: 300_000,
    sync: 'interval',
    full: 'drop-oldest',
    blockTimeoutMs: 5000,
    historyBytes: 100 * mib,
    historyAgeMs: dayMs,
  });
});

test('reads every option, as log-opt or as plugin setting', () => {
  const logOpts = {
    'wal-max-size': '1g',
    'wal-max-entries': '50000',
    'wal-max-age': '2d',
    'wal-segment-size': '512k',
    'wal-segment-age': '10s',
    'wal-sync': 'Always',
    'wal-full': 'block',
    'wal-block-timeout': '500ms',
    'history-max-age': '0s',
    'max-size': '10m',
    'max-file': '3',
  };
  const expected = {
    maxBytes: 1024 * mib,
    maxEntries: 50_000,
    maxAgeMs: 2 * dayMs,
    segmentBytes: mib / 2,
    segmentAgeMs: 10_000,
    sync: 'always',
    full: 'block',
    blockTimeoutMs: 500,
    historyBytes: 30 * mib,
    historyAgeMs: 0,
  };
  assert.deepEqual(logOf(logOpts), expected);
  const names = Object.entries(logOpts);
  const upper = (name: string) => name.toUpperCase().replaceAll('-', '_');
  const env = Object.fromEntries(names.map(([name, value]) => [upper(name), value]));
  assert.deepEqual(logOf({}, env), expected);
  assert.deepEqual(warningsOf(logOpts), []);
});

test('a log-opt of -1 lifts a limit that the plugin sets for all', () => {
  const env = { WAL_MAX_SIZE: '100m', WAL_MAX_ENTRIES: '1000', MAX_SIZE: '1m' };
  const log = logOf({ 'wal-max-size': '-1', 'wal-max-entries': '-1', 'max-size': '-1' }, env);
  for (const limit of [log.maxBytes, log.maxEntries, log.historyBytes]) {
    assert.equal(limit, Number.POSITIVE_INFINITY);
  }
  assert.equal(logOf({}, env).maxEntries, 1000);
});

test('keeps numbers within their limits and names what is allowed', () => {
  const rows: [string, string, RegExp][] = [
    ['wal-max-size', '512k', /"512k" is too small; allowed is a size from 1m to 1p/],
    ['wal-max-size', '0', /too small/],
    ['wal-max-size', '2p', /too large/],
    ['wal-max-size', '-2', /not understood/],
    ['wal-max-entries', '999', /too small; allowed is a whole number from 1000/],
    ['wal-max-entries', '10k', /not understood/],
    ['wal-max-age', '59s', /too small/],
    ['wal-max-age', '3651d', /too large/],
    ['wal-max-age', '-1', /not understood/],
    ['wal-segment-size', '63k', /too small; allowed is a size from 64k to 64m/],
    ['wal-segment-size', '65m', /too large/],
    ['wal-segment-size', '-1', /not understood/],
    ['wal-segment-age', '999ms', /too small/],
    ['wal-segment-age', '25h', /too large/],
    ['wal-block-timeout', '61s', /too large; allowed is a duration from 0s to 60s/],
    ['wal-sync', 'seel', /"seel" is not understood \(did you mean seal\?\); allowed is interval,/],
    ['wal-full', 'drop', /"drop" is not understood; allowed is drop-oldest, drop-newest or block/],
    ['wal-full', 'drop_oldest', /did you mean drop-oldest\?/],
    ['history-max-age', '3651d', /too large/],
    ['max-size', '-2', /not understood/],
    ['max-file', '0', /too small; allowed is a whole number from 1/],
    ['max-file', '-1', /not understood/],
  ];
  for (const [name, value, expected] of rows) {
    const message = errorOf({ [name]: value });
    assert.ok(message.startsWith(`${name}: `), message);
    assert.match(message, expected);
  }
});

test('refuses a limit under two segments and names both', () => {
  assert.match(
    errorOf({ 'wal-max-size': '20m', 'wal-segment-size': '16m' }),
    /^wal-max-size: "20m" is below 2 x wal-segment-size "16m", and a segment cannot be given up/,
  );
  assert.match(
    errorOf({ 'wal-max-size': '20m' }, { WAL_SEGMENT_SIZE: '11m' }),
    /2 x WAL_SEGMENT_SIZE \(plugin setting of wal-segment-size\) "11m"/,
  );
  assert.equal(logOf({ 'wal-max-size': '32m', 'wal-segment-size': '16m' }).segmentBytes, 16 * mib);
});

test('a segment size that nobody set gives way to the limit that somebody did', () => {
  assert.equal(logOf({ 'wal-max-size': '32m' }).segmentBytes, 16 * mib);
  assert.equal(logOf({ 'wal-max-size': '20m' }).segmentBytes, 5 * mib);
  assert.equal(logOf({ 'wal-max-size': '1m' }).segmentBytes, mib / 4);
});

test('refuses an age under that of a segment, but moves the one that nobody set', () => {
  assert.match(
    errorOf({ 'wal-max-age': '1m', 'wal-segment-age': '2m' }),
    /^wal-max-age: "1m" is below wal-segment-age "2m"; allowed/,
  );
  assert.equal(logOf({ 'wal-max-age': '1m' }).segmentAgeMs, 60_000);
});

test('warns of limits that others overrule, and of those only', () => {
  assert.match(
    warningsOf({ 'wal-max-size': '20g' }).join(),
    /^wal-max-size "20g" is above WAL_MAX_BYTES "10g", which counts for all containers together/,
  );
  assert.deepEqual(warningsOf({ 'wal-max-size': '20g' }, { WAL_MAX_BYTES: '-1' }), []);
  assert.match(
    warningsOf({ 'wal-max-size': '100m', 'max-size': '50m', 'max-file': '4' }).join(),
    /^max-size "50m" x max-file "4" is above wal-max-size "100m", which is kept to$/,
  );
  assert.deepEqual(warningsOf({ 'wal-max-size': '50m' }), []);
  assert.deepEqual(warningsOf({ 'wal-max-size': '50m', 'max-size': '-1' }), []);
});

test('warns of a wait that never happens, but not for the setting of all containers', () => {
  assert.deepEqual(warningsOf({ 'wal-block-timeout': '1s' }), [
    'wal-block-timeout has no effect without wal-full=block; it is drop-oldest',
  ]);
  assert.deepEqual(warningsOf({}, { WAL_BLOCK_TIMEOUT: '1s' }), []);
  assert.deepEqual(warningsOf({ 'wal-block-timeout': '1s' }, { WAL_FULL: 'block' }), []);
});

test('one wrong value hides no other one and brings no second message about itself', () => {
  const message = errorOf({ 'wal-max-size': 'big', 'wal-segment-age': 'old', 'max-file': '0' });
  assert.equal(message.match(/; allowed is/g)?.length, 3);
});

test('what is taken always keeps its promises to the rest of the program', () => {
  const size = fc.constantFrom('64k', '1m', '3m', '16m', '31m', '32m', '64m', '1g', '-1');
  const age = fc.constantFrom('1s', '1m', '5m', '1h', '24h', '6d');
  fc.assert(
    fc.property(size, fc.option(size), age, fc.option(age), (max, segment, maxAge, segmentAge) => {
      const logOpts: Pairs = { 'wal-max-size': max, 'wal-max-age': maxAge };
      if (segment !== null) logOpts['wal-segment-size'] = segment;
      if (segmentAge !== null) logOpts['wal-segment-age'] = segmentAge;
      let log: ReturnType<typeof logOf>;
      try {
        log = logOf(logOpts);
      } catch {
        return;
      }
      assert.ok(2 * log.segmentBytes <= log.maxBytes);
      assert.ok(log.segmentBytes >= 65_536 && log.segmentBytes <= 64 * mib);
      assert.ok(log.segmentAgeMs <= log.maxAgeMs && log.segmentAgeMs >= 1000);
    }),
  );
});
