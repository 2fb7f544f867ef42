/**
 * The double against the facts that were read off a real Loki (facts/loki-push.md):
 * what it answers, what it keeps, how it breaks on purpose, and that its own decoder
 * agrees with protobufjs. A test that fails here means that other tests mean nothing.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { compressSync } from 'snappy';
import { defaultLimits } from './loki-double/limits.ts';
import { LokiDouble, type LokiDoubleOptions } from './loki-double/loki-double.ts';
import { PushMessage } from './loki-double/message.ts';
import { decodePushRequest, ProtoError } from './loki-double/proto.ts';
import { encodePush, type PlainEntry, pushRequestType } from './loki-double/schema.ts';

const nowSeconds = 1_790_000_000;
const hour = 3600;
const week = 7 * 24 * hour;

async function withDouble(
  run: (double: LokiDouble) => Promise<void>,
  options: LokiDoubleOptions = {},
): Promise<void> {
  const double = new LokiDouble({ now: () => nowSeconds * 1000, ...options });
  await double.start({ controlPort: 0 });
  try {
    await run(double);
  } finally {
    await double.stop();
  }
}

/** An entry `offset` seconds after the clock of the tests. */
function entry(line: string | Uint8Array, offset = 0, nanos = 0): PlainEntry {
  return { timestamp: { seconds: nowSeconds + offset, nanos }, line };
}

function protoBody(labels: string, ...entries: PlainEntry[]): Buffer {
  return compressSync(encodePush([{ labels, entries }]));
}

const protoHeaders = { 'content-type': 'application/x-protobuf' };
const jsonHeaders = { 'content-type': 'application/json' };

async function send(
  double: LokiDouble,
  body: Uint8Array | string,
  headers: Record<string, string> = protoHeaders,
): Promise<{ status: number; text: string; retryAfter: string | null }> {
  const payload = typeof body === 'string' ? body : new Uint8Array(body);
  const response = await fetch(`${double.url}/loki/api/v1/push`, {
    method: 'POST',
    headers,
    body: payload,
    signal: AbortSignal.timeout(10_000),
  });
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, text: await response.text(), retryAfter };
}

function texts(double: LokiDouble, order: 'time' | 'arrival' = 'time'): string[] {
  return [...double.lines({}, { order })].map(({ line }) => line.toString());
}

const labelsOf = (count: number) =>
  `{${Array.from({ length: count }, (_, index) => `l${index}="v"`).join(',')}}`;

interface Row {
  readonly name: string;
  readonly labels?: string;
  readonly entries?: PlainEntry[];
  readonly body?: Uint8Array;
  readonly headers?: Record<string, string>;
  readonly options?: LokiDoubleOptions;
  readonly status: number;
  readonly text: string;
  readonly stored: number;
}

const tooOld = 'entry for stream \'{a="1"}\' has timestamp too old: ';
const tooNew = 'entry for stream \'{a="1"}\' has timestamp too new: ';
const good = entry('good');
const badLabels = "couldn't parse labels: ";

const rows: Row[] = [
  { name: 'a good batch', entries: [good], status: 204, text: '', stored: 1 },
  {
    name: 'no tenant with auth on',
    entries: [good],
    options: { auth: true },
    status: 401,
    text: 'no org id',
    stored: 0,
  },
  {
    name: 'a tenant with auth on',
    entries: [good],
    options: { auth: true },
    headers: { ...protoHeaders, 'x-scope-orgid': 'team' },
    status: 204,
    text: '',
    stored: 1,
  },
  ...[
    '{a=1}',
    '{a.b="1"}',
    '',
    'a="1"',
    '{a="1"',
    '{a="1"}x',
    "{a='1'}",
    '{a="\\q"}',
    '{a="\n"}',
    '{a=~"1"}',
    '{1a="1"}',
    '{,}',
    '{a="\\ud800"}',
  ].map((labels) => ({
    name: `labels ${JSON.stringify(labels)}`,
    labels,
    entries: [good],
    status: 400,
    text: badLabels,
    stored: 0,
  })),
  { name: 'labels {}', labels: '{}', entries: [good], status: 204, text: '', stored: 1 },
  { name: 'a stream without entries', entries: [], status: 204, text: '', stored: 0 },
  { name: 'an empty line', entries: [entry('')], status: 204, text: '', stored: 1 },
  {
    name: 'no streams',
    body: compressSync(encodePush([])),
    status: 422,
    text: 'error at least one valid stream is required for ingestion',
    stored: 0,
  },
  { name: 'a week old', entries: [entry('x', -week)], status: 204, text: '', stored: 1 },
  {
    name: 'a nanosecond over a week old',
    entries: [entry('x', -week - 1, 999_999_999)],
    status: 400,
    text: tooOld,
    stored: 0,
  },
  {
    name: 'no timestamp',
    entries: [{ line: 'x' }, good],
    status: 400,
    text: tooOld,
    stored: 1,
  },
  { name: 'ten minutes ahead', entries: [entry('x', 600)], status: 204, text: '', stored: 1 },
  {
    name: 'a nanosecond over ten minutes ahead',
    entries: [entry('x', 600, 1), good],
    status: 400,
    text: tooNew,
    stored: 1,
  },
  {
    name: 'an hour behind the newest',
    entries: [entry('new', 0, 5), entry('x', -hour, 5)],
    status: 204,
    text: '',
    stored: 2,
  },
  {
    name: 'over an hour behind the newest',
    entries: [entry('new', 0, 5), entry('x', -hour, 4), entry('newer', 1)],
    status: 400,
    text: 'entry too far behind',
    stored: 2,
  },
  {
    name: 'out of order',
    entries: [entry('c', 2), entry('a', 0), entry('b', 1)],
    status: 204,
    text: '',
    stored: 3,
  },
  {
    name: 'the longest line',
    entries: [entry('x'.repeat(256 << 10))],
    status: 204,
    text: '',
    stored: 1,
  },
  {
    name: 'a line that is too long',
    entries: [entry('x'.repeat((256 << 10) + 1)), good],
    status: 400,
    text: "Max entry size '262144' bytes exceeded for stream ",
    stored: 1,
  },
  { name: '15 labels', labels: labelsOf(15), entries: [good], status: 204, text: '', stored: 1 },
  {
    name: '16 labels',
    labels: labelsOf(16),
    entries: [good],
    status: 400,
    text: `entry for stream '${labelsOf(16)}' has 16 label names; limit 15`,
    stored: 0,
  },
  {
    name: 'a long label name',
    labels: `{${'n'.repeat(1025)}="1"}`,
    entries: [good],
    status: 400,
    text: `stream '{${'n'.repeat(1025)}="1"}' has label name too long`,
    stored: 0,
  },
  {
    name: 'a long label value',
    labels: `{a="${'v'.repeat(2049)}"}`,
    entries: [good],
    status: 400,
    text: `stream '{a="${'v'.repeat(2049)}"}' has label value too long`,
    stored: 0,
  },
  {
    name: 'a body that is not Snappy',
    body: Buffer.from('garbage'),
    status: 400,
    text: 'snappy: corrupt input',
    stored: 0,
  },
  { name: 'no body', body: Buffer.alloc(0), status: 400, text: 'snappy: corrupt input', stored: 0 },
  {
    name: 'Snappy over something else',
    body: compressSync(Buffer.from('garbage')),
    status: 400,
    text: 'proto: ',
    stored: 0,
  },
  {
    name: 'a rate that the tenant exceeds',
    entries: [good, entry('x'.repeat(100))],
    options: { limits: { tenantBytesPerSecond: 1, tenantBurstBytes: 100 } },
    status: 429,
    text: 'Ingestion rate limit exceeded for user fake',
    stored: 0,
  },
  {
    name: 'a rate that the stream exceeds',
    entries: [good, entry('x'.repeat(100))],
    options: { limits: { streamBytesPerSecond: 1, streamBurstBytes: 100 } },
    status: 429,
    text: 'Ingestion rate limit exceeded for user fake',
    stored: 1,
  },
  {
    name: 'a body over the limit',
    entries: [good],
    options: { limits: { bodyBytesMax: 20 } },
    status: 413,
    text: 'request body too large',
    stored: 0,
  },
  {
    name: 'a message over the limit in a small body',
    entries: [entry('x'.repeat(2000))],
    options: { limits: { bodyBytesMax: 1000 } },
    status: 413,
    text: 'request body too large',
    stored: 0,
  },
  {
    name: 'no content type',
    entries: [good],
    headers: { 'content-type': '' },
    status: 400,
    text: 'mime: no media type',
    stored: 0,
  },
];

for (const row of rows) {
  test(`answers ${row.status} to ${row.name} and stores ${row.stored}`, async () => {
    await withDouble(async (double) => {
      const body = row.body ?? protoBody(row.labels ?? '{a="1"}', ...(row.entries ?? []));
      const { status, text } = await send(double, body, row.headers);
      assert.equal(status, row.status, text);
      assert.ok(row.text === '' ? text === '' : text.startsWith(row.text), text.slice(0, 300));
      assert.equal(double.entries, row.stored);
      assert.deepEqual(double.counts().requestsByStatus, { [row.status]: 1 });
    }, row.options);
  });
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

test('finds every duplicate among many lines with the same timestamp', async () => {
  await withDouble(async (double) => {
    const entries = Array.from({ length: 5000 }, (_, index) => entry(`line ${index + 1}`));
    const body = protoBody('{a="1"}', ...entries);
    await send(double, body);
    await send(double, body);
    assert.equal(double.counts().duplicates, 5000);
    assert.ok(double.checkNumbered({}, 'line ', 5000).ok);
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
    return { status: response.status, value: (await response.json()) as unknown };
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

const timestamps = fc.record({
  seconds: fc.oneof(
    fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }),
    fc.integer({ min: -5, max: 5 }),
  ),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
});
const pairs = fc.record({ name: fc.string(), value: fc.string({ unit: 'grapheme' }) });
const entries = fc.record(
  {
    timestamp: timestamps,
    line: fc.uint8Array({ maxLength: 300 }),
    structuredMetadata: fc.array(pairs, { maxLength: 3 }),
  },
  { requiredKeys: ['line'] },
);
const requests = fc.array(
  fc.record({ labels: fc.string(), entries: fc.array(entries, { maxLength: 5 }) }),
  { maxLength: 4 },
);

/** What a message holds, by our decoder, in the shape of `byProtobufjs`. */
function byHand(bytes: Buffer): unknown {
  const message = new PushMessage();
  decodePushRequest(bytes, message);
  return message.streams.map(({ labels, first, end }) => ({
    labels,
    entries: Array.from({ length: end - first }, (_, offset) => {
      const row = first + offset;
      return {
        seconds: message.seconds[row],
        nanos: message.nanos[row],
        line: bytes.toString('hex', message.lineStart[row], message.lineEnd[row]),
        pairs: message.metaPairs[row],
        metaBytes: message.metaBytes[row],
      };
    }),
  }));
}

function byProtobufjs(bytes: Buffer): unknown {
  const request = pushRequestType.toObject(pushRequestType.decode(bytes), {
    longs: Number,
    arrays: true,
    defaults: true,
  }) as {
    streams: {
      labels: string;
      entries: {
        timestamp: { seconds: number; nanos: number } | null;
        line: Uint8Array;
        structuredMetadata: { name: string; value: string }[];
      }[];
    }[];
  };
  return request.streams.map(({ labels, entries }) => ({
    labels,
    entries: entries.map(({ timestamp, line, structuredMetadata }) => ({
      seconds: timestamp?.seconds ?? -62_135_596_800,
      nanos: timestamp?.nanos ?? 0,
      line: Buffer.from(line).toString('hex'),
      pairs: structuredMetadata.length,
      metaBytes: structuredMetadata.reduce(
        (sum, { name, value }) => sum + Buffer.byteLength(name + value),
        0,
      ),
    })),
  }));
}

test('decodes random messages as protobufjs does', () => {
  fc.assert(
    fc.property(requests, (streams) => {
      const bytes = encodePush(streams as Parameters<typeof encodePush>[0]);
      assert.deepEqual(byHand(bytes), byProtobufjs(bytes));
    }),
    { numRuns: 500 },
  );
});

test('passes over unknown fields', () => {
  const known = encodePush([{ labels: '{}', entries: [entry('x')] }]);
  const unknown = Buffer.from([0x78, 0x96, 0x01, 0x7a, 0x02, 1, 2, 0x7d, 1, 2, 3, 4]);
  assert.deepEqual(byHand(Buffer.concat([unknown, known, unknown])), byHand(known));
});

test('never crashes on garbage: it decodes or throws ProtoError', () => {
  const whole = encodePush([
    {
      labels: '{a="1"}',
      entries: [{ ...entry('line'), structuredMetadata: [{ name: 'n', value: 'v' }] }],
    },
  ]);
  const decodes = (bytes: Buffer) => {
    try {
      const message = new PushMessage();
      decodePushRequest(bytes, message);
      for (let row = 0; row < message.count; row++) {
        assert.ok((message.lineEnd[row] as number) <= bytes.length);
      }
    } catch (error) {
      assert.ok(error instanceof ProtoError, String(error));
    }
  };
  for (let length = 0; length < whole.length; length++) {
    decodes(whole.subarray(0, length));
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[length] = (flipped[length] as number) ^ (1 << bit);
      decodes(flipped);
    }
  }
  const garbage = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(garbage, (bytes) => decodes(Buffer.from(bytes))),
    { numRuns: 2000 },
  );
});
