import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { version } from '../../src/base/version.ts';
import { createLokiHttpSink, type LokiHttpOptions } from '../../src/sink/loki-http.ts';
import type { SendResult, Sink } from '../../src/sink/sink.ts';
import { startHttp, startTcp } from '../helpers/http-server.ts';

const body = Buffer.from('a compressed batch');
const timeoutMs = 20_000;

/** A sink that closes with its test. */
function sinkFor(t: TestContext, url: string, options: Partial<LokiHttpOptions> = {}): Sink {
  const sink = createLokiHttpSink({ url, timeoutMs, ...options });
  t.after(() => sink.close());
  return sink;
}

/** The reason of a result that must be a retry. */
function retryReason(result: SendResult): string {
  return result.kind === 'retry' ? result.reason : assert.fail(JSON.stringify(result));
}

test('sends the batch as Loki wants it', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(204).end());
  const sink = sinkFor(t, `${server.url}/deep?x=1`, {
    tenantId: 'team-a',
    basicAuth: { user: 'me', password: 'pä:w' },
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
    [413, 'rejected'],
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
  assert.match(retryReason(await sinkFor(t, garbage.url).send(body)), /not HTTP/);

  const headers = await startTcp(t, (socket) => {
    socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`));
  });
  assert.match(retryReason(await sinkFor(t, headers.url).send(body)), /headers|HEADER/i);

  // Port 1 is where nobody listens; connecting to it needs no network.
  const refused = await sinkFor(t, 'http://127.0.0.1:1/push').send(body);
  assert.match(retryReason(refused), /ECONNREFUSED, nothing listens there/);
});

test('plain HTTP behind an https URL is a retry that asks for http', async (t) => {
  const server = await startHttp(t, (response) => response.writeHead(204).end());
  const result = await sinkFor(t, server.url.replace('http:', 'https:')).send(body);
  assert.match(retryReason(result), /is it http:\/\/\?/);
});

test('never shows a secret that the server echoes', async (t) => {
  const server = await startHttp(t, (response, { request }) => {
    response.writeHead(400).end(`${request.headers.authorization} S3CRET-PASS ${request.url}`);
  });
  const result = await sinkFor(t, `${server.url}?token=QUERYT0KEN`, {
    basicAuth: { user: 'me', password: 'S3CRET-PASS' },
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
    assert.deepEqual(result, { kind: 'retry', reason: 'closed' });
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
