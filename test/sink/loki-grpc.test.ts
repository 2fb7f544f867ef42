/** The other end is grpc-js's own server, in the double of Loki; broken ends are bare sockets. */
import assert from 'node:assert/strict';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { version } from '../../src/base/version.ts';
import { startHttp, startTcp } from '../helpers/http-server.ts';
import type { PushHeaders } from '../helpers/loki-double/push-handler.ts';
import {
  expectDelivered,
  expectRefusal,
  expectRetry,
  now,
  push,
  request,
  requestOf,
  sinkFor,
  startDouble,
} from '../helpers/sink-options.ts';

const grpcOf = (url: string): string => url.replace(/^http:/, 'grpc:').replace(/\/push$/, '');

test('delivers, and the same is stored as over HTTP', async (t) => {
  const double = await startDouble(t);
  const line = Buffer.concat([Buffer.from('not UTF-8 \0'), Buffer.from([0xff, 0xfe])]);
  const bytes = requestOf([{ labels: '{a="1"}', entries: [{ timestamp: now(), line }] }]);
  const stored: unknown[] = [];
  for (const url of [double.grpcUrl, `${double.url}/loki/api/v1/push`]) {
    expectDelivered(await push(sinkFor(t, url), bytes));
    stored.push([...double.lines()].map((one) => [one.timestampNs, one.line, one.stream.labels]));
    double.reset();
  }
  assert.deepEqual(stored[0], stored[1]);
  assert.equal((stored[0] as unknown[]).length, 1);
});

test('sends tenant, credentials and further headers as metadata', async (t) => {
  const seen: PushHeaders[] = [];
  const look = (headers: PushHeaders): undefined => void seen.push(headers);
  const double = await startDouble(t, { auth: true, look });
  const rows = [
    [{ kind: 'basic', user: 'me', password: { kind: 'text', text: 'p:w' } }, 'Basic bWU6cDp3'],
    [{ kind: 'bearer', token: { kind: 'text', text: 'T0KEN' } }, 'Bearer T0KEN'],
  ] as const;
  for (const [credentials, authorization] of rows) {
    const headers = { 'x-more': 'one' };
    const sink = sinkFor(t, double.grpcUrl, { tenantId: 'team-a', credentials, headers });
    expectDelivered(await push(sink, request(authorization)));
    const last = seen.at(-1);
    assert.partialDeepStrictEqual(last, { 'x-scope-orgid': 'team-a', 'x-more': 'one' });
    assert.equal(last?.['authorization'], authorization);
    assert.match(String(last?.['user-agent']), new RegExp(`^holdfast/${version} `));
  }
  assert.equal(double.count({}, { tenant: 'team-a' }), 2);
  expectRetry(await push(sinkFor(t, double.grpcUrl)), 'settings', /UNAUTHENTICATED.*no org id/);
});

test('a header that gRPC cannot send is a setting', async (t) => {
  const double = await startDouble(t);
  for (const name of ['x!y', 'grpc-timeout', 'te', 'content-type']) {
    const sink = sinkFor(t, double.grpcUrl, { headers: { [name]: 'S3CRET' } });
    const { reason } = expectRetry(await push(sink), 'settings', /the header .* cannot be s/);
    assert.match(reason, new RegExp(name));
    assert.doesNotMatch(reason, /S3CRET/);
  }
  const binary = sinkFor(t, double.grpcUrl, { headers: { 'x-bin': 'any' } });
  expectDelivered(await push(binary));
  assert.equal(double.counts().requests, 1);
});

test('tells refusals, limits and messages that are too large apart on a Loki', async (t) => {
  const double = await startDouble(t);
  const sink = sinkFor(t, double.grpcUrl);
  const wrong = requestOf([
    { labels: '{a=1}', entries: [{ timestamp: now(), line: 'x' }] },
    { labels: '{a="1"}', entries: [{ timestamp: now(), line: 'good' }] },
  ]);
  const refusal = expectRefusal(await push(sink, wrong), 'rejected', /couldn't parse labels/);
  assert.equal(refusal.status, 400);
  assert.equal(double.entries, 1);
  expectRefusal(await push(sink, Buffer.alloc(0)), 'rejected', /at least one valid stream/);
  await double.setMode({ kind: 'limited', times: 1, retryAfterSeconds: 7 });
  const limited = expectRetry(await push(sink), 'limit', /answered 429.*rate limit/);
  assert.partialDeepStrictEqual(limited, { status: 429, afterMs: 7000 });
  await double.setMode({ kind: 'failing', times: 1 });
  expectRetry(await push(sink), 'outage', /DEADLINE_EXCEEDED.*rpc error/);
  await double.setMode({ kind: 'failing', status: 503, times: 1 });
  expectRetry(await push(sink), 'outage', /UNAVAILABLE.*Service Unavailable/);
  await double.setMode({ kind: 'status', status: 2, body: 'empty ring' });
  expectRetry(await push(sink), 'outage', /UNKNOWN: empty ring/);
  await double.setMode({ kind: 'up' });
  const large = request('x'.repeat(5 << 20));
  const tooLarge = expectRefusal(await push(sink, large), 'too-large', /lower loki-batch-size/);
  assert.equal(tooLarge.status, 413);
  double.setLimits({ lineBytesMax: 0, grpcBytesMax: 64 << 20 });
  expectDelivered(await push(sink, large));
});

test('sends that overlap share one connection', async (t) => {
  const double = await startDouble(t);
  await double.setMode({ kind: 'slow', delayMs: 300 });
  const sink = sinkFor(t, double.grpcUrl);
  const began = performance.now();
  const bodies = Array.from({ length: 20 }, (_, index) => sink.encode(request(`line ${index}`)));
  const results = await Promise.all(bodies.map((body) => sink.send(body)));
  for (const result of results) expectDelivered(result);
  assert.equal(double.entries, 20);
  // One after the other they would take six seconds.
  assert.ok(performance.now() - began < 4000);
});

test('a connection that is cut at any point is a retry, and the next send is fine', async (t) => {
  const double = await startDouble(t);
  const sink = sinkFor(t, double.grpcUrl);
  for (const at of ['request', 'body', 'answer'] as const) {
    const bytes = request(at);
    await double.setMode({ kind: 'cut', at });
    expectRetry(await push(sink, bytes), 'outage', /the connection was cut/);
    await double.setMode({ kind: 'up' });
    expectDelivered(await push(sink, bytes));
  }
  assert.equal(double.entries, 3);
  assert.equal(double.counts().duplicates, 1);
});

test('an endpoint that is back is used at once', async (t) => {
  const double = await startDouble(t);
  const sink = sinkFor(t, double.grpcUrl);
  expectDelivered(await push(sink));
  await double.setMode({ kind: 'down' });
  for (let failed = 0; failed < 6; failed += 1) {
    expectRetry(await push(sink), 'outage', /nothing listens there|the connection was cut/);
  }
  await double.setMode({ kind: 'up' });
  expectDelivered(await push(sink));
});

test('a server that never answers costs the timeout and not more', async (t) => {
  const double = await startDouble(t);
  await double.setMode({ kind: 'hang' });
  const mute = await startTcp(t, () => undefined);
  for (const url of [double.grpcUrl, grpcOf(mute.url)]) {
    const sink = sinkFor(t, url, { timeoutMs: 200 });
    const began = performance.now();
    expectRetry(await push(sink), 'outage', /no answer (?:within 200 ms|in time)/);
    const tookMs = performance.now() - began;
    assert.ok(tookMs > 150 && tookMs < 3000, `${tookMs} ms`);
  }
});

test('goes on by another connection after one that went silent', async (t) => {
  const double = await startDouble(t);
  const sink = sinkFor(t, double.grpcUrl, { timeoutMs: 300 });
  await double.setMode({ kind: 'hang' });
  expectRetry(await push(sink), 'outage', /no answer/);
  await double.setMode({ kind: 'up' });
  expectDelivered(await push(sink));
});

test('leaves no connection behind, however often a server is mute', async (t) => {
  // It reads, or it would not see that the other end has gone.
  const mute = await startTcp(t, (socket) => void socket.resume());
  for (const scheme of ['grpc', 'grpcs']) {
    const url = grpcOf(mute.url).replace('grpc', scheme);
    const sink = sinkFor(t, url, { timeoutMs: 50 });
    const before = mute.connections;
    // On a busy machine the time may be over before a connection was made.
    for (let sent = 0; sent < 100 && mute.connections < before + 5; sent += 1) {
      expectRetry(await push(sink), 'outage', /no answer/);
    }
    assert.ok(mute.connections >= before + 5, String(mute.connections));
    await waitUntil(() => mute.sockets.size === 0);
  }
});

test('what is no gRPC is a setting to mend', async (t) => {
  const http1 = await startHttp(t, (response) => response.writeHead(204).end());
  expectRetry(await push(sinkFor(t, grpcOf(http1.url))), 'settings', /does not speak gRPC/);

  const garbage = await startTcp(t, (socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n'));
  expectRetry(await push(sinkFor(t, grpcOf(garbage.url))), 'settings', /does not speak gRPC/);

  const http2 = createHttp2Server((_request, response) => response.writeHead(404).end('<h1>'));
  const url = await listening(t, http2);
  expectRetry(await push(sinkFor(t, url)), 'settings', /UNIMPLEMENTED.*no logproto.Pusher there/);
});

test('knows the status of a proxy that speaks HTTP/2 and no gRPC', async (t) => {
  let status = 503;
  const server = createHttp2Server((_request, response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>a page</h1>');
  });
  const sink = sinkFor(t, await listening(t, server));
  expectRetry(await push(sink), 'outage', /UNAVAILABLE.*503/);
  status = 400;
  expectRetry(await push(sink), 'outage', /INTERNAL.*400/);
  status = 413;
  expectRefusal(await push(sink), 'too-large', /413/);
  status = 200;
  expectRetry(await push(sink), 'outage', /answer is too long|without gRPC status|UNKNOWN/);
});

test('an answer without end is cut off and not taken for a limit of the server', async (t) => {
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
    const flood = (): void => {
      while (!stream.destroyed && stream.write(Buffer.alloc(65_536))) continue;
    };
    stream.on('drain', flood);
    flood();
  });
  expectRetry(await push(sinkFor(t, await listening(t, server))), 'outage', /answer is too long/);
});

test('a refused connection and a name that does not resolve say so', async (t) => {
  // Port 1 is where nobody listens; connecting to it needs no network.
  const refused = sinkFor(t, 'grpc://127.0.0.1:1');
  expectRetry(await push(refused), 'outage', /grpc:\/\/127\.0\.0\.1:1: nothing listens there/);
  const unknown = sinkFor(t, 'grpc://no-such-host.invalid:9095', { timeoutMs: 5000 });
  expectRetry(await push(unknown), 'outage', /does not resolve; .*compose network|no answer/);
});

test('takes the port of Loki if the URL has none', async (t) => {
  const { reason } = expectRetry(await push(sinkFor(t, 'grpc://127.0.0.1')), 'outage', /./);
  assert.match(reason, /grpc:\/\/127\.0\.0\.1:9095: /);
});

test('close ends what is in flight as a retry, and later sends too', async (t) => {
  const double = await startDouble(t);
  await double.setMode({ kind: 'hang' });
  const sink = sinkFor(t, double.grpcUrl);
  const sends = Array.from({ length: 6 }, () => push(sink));
  await double.waitFor(() => double.counts().hung === 6);
  await sink.close();
  await sink.close();
  for (const result of await Promise.all([...sends, push(sink)])) {
    assert.deepEqual(result, { kind: 'retry', cause: 'outage', reason: 'closed' });
  }
});

/** Listens until the test ends; the URL is for gRPC. */
async function listening(
  t: { after: (fn: () => void) => void },
  server: ReturnType<typeof createHttp2Server>,
): Promise<string> {
  const sessions = new Set<{ destroy: () => void }>();
  server.on('session', (session) => {
    session.on('error', () => undefined);
    sessions.add(session);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const address = server.address();
  return `grpc://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

/** Waits for what happens by itself, at most five seconds. */
async function waitUntil(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 5000;
  while (!condition()) {
    assert.ok(performance.now() < endMs, 'it did not happen within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
