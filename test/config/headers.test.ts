/** Headers that a user adds to each push. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointOf, endpointsOf, errorOf, type Pairs } from './helpers.ts';

const url = 'http://loki:3100';

function headersOf(logOpts: Pairs, env: Pairs = {}): unknown {
  return endpointOf({ 'loki-url': url, ...logOpts }, env).sink.headers;
}

test('takes headers by lower-case name, sorted', () => {
  assert.deepEqual(headersOf({}), {});
  const headers = headersOf({ 'loki-header.X-Team': 'web 1', "loki-header.A!#$%&'*+-^_`|~9": 'x' });
  assert.deepEqual(headers, { "a!#$%&'*+-^_`|~9": 'x', 'x-team': 'web 1' });
  assert.deepEqual(Object.keys(headers as object), ["a!#$%&'*+-^_`|~9", 'x-team']);
});

test('one for an endpoint wins over the plain one, one of a log-opt over one of the plugin', () => {
  const env = { HOLDFAST_OPTS: 'loki-header.X-Team=wide;loki-header.X-Stage=prod' };
  const endpoints = endpointsOf(
    {
      'loki-url.a': 'http://a',
      'loki-url.b': 'http://b',
      'loki-header.x-team': 'plain',
      'loki-header.X-TEAM.b': 'own',
      'loki-header.X-Only.b': '1',
    },
    env,
  );
  assert.deepEqual(
    endpoints.map(({ sink }) => sink.headers),
    [
      { 'x-stage': 'prod', 'x-team': 'plain' },
      { 'x-only': '1', 'x-stage': 'prod', 'x-team': 'own' },
    ],
  );
});

test('refuses the headers that the driver sets and names the option that is for it', () => {
  const rows: [string, RegExp][] = [
    ['Authorization', /use loki-username and loki-password, or loki-bearer-token/],
    ['X-Scope-OrgID', /use loki-tenant-id/],
    ['content-TYPE', /use loki-encoding/],
    ['Content-Encoding', /use loki-encoding/],
    ['Content-Length', /the driver sets it itself/],
    ['Host', /it is the host of loki-url/],
    ['Transfer-Encoding', /the driver sets it itself/],
    ['Connection', /the driver sets it itself/],
    ['Proxy-Authorization', /put user and password into loki-proxy-url/],
  ];
  for (const [name, hint] of rows) {
    for (const option of [`loki-header.${name}`, `loki-header.${name}.eu`]) {
      const message = errorOf({ 'loki-url': url, [option]: 'S3CRET' });
      assert.ok(message.startsWith(`${option}: *** cannot be set: `), message);
      assert.match(message, hint);
      assert.doesNotMatch(message, /S3CRET/);
    }
  }
});

test('refuses names and values that no header can have, without the value', () => {
  const rows: [string, string, RegExp][] = [
    ['X Team', 'S3CRET', /^loki-header.X Team: \*\*\* is for no header: its name has a character/],
    ['X:', 'S3CRET', /is for no header/],
    ['x'.repeat(101), 'S3CRET', /is for no header/],
    [
      'X',
      'S3C\r\nRET: 1',
      /^loki-header.X: \*\*\* has a character that no header can have; allowed/,
    ],
    ['X', 'S3CRÉT', /has a character that no header can have/],
  ];
  for (const [name, value, expected] of rows) {
    const message = errorOf({ 'loki-url': url, [`loki-header.${name}`]: value });
    assert.match(message, expected);
    assert.doesNotMatch(message, /S3C|RET/);
  }
  assert.match(
    errorOf({ 'loki-url': url, 'loki-header.X': '1', 'loki-header.x': '2' }),
    /^loki-header.x: \*\*\* is the same header as loki-header.X; allowed is/,
  );
});

test('refuses names that gRPC cannot carry only where gRPC is spoken', () => {
  for (const name of ['X-Y!', 'grpc-timeout', 'X-Data-Bin']) {
    const given = { [`loki-header.${name}`]: '1' };
    assert.deepEqual(headersOf(given), { [name.toLowerCase()]: '1' });
    assert.match(
      errorOf({ 'loki-url': 'grpc://loki', ...given }),
      /: \*\*\* is a name that gRPC cannot carry; allowed is/,
    );
  }
  assert.deepEqual(headersOf({ 'loki-url': 'grpc://loki', 'loki-header.X-Team_1': 'a b' }), {
    'x-team_1': 'a b',
  });
});
