/**
 * Endpoints in memory and the plans that lead to them, for tests of delivery: each send waits
 * for the test's answer, or gets one by rule, and what arrived can be looked at line by line.
 */

import assert from 'node:assert/strict';
import type {
  EndpointOptions,
  StreamEndpoint,
  StreamOptions,
} from '../../src/shipper/endpoint-options.ts';
import type { Delivered, Retry, SendResult, Sink } from '../../src/sink/sink.ts';
import type { TestLog } from '../helpers/log-writer.ts';
import { type DecodedStream, decodePush } from '../helpers/logproto.ts';
import { rulesOf } from '../helpers/runs.ts';

/** Where a test endpoint is; its key is in the URL. */
export const urlOf = (key: string): string => `http://${key}.test/push`;

/** An endpoint with quick waits, so that tests need none. */
export function endpointOf(key: string, changes: Partial<EndpointOptions> = {}): EndpointOptions {
  return {
    key,
    label: key,
    sink: {
      url: urlOf(key),
      timeoutMs: 1000,
      encoding: 'protobuf',
      headers: {},
      tls: { skipVerify: false },
    },
    startAt: 'oldest',
    batchSizeBytes: 64 * 1024,
    batchWaitMs: 5,
    minBackoffMs: 1,
    maxBackoffMs: 2,
    retries: 0,
    givesUp: false,
    maxLineBytes: 256 * 1024,
    longLines: 'truncate',
    ...changes,
  };
}

/** The plan of a log for some endpoints, numbered from 1 in this order unless they say. */
export function planOf(
  log: TestLog,
  endpoints: readonly (EndpointOptions | StreamEndpoint)[],
  pinnedIds: readonly number[] = [],
): StreamOptions {
  const name = log.containerId.slice(0, 2);
  const labels = { stdout: `{out="${name}"}`, stderr: `{err="${name}"}` };
  return {
    containerId: log.containerId,
    directory: log.directory,
    committed: log.committed.buffer,
    endpoints: endpoints.map((endpoint, index) =>
      'endpointId' in endpoint ? endpoint : { endpointId: index + 1, endpoint, ...rulesOf(labels) },
    ),
    pinnedIds,
  };
}

/** One send, as an endpoint sees it. */
export interface Push {
  readonly streams: readonly DecodedStream[];
  readonly bytes: number;
  readonly body: Buffer;
  /** Whom it is for, if not for the endpoint's own tenant. */
  readonly tenantId: string | undefined;
  /** Undefined while it has no answer. */
  result: SendResult | undefined;
}

/** Decides on a push; undefined leaves it without an answer until `answer`. */
export type Rule = (push: Push, index: number) => SendResult | Promise<SendResult> | undefined;

/** The answer of an endpoint that takes all. */
export const delivered: Delivered = { kind: 'delivered' };

/** The answer of an endpoint that is down. */
export function outage(more: Partial<Retry> = {}): Retry {
  return { kind: 'retry', cause: 'outage', reason: 'down', ...more };
}

/** An endpoint in memory. */
export class TestSink implements Sink {
  readonly pushes: Push[] = [];
  rule: Rule;
  encoded = 0;
  isClosed = false;
  /** Most pushes that were without an answer at once. */
  concurrentMax = 0;
  #concurrent = 0;
  readonly #open = new Map<Push, (result: SendResult) => void>();

  constructor(rule: Rule = () => delivered) {
    this.rule = rule;
  }

  encode(request: Buffer): Buffer {
    this.encoded += 1;
    return Buffer.from(request);
  }

  async send(body: Buffer, tenantId?: string): Promise<SendResult> {
    const streams = decodePush(body);
    const push: Push = { streams, bytes: body.length, body, tenantId, result: undefined };
    this.pushes.push(push);
    if (this.isClosed) return outage({ reason: 'closed' });
    this.#concurrent += 1;
    this.concurrentMax = Math.max(this.concurrentMax, this.#concurrent);
    const ruled = this.rule(push, this.pushes.length - 1);
    const held = new Promise<SendResult>((resolve) => this.#open.set(push, resolve));
    // Even a quick endpoint answers in a later tick.
    await new Promise((resolve) => setImmediate(resolve));
    push.result = await (ruled === undefined ? held : Promise.race([ruled, held]));
    this.#open.delete(push);
    this.#concurrent -= 1;
    return push.result;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const answer of this.#open.values()) answer(outage({ reason: 'closed' }));
  }

  /** Serves again, for whoever makes a sink of this endpoint anew. */
  reopen(): this {
    this.isClosed = false;
    return this;
  }

  /** Answers a push that waits. */
  answer(push: Push | undefined, result: SendResult = delivered): void {
    assert.ok(push !== undefined, 'there is such a push');
    this.#open.get(push)?.(result);
  }

  /** Pushes without an answer. */
  get open(): Push[] {
    return this.pushes.filter((push) => this.#open.has(push));
  }

  /** Pushes that were taken. */
  get taken(): Push[] {
    return this.pushes.filter(({ result }) => result?.kind === 'delivered');
  }

  /** Lines of those that were taken, with their stream's labels, in order. */
  get lines(): string[] {
    return linesOf(this.taken);
  }

  /** The texts alone. */
  get texts(): string[] {
    return textsOf(this.taken);
  }
}

/** Lines of pushes with the labels of their stream. */
export function linesOf(pushes: readonly Push[]): string[] {
  return pushes.flatMap(({ streams }) =>
    streams.flatMap(({ labels, entries }) =>
      entries.map(({ line }) => `${labels} ${line.toString()}`),
    ),
  );
}

/** Lines of pushes. */
export function textsOf(pushes: readonly Pick<Push, 'streams'>[]): string[] {
  return pushes.flatMap(({ streams }) =>
    streams.flatMap(({ entries }) => entries.map(({ line }) => line.toString())),
  );
}

/** The lines `n FROM` to `n TO`. */
export function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `n ${from + index}`);
}

/** One turn of the event loop. */
export async function tick(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for a condition; fails with what was waited for. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!isSo()) {
    assert.ok(performance.now() < endMs, `never so: ${what}`);
    await tick();
  }
}
