/**
 * Secrets that are planted in every place where one can be given, and servers that give back all
 * that they have heard: nothing of it may be in a reason or in the log. And: secrets in files
 * are read again.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { createSink } from '../../src/sink/create.ts';
import { secretCheckMs } from '../../src/sink/secret-reader.ts';
import type { Credentials, SendResult, Sink, SinkOptions } from '../../src/sink/sink.ts';
import { Authority } from '../helpers/certificates.ts';
import { startHttp } from '../helpers/http-server.ts';
import type { PushHeaders } from '../helpers/loki-double/push-handler.ts';
import { startProxy } from '../helpers/proxy-double.ts';
import {
  expectDelivered,
  expectRetry,
  push,
  request,
  sinkFor,
  sinkOptions,
  startDouble,
} from '../helpers/sink-options.ts';

const authority = new Authority();
after(() => authority[Symbol.dispose]());
const client = authority.issue();

/** Texts that are in the options and nowhere else. */
const planted = {
  password: 'PLANTED-pa/ss+wo&rd"1"',
  token: 'PLANTED-token-2==',
  header: 'PLANTED-header-3 with <spaces>',
  query: 'PLANTED-query-4',
  proxy: 'PLANTED-proxy-5',
};
const userToken = Buffer.from(`me:${planted.password}`).toString('base64');

const credentials: readonly Credentials[] = [
  { kind: 'basic', user: 'me', password: { kind: 'text', text: planted.password } },
  { kind: 'bearer', token: { kind: 'text', text: planted.token } },
];

/** What an unkind server gives back: all headers, in all the ways in which one may write them. */
function echoOf(headers: object, url = ''): string {
  const text = JSON.stringify(headers);
  const values = Object.values(headers).map(String);
  const decoded = values.map((value) => Buffer.from(value.split(' ').at(-1) ?? '', 'base64'));
  return [
    url,
    decodeURIComponent(url),
    text,
    JSON.stringify(text),
    ...values,
    ...values.map(encodeURIComponent),
    ...values.map((value) => Buffer.from(value).toString('hex')),
    ...values.flatMap((value) => [0, 1, 2].map((shift) => base64(`${'x'.repeat(shift)}${value}`))),
    ...decoded.map(String),
  ].join('\n');
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** What must not be found; long enough not to be found by chance. */
const forbidden = [
  'PLANTED',
  ...[...Object.values(planted), userToken].flatMap((text) => [
    text,
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
    base64(text).slice(0, 8),
    base64(`xx${text}`).slice(4, 12),
    Buffer.from(text).toString('hex').slice(0, 16),
  ]),
  ...client.key.split('\n').filter((line) => line.length > 20 && !line.startsWith('---')),
];

function assertClean(text: string): void {
  for (const secret of forbidden) assert.ok(!text.includes(secret), `${secret} in ${text}`);
}

/** Sends once with every secret in place; results and log lines go into `seen`. */
async function pushWithAll(
  t: TestContext,
  url: string,
  seen: string[],
  changes: Partial<SinkOptions>,
): Promise<SendResult> {
  const log = pino({ level: 'debug' }, { write: (line: string) => void seen.push(line) });
  const all: Partial<SinkOptions> = { headers: { 'x-api-key': planted.header }, ...changes };
  const sink = createSink(sinkOptions(url, { timeoutMs: 3000, ...all }), log);
  t.after(() => sink.close());
  const result = await push(sink);
  seen.push(JSON.stringify(result));
  return result;
}

test('HTTP: no secret comes back, whatever the server answers', async (t) => {
  let status = 400;
  const server = await startHttp(t, (response, { request: { headers, url } }) => {
    response.writeHead(status, { location: url }).end(echoOf(headers, url));
  });
  const seen: string[] = [];
  const url = `${server.url}?token=${planted.query}`;
  for (const credential of credentials) {
    for (status of [201, 301, 400, 401, 403, 404, 413, 422, 429, 500, 503]) {
      const result = await pushWithAll(t, url, seen, { credentials: credential });
      assert.notEqual(result.kind, 'delivered');
      if (result.kind !== 'delivered') assert.match(result.reason, /\*\*\*/);
    }
  }
  assertClean(seen.join('\n'));
});

test('gRPC: no secret comes back, whatever the server answers', async (t) => {
  let status = 400;
  const look = (headers: PushHeaders): { status: number; body: string } => ({
    status,
    body: echoOf(headers),
  });
  const double = await startDouble(t, { look });
  const seen: string[] = [];
  for (const credential of credentials) {
    for (status of [400, 401, 413, 429, 2, 8, 13, 14]) {
      const result = await pushWithAll(t, double.grpcUrl, seen, { credentials: credential });
      assert.notEqual(result.kind, 'delivered');
      if (result.kind !== 'delivered') assert.match(result.reason, /\*\*\*/);
    }
  }
  assertClean(seen.join('\n'));
});

test('no failure of a connection, a proxy or a certificate shows a secret', async (t) => {
  const seen: string[] = [];
  const proxy = await startProxy(t, { credentials: 'other:one' });
  const userinfo = `me:${encodeURIComponent(planted.proxy)}@`;
  const throughProxy = { proxyUrl: `http://${userinfo}127.0.0.1:${proxy.port}` };
  const noProxy = { proxyUrl: `http://${userinfo}127.0.0.1:1` };
  const key = { kind: 'text' as const, text: client.key };
  const tlsRows = [
    { skipVerify: false, cert: { kind: 'text' as const, text: client.cert }, key },
    { skipVerify: false, cert: { kind: 'text' as const, text: authority.cert }, key },
    { skipVerify: false, cert: key, key },
  ];
  const double = await startDouble(t, {}, { tls: client });
  for (const credential of credentials) {
    for (const scheme of ['http', 'https', 'grpc', 'grpcs']) {
      const there = new URL(scheme.startsWith('h') ? double.url : double.grpcUrl);
      const hosts = ['127.0.0.1:1', `127.0.0.1:${there.port}`];
      for (const host of hosts) {
        const url = `${scheme}://${host}/push?token=${planted.query}`;
        for (const changes of [{}, throughProxy, noProxy, ...tlsRows.map((tls) => ({ tls }))]) {
          const all = { credentials: credential, timeoutMs: 2000, ...changes };
          const { kind } = await pushWithAll(t, url, seen, all);
          assert.equal(kind, 'retry', url);
        }
      }
    }
  }
  assertClean(seen.join('\n'));
});

const schemes = ['http', 'grpc'] as const;
for (const scheme of schemes) {
  test(`${scheme}: a password or token in a file is read again when it has changed`, async (t) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-secrets-'));
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
    let wanted = '';
    const look = ({ authorization }: PushHeaders) =>
      authorization === wanted ? undefined : { status: 401, body: `not ${String(authorization)}` };
    const double = await startDouble(t, { look });
    const url = scheme === 'http' ? `${double.url}/loki/api/v1/push` : double.grpcUrl;
    const file = path.join(directory, 'secret');
    const secret = { kind: 'file' as const, path: file };
    const rows: [Credentials, (text: string) => string][] = [
      [{ kind: 'basic', user: 'me', password: secret }, (text) => `Basic ${base64(`me:${text}`)}`],
      [{ kind: 'bearer', token: secret }, (text) => `Bearer ${text}`],
    ];
    for (const [credential, header] of rows) {
      fs.writeFileSync(file, 'PLANTED-old\n');
      const sink = sinkFor(t, url, { credentials: credential });
      wanted = header('PLANTED-old');
      expectDelivered(await push(sink));
      wanted = header('PLANTED-new');
      const refused = expectRetry(await push(sink), 'settings', /check user, password or token/);
      assert.doesNotMatch(refused.reason, /PLANTED|UExBTlRFRC/);
      fs.writeFileSync(`${file}.new`, 'PLANTED-new\n');
      fs.renameSync(`${file}.new`, file);
      await deliveredSoon(sink);
      fs.rmSync(file);
      await waitFor(sink, (result) => /no such file/.test(JSON.stringify(result)));
    }
  });
}

async function deliveredSoon(sink: Sink): Promise<void> {
  await waitFor(sink, ({ kind }) => kind === 'delivered');
}

/** Sends until the result is as wanted; files are looked at once a second. */
async function waitFor(sink: Sink, isWanted: (result: SendResult) => boolean): Promise<void> {
  const endMs = performance.now() + 10 * secretCheckMs;
  for (;;) {
    const result = await push(sink, request());
    if (isWanted(result)) return;
    assert.ok(performance.now() < endMs, JSON.stringify(result));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
