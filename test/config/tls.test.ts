/** TLS options: as files, as text and as base64 of text. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { Authority } from '../helpers/certificates.ts';
import { endpointOf, endpointsOf, errorOf, type Pairs, warningsOf } from './helpers.ts';

const https = { 'loki-url': 'https://loki' };
using authority = new Authority();
const issued = authority.issue();
const other = authority.issue();
const ca = authority.cert;

function tlsOf(logOpts: Pairs, env: Pairs = {}): unknown {
  return endpointOf({ ...https, ...logOpts }, env).sink.tls;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function text(pem: string): unknown {
  return { kind: 'text', text: pem.trim() };
}

test('takes PEM as it is, with written line ends, and as base64', () => {
  assert.deepEqual(tlsOf({}), { skipVerify: false });
  for (const written of [ca, ca.trim().replaceAll('\n', String.raw`\n`), base64(ca.trim())]) {
    assert.deepEqual(tlsOf({ 'loki-tls-ca': written }), { ca: text(ca), skipVerify: false });
  }
  const pair = { 'loki-tls-cert': base64(issued.cert.trim()), 'loki-tls-key': issued.key };
  assert.deepEqual(tlsOf(pair), {
    cert: text(issued.cert),
    key: text(issued.key),
    skipVerify: false,
  });
  const wide = { HOLDFAST_OPTS: `loki-url.eu=grpcs://eu;loki-tls-ca.eu=${base64(ca.trim())}` };
  assert.deepEqual(endpointOf({}, wide).sink.tls, { ca: text(ca), skipVerify: false });
});

test('takes files without looking at them', () => {
  const tls = tlsOf({
    'loki-tls-ca-file': '/no/such/ca.pem',
    'loki-tls-cert': issued.cert,
    'loki-tls-key-file': '/no/such/key.pem',
    'loki-tls-insecure-skip-verify': 'f',
  });
  assert.deepEqual(tls, {
    ca: { kind: 'file', path: '/no/such/ca.pem' },
    cert: text(issued.cert),
    key: { kind: 'file', path: '/no/such/key.pem' },
    skipVerify: false,
  });
});

test('the nearer of text and file wins', () => {
  const env = { LOKI_TLS_CA_FILE: '/wide.pem' };
  assert.deepEqual(tlsOf({ 'loki-tls-ca': ca }, env), { ca: text(ca), skipVerify: false });
  const both = { 'loki-tls-ca-file': '/f', 'loki-tls-ca': ca };
  const message = 'loki-tls-ca-file and loki-tls-ca are both given; allowed is one of them';
  assert.equal(errorOf({ ...https, ...both }), message);
});

test('refuses what cannot work, without a piece of it', () => {
  const locked = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  }).privateKey;
  const rows: [Pairs, RegExp][] = [
    [{ 'loki-tls-ca': 'S3CRET' }, /^loki-tls-ca: \*\*\* is neither PEM nor base64 of PEM; allowed/],
    [{ 'loki-tls-ca': issued.key }, /^loki-tls-ca: \*\*\* is no certificate/],
    [{ 'loki-tls-ca': ca.slice(0, 200) }, /^loki-tls-ca: \*\*\* is no certificate/],
    [{ 'loki-tls-ca-file': 'ca.pem' }, /^loki-tls-ca-file: "ca.pem" is not an absolute path/],
    [{ 'loki-tls-cert': issued.cert }, /^loki-tls-cert: \*\*\* has no key beside it; allowed is/],
    [{ 'loki-tls-cert-file': '/c' }, /^loki-tls-cert-file: "\/c" has no key beside it/],
    [{ 'loki-tls-key': issued.key }, /^loki-tls-key: \*\*\* has no certificate beside it/],
    [{ 'loki-tls-key-file': '/k' }, /^loki-tls-key-file: \*\*\* has no certificate beside it/],
    [
      { 'loki-tls-cert': issued.cert, 'loki-tls-key': other.key },
      /^loki-tls-key: \*\*\* is not the key of loki-tls-cert;/,
    ],
    [
      { 'loki-tls-cert': issued.cert, 'loki-tls-key': locked },
      /^loki-tls-key: \*\*\* is no private key, or one with a pass phrase/,
    ],
    [
      { 'loki-tls-cert': issued.cert, 'loki-tls-key': issued.cert },
      /^loki-tls-key: \*\*\* is no private key/,
    ],
    [{ 'loki-tls-server-name': 'a b' }, /^loki-tls-server-name: "a b" is not a host name; allowed/],
    [{ 'loki-tls-server-name': '192.0.2.1' }, /is not a host name/],
    [{ 'loki-tls-insecure-skip-verify': 'on' }, /"on" is not understood; allowed is true or false/],
  ];
  for (const [logOpts, expected] of rows) {
    const message = errorOf({ ...https, ...logOpts });
    assert.match(message, expected);
    assert.doesNotMatch(message, /S3CRET|BEGIN/);
    assert.ok(!message.includes(issued.key.split('\n')[1] ?? ''), message);
  }
});

test('warns of a log-opt that has no effect without TLS, and of plugin settings never', () => {
  const given = { 'loki-tls-ca-file': '/ca.pem' };
  const warning = 'has no effect: the URL begins with neither https nor grpcs';
  assert.deepEqual(warningsOf({ 'loki-url': 'http://loki', ...given }), [
    `loki-tls-ca-file ${warning}`,
  ]);
  assert.deepEqual(warningsOf({ 'loki-url': 'grpc://a,grpcs://b', ...given }), []);
  assert.deepEqual(warningsOf({ 'loki-url': 'http://loki' }, { LOKI_TLS_CA_FILE: '/ca.pem' }), []);
  const named = { 'loki-url.a': 'http://a', 'loki-url.b': 'https://b', 'loki-tls-ca-file.a': '/x' };
  assert.deepEqual(warningsOf(named), [`loki-tls-ca-file.a ${warning}`]);
  const [a, b] = endpointsOf({ ...named, ...given });
  assert.deepEqual(a?.sink.tls, { skipVerify: false });
  assert.deepEqual(b?.sink.tls, { ca: { kind: 'file', path: '/ca.pem' }, skipVerify: false });
});
