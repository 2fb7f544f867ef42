import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ListenAddress } from '../../src/base/listen-address.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import { type MetricsServer, type ServeLimits, serveMetrics } from '../../src/metrics/server.ts';
import { createSource, keepingLog, samplesOf } from './helpers.ts';

const anyPort: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 };

/** A server that closes with its test, and where it listens. */
async function serve(t: TestContext, address = anyPort, limits: Partial<ServeLimits> = {}) {
  const source = createSource();
  const { log, lines } = keepingLog();
  const server = serveMetrics(address, createMetrics(source), log, limits);
  t.after(() => server.close());
  const at = await server.listening;
  return { server, source, lines, at };
}

function portOf(at: ListenAddress | undefined): number {
  assert.equal(at?.kind, 'tcp');
  return at.port;
}

interface Answered {
  status: number | undefined;
  headers: http.IncomingHttpHeaders;
  text: string;
}

async function ask(at: ListenAddress | undefined, url: string, method = 'GET'): Promise<Answered> {
  assert.ok(at, 'nothing listens');
  const where = at.kind === 'unix' ? { socketPath: at.path } : { host: at.host, port: at.port };
  const request = http.request({ ...where, path: url, method, agent: false }).end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const text = (await response.setEncoding('utf8').toArray()).join('');
  return { status: response.statusCode, headers: response.headers, text };
}

/** All that comes back on a connection until it is closed. */
async function exchange(port: number, sent: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('utf8');
  socket.write(sent);
  let received = '';
  socket.on('data', (text: string) => {
    received += text;
  });
  // A reset is an end too: it happens when what nobody reads is still on its way.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.on('close', resolve));
  return received;
}

function scratch(t: TestContext): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  return directory;
}

test('serves the page that Prometheus reads, with its type', async (t) => {
  const { source, at, lines } = await serve(t);
  source.counters.capturedBytes = 42;
  const { status, headers, text } = await ask(at, '/metrics?x=1');
  assert.equal(status, 200);
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  assert.equal(samplesOf(text).get('holdfast_captured_bytes_total'), 42);
  assert.deepEqual(lines, ['info: metrics are served']);
});

test('is healthy at once and ready when it is told so', async (t) => {
  const { server, at } = await serve(t);
  assert.equal((await ask(at, '/healthz')).status, 200);
  assert.equal((await ask(at, '/readyz')).status, 503);
  server.markReady();
  assert.equal((await ask(at, '/readyz')).status, 200);
});

test('answers HEAD without a body and with the length of one', async (t) => {
  const { at } = await serve(t);
  const { status, headers, text } = await ask(at, '/healthz', 'HEAD');
  assert.deepEqual([status, headers['content-length'], text], [200, '3', '']);
});

test('knows three paths and two methods', async (t) => {
  const { at } = await serve(t);
  for (const url of ['/', '/metrics/', '/metrics/../healthz', '//metrics', '/%6detrics']) {
    assert.equal((await ask(at, url)).status, 404, url);
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
    const { status, headers } = await ask(at, '/metrics', method);
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'], method);
  }
});

test('takes no body and closes the connection on one', async (t) => {
  const port = portOf((await serve(t)).at);
  const start = 'GET /healthz HTTP/1.1\r\nHost: x\r\n';
  const answers = [
    await exchange(port, `${start}Content-Length: 1000000000\r\n\r\nxxx`),
    await exchange(port, `${start}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`),
  ];
  for (const answer of answers) {
    assert.match(answer, /^HTTP\/1\.1 413 /);
    assert.match(answer, /connection: close/i);
  }
});

test('gives up on a request that does not come to its end, and on an idle connection', async (t) => {
  const slow = await serve(t, anyPort, { requestMs: 100 });
  assert.match(await exchange(portOf(slow.at), 'GET /healthz HTTP/1.1\r\nHo'), /^HTTP\/1\.1 408 /);
  const idle = await serve(t, anyPort, { idleMs: 100 });
  assert.equal(await exchange(portOf(idle.at), ''), '');
});

test('survives garbage and headers without end', async (t) => {
  const { at } = await serve(t);
  const port = portOf(at);
  assert.match(await exchange(port, '\0\x01\x02 garbage\r\n\r\n'), /^HTTP\/1\.1 400 /);
  const long = `GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}`;
  assert.match(await exchange(port, long), /^(HTTP\/1\.1 431 |$)/);
  assert.equal((await ask(at, '/healthz')).status, 200);
});

test('holds no more connections than it is allowed to', async (t) => {
  const { at } = await serve(t, anyPort, { connectionsMax: 2 });
  const port = portOf(at);
  const kept = [net.connect(port, '127.0.0.1'), net.connect(port, '127.0.0.1')];
  for (const socket of kept) {
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
  }
  assert.equal(await exchange(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'), '');
  for (const socket of kept) socket.destroy();
});

test('a source that fails costs that answer only, and is logged once', async (t) => {
  const { source, at, lines } = await serve(t);
  const usage = source.usage.bind(source);
  source.usage = () => {
    throw new Error('no figures');
  };
  for (const url of ['/metrics', '/metrics']) assert.equal((await ask(at, url)).status, 500);
  assert.equal((await ask(at, '/healthz')).status, 200);
  assert.deepEqual(lines.slice(1), ['warn: metrics cannot be read']);
  source.usage = usage;
  assert.equal((await ask(at, '/metrics')).status, 200);
});

test('a port that is taken is a warning, and is had once it is free', async (t) => {
  const first = await serve(t);
  assert.ok(first.at);
  const { log, lines } = keepingLog();
  const served = Promise.withResolvers<void>();
  const { info } = log;
  log.info = (...line: unknown[]) => {
    Reflect.apply(info, log, line);
    served.resolve();
  };
  const metrics = createMetrics(createSource());
  const second = serveMetrics(first.at, metrics, log, { retryMs: 10 });
  t.after(() => second.close());
  assert.equal(await second.listening, undefined);
  assert.deepEqual(lines, ['warn: metrics cannot be served']);
  await first.server.close();
  await served.promise;
  assert.equal((await ask(first.at, '/healthz')).status, 200);
  assert.deepEqual(lines, ['warn: metrics cannot be served', 'info: metrics are served']);
});

test('an address that this machine does not have is a warning', async (t) => {
  const addresses: ListenAddress[] = [
    { kind: 'tcp', host: '192.0.2.1', port: 9417 },
    { kind: 'unix', path: '/nowhere/at/all/m.sock' },
  ];
  for (const address of addresses) {
    const { at, lines } = await serve(t, address);
    assert.equal(at, undefined);
    assert.deepEqual(lines, ['warn: metrics cannot be served']);
  }
});

test('serves on a unix socket and removes it at the end', async (t) => {
  const socket: ListenAddress = { kind: 'unix', path: `${scratch(t)}/m.sock` };
  const { server, at } = await serve(t, socket);
  assert.deepEqual(at, socket);
  assert.equal((await ask(at, '/healthz')).text, 'ok\n');
  await server.close();
  assert.ok(!fs.existsSync(socket.path));
});

test('takes a dead socket over, and neither a living one nor a file', async (t) => {
  const directory = scratch(t);
  const socket: ListenAddress = { kind: 'unix', path: `${directory}/m.sock` };
  // A second name stays when the server removes the first: a socket that nobody listens at.
  const dead = net.createServer().listen(`${directory}/first`);
  await once(dead, 'listening');
  fs.linkSync(`${directory}/first`, socket.path);
  await new Promise((resolve) => dead.close(resolve));
  assert.ok(fs.lstatSync(socket.path).isSocket());
  assert.deepEqual((await serve(t, socket)).at, socket);

  const other = await serve(t, socket);
  assert.equal(other.at, undefined);
  assert.equal((await ask(socket, '/healthz')).status, 200);

  const file: ListenAddress = { kind: 'unix', path: `${directory}/file` };
  fs.writeFileSync(file.path, 'precious');
  assert.equal((await serve(t, file)).at, undefined);
  assert.equal(fs.readFileSync(file.path, 'utf8'), 'precious');
});

test('without an address nothing is served and everything can be called', async (t) => {
  const { log, lines } = keepingLog();
  const server: MetricsServer = serveMetrics(undefined, createMetrics(createSource()), log);
  t.after(() => server.close());
  server.markReady();
  assert.equal(await server.listening, undefined);
  await server.close();
  assert.deepEqual(lines, []);
});

test('close ends open connections, comes twice, and comes before the address is had', async (t) => {
  const { server, at } = await serve(t);
  const socket = net.connect(portOf(at), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  await Promise.all([server.close(), once(socket, 'close')]);
  await server.close();
  await assert.rejects(ask(at, '/healthz'), { code: 'ECONNREFUSED' });

  const { log, lines } = keepingLog();
  const named: ListenAddress = { kind: 'tcp', host: 'localhost', port: 0 };
  const early = serveMetrics(named, createMetrics(createSource()), log);
  await early.close();
  assert.equal(await early.listening, undefined);
  assert.deepEqual(lines, []);
});
