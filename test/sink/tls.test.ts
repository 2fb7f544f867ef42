/** HTTPS and gRPC with TLS, against doubles with certificates that are made here. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { Secret, SendResult, Sink, TlsOptions } from '../../src/sink/sink.ts';
import { Authority, type Certificate } from '../helpers/certificates.ts';
import type { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import {
  expectDelivered,
  expectRetry,
  push,
  request,
  sinkFor,
  startDouble,
} from '../helpers/sink-options.ts';

const authority = new Authority();
const stranger = new Authority();
after(() => {
  authority[Symbol.dispose]();
  stranger[Symbol.dispose]();
});
const good = authority.issue();

const text = (pem: string): Secret => ({ kind: 'text', text: pem });
const file = (name: string): Secret => ({ kind: 'file', path: name });

/** OpenSSL's own server, which tells why it ends a connection. It wants a client certificate. */
async function startOpenssl(t: TestContext, scheme: Scheme, version: string): Promise<string> {
  const port = await freePort();
  const own = ['-cert', good.certPath, '-key', good.keyPath];
  const asks = ['-CAfile', authority.certPath, '-Verify', '1', '-verify_return_error'];
  const args = ['s_server', '-accept', `127.0.0.1:${port}`, ...own, ...asks, version];
  // It ends a connection when its own input has ended.
  const server = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  t.after(() => server.kill());
  // It says ACCEPT when it listens.
  await new Promise<void>((resolve, reject) => {
    server.once('exit', () => reject(new Error('openssl s_server has ended')));
    server.stdout.on('data', (chunk) => {
      if (String(chunk).includes('ACCEPT')) resolve();
    });
  });
  return `${scheme}://127.0.0.1:${port}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : assert.fail();
}

interface Server {
  readonly double: LokiDouble;
  readonly url: string;
}

async function start(
  t: TestContext,
  scheme: Scheme,
  { cert, key }: Certificate,
  clientCa?: string,
): Promise<Server> {
  const asks = clientCa === undefined ? {} : { clientCa };
  const double = await startDouble(t, {}, { tls: { cert, key, ...asks } });
  const url = scheme === 'https' ? `${double.url}/loki/api/v1/push` : double.grpcUrl;
  return { double, url };
}

function tlsSink(t: TestContext, url: string, tls: Partial<TlsOptions> = {}): Sink {
  return sinkFor(t, url, { tls: { skipVerify: false, ca: text(authority.cert), ...tls } });
}

/** Sends until the result is another than the first; files are looked at once a second. */
async function pushUntil(sink: Sink, isWanted: (result: SendResult) => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  for (;;) {
    const result = await push(sink);
    if (isWanted(result)) return;
    assert.ok(performance.now() < endMs, JSON.stringify(result));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const schemes = ['https', 'grpcs'] as const;
type Scheme = (typeof schemes)[number];

for (const scheme of schemes) {
  test(`${scheme}: delivers to a certificate of the given authority`, async (t) => {
    const { double, url } = await start(t, scheme, good);
    const base64 = Buffer.from(authority.cert).toString('base64');
    const cas = [
      text(authority.cert),
      text(base64),
      text(base64.replace(/.{64}/g, '$&\n')),
      text(authority.cert.replaceAll('\n', String.raw`\n`)),
      text(`${stranger.cert}\n${authority.cert}`),
      file(authority.certPath),
    ];
    for (const [index, ca] of cas.entries()) {
      expectDelivered(await push(tlsSink(t, url, { ca }), request(`line ${index}`)));
    }
    assert.equal(double.entries, cas.length);
    const byName = url.replace('127.0.0.1', 'localhost');
    expectDelivered(await push(tlsSink(t, byName)));
  });

  test(`${scheme}: an authority that is not known is a setting, and nothing is sent`, async (t) => {
    const { double, url } = await start(t, scheme, good);
    for (const sink of [sinkFor(t, url), tlsSink(t, url, { ca: text(stranger.cert) })]) {
      const { reason } = expectRetry(await push(sink), 'settings', /authority is not known here/);
      assert.match(reason, new RegExp(`cannot push to ${scheme}://127`));
    }
    assert.equal(double.counts().requests, 0);
  });

  test(`${scheme}: an expired certificate says so`, async (t) => {
    const { url } = await start(t, scheme, authority.issue({ isExpired: true }));
    expectRetry(await push(tlsSink(t, url)), 'settings', /the certificate has expired/);
    expectDelivered(await push(tlsSink(t, url, { skipVerify: true })));
  });

  test(`${scheme}: a certificate for another name says what to set, and that helps`, async (t) => {
    const { url } = await start(t, scheme, authority.issue({ names: ['DNS:loki.example'] }));
    for (const host of ['127.0.0.1', 'localhost']) {
      const there = url.replace('127.0.0.1', host);
      expectRetry(await push(tlsSink(t, there)), 'settings', /another name.*loki-tls-server-name/);
      expectDelivered(await push(tlsSink(t, there, { serverName: 'loki.example' })));
      const wrong = tlsSink(t, there, { serverName: 'other.example' });
      expectRetry(await push(wrong), 'settings', /another name/);
    }
  });

  test(`${scheme}: takes any certificate only if told to`, async (t) => {
    const { url } = await start(t, scheme, stranger.issue({ names: ['DNS:elsewhere'] }));
    expectRetry(await push(tlsSink(t, url)), 'settings', /authority is not known/);
    expectDelivered(await push(sinkFor(t, url, { tls: { skipVerify: true } })));
  });

  test(`${scheme}: shows the client certificate that the endpoint asks for`, async (t) => {
    const { double, url } = await start(t, scheme, good, authority.cert);
    const client = authority.issue();
    const pem = { cert: text(client.cert), key: text(client.key) };
    const paths = { cert: file(client.certPath), key: file(client.keyPath) };
    expectDelivered(await push(tlsSink(t, url, pem), request('pem')));
    expectDelivered(await push(tlsSink(t, url, paths), request('file')));
    assert.equal(double.entries, 2);
  });

  test(`${scheme}: a client certificate that is missing or wrong is a setting`, async (t) => {
    const { double, url } = await start(t, scheme, good, authority.cert);
    const client = stranger.issue();
    const wrong = tlsSink(t, url, { cert: text(client.cert), key: text(client.key) });
    expectRetry(await push(tlsSink(t, url)), 'settings', /set loki-tls-cert and loki-tls-key/);
    // Node's server ends such a connection without a word.
    expectRetry(await push(wrong), 'outage', /the connection was cut/);
    assert.equal(double.counts().requests, 0);
  });

  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`${scheme}: knows what a server with ${version} says of certificates`, async (t) => {
      const url = await startOpenssl(t, scheme, version);
      const missing = /client certificate/;
      expectRetry(await push(tlsSink(t, url)), 'settings', missing);
      const { cert, key } = stranger.issue();
      const wrong = tlsSink(t, url, { cert: text(cert), key: text(key) });
      expectRetry(await push(wrong), 'settings', /does not take the client certificate/);
    });
  }

  test(`${scheme}: material that cannot be used says which, and nothing of it`, async (t) => {
    const { double, url } = await start(t, scheme, good);
    const client = authority.issue();
    const cert = text(client.cert);
    const garbage = '-----BEGIN CERTIFICATE-----\nS3CRETS3CRETS3CRET\n-----END CERTIFICATE-----\n';
    const rows: [Partial<TlsOptions>, RegExp][] = [
      [{ ca: text('S3CRET') }, /the certificate authority is neither PEM nor base64 of PEM$/],
      [{ ca: text(garbage) }, /the certificate authority cannot be used: /],
      [{ ca: file('/no/ca.pem') }, /the certificate authority in \/no\/ca.pem .*no such file/],
      [{ cert: text(garbage), key: text(client.key) }, /the client certificate cannot be used/],
      [
        { cert, key: text(good.key) },
        /the client certificate and the client key cannot be used: the key does not belong/,
      ],
      [{ cert, key: text(garbage) }, /the client key cannot be used: /],
      [{ cert, key: file(client.certPath) }, /the client key in .*issued-\d+.pem cannot be used/],
    ];
    for (const [tls, expected] of rows) {
      const { reason } = expectRetry(await push(tlsSink(t, url, tls)), 'settings', expected);
      assert.doesNotMatch(reason, /S3CRET/);
      const lines = `${client.key}${good.key}`.split('\n').filter((line) => line.length > 20);
      for (const line of lines) assert.ok(line.startsWith('-----') || !reason.includes(line));
    }
    assert.equal(double.counts().requests, 0);
  });

  test(`${scheme}: files that are replaced while it runs make new connections`, async (t) => {
    const { double, url } = await start(t, scheme, good, stranger.cert);
    const directory = fs.mkdtempSync(path.join(authority.directory, 'live-'));
    const at = (name: string): string => path.join(directory, name);
    const replace = (from: Certificate): void => {
      for (const [name, content] of Object.entries({ cert: from.cert, key: from.key })) {
        fs.writeFileSync(at(`${name}.new`), content);
        fs.renameSync(at(`${name}.new`), at(name));
      }
    };
    replace(authority.issue());
    const sink = tlsSink(t, url, { cert: file(at('cert')), key: file(at('key')) });
    assert.equal((await push(sink)).kind, 'retry');
    assert.equal(double.entries, 0);
    replace(stranger.issue());
    await pushUntil(sink, ({ kind }) => kind === 'delivered');
    replace(authority.issue());
    await pushUntil(sink, ({ kind }) => kind === 'retry');
  });

  test(`${scheme}: what is in flight when a file changes ends on the old connection`, async (t) => {
    const { double, url } = await start(t, scheme, good);
    const caPath = path.join(fs.mkdtempSync(path.join(authority.directory, 'live-')), 'ca');
    fs.writeFileSync(caPath, authority.cert);
    const sink = tlsSink(t, url, { ca: file(caPath) });
    await double.setMode({ kind: 'slow', delayMs: 2500 });
    const early = push(sink, request('early'));
    await double.waitFor(() => double.entries === 1);
    fs.writeFileSync(caPath, stranger.cert);
    await pushUntil(sink, ({ kind }) => kind === 'retry');
    expectDelivered(await early);
  });
}

test('TLS that meets none says so, both ways', async (t) => {
  const double = await startDouble(t);
  const plain = [double.url.replace('http:', 'https:'), double.grpcUrl.replace('grpc:', 'grpcs:')];
  for (const url of plain) {
    expectRetry(await push(sinkFor(t, url)), 'settings', /does not speak TLS; is it http/);
  }
  const { url } = await start(t, 'https', good);
  expectRetry(
    await push(sinkFor(t, url.replace('https:', 'http:'))),
    'outage',
    /connection was cut/,
  );
});
