import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dockerOptions, notYetOptions } from '../../src/config/options.ts';
import { parseLogOpts } from '../../src/config/parse.ts';

const url = 'http://loki:3100';

/** The message of the error that these options cause. */
function errorOf(logOpts: Record<string, string>, env: Record<string, string> = {}): string {
  try {
    parseLogOpts(logOpts, env);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'invalid_option');
    return (error as Error).message;
  }
  return assert.fail('nothing was refused');
}

test('gives the defaults of the reference with an URL alone', () => {
  const { settings, warnings } = parseLogOpts({ 'loki-url': url }, {});
  assert.deepEqual(warnings, []);
  assert.deepEqual(structuredClone(settings), {
    endpoint: {
      key: settings.endpoint?.key,
      name: '',
      url: 'http://loki:3100/loki/api/v1/push',
      batchSizeBytes: 1_048_576,
      batchWaitMs: 1000,
      timeoutMs: 10_000,
      minBackoffMs: 500,
      maxBackoffMs: 300_000,
    },
    externalLabels: [{ name: 'container_name', value: '{{.Name}}' }],
    log: parseLogOpts({}, {}).settings.log,
  });
});

test('has no endpoint without an URL, but checks the rest', () => {
  assert.equal(parseLogOpts({}, {}).settings.endpoint, undefined);
  assert.equal(parseLogOpts({ 'loki-url': '' }, { LOKI_URL: ' ' }).settings.endpoint, undefined);
  assert.match(errorOf({ 'loki-timeout': 'soon' }), /^loki-timeout: "soon" is not understood;/);
});

test('the log-opt wins over the plugin setting, which wins over the default', () => {
  const env = { LOKI_URL: url, LOKI_TIMEOUT: '3s', LOKI_BATCH_WAIT: '', LOKI_TENANT_ID: 'all' };
  const { endpoint } = parseLogOpts({ 'loki-timeout': '1m', 'loki-tenant-id': '' }, env).settings;
  assert.equal(endpoint?.timeoutMs, 60_000);
  assert.equal(endpoint?.batchWaitMs, 1000);
  assert.equal(endpoint?.tenantId, 'all');
});

test('splits credentials off and leaves them out of the key', () => {
  const key = (text: string, tenant = '') =>
    parseLogOpts({ 'loki-url': text, 'loki-tenant-id': tenant }, {}).settings.endpoint?.key;
  const { endpoint } = parseLogOpts({ 'loki-url': 'http://me:p%40w@loki:3100' }, {}).settings;
  assert.deepEqual(endpoint?.basicAuth, { user: 'me', password: 'p@w' });
  assert.equal(endpoint?.url, 'http://loki:3100/loki/api/v1/push');
  assert.match(key(url) ?? '', /^[0-9a-f]{64}$/);
  assert.equal(key(url), key('http://me:pw@loki:3100/loki/api/v1/push'));
  assert.notEqual(key(url), key('http://loki:3101'));
  assert.notEqual(key(url), key(url, 'tenant'));
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
    'loki-url: "loki:3100" does not begin with http:// or https://; allowed is http://',
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
    const { endpoint } = parseLogOpts({ 'loki-url': url, ...logOpts }, {}).settings;
    return [endpoint?.minBackoffMs, endpoint?.maxBackoffMs];
  };
  assert.deepEqual(bounds({ 'loki-max-backoff': '100ms' }), [100, 100]);
  assert.deepEqual(bounds({ 'loki-min-backoff': '10m' }), [600_000, 600_000]);
});

test('raises a batch size that was meant as a number of entries', () => {
  const { settings, warnings } = parseLogOpts({ 'loki-url': url, 'loki-batch-size': '400' }, {});
  assert.equal(settings.endpoint?.batchSizeBytes, 16_384);
  assert.match(warnings.join(), /loki-batch-size: "400" is in bytes .* 16384 is used/);
});

test('takes sizes with a suffix', () => {
  const { endpoint } = parseLogOpts({ 'loki-url': url, 'loki-batch-size': '512k' }, {}).settings;
  assert.equal(endpoint?.batchSizeBytes, 524_288);
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

test("takes Docker's options in silence and Grafana's with a warning", () => {
  const all = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 'x']));
  assert.deepEqual(parseLogOpts(all(dockerOptions), {}).warnings, []);
  const { warnings } = parseLogOpts(all(notYetOptions), {});
  assert.equal(warnings.length, notYetOptions.length);
  assert.match(warnings[0] ?? '', /^loki-pipeline-stages is accepted, but .* not act on it yet$/);
  const fromEnv = parseLogOpts({}, { LOKI_PROXY_URL: 'http://me:pw@proxy' }).warnings;
  assert.deepEqual(fromEnv, [
    'LOKI_PROXY_URL is accepted, but this version does not act on it yet',
  ]);
});

test('warns that retries are not used up', () => {
  const { warnings } = parseLogOpts({ 'loki-url': url, 'loki-retries': '10' }, {});
  assert.match(warnings.join(), /loki-retries is accepted .* an outage never uses up retries/);
});

test('warns of unknown options with the nearest known one', () => {
  const { warnings } = parseLogOpts({ 'loki-ulr': url, 'fluentd-address': 'x' }, {});
  assert.deepEqual(warnings, [
    'the log-opt "loki-ulr" is unknown and ignored; did you mean loki-url?',
    'the log-opt "fluentd-address" is unknown and ignored',
  ]);
});
