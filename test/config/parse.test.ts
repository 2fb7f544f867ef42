import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dockerOptions } from '../../src/config/options.ts';
import { parseLogOpts } from '../../src/config/parse.ts';
import { endpointOf, endpointsOf, errorOf, warningsOf } from './helpers.ts';

const url = 'http://loki:3100';

test('gives the defaults of the reference with an URL alone', () => {
  const { settings, warnings } = parseLogOpts({ 'loki-url': url }, {});
  assert.deepEqual(warnings, []);
  assert.deepEqual(structuredClone(settings), {
    endpoints: [
      {
        key: settings.endpoints[0]?.key,
        name: '',
        label: 'loki:3100',
        sink: {
          url: 'http://loki:3100/loki/api/v1/push',
          timeoutMs: 10_000,
          encoding: 'protobuf',
          headers: {},
          tls: { skipVerify: false },
        },
        startAt: 'oldest',
        batchSizeBytes: 1_048_576,
        batchWaitMs: 1000,
        minBackoffMs: 500,
        maxBackoffMs: 300_000,
        retries: 0,
        givesUp: false,
        maxLineBytes: 262_144,
        longLines: 'truncate',
      },
    ],
    lines: new Map([
      [
        settings.endpoints[0]?.key,
        {
          externalLabels: [{ name: 'container_name', value: '{{.Name}}' }],
          hasFileName: false,
          hasMetadata: true,
          dropBlank: false,
          level: 'off',
        },
      ],
    ]),
    attributes: { labels: {}, env: {} },
    log: parseLogOpts({}, {}).settings.log,
  });
});

test('has no endpoint without an URL, but checks the rest', () => {
  assert.deepEqual(endpointsOf({}), []);
  assert.deepEqual(endpointsOf({ 'loki-url': '' }, { LOKI_URL: ' ' }), []);
  assert.match(errorOf({ 'loki-timeout': 'soon' }), /^loki-timeout: "soon" is not understood;/);
  assert.match(errorOf({ 'loki-header.Host': 'x' }), /^loki-header.Host: /);
});

test('the log-opt wins over the plugin setting, which wins over the default', () => {
  const env = { LOKI_URL: url, LOKI_TIMEOUT: '3s', LOKI_BATCH_WAIT: '', LOKI_TENANT_ID: 'all' };
  const { sink, batchWaitMs } = endpointOf({ 'loki-timeout': '1m', 'loki-tenant-id': '' }, env);
  assert.equal(sink.timeoutMs, 60_000);
  assert.equal(batchWaitMs, 1000);
  assert.equal(sink.tenantId, 'all');
});

test('reports all errors at once, each with its name, value and what is allowed', () => {
  const message = errorOf(
    {
      'loki-url': 'loki:3100',
      'loki-batch-wait': '1',
      'loki-batch-size': 'big',
      'loki-tenant-id': 'a b',
      'loki-retries': '-1',
      'loki-external-labels': 'a=b=c,d',
    },
    { LOKI_TIMEOUT: '20m' },
  );
  for (const part of [
    'loki-url: "loki:3100" does not begin with http://, https://, grpc:// or grpcs://; allowed is',
    'loki-batch-wait: "1" is not understood; allowed is a duration from 1ms to 10m',
    'loki-batch-size: "big" is not understood; allowed is a number of bytes up to 64m',
    'LOKI_TIMEOUT (plugin setting of loki-timeout): "20m" is too large; allowed is a duration',
    'loki-tenant-id: "a b" is not a tenant; allowed is',
    'loki-retries: "-1" is not understood; allowed is a whole number',
    'loki-external-labels: "a=b=c,d" is wrong: "a=b=c" has an = inside the value, "d" is not',
  ]) {
    assert.ok(message.includes(part), `${part}\n${message}`);
  }
});

test('keeps numbers within their limits', () => {
  const rows: [string, string][] = [
    ['loki-batch-wait', '0'],
    ['loki-batch-wait', '11m'],
    ['loki-timeout', '10us'],
    ['loki-min-backoff', '2h'],
    ['loki-max-backoff', '25h'],
    ['loki-batch-size', '65m'],
    ['loki-retries', '99999999999'],
  ];
  for (const [name, value] of rows)
    assert.match(errorOf({ [name]: value }), /is too (small|large)/);
});

test('refuses a lower backoff above the upper one, but moves a bound that nobody set', () => {
  const message = errorOf({ 'loki-min-backoff': '5s' }, { LOKI_MAX_BACKOFF: '1s' });
  assert.match(message, /loki-min-backoff: "5s" is above LOKI_MAX_BACKOFF \(.*\) "1s"; allowed/);
  const bounds = (logOpts: Record<string, string>) => {
    const { minBackoffMs, maxBackoffMs } = endpointOf({ 'loki-url': url, ...logOpts });
    return [minBackoffMs, maxBackoffMs];
  };
  assert.deepEqual(bounds({ 'loki-max-backoff': '100ms' }), [100, 100]);
  assert.deepEqual(bounds({ 'loki-min-backoff': '10m' }), [600_000, 600_000]);
});

test('raises a batch size that was meant as a number of entries', () => {
  const { settings, warnings } = parseLogOpts({ 'loki-url': url, 'loki-batch-size': '400' }, {});
  assert.equal(settings.endpoints[0]?.batchSizeBytes, 16_384);
  assert.match(warnings.join(), /loki-batch-size: "400" is in bytes .* 16384 is used/);
});

test('never puts a password into an error', () => {
  for (const text of [
    'http://me:S3CRET/@loki',
    'htp://me:S3CRET@loki',
    'http://me:1#S3CRET@loki',
  ]) {
    assert.doesNotMatch(errorOf({ 'loki-url': text }), /S3CRET/);
    assert.doesNotMatch(errorOf({}, { LOKI_URL: text }), /S3CRET/);
  }
});

test("takes Docker's own options in silence, and checks them", () => {
  const specs = Object.values(dockerOptions);
  const defaults = Object.fromEntries(specs.map(({ name, default: value }) => [name, value]));
  assert.deepEqual(warningsOf(defaults), []);
  for (const [name, value, expected] of [
    ['mode', 'non-blokcing', /"non-blokcing" is not understood \(did you mean non-blocking\?\)/],
    ['max-buffer-size', 'big', /is not understood; allowed is a size such as 4m/],
    ['compress', 'maybe', /is not understood; allowed is true or false/],
    ['cache-disabled', '2', /is not understood; allowed is true or false/],
    ['cache-max-size', '-2', /is not understood; allowed is a size such as 20m, or -1/],
    ['cache-max-file', '0', /is too small; allowed is a whole number from 1/],
    ['cache-compress', 'x', /is not understood; allowed is true or false/],
  ] as const) {
    const message = errorOf({ [name]: value });
    assert.ok(message.startsWith(`${name}: "${value}" `), message);
    assert.match(message, expected);
  }
});

test('warns that retries are not used up, and of giving up after none', () => {
  const given = { 'loki-url': url, 'loki-retries': '10' };
  assert.match(
    warningsOf(given).join(),
    /^loki-retries has no effect without loki-give-up=true: an outage never uses up retries/,
  );
  assert.deepEqual(warningsOf({ ...given, 'loki-give-up': 'true' }), []);
  const { retries, givesUp } = endpointOf({ ...given, 'loki-give-up': '1' });
  assert.deepEqual({ retries, givesUp }, { retries: 10, givesUp: true });
  assert.deepEqual(warningsOf({ 'loki-url': url, 'loki-give-up': 'T' }), [
    'loki-give-up has no effect while loki-retries is 0',
  ]);
});

test('warns of unknown options with the nearest known one', () => {
  assert.deepEqual(
    warningsOf({
      'loki-ulr': url,
      'fluentd-address': 'x',
      'loki-timout.eu': '1s',
      'wal-max-sise.eu': '1g',
      'wal-max-size.eu': '1g',
      'loki-headers': 'x',
      'loki-header.': 'x',
      constructor: 'x',
    }),
    [
      'the log-opt "loki-ulr" is unknown and ignored; did you mean loki-url?',
      'the log-opt "fluentd-address" is unknown and ignored',
      'the log-opt "loki-timout.eu" is unknown and ignored; did you mean loki-timeout.eu?',
      'the log-opt "wal-max-sise.eu" is unknown and ignored; did you mean wal-max-size?',
      'the log-opt "wal-max-size.eu" is ignored: wal-max-size counts for the whole container, not for one endpoint',
      'the log-opt "loki-headers" is unknown and ignored; did you mean loki-header.NAME?',
      'the log-opt "loki-header." is unknown and ignored; did you mean loki-header.NAME?',
      'the log-opt "constructor" is unknown and ignored',
    ],
  );
});
