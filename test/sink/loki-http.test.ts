import assert from 'node:assert/strict';
import { test } from 'node:test';
import { version } from '../../src/base/version.ts';
import type { Credentials, SendResult, SinkOptions } from '../../src/sink/sink.ts';
import { startHttp, startTcp } from '../helpers/http-server.ts';
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

const body = Buffer.from('a compressed batch');

const basic = (user: string, password: string): Credentials => ({
  kind: 'basic',
  user,
  password: { kind: 'text', text: password },
});

/** The reason of a result that must be a retry. */
function retryReason(result: SendResult): string {
  return result.kind === 'retry' ? result.reason : assert.fail(JSON.stringify(result));
}

test('sends the batch as Loki wants it', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(204).end());
  const sink = sinkFor(t, `${server.url}/deep?x=1`, {
    tenantId: 'team-a',
    credentials: basic('me', 'pä:w'),
    headers: { 'x-more': 'one', 'x-scope-orgid': 'not this one' },
  });
  assert.deepEqual(await sink.send(body), { kind: 'delivered' });
  const [one] = server.received;
  assert.equal(one?.request.method, 'POST');
  assert.equal(one.request.url, '/push/deep?x=1');
  assert.deepEqual(one.body, body);
  assert.partialDeepStrictEqual(one.request.headers, {
    'content-type': 'application/x-protobuf',
    'content-length': String(body.length),
    'user-agent': `holdfast/${version}`,
    'x-scope-orgid': 'team-a',
    'x-more': 'one',
    authorization: `Basic ${Buffer.from('me:pä:w').toString('base64')}`,
  });
});

test('sends neither tenant nor credentials when there are none', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(204).end());
  await sinkFor(t, server.url).send(body);
  const headers = server.received[0]?.request.headers ?? {};
  assert.ok(!('authorization' in headers) && !('x-scope-orgid' in headers));
});

test('says for each status what becomes of the batch, with the words of the server', async (t) => {
  let status = 200;
  const server = await startHttp(t, (response) => {
    response.writeHead(status, { location: 'http://elsewhere/', 'retry-after': '3' });
    response.end('the words\nof the server');
  });
  const sink = sinkFor(t, server.url);
  const rows: [number, SendResult['kind']][] = [
    [200, 'delivered'],
    [302, 'retry'],
    [400, 'rejected'],
    [401, 'retry'],
    [404, 'retry'],
    [413, 'too-large'],
    [422, 'rejected'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ];
  for (const [next, kind] of rows) {
    status = next;
    const result = await sink.send(body);
    assert.equal(result.kind, kind, String(next));
    if (result.kind === 'delivered') continue;
    assert.equal(result.status, next);
    assert.match(result.reason, /: the words of the server$/);
    if (result.kind === 'retry') assert.equal(result.afterMs, 3000);
  }
  assert.equal(server.connections, 1);
});

test('uses one connection again, also after answers with a body', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(500).end('x'.repeat(20_000)));
  const sink = sinkFor(t, server.url);
  for (let i = 0; i < 5; i++) assert.equal((await sink.send(body)).kind, 'retry');
  assert.equal(server.received.length, 5);
  assert.equal(server.connections, 1);
});

test('bounds the connections of sends that overlap', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(204).end());
  const sink = sinkFor(t, server.url);
  const results = await Promise.all(Array.from({ length: 30 }, () => sink.send(body)));
  assert.ok(results.every(({ kind }) => kind === 'delivered'));
  assert.ok(server.connections <= 4, String(server.connections));
});

test('a connection that is cut at any point is a retry', async (t) => {
  const answers = ['', 'HTTP/1.1 20', 'HTTP/1.1 204 No Content\r\ncontent-type: '];
  for (const answer of answers) {
    const server = await startTcp(t, (socket) => {
      socket.once('data', () => socket.end(answer));
    });
    assert.match(retryReason(await sinkFor(t, server.url).send(body)), /cannot push to http/);
  }
  const reset = await startTcp(t, (socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  });
  const reason = retryReason(await sinkFor(t, reset.url).send(body));
  assert.match(reason, /the connection was cut/);
});

test('a body that breaks off does not change what the status said', async (t) => {
  const rows: [string, SendResult['kind']][] = [
    ['200 OK', 'delivered'],
    ['400 Bad Request', 'rejected'],
    ['500 Oops', 'retry'],
  ];
  for (const [line, kind] of rows) {
    const server = await startTcp(t, (socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 ${line}\r\ncontent-length: 100\r\n\r\nhalf`));
    });
    assert.equal((await sinkFor(t, server.url).send(body)).kind, kind);
  }
});

test('an answer that hangs in its body counts, even when the timeout is over', async (t) => {
  const server = await startTcp(t, (socket) => {
    const head = 'HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\nhalf';
    socket.once('data', () => socket.write(head));
  });
  const began = performance.now();
  const result = await sinkFor(t, server.url, { timeoutMs: 200 }).send(body);
  assert.equal(result.kind, 'rejected');
  assert.ok(performance.now() - began < 5000);
});

test('a server that never answers costs the timeout and not more', async (t) => {
  const server = await startTcp(t, () => undefined);
  const sink = sinkFor(t, server.url, { timeoutMs: 150 });
  const began = performance.now();
  assert.match(retryReason(await sink.send(body)), /no answer within 150 ms/);
  const tookMs = performance.now() - began;
  assert.ok(tookMs > 100 && tookMs < 1500, `${tookMs} ms`);
});

test('headers that trickle in do not stretch the timeout', async (t) => {
  const server = await startTcp(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket.write('x: y\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
  });
  const sink = sinkFor(t, server.url, { timeoutMs: 200 });
  assert.match(retryReason(await sink.send(body)), /no answer within 200 ms/);
});

test('an endless body is cut off: fast ones by size, slow ones by time', async (t) => {
  const fast = await startHttp(t, (response) => {
    response.writeHead(503);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384, 'flood '))) continue;
    };
    response.on('drain', more);
    more();
  });
  const flood = await sinkFor(t, fast.url).send(body);
  assert.match(retryReason(flood), /answered 503: flood flood/);
  assert.ok(retryReason(flood).length < 700);

  const slow = await startHttp(t, (response) => {
    response.writeHead(400);
    const timer = setInterval(() => response.write('drop '), 20);
    response.on('close', () => clearInterval(timer));
  });
  const began = performance.now();
  const trickle = await sinkFor(t, slow.url).send(body);
  assert.equal(trickle.kind, 'rejected');
  assert.ok(performance.now() - began < 5000);
});

test('goes on after a connection was lost to an endless body', async (t) => {
  let endless = true;
  const server = await startHttp(t, (response) => {
    if (endless) response.writeHead(500).write(Buffer.alloc(200_000, 'x'));
    else response.writeHead(204).end();
  });
  const sink = sinkFor(t, server.url);
  assert.equal((await sink.send(body)).kind, 'retry');
  endless = false;
  assert.equal((await sink.send(body)).kind, 'delivered');
});

test('garbage, endless headers and a refused connection are retries that say so', async (t) => {
  const garbage = await startTcp(t, (socket) => {
    socket.once('data', () => socket.end('\u0016\u0003\u0001 this is not HTTP\r\n\r\n'));
  });
  expectRetry(await sinkFor(t, garbage.url).send(body), 'settings', /not HTTP/);

  const headers = await startTcp(t, (socket) => {
    socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`));
  });
  assert.match(retryReason(await sinkFor(t, headers.url).send(body)), /headers|HEADER/i);

  // Port 1 is where nobody listens; connecting to it needs no network.
  const refused = await sinkFor(t, 'http://127.0.0.1:1/push').send(body);
  expectRetry(refused, 'outage', /ECONNREFUSED, nothing listens there/);
});

test('plain HTTP behind an https URL is a retry that asks for http', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(204).end());
  const result = await sinkFor(t, server.url.replace('http:', 'https:')).send(body);
  expectRetry(result, 'settings', /is it http:\/\//);
});

test('never shows a secret that the server echoes', async (t) => {
  const server = await startHttp(t, (response, { request }) => {
    response.writeHead(400).end(`${request.headers.authorization} S3CRET-PASS ${request.url}`);
  });
  const result = await sinkFor(t, `${server.url}?token=QUERYT0KEN`, {
    credentials: basic('me', 'S3CRET-PASS'),
  }).send(body);
  const text = JSON.stringify(result);
  assert.doesNotMatch(text, /S3CRET|QUERYT0KEN/);
  assert.ok(!text.includes(Buffer.from('me:S3CRET-PASS').toString('base64')), text);
  assert.match(text, /Basic \*\*\* \*\*\*/);
});

test('close ends what is in flight as a retry, and later sends too', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const server = await startTcp(t, (socket) => socket.once('data', () => arrived.resolve()));
  const sink = sinkFor(t, server.url);
  const sends = Array.from({ length: 6 }, () => sink.send(body));
  await arrived.promise;
  await sink.close();
  await sink.close();
  for (const result of await Promise.all([...sends, sink.send(body)])) {
    assert.deepEqual(result, { kind: 'retry', cause: 'outage', reason: 'closed' });
  }
});

test('does not wait for a timer of a send that is over', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(204).end());
  const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const sink = sinkFor(t, server.url);
  await sink.send(body);
  await sink.close();
  const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  assert.ok(after <= before, `${before} timers before, ${after} after`);
});

test('says that HTTPS is spoken where HTTP was sent, and refuses no entry for it', async (t) => {
  const server = await startHttp(t, (response) => {
    response.writeHead(400).end('Client sent an HTTP request to an HTTPS server.');
  });
  expectRetry(await sinkFor(t, server.url).send(body), 'settings', /is it https:\/\/\?/);
});

test('takes no log-in page for a delivery', async (t) => {
  const server = await startHttp(t, (response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<h1>Log in</h1>');
  });
  expectRetry(await sinkFor(t, server.url).send(body), 'settings', /not how Loki answers/);
});

test('delivers to a Loki, as protobuf and as JSON, and the same is stored', async (t) => {
  const double = await startDouble(t);
  const timestamp = { seconds: now().seconds, nanos: 123_456_789 };
  const lines = ['plain', '', 'NUL \0', '"quoted" \\ \u2028 \u{1f600}', 'x'.repeat(100_000)];
  const streams = ['{a="1", b="x\\ny \\"z\\""}', '{a="2"}'].map((labels) => ({
    labels,
    entries: lines.map((line, index) => ({
      timestamp: { ...timestamp, nanos: timestamp.nanos + index },
      line,
      structuredMetadata: [{ name: 'trace', value: `t${index}` }],
    })),
  }));
  const stored: unknown[] = [];
  for (const encoding of ['protobuf', 'json'] as const) {
    const sink = sinkFor(t, `${double.url}/loki/api/v1/push`, { encoding });
    expectDelivered(await push(sink, requestOf(streams)));
    stored.push(
      [...double.lines()].map(({ timestampNs, line, stream, metadata }) => [
        timestampNs,
        line.toString(),
        stream.labels.text,
        [...metadata],
      ]),
    );
    double.reset();
  }
  assert.equal((stored[0] as unknown[]).length, 2 * lines.length);
  assert.deepEqual(stored[1], stored[0]);
});

test('says for JSON what it is and how it is packed', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(204).end());
  await push(sinkFor(t, server.url, { encoding: 'json' }));
  assert.partialDeepStrictEqual(server.received[0]?.request.headers, {
    'content-type': 'application/json',
    'content-encoding': 'gzip',
  });
});

test('the encoded body shares no memory with the request', async (t) => {
  const double = await startDouble(t);
  for (const encoding of ['protobuf', 'json'] as const) {
    const sink = sinkFor(t, `${double.url}/loki/api/v1/push`, { encoding });
    const bytes = request(`as ${encoding}`);
    const encoded = sink.encode(bytes);
    bytes.fill(0);
    expectDelivered(await sink.send(encoded));
  }
  assert.deepEqual([...double.lines()].map(({ line }) => line.toString()).sort(), [
    'as json',
    'as protobuf',
  ]);
});

test('tells refusals, limits and bodies that are too large apart on a Loki', async (t) => {
  const double = await startDouble(t, { auth: true });
  const url = `${double.url}/loki/api/v1/push`;
  expectRetry(await push(sinkFor(t, url)), 'settings', /401.*no org id/);
  const sink = sinkFor(t, url, { tenantId: 'team-a' });
  expectDelivered(await push(sink));
  expectRefusal(await push(sink, request('x', '{a=1}')), 'rejected', /couldn't parse labels/);
  await double.setMode({ kind: 'limited', times: 1, retryAfterSeconds: 7 });
  assert.equal(expectRetry(await push(sink), 'limit', /rate limit/).afterMs, 7000);
  double.setLimits({ bodyBytesMax: 1000 });
  const large = request('x'.repeat(10_000));
  expectRefusal(await push(sink, large), 'too-large', /413.*loki-batch-size.*too large/);
  assert.equal(double.count({}, { tenant: 'team-a' }), 1);
});

test('a header that cannot be sent is a setting, and its value stays secret', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(204).end());
  const rows: [Partial<SinkOptions>, RegExp][] = [
    [{ headers: { 'x-key': 'S3CRET\n' } }, /the header x-key holds characters/],
    [{ headers: { 'x-key': 'S3CRET\u00e4' } }, /the header x-key holds characters/],
    [{ headers: { 'x-key': 'S3\tCRET' } }, /the header x-key holds characters/],
    [{ headers: { 'x key': 'S3CRET' } }, /the header "x key" cannot be set/],
    [{ headers: { 'content-length': '5' } }, /the header "content-length" cannot be set/],
    [{ tenantId: 'a\r\nb' }, /loki-tenant-id holds characters/],
    [
      { credentials: { kind: 'bearer', token: { kind: 'text', text: 'S3CRET\nx' } } },
      /the bearer token holds characters/,
    ],
  ];
  for (const [options, expected] of rows) {
    const { reason } = expectRetry(
      await sinkFor(t, server.url, options).send(body),
      'settings',
      expected,
    );
    assert.doesNotMatch(reason, /S3CRET/);
  }
  assert.equal(server.received.length, 0);
});

test('an endpoint whose settings cannot be used is a retry and no crash', async (t) => {
  const proxyUrl = 'socks5://me:S3CRET@proxy:1';
  const rows: [string, Partial<SinkOptions>, RegExp][] = [
    ['ftp://x/', {}, /the scheme of loki-url/],
    ['http://', {}, /Invalid URL/],
    ['http://x/', { proxyUrl }, /the proxy is not http:\/\/host:port/],
    ['grpc://x/', { proxyUrl }, /the proxy is not http:\/\/host:port/],
  ];
  for (const [url, options, expected] of rows) {
    const result = expectRetry(await push(sinkFor(t, url, options)), 'settings', expected);
    assert.doesNotMatch(result.reason, /S3CRET/);
  }
});
