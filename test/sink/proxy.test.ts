/** Through an HTTP proxy: a whole URL for plain HTTP, CONNECT for TLS and gRPC. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Authority } from '../helpers/certificates.ts';
import { startTcp } from '../helpers/http-server.ts';
import type { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { type ProxyDouble, startProxy } from '../helpers/proxy-double.ts';
import {
  expectDelivered,
  expectRetry,
  push,
  sinkFor,
  startDouble,
} from '../helpers/sink-options.ts';

const authority = new Authority();
after(() => authority[Symbol.dispose]());
const tls = { skipVerify: false, ca: { kind: 'text' as const, text: authority.cert } };

const schemes = ['http', 'https', 'grpc', 'grpcs'] as const;
type Scheme = (typeof schemes)[number];

function urlOf(double: LokiDouble, scheme: Scheme): string {
  return scheme.startsWith('http') ? `${double.url}/loki/api/v1/push` : double.grpcUrl;
}

function proxyUrl({ port }: ProxyDouble, userinfo = ''): string {
  return `http://${userinfo}127.0.0.1:${port}`;
}

for (const scheme of schemes) {
  const certificate = scheme.endsWith('s') ? { tls: authority.issue() } : {};

  test(`${scheme}: delivers through the proxy, and only through it`, async (t) => {
    const double = await startDouble(t, {}, certificate);
    const proxy = await startProxy(t);
    const url = urlOf(double, scheme);
    const sink = sinkFor(t, url, { tls, proxyUrl: proxyUrl(proxy) });
    expectDelivered(await push(sink));
    expectDelivered(await push(sink));
    const { host } = new URL(url.replace('grpc', 'http'));
    if (scheme === 'http') assert.deepEqual(proxy.forwarded, [url, url]);
    // The second one uses the connection of the first.
    else assert.deepEqual(proxy.tunnels, [host]);
    assert.equal(double.counts().requests, 2);
  });

  test(`${scheme}: gives the proxy its password, and a wrong one is a setting`, async (t) => {
    const double = await startDouble(t, {}, certificate);
    const proxy = await startProxy(t, { credentials: 'me:p@ss' });
    const url = urlOf(double, scheme);
    const withUserinfo = (userinfo: string) =>
      sinkFor(t, url, { tls, proxyUrl: proxyUrl(proxy, userinfo) });
    expectDelivered(await push(withUserinfo('me:p%40ss@')));
    for (const userinfo of ['me:WR0NG-PASS@', '']) {
      const retry = expectRetry(await push(withUserinfo(userinfo)), 'settings', /407/);
      assert.match(retry.reason, /check user and password of the proxy/);
      assert.match(retry.reason, new RegExp(`through the proxy http://127.0.0.1:${proxy.port}`));
      assert.doesNotMatch(retry.reason, /WR0NG/);
      assert.equal(retry.status, 407);
    }
    assert.equal(double.counts().requests, 1);
  });

  test(`${scheme}: a proxy that is ill is a retry in time, and over when it is well`, async (t) => {
    const double = await startDouble(t, {}, certificate);
    const proxy = await startProxy(t, { status: 502 });
    const sink = sinkFor(t, urlOf(double, scheme), {
      tls,
      proxyUrl: proxyUrl(proxy),
      timeoutMs: 1000,
    });
    expectRetry(await push(sink), 'outage', /502/);
    proxy.behaviour.status = 403;
    expectRetry(await push(sink), 'settings', /403/);
    delete proxy.behaviour.status;
    proxy.behaviour.isMute = true;
    const began = performance.now();
    expectRetry(await push(sink), 'outage', /no answer|did not answer in time/);
    assert.ok(performance.now() - began < 5000);
    proxy.behaviour.isMute = false;
    expectDelivered(await push(sink));
  });

  test(`${scheme}: a proxy that is not there, or none, is a retry`, async (t) => {
    const url = `${scheme}://loki.invalid:3100/push`;
    const absent = sinkFor(t, url, { proxyUrl: 'http://me:S3CRET-PASS@127.0.0.1:1' });
    const { reason } = expectRetry(await push(absent), 'outage', /nothing listens there/);
    assert.doesNotMatch(reason, /S3CRET/);
    for (const answer of ['', 'HTTP/1.1 20', 'SSH-2.0-OpenSSH\r\n\r\n', 'x'.repeat(100_000)]) {
      const server = await startTcp(t, (socket) => {
        socket.once('data', () => socket.end(answer));
      });
      const sink = sinkFor(t, url, { proxyUrl: new URL(server.url).origin, timeoutMs: 5000 });
      const result = await push(sink);
      assert.equal(result.kind, 'retry', JSON.stringify(result));
    }
  });
}
