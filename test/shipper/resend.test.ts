/** Entries that are sent again: batches, verdicts, patience, and what is left when it ends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readMetadata, readPush } from '../../src/encode/push-reader.ts';
import { type ResendResult, type Resent, resend } from '../../src/shipper/resend.ts';
import type { SendResult, Sink } from '../../src/sink/sink.ts';
import { decodePush } from '../helpers/logproto.ts';

type Answer = (lines: readonly string[], request: number) => SendResult;

const delivered: SendResult = { kind: 'delivered' };
const down: SendResult = { kind: 'retry', cause: 'outage', reason: 'down' };

class AnsweringSink implements Sink {
  readonly answer: Answer;
  readonly requests: string[][] = [];
  readonly times: string[] = [];
  readonly tenants: (string | undefined)[] = [];
  readonly bodies: Buffer[] = [];
  largestBytes = 0;

  constructor(answer: Answer) {
    this.answer = answer;
  }

  encode(request: Buffer): Buffer {
    return request;
  }

  async send(body: Buffer, tenantId?: string): Promise<SendResult> {
    this.tenants.push(tenantId);
    this.bodies.push(body);
    const entries = decodePush(body).flatMap((stream) => stream.entries);
    const lines = entries.map(({ line }) => line.toString());
    this.times.push(...entries.map(({ seconds, nanos }) => `${seconds} ${nanos}`));
    this.requests.push(lines);
    this.largestBytes = Math.max(this.largestBytes, body.length);
    return this.answer(lines, this.requests.length);
  }

  async close(): Promise<void> {}
}

const entries = (count: number): Resent[] =>
  Array.from({ length: count }, (_, index) => ({
    labels: `{s="${index % 3}"}`,
    timestampNs: `${1_700_000_000_000_000_000n + BigInt(index)}`,
    line: Buffer.from(`line ${index}`),
  }));

async function run(
  sink: Sink,
  given: readonly Resent[],
  more: {
    batchSizeBytes?: number;
    signal?: AbortSignal;
    minBackoffMs?: number;
    takesNoMetadata?: boolean;
  } = {},
): Promise<ResendResult<Resent>> {
  const { batchSizeBytes = 1 << 20, minBackoffMs = 1, takesNoMetadata = false } = more;
  const signal = more.signal ?? new AbortController().signal;
  const endpoint = { batchSizeBytes, minBackoffMs, maxBackoffMs: Math.max(2, minBackoffMs) };
  return resend(given, { sink, endpoint, signal, failuresMax: 3, takesNoMetadata });
}

const textsOf = (list: readonly Resent[]): string[] => list.map(({ line }) => line.toString());

describe('resend', () => {
  it('sends all in batches of the size of the endpoint', async () => {
    const sink = new AnsweringSink(() => delivered);
    const given = entries(1000);
    const result = await run(sink, given, { batchSizeBytes: 4096 });
    assert.deepEqual(result, { delivered: given, refused: [] });
    assert.ok(sink.requests.length > 5 && sink.largestBytes < 4096 + 64);
    assert.equal(sink.requests.flat().length, 1000);
  });

  it('sends each for its own tenant, with its metadata', async () => {
    const sink = new AnsweringSink(() => delivered);
    const tenants = ['a', 'a', undefined, 'b', 'a'];
    const metadata = [{ name: 'container_id', value: 'c1' }];
    const given = entries(5).map((entry, index) => {
      const tenantId = tenants[index];
      return { ...entry, metadata, ...(tenantId && { tenantId }) };
    });
    assert.deepEqual((await run(sink, given)).delivered, given);
    assert.deepEqual(sink.tenants, ['a', undefined, 'b', 'a']);
    assert.deepEqual(
      sink.requests.map((lines) => lines.length),
      [2, 1, 1, 1],
    );
    for (const body of sink.bodies) {
      for (const entry of (readPush(body) ?? []).flatMap((stream) => stream.entries)) {
        assert.deepEqual(readMetadata(body, entry), metadata);
      }
    }
  });

  it('sends the very times, before 1970 too', async () => {
    const sink = new AnsweringSink(() => delivered);
    const times = ['0', '1', '-1', '1700000000000000001', '-1000000001', '999999999'];
    const line = Buffer.from('x');
    await run(
      sink,
      times.map((timestampNs) => ({ labels: '{}', timestampNs, line })),
    );
    assert.deepEqual(sink.times, [
      ...['0 0', '0 1', '-1 999999999', '1700000000 1', '-2 999999999', '0 999999999'],
    ]);
  });

  it('tells what is refused again from what is delivered', async () => {
    const isBad = (line: string): boolean => line === 'line 4' || line === 'line 17';
    const sink = new AnsweringSink((lines) =>
      lines.some((line) => isBad(line))
        ? { kind: 'rejected', status: 400, reason: 'bad' }
        : delivered,
    );
    const result = await run(sink, entries(20));
    assert.deepEqual(textsOf(result.refused), ['line 4', 'line 17']);
    assert.equal(result.delivered.length, 18);
    assert.equal(result.problem, undefined);
  });

  it('goes without metadata where none is taken, from then on and in a further run', async () => {
    const reason = 'stream includes structured metadata, but this feature is disallowed';
    const sink = new AnsweringSink(() => {
      const isRefused = sink.bodies.at(-1)?.includes('container_id') === true;
      return isRefused ? { kind: 'rejected', reason, status: 400 } : delivered;
    });
    const metadata = [{ name: 'container_id', value: 'c1' }];
    const given = entries(100).map((entry) => ({ ...entry, metadata }));
    const result = await run(sink, given, { batchSizeBytes: 500 });
    assert.deepEqual(result, { delivered: given, refused: [], takesNoMetadata: true });
    assert.equal(sink.bodies.filter((body) => body.includes('container_id')).length, 1);
    const before = sink.requests.length;
    await run(sink, given, { takesNoMetadata: true });
    assert.equal(sink.requests.length, before + 1);
  });

  it('goes without metadata also where the search for what is refused says so', async () => {
    const reason = 'stream includes structured metadata, but this feature is disallowed';
    const sink = new AnsweringSink((lines) => {
      if (lines.length > 4) return { kind: 'too-large', reason: 'too large', status: 413 };
      if (lines.includes('line 7')) return { kind: 'rejected', reason: 'bad', status: 400 };
      const isRefused = sink.bodies.at(-1)?.includes('image') === true;
      return isRefused ? { kind: 'rejected', reason, status: 400 } : delivered;
    });
    const metadata = [{ name: 'image', value: 'busybox' }];
    const given = entries(20).map((entry) => ({ ...entry, metadata }));
    const result = await run(sink, given);
    assert.deepEqual(textsOf(result.refused), ['line 7']);
    assert.equal(result.delivered.length, 19);
  });

  it('tries again after failures, and ends after three in a row with what is delivered by then', async () => {
    const flaky = new AnsweringSink((_, request) => (request % 3 === 0 ? delivered : down));
    assert.equal((await run(flaky, entries(100), { batchSizeBytes: 500 })).delivered.length, 100);
    const dying = new AnsweringSink((_, request) => (request <= 2 ? delivered : down));
    const given = entries(100);
    const result = await run(dying, given, { batchSizeBytes: 500 });
    assert.equal(dying.requests.length, 5);
    assert.equal(result.problem, 'down');
    const count = result.delivered.length;
    assert.ok(count > 0 && count < 100);
    assert.deepEqual(result, { delivered: given.slice(0, count), refused: [], problem: 'down' });
  });

  it('settles nothing of a batch when the endpoint fails amid the search for what it refuses', async () => {
    const sink = new AnsweringSink((_, request) =>
      request === 1 ? { kind: 'rejected', status: 400, reason: 'bad' } : down,
    );
    const result = await run(sink, entries(10));
    assert.deepEqual(result, { delivered: [], refused: [], problem: 'down' });
  });

  it('does not try again with settings that are wrong, nor where it is to wait for an hour', async () => {
    const answers: SendResult[] = [
      { kind: 'retry', cause: 'settings', reason: 'answered 401', status: 401 },
      { kind: 'retry', cause: 'limit', reason: 'answered 429', status: 429, afterMs: 3_600_000 },
    ];
    for (const answer of answers) {
      const sink = new AnsweringSink(() => answer);
      const { problem } = await run(sink, entries(3));
      assert.equal(problem, answer.kind === 'retry' ? answer.reason : '');
      assert.equal(sink.requests.length, 1);
    }
  });

  it('ends at once when it is told to, also while it waits', async () => {
    const stopping = new AbortController();
    const sink = new AnsweringSink(() => {
      setImmediate(() => stopping.abort());
      return down;
    });
    const given = { signal: stopping.signal, minBackoffMs: 50_000 };
    assert.deepEqual(await run(sink, entries(3), given), { delivered: [], refused: [] });
    assert.equal(sink.requests.length, 1);
    await run(sink, entries(3), given);
    assert.equal(sink.requests.length, 1);
  });
});
