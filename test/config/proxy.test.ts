/** Which proxy an endpoint is reached through. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bypassesProxy } from '../../src/config/no-proxy.ts';
import { endpointOf, errorOf, type Pairs, warningsOf } from './helpers.ts';

function proxyOf(logOpts: Pairs, env: Pairs = {}): string | undefined {
  return endpointOf({ 'loki-url': 'https://loki', ...logOpts }, env).sink.proxyUrl;
}

test('completes the URL of a proxy and keeps its user and password', () => {
  const rows: [string, string | undefined][] = [
    ['http://proxy:3128', 'http://proxy:3128'],
    ['http://Proxy', 'http://proxy:80'],
    ['proxy:3128/', 'http://proxy:3128'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
    ['http://me:p%40%3Aw@proxy:1', 'http://me:p%40%3Aw@proxy:1'],
    ['me:pw@proxy', 'http://me:pw@proxy:80'],
    ['http://me@proxy', 'http://me:@proxy:80'],
    ['none', undefined],
    ['NONE', undefined],
  ];
  for (const [text, expected] of rows) assert.equal(proxyOf({ 'loki-proxy-url': text }), expected);
});

test("takes the plugin's proxy by the scheme of the endpoint", () => {
  const env = { HTTP_PROXY: 'http://plain:1', HTTPS_PROXY: 'http://secure:2' };
  const rows: [string, string][] = [
    ['http://loki', 'http://plain:1'],
    ['grpc://loki', 'http://plain:1'],
    ['https://loki', 'http://secure:2'],
    ['grpcs://loki', 'http://secure:2'],
  ];
  for (const [url, expected] of rows) assert.equal(proxyOf({ 'loki-url': url }, env), expected);
  assert.equal(proxyOf({}, { https_proxy: 'low:1' }), 'http://low:1');
  assert.equal(proxyOf({}, { https_proxy: 'low:1', HTTPS_PROXY: 'high:1' }), 'http://high:1');
  assert.equal(proxyOf({}, { HTTP_PROXY: 'plain:1', HTTPS_PROXY: ' ' }), undefined);
  assert.equal(proxyOf({ 'loki-proxy-url': 'own:1' }, env), 'http://own:1');
  assert.equal(proxyOf({ 'loki-proxy-url': 'none' }, env), undefined);
  assert.equal(proxyOf({}, { ...env, LOKI_PROXY_URL: 'none' }), undefined);
  assert.equal(proxyOf({ 'loki-proxy-url': 'own:1' }, { NO_PROXY: '*' }), 'http://own:1');
  assert.equal(proxyOf({}, { ...env, NO_PROXY: 'loki' }), undefined);
  assert.equal(proxyOf({}, { ...env, no_proxy: 'loki:443' }), undefined);
  assert.equal(proxyOf({}, { ...env, no_proxy: 'loki:80' }), 'http://secure:2');
  assert.equal(
    proxyOf({ 'loki-url': 'grpc://loki' }, { ...env, NO_PROXY: 'loki:9095' }),
    undefined,
  );
  assert.equal(proxyOf({ 'loki-url': 'http://127.0.0.1:3100' }, env), undefined);
  assert.equal(proxyOf({ 'loki-url': 'http://[::1]:3100' }, env), undefined);
});

test('keeps away from the proxy what NO_PROXY names, and nothing else', () => {
  const rows: [string, string, boolean][] = [
    ['', 'loki', false],
    ['*', 'loki', true],
    ['loki', 'loki', true],
    ['LOKI', 'Loki', true],
    ['a, loki,b', 'loki', true],
    ['a loki', 'loki', true],
    ['oki', 'loki', false],
    ['example.com', 'example.com', true],
    ['example.com', 'loki.example.com', true],
    ['example.com', 'badexample.com', false],
    ['.example.com', 'example.com', false],
    ['.example.com', 'loki.example.com', true],
    ['*.example.com', 'loki.example.com', true],
    ['loki:3100', 'loki', true],
    ['loki:3101', 'loki', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1:3100', '192.0.2.1', true],
    ['192.0.2.0/24', '192.0.2.77', true],
    ['192.0.2.0/24', '192.0.3.77', false],
    ['192.0.2.0/33', '192.0.2.0', false],
    ['192.0.2.0/x', '192.0.2.0', false],
    ['0.2.1', '192.0.2.1', false],
    ['2001:db8::/32', '2001:db8::1', true],
    ['[2001:db8::1]:3100', '2001:db8::1', true],
    ['[2001:db8::1]:3101', '2001:db8::1', false],
    ['2001:db8::1', '2001:db8:0::1', true],
    ['', 'localhost', true],
    ['', 'a.localhost', true],
    ['', '127.8.8.8', true],
    ['', '::1', true],
    ['', '128.0.0.1', false],
    [',,', 'loki', false],
  ];
  for (const [list, host, expected] of rows) {
    assert.equal(bypassesProxy(list, host, 3100), expected, `${list} ${host}`);
  }
});

test('refuses what is no proxy and never shows its password', () => {
  const rows: [string, RegExp][] = [
    [
      'https://me:S3CRET@proxy',
      /"https:\/\/\*\*\*@proxy" does not begin with http:\/\/; allowed is/,
    ],
    ['socks5://proxy:1080', /does not begin with http/],
    ['http://proxy/path', /has a path or query, which a proxy has no use for/],
    ['http://proxy?x=S3CRET', /has a path or query/],
    ['http://me:12/S3CRET@proxy', /%40/],
    ['http://me:12#S3CRET@proxy', /%23/],
    ['me:S3CRET%zz@proxy', /%25/],
    ['http://proxy:99999', /is not a URL/],
    ['http://', /is not a URL/],
  ];
  for (const [text, expected] of rows) {
    const own = errorOf({ 'loki-url': 'http://loki', 'loki-proxy-url': text });
    assert.match(own, /^loki-proxy-url: /);
    const wide = errorOf({ 'loki-url': 'http://loki' }, { HTTP_PROXY: text });
    assert.match(wide, /^HTTP_PROXY: /);
    for (const message of [own, wide]) {
      assert.match(message, expected);
      assert.doesNotMatch(message, /S3CRET/);
    }
  }
});

test('a wrong proxy of the plugin does no harm to what does not use it', () => {
  const env = { HTTP_PROXY: 'socks5://x', HTTPS_PROXY: 'http://fine:1' };
  assert.equal(proxyOf({}, env), 'http://fine:1');
  assert.equal(proxyOf({ 'loki-url': 'http://loki' }, { ...env, NO_PROXY: 'loki' }), undefined);
  assert.deepEqual(warningsOf({ 'loki-url': 'https://loki' }, env), []);
});
