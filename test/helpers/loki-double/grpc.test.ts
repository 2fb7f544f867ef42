/** The double's gRPC and the modes that came with it, asked by grpc-js's own client. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { LokiDouble } from './loki-double.ts';
import { encodePush, type PlainStream } from './schema.ts';
import { entry, protoBody, protoHeaders, send, withDouble } from './testing.ts';

const grpcPort = { grpcPort: 0 };

function clientFor(t: TestContext, double: LokiDouble): Client {
  const address = double.grpcUrl.replace('grpc://', '');
  // Or the connection that failed for one client would be the next one's.
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new Client(address, credentials.createInsecure(), options);
  t.after(() => client.close());
  return client;
}

/** Code and details of one push; 0 for success. */
function push(client: Client, streams: PlainStream[], tenant?: string): Promise<[number, string]> {
  const metadata = new Metadata();
  if (tenant !== undefined) metadata.set('x-scope-orgid', tenant);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/logproto.Pusher/Push',
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      encodePush(streams),
      metadata,
      { deadline: Date.now() + 10_000 },
      (error) => resolve(error === null ? [0, ''] : [error.code, error.details]),
    );
  });
}

const good: PlainStream = { labels: '{a="1"}', entries: [entry('good')] };
const bad: PlainStream = { labels: '{a=1}', entries: [entry('bad')] };

test('answers over gRPC with the status as the code and stores the good entries', async (t) => {
  await withDouble(
    async (double) => {
      const client = clientFor(t, double);
      assert.deepEqual(await push(client, [good]), [0, '']);
      const [code, details] = await push(client, [bad, { ...good, entries: [entry('two')] }]);
      assert.equal(code, 400);
      assert.match(details, /^couldn't parse labels/);
      assert.equal((await push(client, []))[0], 422);
      assert.equal(double.entries, 2);
      const { requests, requestsByStatus } = double.counts();
      assert.deepEqual([requests, requestsByStatus], [3, { 204: 1, 400: 1, 422: 1 }]);
    },
    {},
    grpcPort,
  );
});

test('wants the tenant over gRPC, and keeps tenants apart', async (t) => {
  await withDouble(
    async (double) => {
      const client = clientFor(t, double);
      assert.deepEqual(await push(client, [good]), [16, 'no org id']);
      assert.deepEqual(await push(client, [good], 'team-a'), [0, '']);
      assert.equal(double.count({}, { tenant: 'team-a' }), 1);
    },
    { auth: true },
    grpcPort,
  );
});

test("refuses a message over gRPC's limit in the words of Go's library", async (t) => {
  await withDouble(
    async (double) => {
      const client = clientFor(t, double);
      const size = encodePush([good]).length;
      const expected = `grpc: received message larger than max (${size} vs. 10)`;
      assert.deepEqual(await push(client, [good]), [8, expected]);
      assert.equal(double.entries, 0);
    },
    { limits: { grpcBytesMax: 10 } },
    grpcPort,
  );
});

test('is ill over gRPC as over HTTP', async (t) => {
  await withDouble(
    async (double) => {
      const client = clientFor(t, double);
      await double.setMode({ kind: 'limited', times: 1 });
      assert.equal((await push(client, [good]))[0], 429);
      await double.setMode({ kind: 'cut', at: 'body', everyNth: 1 });
      assert.equal((await push(client, [good]))[0], 14);
      assert.equal(double.entries, 0);
      await double.setMode({ kind: 'cut', at: 'answer', everyNth: 1 });
      assert.equal((await push(client, [good]))[0], 14);
      assert.equal(double.entries, 1);
      await double.setMode({ kind: 'down' });
      assert.equal((await push(client, [good]))[0], 14);
      await double.setMode({ kind: 'slow', delayMs: 1 });
      const again = clientFor(t, double);
      assert.deepEqual(await push(again, [good]), [0, '']);
      assert.equal(double.counts().cut, 2);
    },
    {},
    grpcPort,
  );
});

test('refuses each Nth stream, the same ones however they are sent, and stores the rest', async () => {
  await withDouble(async (double) => {
    await double.setMode({ kind: 'refusing', everyNth: 3 });
    for (let round = 0; round < 2; round += 1) {
      for (let index = 1; index <= 6; index += 1) {
        const body = protoBody(`{n="${index}"}`, entry(`round ${round}`));
        const { status, text } = await send(double, body);
        assert.equal(status, index % 3 === 0 ? 400 : 204, String(index));
        if (status === 400) assert.match(text, /is refused by the double/);
      }
    }
    const stored = double.streams().map(({ labels }) => labels['n']);
    assert.deepEqual(stored, ['1', '2', '4', '5']);
    assert.deepEqual(double.counts().rejected, { refused_by_mode: 4 });
  });
});

test('cuts after the body and stores nothing of it', async () => {
  await withDouble(async (double) => {
    await double.setMode({ kind: 'cut', at: 'body', everyNth: 2 });
    const body = protoBody('{a="1"}', entry('x'));
    assert.equal((await send(double, body)).status, 204);
    await assert.rejects(send(double, protoBody('{a="1"}', entry('y'))));
    const { cut, bodyBytes, entries } = double.counts();
    assert.deepEqual([cut, entries], [1, 1]);
    assert.ok(bodyBytes > body.length);
  });
});

test('asks for patience with any status, and lets a test look at the headers', async () => {
  const look = (headers: object) =>
    'x-pass' in headers ? undefined : { status: 401, body: 'no pass' };
  await withDouble(
    async (double) => {
      const body = protoBody('{a="1"}', entry('x'));
      assert.equal((await send(double, body)).status, 401);
      assert.equal(double.entries, 0);
      assert.equal((await send(double, body, { ...protoHeaders, 'x-pass': '1' })).status, 204);
      await double.setMode({ kind: 'status', status: 503, retryAfterSeconds: 9 });
      assert.equal((await send(double, body)).retryAfter, '9');
    },
    { look },
  );
});

test('takes no mode that is not one', async () => {
  await withDouble(async (double) => {
    const answer = async (mode: unknown): Promise<string> => {
      const body = JSON.stringify(mode);
      const response = await fetch(`${double.controlUrl}/double/mode`, { method: 'POST', body });
      return `${response.status} ${await response.text()}`;
    };
    assert.match(
      await answer({ kind: 'cut', at: 'x' }),
      /^400 .*at must be request, body or answer/,
    );
    assert.match(await answer({ kind: 'refusing' }), /^400 .*everyNth must be at least 1/);
    assert.match(await answer({ kind: 'refusing', everyNth: 3 }), /^200/);
  });
});
