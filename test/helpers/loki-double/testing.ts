/**
 * What the double's own tests share: a double with a clock that stands still, and pushes
 * that are encoded by protobufjs, never by the code under test.
 */
import { compressSync } from 'snappy';
import { LokiDouble, type LokiDoubleOptions, type StartOptions } from './loki-double.ts';
import { encodePush, type PlainEntry } from './schema.ts';

/** Where the clock of the tests stands. */
export const nowSeconds = 1_790_000_000;
export const hour = 3600;
export const week = 7 * 24 * hour;

/** Runs a test with a started double whose clock stands still, and stops it. */
export async function withDouble(
  run: (double: LokiDouble) => Promise<void>,
  options: LokiDoubleOptions = {},
  start: StartOptions = {},
): Promise<void> {
  const double = new LokiDouble({ now: () => nowSeconds * 1000, ...options });
  await double.start({ controlPort: 0, ...start });
  try {
    await run(double);
  } finally {
    await double.stop();
  }
}

/** An entry `offset` seconds after the clock of the tests. */
export function entry(line: string | Uint8Array, offset = 0, nanos = 0): PlainEntry {
  return { timestamp: { seconds: nowSeconds + offset, nanos }, line };
}

/** A compressed push request with one stream. */
export function protoBody(labels: string, ...entries: PlainEntry[]): Buffer {
  return compressSync(encodePush([{ labels, entries }]));
}

export const protoHeaders = { 'content-type': 'application/x-protobuf' };
export const jsonHeaders = { 'content-type': 'application/json' };

/** Pushes a body and reads the whole answer. */
export async function send(
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
