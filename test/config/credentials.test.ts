/** Who a push says it is from, and which of several ways to say so counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointOf, endpointsOf, errorOf, type Pairs } from './helpers.ts';

const url = 'http://loki:3100';

function credentialsOf(logOpts: Pairs, env: Pairs = {}): unknown {
  return endpointOf({ 'loki-url': url, ...logOpts }, env).sink.credentials;
}

function basic(user: string, text: string): unknown {
  return { kind: 'basic', user, password: { kind: 'text', text } };
}

test('takes user and password from the URL, from options, or a token', () => {
  const file = (path: string) => ({ kind: 'file', path });
  const rows: [Pairs, unknown][] = [
    [{}, undefined],
    [{ 'loki-url': 'http://me:p%40w@loki' }, basic('me', 'p@w')],
    [{ 'loki-url': 'http://me@loki' }, basic('me', '')],
    [{ 'loki-url': 'grpcs://me:pw@loki' }, basic('me', 'pw')],
    [{ 'loki-username': 'mé', 'loki-password': 'p w:ö;' }, basic('mé', 'p w:ö;')],
    [
      { 'loki-username': 'me', 'loki-password-file': '/run/pw' },
      { kind: 'basic', user: 'me', password: file('/run/pw') },
    ],
    [
      { 'loki-bearer-token': 'a.b-c=' },
      { kind: 'bearer', token: { kind: 'text', text: 'a.b-c=' } },
    ],
    [{ 'loki-bearer-token-file': '/t' }, { kind: 'bearer', token: file('/t') }],
  ];
  for (const [logOpts, expected] of rows) assert.deepEqual(credentialsOf(logOpts), expected);
});

test('the way that is given nearest to the endpoint wins over all others', () => {
  const wide = { LOKI_USERNAME: 'wide', LOKI_PASSWORD: 'pw' };
  const bearer = { kind: 'bearer', token: { kind: 'text', text: 't' } };
  assert.deepEqual(credentialsOf({}, wide), basic('wide', 'pw'));
  assert.deepEqual(credentialsOf({ 'loki-bearer-token': 't' }, wide), bearer);
  assert.deepEqual(credentialsOf({ 'loki-url': 'http://me:x@loki' }, wide), basic('me', 'x'));
  assert.deepEqual(credentialsOf({ 'loki-password': 'own' }, wide), basic('wide', 'own'));
  assert.deepEqual(credentialsOf({ 'loki-username': 'me', 'loki-password-file': '/f' }, wide), {
    kind: 'basic',
    user: 'me',
    password: { kind: 'file', path: '/f' },
  });
  const [eu, us] = endpointsOf(
    { 'loki-url': url, 'loki-bearer-token.eu': 't', 'loki-password.us': 'own' },
    wide,
  );
  assert.deepEqual(eu?.sink.credentials, bearer);
  assert.deepEqual(us?.sink.credentials, basic('wide', 'own'));
  const [own] = endpointsOf(
    { 'loki-url.eu': 'http://me:x@loki', 'loki-username': 'all', 'loki-password': 'pw' },
    {},
  );
  assert.deepEqual(own?.sink.credentials, basic('me', 'x'));
});

test('refuses two ways side by side and names both', () => {
  const rows: [Pairs, Pairs, RegExp][] = [
    [
      { 'loki-url': 'http://me:S3CRET@loki', 'loki-username': 'me', 'loki-password': 'S3CRET' },
      {},
      /^the user in loki-url and loki-username both say who sends; allowed is one of user and password in the URL, loki-username, loki-bearer-token$/,
    ],
    [
      { 'loki-username': 'me', 'loki-password': 'S3CRET', 'loki-bearer-token': 'S3CRET' },
      {},
      /^loki-username and loki-bearer-token both say who sends/,
    ],
    [
      {},
      { LOKI_URL: 'http://me:S3CRET@loki', LOKI_BEARER_TOKEN: 'S3CRET' },
      /the user in LOKI_URL \(plugin setting of loki-url\) and LOKI_BEARER_TOKEN \(plugin/,
    ],
    [
      { 'loki-url.eu': 'http://me:S3CRET@loki', 'loki-bearer-token-file.eu': '/t' },
      {},
      /the user in loki-url.eu and loki-bearer-token-file.eu both say/,
    ],
    [
      { 'loki-username': 'me', 'loki-password': 'S3CRET', 'loki-password-file': '/f' },
      {},
      /^loki-password-file and loki-password are both given; allowed is one of them$/,
    ],
    [
      { 'loki-bearer-token': 'S3CRET', 'loki-bearer-token-file': '/f' },
      {},
      /^loki-bearer-token-file and loki-bearer-token are both given/,
    ],
  ];
  for (const [logOpts, env, expected] of rows) {
    const plain = 'LOKI_URL' in env || 'loki-url.eu' in logOpts ? {} : { 'loki-url': url };
    const message = errorOf({ ...plain, ...logOpts }, env);
    assert.match(message, expected);
    assert.doesNotMatch(message, /S3CRET/);
  }
});

test('says what is missing or wrong, and never shows a secret', () => {
  const rows: [Pairs, RegExp][] = [
    [
      { 'loki-username': 'me' },
      /^loki-username: "me" has neither loki-password nor loki-password-f/,
    ],
    [
      { 'loki-password': 'S3CRET' },
      /^loki-password: \*\*\* has no loki-username; allowed is a text/,
    ],
    [{ 'loki-password-file': '/f' }, /^loki-password-file: \*\*\* has no loki-username/],
    [
      { 'loki-username': 'a:b', 'loki-password': 'x' },
      /"a:b" has a colon, which HTTP cannot carry/,
    ],
    [
      { 'loki-username': 'a\u0001', 'loki-password': 'x' },
      /^loki-username: .* a control character/,
    ],
    [
      { 'loki-username': 'me', 'loki-password': 'S3C\nRET' },
      /^loki-password: \*\*\* has a control character/,
    ],
    [
      { 'loki-bearer-token': 'S3CRET S3CRET' },
      /^loki-bearer-token: \*\*\* has a character that no/,
    ],
    [{ 'loki-bearer-token': 'S3CRETé' }, /allowed is visible ASCII characters without spaces/],
    [
      { 'loki-username': 'me', 'loki-password-file': 'S3CRET' },
      /^loki-password-file: \*\*\* is not an absolute path; allowed is the absolute path of a file/,
    ],
    [
      { 'loki-bearer-token-file': './S3CRET' },
      /^loki-bearer-token-file: \*\*\* is not an absolute/,
    ],
  ];
  for (const [logOpts, expected] of rows) {
    const message = errorOf({ 'loki-url': url, ...logOpts });
    assert.match(message, expected);
    assert.doesNotMatch(message, /S3C|RET/);
  }
});
