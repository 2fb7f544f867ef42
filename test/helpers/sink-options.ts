/**
 * What tests of senders share: options with defaults, sinks that close with their test, and a
 * push request that a double takes.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createSink } from '../../src/sink/create.ts';
import type {
  Rejected,
  Retry,
  SendResult,
  Sink,
  SinkOptions,
  TooLarge,
} from '../../src/sink/sink.ts';
import {
  LokiDouble,
  type LokiDoubleOptions,
  type StartOptions,
} from './loki-double/loki-double.ts';
import { encodePush, type PlainStream } from './loki-double/schema.ts';

/** Options of an endpoint, with a timeout that no test should need. */
export function sinkOptions(url: string, changes: Partial<SinkOptions> = {}): SinkOptions {
  const defaults = { timeoutMs: 20_000, encoding: 'protobuf' as const, headers: {} };
  return { url, ...defaults, tls: { skipVerify: false }, ...changes };
}

/** A sink that closes with its test. */
export function sinkFor(t: TestContext, url: string, changes: Partial<SinkOptions> = {}): Sink {
  const sink = createSink(sinkOptions(url, changes));
  t.after(() => sink.close());
  return sink;
}

/** A double that listens for HTTP and gRPC and stops with its test. */
export async function startDouble(
  t: TestContext,
  options: LokiDoubleOptions = {},
  start: StartOptions = {},
): Promise<LokiDouble> {
  const double = new LokiDouble(options);
  await double.start({ grpcPort: 0, ...start });
  t.after(() => double.stop());
  return double;
}

/** A request of one entry, now. */
export function request(line = 'a line', labels = '{a="1"}'): Buffer {
  return requestOf([{ labels, entries: [{ timestamp: now(), line }] }]);
}

/** A request of streams, not compressed, encoded by protobufjs. */
export function requestOf(streams: PlainStream[]): Buffer {
  return encodePush(streams);
}

/** The time as an entry has it. */
export function now(): { seconds: number; nanos: number } {
  return { seconds: Math.floor(Date.now() / 1000), nanos: 0 };
}

/** Encodes and sends a request. */
export async function push(sink: Sink, bytes: Buffer = request()): Promise<SendResult> {
  return sink.send(sink.encode(bytes));
}

/** Fails unless the result is of this kind. */
export function expectRetry(result: SendResult, cause: Retry['cause'], reason: RegExp): Retry {
  if (result.kind !== 'retry') return assert.fail(JSON.stringify(result));
  assert.match(result.reason, reason);
  assert.equal(result.cause, cause, result.reason);
  return result;
}

/** Fails unless the result is of this kind. */
export function expectRefusal(
  result: SendResult,
  kind: 'rejected' | 'too-large',
  reason: RegExp,
): Rejected | TooLarge {
  if (result.kind !== kind) return assert.fail(JSON.stringify(result));
  assert.match(result.reason, reason);
  return result;
}

/** Fails unless the batch was taken. */
export function expectDelivered(result: SendResult): void {
  assert.deepEqual(result, { kind: 'delivered' });
}
