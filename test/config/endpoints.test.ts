/** Which endpoints a container has, what each is called, and what each of them takes over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { endpointKey } from '../../src/config/endpoint-settings.ts';
import type { EndpointSettings } from '../../src/config/settings.ts';
import type { EndpointOptions } from '../../src/shipper/endpoint-options.ts';
import { endpointOf, endpointsOf, errorOf, type Pairs, warningsOf } from './helpers.ts';

const url = 'http://loki:3100';

function placesOf(logOpts: Pairs, env: Pairs = {}): string[][] {
  return endpointsOf(logOpts, env).map(({ name, sink }) => [name, new URL(sink.url).host]);
}

test('an endpoint of the settings is what delivery takes, and the other way round', () => {
  const endpoint: EndpointSettings = endpointOf({ 'loki-url': url });
  // The types are the test: neither side may have a field that the other lacks, but the name.
  const taken: EndpointOptions = endpoint;
  const back: Omit<EndpointSettings, 'name'> = taken;
  assert.deepEqual(structuredClone(back), endpoint);
});

test('several URLs between commas are endpoints without a name, each with all options', () => {
  const endpoints = endpointsOf({
    'loki-url': 'http://a:3100, https://me:p,w@b/push ,grpc://c',
    'loki-timeout': '3s',
  });
  assert.deepEqual(
    endpoints.map(({ name, label, sink }) => [name, label, sink.url, sink.timeoutMs]),
    [
      ['', 'a:3100', 'http://a:3100/loki/api/v1/push', 3000],
      ['', 'b', 'https://b/push', 3000],
      ['', 'c:9095', 'grpc://c:9095', 3000],
    ],
  );
  assert.deepEqual(endpoints[1]?.sink.credentials, {
    kind: 'basic',
    user: 'me',
    password: { kind: 'text', text: 'p,w' },
  });
  assert.equal(endpoints[0]?.sink.credentials, undefined);
});

test('any option with a name makes an endpoint, which takes the plain URL if it has none', () => {
  assert.deepEqual(placesOf({ 'loki-url': url, 'loki-url.eu': 'http://eu' }), [
    ['', 'loki:3100'],
    ['eu', 'eu'],
  ]);
  // The plain URL serves as default: it is no endpoint by itself.
  assert.deepEqual(placesOf({ 'loki-url': url, 'loki-tenant-id.b': '1', 'loki-timeout.a': '1s' }), [
    ['a', 'loki:3100'],
    ['b', 'loki:3100'],
  ]);
  assert.deepEqual(
    placesOf({ 'loki-url.b': 'http://b', 'loki-header.X.a': '1' }, { LOKI_URL: url }),
    [
      ['a', 'loki:3100'],
      ['b', 'b'],
    ],
  );
  assert.deepEqual(placesOf({ 'loki-url': url, 'loki-tenant-id.b': ' ' }), [['', 'loki:3100']]);
  assert.deepEqual(placesOf({ 'loki-url': url, 'loki-foo.b': 'x', 'wal-sync.b': 'off' }), [
    ['', 'loki:3100'],
  ]);
});

test('an option for one endpoint wins over the plain one, wherever either stands', () => {
  const timeouts = (logOpts: Pairs, env: Pairs): number[] =>
    endpointsOf({ 'loki-url.a': 'http://a', 'loki-url.b': 'http://b', ...logOpts }, env).map(
      ({ sink }) => sink.timeoutMs,
    );
  const env = { LOKI_TIMEOUT: '4s', HOLDFAST_OPTS: 'loki-timeout=5s;loki-timeout.a=2s' };
  assert.deepEqual(timeouts({ 'loki-timeout': '3s', 'loki-timeout.a': '1s' }, env), [1000, 3000]);
  assert.deepEqual(timeouts({ 'loki-timeout': '3s' }, env), [2000, 3000]);
  assert.deepEqual(timeouts({}, env), [2000, 4000]);
  assert.deepEqual(timeouts({}, { HOLDFAST_OPTS: 'loki-timeout=5s' }), [5000, 5000]);
  assert.deepEqual(timeouts({ 'loki-timeout.a': '' }, {}), [10_000, 10_000]);
});

test('reads every option of an endpoint, by its name too', () => {
  const options: Pairs = {
    'loki-tenant-id': 'me',
    'loki-start': 'Newest',
    'loki-batch-size': '512k',
    'loki-batch-wait': '200ms',
    'loki-timeout': '3s',
    'loki-min-backoff': '1s',
    'loki-max-backoff': '1m',
    'loki-retries': '7',
    'loki-give-up': 'TRUE',
    'loki-max-line-size': '1m',
    'loki-long-lines': 'split',
    'loki-encoding': 'json',
    'loki-bearer-token-file': '/run/docker/logging/token',
    'loki-header.X-Team': 'web 1',
    'loki-proxy-url': 'http://proxy:3128',
    'loki-tls-ca-file': '/ca.pem',
    'loki-tls-cert-file': '/cert.pem',
    'loki-tls-key-file': '/key.pem',
    'loki-tls-server-name': 'other.example.com',
    'loki-tls-insecure-skip-verify': '1',
  };
  const file = (path: string) => ({ kind: 'file' as const, path });
  const expected: Omit<EndpointSettings, 'name' | 'label' | 'key'> = {
    sink: {
      url: 'https://loki/loki/api/v1/push',
      tenantId: 'me',
      timeoutMs: 3000,
      encoding: 'json',
      credentials: { kind: 'bearer', token: file('/run/docker/logging/token') },
      headers: { 'x-team': 'web 1' },
      proxyUrl: 'http://proxy:3128',
      tls: {
        ca: file('/ca.pem'),
        cert: file('/cert.pem'),
        key: file('/key.pem'),
        serverName: 'other.example.com',
        skipVerify: true,
      },
    },
    startAt: 'newest',
    batchSizeBytes: 524_288,
    batchWaitMs: 200,
    minBackoffMs: 1000,
    maxBackoffMs: 60_000,
    retries: 7,
    givesUp: true,
    maxLineBytes: 1_048_576,
    longLines: 'split',
  };
  const asSettings = Object.entries(options).map(([name, value]): [string, string] =>
    name.startsWith('loki-header.')
      ? ['HOLDFAST_OPTS', `${name}=${value}`]
      : [name.toUpperCase().replaceAll('-', '_'), value],
  );
  const named = Object.entries(options).map(([name, value]): [string, string] => [
    `${name}.eu`,
    value,
  ]);
  const inOpts = named.map((pair) => pair.join('=')).join(';');
  const plainUrl = { 'loki-url': 'https://loki' };
  for (const [logOpts, env, name] of [
    [{ ...plainUrl, ...options }, {}, ''],
    [plainUrl, Object.fromEntries(asSettings), ''],
    [{ ...plainUrl, ...Object.fromEntries(named) }, {}, 'eu'],
    [plainUrl, { HOLDFAST_OPTS: inOpts }, 'eu'],
  ] as const) {
    const { key, label, name: given, ...rest } = endpointOf(logOpts, env);
    assert.deepEqual(structuredClone(rest), expected);
    assert.equal(given, name);
    assert.equal(label, name || 'loki/me');
    assert.equal(key, endpointKey(name, 'https://loki/loki/api/v1/push', 'me'));
    assert.deepEqual(warningsOf(logOpts, env), []);
  }
});

test('name, URL and tenant tell endpoints apart; nothing else does', () => {
  const key = (logOpts: Pairs) => endpointOf(logOpts).key;
  const plain = key({ 'loki-url': url });
  assert.match(plain, /^[0-9a-f]{64}$/);
  // Cursors on disk hang on it: it must be the same in every version.
  assert.equal(plain, endpointKey('', 'http://loki:3100/loki/api/v1/push', undefined));
  assert.equal(plain, 'ca694ed17387aafb87610a3987a025fe7f3ec7ff27b782cac191ae829672a6f1');
  const same: Pairs[] = [
    { 'loki-url': 'http://me:pw@loki:3100/loki/api/v1/push' },
    { 'loki-url': url, 'loki-username': 'me', 'loki-password': 'x' },
    { 'loki-url': url, 'loki-header.X': 'x', 'loki-timeout': '1s', 'loki-batch-size': '2m' },
  ];
  for (const logOpts of same) assert.equal(key(logOpts), plain);
  const others: Pairs[] = [
    { 'loki-url': 'http://loki:3101' },
    { 'loki-url': 'https://loki:3100' },
    { 'loki-url': url, 'loki-tenant-id': 'a' },
    { 'loki-url.eu': url },
  ];
  assert.equal(new Set([plain, ...others.map(key)]).size, others.length + 1);
});

test('is called by its name, or by host, port and tenant', () => {
  const label = (logOpts: Pairs) => endpointOf(logOpts).label;
  assert.equal(label({ 'loki-url': 'https://me:pw@loki/push?token=x' }), 'loki');
  assert.equal(label({ 'loki-url': url, 'loki-tenant-id': 'me' }), 'loki:3100/me');
  assert.equal(label({ 'loki-url.eu': url, 'loki-tenant-id': 'me' }), 'eu');
  assert.equal(label({ 'loki-url': 'grpc://[::1]' }), '[::1]:9095');
});

test('refuses lists of endpoints that make no sense, and says what is missing', () => {
  const rows: [Pairs, Pairs, RegExp][] = [
    [
      { 'loki-url': 'http://a,http://b', 'loki-tenant-id.eu': 'x' },
      {},
      /^loki-url: "http:\/\/a,http:\/\/b" is 2 URLs, and the endpoint "eu" takes one; allowed is/,
    ],
    [
      { 'loki-url.eu': 'http://a,http://b' },
      {},
      /^loki-url.eu: "http:\/\/a,http:\/\/b" is 2 URLs, and the endpoint "eu" takes one/,
    ],
    [
      { 'loki-tenant-id.eu': 'x' },
      {},
      /^loki-tenant-id.eu: the endpoint "eu" has no URL; allowed is one in loki-url.eu or, for all, in loki-url$/,
    ],
    [
      { 'loki-url': 'http://a, loki:3100' },
      {},
      /^loki-url: "http:\/\/a, loki:3100" is not a URL; allowed is http/,
    ],
    [{ 'loki-url': 'http://a,b' }, {}, /"http:\/\/a,b" has a comma in its host/],
    [
      { 'loki-url': 'http://a,tcp://b,http://c' },
      {},
      /^loki-url: "http:\/\/a,tcp:\/\/b,http:\/\/c" in URL 2 of 3 does not begin with http:/,
    ],
    [
      { 'loki-url.EU': 'http://a' },
      {},
      /^"loki-url.EU": "EU" is no name of an endpoint; allowed is 1 to 32 of a-z, 0-9, _ and -$/,
    ],
    [{ 'loki-url.': 'http://a' }, {}, /"" is no name of an endpoint/],
    [{ 'loki-url.a.b': 'http://a' }, {}, /"a.b" is no name of an endpoint/],
    [{ 'loki-header.X.é': '1' }, {}, /^"loki-header.X.é": "é" is no name of an endpoint/],
    [{ [`loki-url.${'x'.repeat(33)}`]: url }, {}, /"x{33}" is no name of an endpoint/],
    [{}, { HOLDFAST_OPTS: 'loki-url.A=http://a' }, /"A" is no name of an endpoint/],
  ];
  for (const [logOpts, env, expected] of rows) assert.match(errorOf(logOpts, env), expected);
  assert.equal(endpointOf({ [`loki-url.${'x'.repeat(32)}`]: url }).name, 'x'.repeat(32));
});

test('takes eight endpoints and refuses nine', () => {
  const list = (count: number) =>
    Array.from({ length: count }, (_, index) => `http://host-${index}`).join();
  assert.equal(endpointsOf({ 'loki-url': list(8) }).length, 8);
  const message = 'loki-url: 9 endpoints are given; allowed are 8 for a container';
  assert.equal(errorOf({ 'loki-url': list(9) }), message);
  assert.equal(errorOf({ 'loki-url': list(8), 'loki-url.nine': url }), message);
});

test('counts the same URL twice as one, with a warning', () => {
  const given = { 'loki-url': 'http://a,http://me:pw@a/loki/api/v1/push' };
  assert.equal(endpointsOf(given).length, 1);
  assert.deepEqual(warningsOf(given), ['loki-url: the endpoint a is given twice']);
  assert.equal(endpointsOf({ 'loki-url': 'http://a', 'loki-url.b': 'http://a' }).length, 2);
});

test('keeps each option within its limits and names what is allowed', () => {
  const rows: [string, string, RegExp][] = [
    ['loki-start', 'latest', /"latest" is not understood; allowed is oldest or newest/],
    ['loki-start', 'newst', /did you mean newest\?/],
    ['loki-give-up', 'yes', /"yes" is not understood; allowed is true or false/],
    ['loki-max-line-size', '1023', /too small; allowed is a size from 1k to 4m/],
    ['loki-max-line-size', '5m', /too large/],
    ['loki-long-lines', 'cut', /"cut" is not understood; allowed is truncate, split or reject/],
    ['loki-encoding', 'jsn', /did you mean json\?\); allowed is protobuf, or json with http/],
    ['loki-tenant-id', 'a\nb', /"a\\nb" is not a tenant; allowed is up to 150 visible/],
    ['loki-tenant-id', 'x'.repeat(151), /is not a tenant/],
    ['loki-batch-wait', '0', /too small/],
    ['loki-retries', '1.5', /not understood/],
  ];
  for (const [name, value, expected] of rows) {
    const message = errorOf({ 'loki-url': url, [name]: value });
    assert.ok(message.startsWith(`${name}: `), message);
    assert.match(message, expected);
    const named = errorOf({ 'loki-url': url, [`${name}.eu`]: value });
    assert.ok(named.startsWith(`${name}.eu: `), named);
    const wide = errorOf({ 'loki-url': url }, { HOLDFAST_OPTS: `x=y\n${name}=${value.trim()}` });
    if (!value.includes('\n')) assert.ok(wide.startsWith(`${name} (in HOLDFAST_OPTS): `), wide);
  }
});

test('refuses JSON over gRPC', () => {
  assert.match(
    errorOf({ 'loki-url': 'grpcs://loki', 'loki-encoding': 'json' }),
    /^loki-encoding: "json" is not what gRPC carries; allowed is protobuf, or json with http/,
  );
  const given = { 'loki-url': 'http://loki,grpc://loki', 'loki-encoding': 'json' };
  assert.match(errorOf(given), /not what gRPC carries/);
});

test('tells what endpoints share only once', () => {
  const given = { 'loki-url': 'http://a,http://b', 'loki-batch-size': '400', 'loki-retries': '5' };
  assert.equal(warningsOf(given).length, 2);
  const wrong = errorOf({ 'loki-url': 'http://a,http://b', 'loki-timeout': 'soon' });
  assert.equal(wrong.match(/is not understood/g)?.length, 1);
});

test('what is taken always keeps its promises to delivery, whatever the options', () => {
  const name = fc.constantFrom('', '.eu', '.us');
  const option = fc.constantFrom(
    ...['loki-url=http://a', 'loki-url=grpc://b,https://c', 'loki-url=http://u:p@d'],
    ...['loki-tenant-id=t', 'loki-encoding=json', 'loki-username=u', 'loki-password=p'],
    ...['loki-bearer-token=b', 'loki-min-backoff=9s', 'loki-max-backoff=1s', 'loki-batch-size=1'],
    ...['loki-header.X=1', 'loki-header.x=2', 'loki-proxy-url=p:1', 'loki-proxy-url=none'],
  );
  const pairs = fc.array(fc.tuple(option, name), { maxLength: 8 });
  const place = fc.constantFrom('logOpts', 'env');
  fc.assert(
    fc.property(pairs, place, (given, where) => {
      const opts = given.map(([text, suffix]): [string, string] => {
        const at = text.indexOf('=');
        return [`${text.slice(0, at)}${suffix}`, text.slice(at + 1)];
      });
      const wide = opts.map((pair) => pair.join('=')).join('\n');
      let endpoints: readonly EndpointSettings[];
      try {
        endpoints =
          where === 'logOpts'
            ? endpointsOf(Object.fromEntries(opts))
            : endpointsOf({}, { HOLDFAST_OPTS: `\n${wide}` });
      } catch {
        return;
      }
      assert.equal(new Set(endpoints.map(({ key }) => key)).size, endpoints.length);
      for (const { sink, ...queue } of endpoints) {
        assert.ok(queue.minBackoffMs <= queue.maxBackoffMs && queue.minBackoffMs > 0);
        assert.ok(queue.batchSizeBytes >= 16_384 && queue.label !== '');
        assert.ok(!sink.url.includes('@'));
        if (sink.url.startsWith('grpc')) assert.equal(sink.encoding, 'protobuf');
      }
    }),
    { numRuns: 500 },
  );
});
