/**
 * The double as a whole: what it keeps, how it breaks on purpose and what can be asked
 * of it. The rows of the facts file are in loki-double/answers.test.ts. A test that
 * fails here means that other tests mean nothing.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { compressSync } from 'snappy';
import { defaultLimits } from './loki-double/limits.ts';
import type { LokiDouble } from './loki-double/loki-double.ts';
import { encodePush, type PlainEntry } from './loki-double/schema.ts';
import {
  entry,
  hour,
  jsonHeaders,
  nowSeconds,
  protoBody,
  protoHeaders,
  send,
  week,
  withDouble,
} from './loki-double/testing.ts';

const good = entry('good');

function texts(double: LokiDouble, order: 'time' | 'arrival' = 'time'): string[] {
  return [...double.lines({}, { order })].map(({ line }) => line.toString());
}

test('answers 405 to a wrong method and 404 to a wrong path', async () => {
  await withDouble(async (double) => {
    assert.equal((await fetch(`${double.url}/loki/api/v1/push`)).status, 405);
    const wrong = await fetch(`${double.url}/loki/api/v1/pushes`, { method: 'POST' });
    assert.equal(wrong.status, 404);
  });
});

test('refuses a block that claims to be huge without taking memory for it', async () => {
  await withDouble(async (double) => {
    const gigabyte = Buffer.from([0x80, 0x80, 0x80, 0x80, 0x04, 0x00]);
    assert.equal((await send(double, gigabyte)).status, 413);
    const ninetyMegabytes = Buffer.from([0x80, 0x80, 0x80, 0x2d, 0x00]);
    const { status, text } = await send(double, ninetyMegabytes);
    assert.deepEqual([status, text], [400, 'snappy: corrupt input\n']);
  });
});

test('stores the good entries of a batch once, however often it is sent again', async () => {
  await withDouble(async (double) => {
    const body = compressSync(
      encodePush([
        { labels: '{a="1"}', entries: [entry('one'), entry('old', -2 * week), entry('two', 1)] },
        { labels: '{a=1}', entries: [entry('lost')] },
        { labels: '{b="2"}', entries: [entry('three', 2)] },
      ]),
    );
    for (let sent = 1; sent <= 3; sent++) assert.equal((await send(double, body)).status, 400);
    assert.deepEqual(texts(double), ['one', 'two', 'three']);
    const { duplicates, rejected } = double.counts();
    assert.equal(duplicates, 6);
    assert.deepEqual(rejected, { greater_than_max_sample_age: 3, invalid_labels: 3 });
    await send(double, protoBody('{c="3"}', entry('old', -2 * week)));
    assert.equal(double.counts().streams, 2);
  });
});

test('drops exact duplicates only: line, nanosecond, stream and tenant all count', async () => {
  await withDouble(
    async (double) => {
      const push = (labels: string, tenant: string, ...entries: PlainEntry[]) =>
        send(double, protoBody(labels, ...entries), { ...protoHeaders, 'x-scope-orgid': tenant });
      await push('{a="1",b="2"}', 'x', entry('l', 0, 1), entry('l', 0, 1), entry('l', 0, 2));
      await push('{ b="2", a=`1`, }', 'x', entry('m', 0, 1), entry('l', 0, 1), entry('l', 0, 1));
      await push('{a="1"}', 'x', entry('l', 0, 1));
      await push('{a="1",b="2"}', 'y', entry('l', 0, 1));
      assert.deepEqual(
        double.streams().map(({ tenant, labels, entries }) => [tenant, labels, entries]),
        [
          ['x', { a: '1', b: '2' }, 3],
          ['x', { a: '1' }, 1],
          ['y', { a: '1', b: '2' }, 1],
        ],
      );
      assert.equal(double.counts().duplicates, 3);
      assert.equal(double.count({ b: '2' }, { tenant: 'y' }), 1);
    },
    { auth: true },
  );
});

test('finds every duplicate among many lines with the same timestamp, and no others', async () => {
  await withDouble(async (double) => {
    // So many that some of the 32-bit hashes are the same, which only the bytes can tell.
    const count = 300_000;
    const lines = Array.from({ length: count }, (_, index) =>
      entry(`line ${index + 1} ${hash('md5', String(index))}`),
    );
    const body = compressSync(encodePush([{ labels: '{a="1"}', entries: lines }]));
    await send(double, body);
    assert.equal(
      double.checkNumbered({}, 'line ', count).summary,
      `${count} lines, all there once and in order`,
    );
    await send(double, body);
    const { entries, duplicates } = double.counts();
    assert.deepEqual({ entries, duplicates }, { entries: count, duplicates: count });
  });
});

test('takes JSON, plain and with gzip, and keeps timestamps and metadata exact', async () => {
  await withDouble(async (double) => {
    const timestamp = `${nowSeconds}123456789`;
    const values = [[timestamp, 'héllo', { trace: 'é1', n: '2' }]];
    const body = JSON.stringify({ streams: [{ stream: { b: 'q"\\\u0001', a: '1' }, values }] });
    assert.equal((await send(double, body, jsonHeaders)).status, 204);
    const gzipped = { ...jsonHeaders, 'content-encoding': 'gzip' };
    assert.equal((await send(double, gzipSync(body), gzipped)).status, 204);
    assert.equal((await send(double, body, gzipped)).status, 400);
    const [stored] = double.lines({ a: '1', b: 'q"\\\u0001' });
    assert.equal(stored?.timestampNs, BigInt(timestamp));
    assert.equal(stored.line.toString(), 'héllo');
    assert.deepEqual(stored.metadata, [
      ['trace', 'é1'],
      ['n', '2'],
    ]);
    assert.equal(double.counts().duplicates, 1);
    const bomb = gzipSync(Buffer.alloc(1 << 20));
    double.setLimits({ bodyBytesMax: 64 << 10 });
    assert.equal((await send(double, bomb, gzipped)).status, 413);
    double.setLimits({ bodyBytesMax: defaultLimits.bodyBytesMax });
  });
});

for (const [body, status] of [
  ['{', 400],
  ['{}', 400],
  ['{"streams":[]}', 422],
  ['{"streams":[{"stream":{"a":"1"},"values":[[1,"x"]]}]}', 400],
  ['{"streams":[{"stream":{"a":"1"},"values":[["1e9","x"]]}]}', 400],
  ['{"streams":[{"stream":{"a":1},"values":[]}]}', 400],
  [`{"streams":[{"stream":{"a.b":"1"},"values":[["${nowSeconds}000000000","x"]]}]}`, 400],
] as const) {
  test(`answers ${status} to the JSON ${body}`, async () => {
    await withDouble(async (double) => {
      assert.equal((await send(double, body, jsonHeaders)).status, status);
      assert.equal(double.entries, 0);
    });
  });
}

test('keeps the bytes of a line as they are', async () => {
  await withDouble(async (double) => {
    const bytes = Buffer.from([0xff, 0x00, 0x0a, 0x20, 0xc3]);
    await send(double, protoBody('{}', entry(bytes), entry(' ', 1), entry('\0', 2)));
    assert.deepEqual(
      [...double.lines()].map(({ line }) => line.toString('hex')),
      [bytes.toString('hex'), '20', '00'],
    );
  });
});

test('shows lines by time or by arrival, over several streams', async () => {
  await withDouble(async (double) => {
    await send(double, protoBody('{a="1"}', entry('d', 3), entry('b', 1)));
    await send(double, protoBody('{a="2"}', entry('c', 2), entry('a', 0), entry('also d', 3)));
    assert.deepEqual(texts(double), ['a', 'b', 'c', 'd', 'also d']);
    assert.deepEqual(texts(double, 'arrival'), ['d', 'b', 'c', 'a', 'also d']);
  });
});

test('refuses a new stream over the limit with 429 and takes the streams it knows', async () => {
  await withDouble(
    async (double) => {
      await send(double, protoBody('{a="1"}', entry('one')));
      const streams = ['{a="2"}', '{a="1"}'];
      const body = encodePush(streams.map((labels) => ({ labels, entries: [entry('two', 1)] })));
      const { status, text } = await send(double, compressSync(body));
      assert.equal(status, 429);
      const begin = 'Maximum active stream limit exceeded when trying to create stream {a="2"}';
      assert.ok(text.startsWith(begin), text);
      assert.equal(double.count({ a: '1' }), 2);
    },
    { limits: { streamsMax: 1 } },
  );
});

test('lets a rate through again when time has passed', async () => {
  let nowMs = nowSeconds * 1000;
  const limits = { tenantBytesPerSecond: 100, tenantBurstBytes: 100 };
  await withDouble(
    async (double) => {
      const body = (line: string) => protoBody('{}', entry(line.repeat(80)));
      assert.equal((await send(double, body('a'))).status, 204);
      assert.equal((await send(double, body('b'))).status, 429);
      nowMs += 1000;
      assert.equal((await send(double, body('b'))).status, 204);
    },
    { limits, now: () => nowMs },
  );
});

test('adds the service name that Loki would add, when asked to', async () => {
  await withDouble(
    async (double) => {
      await send(double, protoBody('{container_name="web"}', good));
      await send(double, protoBody('{}', good));
      const names = double.streams().map(({ labels }) => labels['service_name']);
      assert.deepEqual(names, ['web', 'unknown_service']);
    },
    { discoverServiceName: true },
  );
});

test('refuses connections while down and takes them on the same port afterwards', async () => {
  await withDouble(async (double) => {
    const { port } = double;
    await double.setMode({ kind: 'down' });
    await assert.rejects(send(double, protoBody('{}', good)), { name: 'TypeError' });
    await assert.rejects(fetch(`${double.url}/ready`));
    await double.setMode({ kind: 'up' });
    assert.equal(double.port, port);
    assert.equal((await send(double, protoBody('{}', good))).status, 204);
  });
});

test('stores a slow push before it answers', async () => {
  await withDouble(async (double) => {
    await double.setMode({ kind: 'slow', delayMs: 30 });
    const sent = send(double, protoBody('{}', good));
    await double.waitFor(({ entries }) => entries === 1);
    assert.deepEqual(double.counts().requestsByStatus, {});
    assert.equal((await sent).status, 204);
  });
});

for (const stores of [false, true]) {
  test(`hangs without an answer and ${stores ? 'stores' : 'does not store'}`, async () => {
    await withDouble(async (double) => {
      await double.setMode({ kind: 'hang', stores });
      const sent = assert.rejects(send(double, protoBody('{}', good)));
      await double.waitFor((double) => double.counts().hung === 1);
      assert.equal(double.entries, stores ? 1 : 0);
      await double.stop();
      await sent;
    });
  });
}

test('limits, fails or answers any status, a number of times or for ever', async () => {
  await withDouble(async (double) => {
    const push = () => send(double, protoBody('{}', good));
    await double.setMode({ kind: 'limited', times: 1, retryAfterSeconds: 7 });
    const limited = await push();
    assert.deepEqual([limited.status, limited.retryAfter], [429, '7']);
    assert.ok(limited.text.startsWith('Ingestion rate limit exceeded for user'));
    assert.equal(double.entries, 0);
    assert.equal((await push()).status, 204);
    await double.setMode({ kind: 'limited' });
    assert.equal((await push()).retryAfter, null);
    await double.setMode({ kind: 'failing' });
    const failed = await push();
    assert.equal(failed.status, 500);
    assert.ok(failed.text.startsWith('rpc error: code = DeadlineExceeded'));
    assert.equal((await push()).status, 500);
    assert.equal((await fetch(`${double.url}/ready`)).status, 503);
    await double.setMode({ kind: 'failing', status: 503, times: 1 });
    assert.deepEqual([(await push()).status, (await push()).status], [503, 204]);
    await double.setMode({ kind: 'status', status: 302, body: 'moved' });
    assert.equal((await push()).text, 'moved\n');
    assert.equal(double.entries, 1);
  });
});

test('cuts the connection while it reads, or after it has stored', async () => {
  await withDouble(async (double) => {
    const body = protoBody('{}', good);
    await double.setMode({ kind: 'cut', at: 'request' });
    await assert.rejects(send(double, protoBody('{}', entry('x'.repeat(200_000)))));
    await assert.rejects(send(double, body));
    assert.deepEqual([double.entries, double.counts().cut], [0, 2]);
    await double.setMode({ kind: 'cut', at: 'answer', everyNth: 2 });
    assert.equal((await send(double, protoBody('{}', entry('first')))).status, 204);
    await assert.rejects(send(double, body));
    assert.equal((await send(double, body)).status, 204);
    const { entries, duplicates, cut } = double.counts();
    assert.deepEqual({ entries, duplicates, cut }, { entries: 2, duplicates: 1, cut: 3 });
  });
});

test('cuts with a probability', async () => {
  const numbers = [0.6, 0.4, 0.5];
  await withDouble(
    async (double) => {
      await double.setMode({ kind: 'cut', at: 'answer', probability: 0.5 });
      const push = () => send(double, protoBody('{}', good));
      assert.equal((await push()).status, 204);
      await assert.rejects(push());
      assert.equal((await push()).status, 204);
    },
    { random: () => numbers.shift() ?? 0 },
  );
});

test('only counts in the mode discard', async () => {
  await withDouble(async (double) => {
    await double.setMode({ kind: 'discard' });
    assert.equal((await send(double, Buffer.alloc(1000))).status, 204);
    const { entries, requests, bodyBytes } = double.counts();
    assert.deepEqual(
      { entries, requests, bodyBytes },
      { entries: 0, requests: 1, bodyBytes: 1000 },
    );
  });
});

test('tells when a wait is in vain, with the counts', async () => {
  await withDouble(async (double) => {
    const wait = double.waitFor(({ entries }) => entries > 0, 1);
    await assert.rejects(wait, /not true after 1 ms; \{"requests":0/);
  });
});

test('finds every planted fault in numbered lines', async () => {
  await withDouble(async (double) => {
    const numbers = [1, 2, 4, 3, 5, 5, 8, 9, 10, 99];
    const entries = numbers.map((number, index) => entry(`n=${number} and more`, index));
    await send(double, protoBody('{a="1"}', ...entries, entry('m=7', 20), entry('n=', 21)));
    const report = double.checkNumbered({ a: '1' }, 'n=%d and', 10);
    assert.equal(report.ok, false);
    assert.deepEqual(report.missing, { count: 2, examples: ['6-7'] });
    assert.deepEqual(report.doubled, { count: 1, examples: [5] });
    assert.deepEqual(report.outOfOrder, { count: 1, examples: [3] });
    assert.deepEqual(report.unexpected.examples, ['n=99 and more', 'm=7', 'n=']);
    assert.match(report.summary, /12 lines for the numbers 1 to 10: 2 missing \(6-7\); 1 doubled/);
    assert.ok(double.checkNumbered({ a: '2' }, 'n=', 0).ok);
  });
});

test('answers the queries that people use', async () => {
  await withDouble(async (double) => {
    await send(double, protoBody('{a="1",c="x"}', entry('one', -5), entry('old', -hour)));
    await send(double, protoBody('{a="2"}', entry('two', -4), entry('three', -3)));
    const get = async (path: string) => {
      const response = await fetch(`${double.url}${path}`);
      const text = await response.text();
      return { status: response.status, text };
    };
    const query = async (text: string) => {
      const answer = await get(`/loki/api/v1/query?query=${encodeURIComponent(text)}`);
      return JSON.parse(answer.text) as { data: { result: { value: [number, string] }[] } };
    };
    const count = await query('sum(count_over_time({a=~".+"}[1h]))');
    assert.deepEqual(count.data.result, [{ metric: {}, value: [nowSeconds, '3'] }]);
    const by = await query('sum by (a) (count_over_time({a!="1"}[1h30m]))');
    assert.deepEqual(by.data.result, [{ metric: { a: '2' }, value: [nowSeconds, '2'] }]);
    const range = await get(
      `/loki/api/v1/query_range?query=${encodeURIComponent('{a="2"}')}&limit=1`,
    );
    const values = [[`${nowSeconds - 3}000000000`, 'three']];
    const { data } = JSON.parse(range.text) as { data: { result: unknown } };
    assert.deepEqual(data.result, [{ stream: { a: '2' }, values }]);
    assert.match((await get('/loki/api/v1/labels')).text, /"data":\["a","c"\]/);
    assert.equal((await get('/loki/api/v1/query?query=nonsense')).status, 400);
    assert.deepEqual(await get('/ready'), { status: 200, text: 'ready\n' });
  });
});

test('is driven from another process while it is down', async () => {
  const main = new URL('loki-double/main.ts', import.meta.url).pathname;
  const limits = JSON.stringify({ lineBytesMax: 10 });
  const child = spawn(process.execPath, [main, '--port', '0', '--limits', limits], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const match = /^loki-double ready (\S+) control (\S+)\n$/.exec(output.toString());
  const [, url = '', control = ''] = match ?? [];
  const call = async (path: string, body?: unknown) => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${control}/double/${path}`, init);
    return { status: response.status, value: await response.json() };
  };
  assert.equal((await call('mode', { kind: 'down' })).status, 200);
  await assert.rejects(fetch(`${url}/ready`));
  assert.equal((await call('mode', { kind: 'nonsense' })).status, 400);
  assert.equal((await call('mode', 'up')).status, 200);
  const waiting = call('wait?entries=1');
  const values = [[String(BigInt(Date.now()) * 1_000_000n), 'n1']];
  const body = JSON.stringify({ streams: [{ stream: { a: '1' }, values }] });
  const push = { method: 'POST', headers: jsonHeaders, body };
  assert.equal((await fetch(`${url}/loki/api/v1/push`, push)).status, 204);
  assert.equal((await waiting).status, 200);
  const stored = { timestampNs: values[0]?.[0], line: 'n1', labels: { a: '1' }, metadata: {} };
  assert.deepEqual((await call('entries?selector={a="1"}')).value, [stored]);
  const check = (await call('check?pattern=n&count=1')).value as { ok: boolean };
  assert.equal(check.ok, true);
  assert.equal((await call('limits', { lineBytesMax: 1 })).status, 200);
  assert.equal((await fetch(`${url}/loki/api/v1/push`, push)).status, 400);
  const stats = (await call('stats')).value as { rejected: unknown };
  assert.deepEqual(stats.rejected, { line_too_long: 1 });
  assert.equal((await call('wait?entries=9&timeoutMs=1')).status, 408);
  assert.equal((await call('nothing')).status, 404);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0);
});
