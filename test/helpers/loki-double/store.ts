/**
 * What the double has taken: streams by tenant and labels, as Loki's ingester keeps
 * them. It decides what only the ingester can know: too far behind, duplicates,
 * the number of streams and the rate of one stream.
 */
import { DuplicateIndex } from './duplicates.ts';
import { ByteArena, EntryTable } from './entry-table.ts';
import type { StreamLabels } from './labels.ts';
import { type Limits, TokenBucket } from './limits.ts';
import type { PushMessage, StreamSpan } from './message.ts';
import {
  formatTime,
  isBefore,
  minusMs,
  type Refusals,
  type SplitTime,
  timeOf,
} from './validate.ts';

/** One stream of one tenant. */
export interface StoredStream {
  readonly tenant: string;
  readonly labels: StreamLabels;
  readonly table: EntryTable;
  readonly duplicates: DuplicateIndex;
  readonly bucket: TokenBucket;
  /** The newest timestamp as two numbers: it changes with almost every entry. */
  newestSeconds: number;
  newestNanos: number;
}

/** Where the ingester puts its refusals: 400 and 429 are answered differently. */
export interface StoreRefusals {
  readonly bad: Refusals;
  readonly limited: Refusals;
}

/** All streams of all tenants. */
export class LokiStore {
  readonly #tenants = new Map<string, Map<string, StoredStream>>();
  readonly #arena = new ByteArena();
  #sequence = 0;
  entries = 0;
  lineBytes = 0;
  duplicates = 0;

  /** Every stream, in the order in which they came up. */
  *streams(tenant?: string): Generator<StoredStream> {
    for (const [name, streams] of this.#tenants) {
      if (tenant === undefined || tenant === name) yield* streams.values();
    }
  }

  /** Begins to store one message; the function stores one stream of it after the other. */
  begin(
    tenant: string,
    message: PushMessage,
    limits: Limits,
    nowMs: number,
    refusals: StoreRefusals,
  ): (span: StreamSpan, labels: StreamLabels) => void {
    // The bytes are kept only when an entry of them is; a re-sent batch leaves nothing.
    let place: { chunk: number; base: number } | undefined;
    return (span, labels) => {
      const goodEntries = countGood(message, span);
      if (goodEntries === 0) return;
      const stream = this.#stream(tenant, labels, limits);
      if (stream === undefined) {
        refusals.limited.add('stream_limit', goodEntries, () => streamLimitText(tenant, labels));
        return;
      }
      const pass = entryGate(stream, message, limits, nowMs, refusals);
      for (let row = span.first; row < span.end; row++) {
        if (message.refused[row] === 1) continue;
        const isNewest = isNewestOf(stream, message, row);
        if (!isNewest || limits.streamBytesPerSecond !== 0) {
          if (!pass(row)) continue;
          if (!isNewest && stream.duplicates.has(message, row)) {
            this.duplicates += 1;
            continue;
          }
        }
        place ??= this.#arena.keep(message.bytes);
        stream.table.append(message, row, this.#sequence++, place.chunk, place.base);
        if (isNewest) {
          stream.newestSeconds = message.seconds[row] as number;
          stream.newestNanos = message.nanos[row] as number;
        }
        this.entries += 1;
        this.lineBytes += (message.lineEnd[row] as number) - (message.lineStart[row] as number);
      }
    };
  }

  #stream(tenant: string, labels: StreamLabels, limits: Limits): StoredStream | undefined {
    let streams = this.#tenants.get(tenant);
    if (streams === undefined) {
      streams = new Map();
      this.#tenants.set(tenant, streams);
    }
    const known = streams.get(labels.text);
    if (known !== undefined) return known;
    if (limits.streamsMax !== 0 && streams.size >= limits.streamsMax) return undefined;
    const table = new EntryTable(this.#arena);
    const stream: StoredStream = {
      tenant,
      labels,
      table,
      duplicates: new DuplicateIndex(table),
      bucket: new TokenBucket(),
      newestSeconds: Number.NEGATIVE_INFINITY,
      newestNanos: 0,
    };
    streams.set(labels.text, stream);
    return stream;
  }
}

function isNewestOf(stream: StoredStream, message: PushMessage, row: number): boolean {
  const seconds = message.seconds[row] as number;
  if (seconds !== stream.newestSeconds) return seconds > stream.newestSeconds;
  return (message.nanos[row] as number) > stream.newestNanos;
}

/** Whether an entry passes the rate of its stream and is not too far behind its newest. */
function entryGate(
  stream: StoredStream,
  message: PushMessage,
  limits: Limits,
  nowMs: number,
  refusals: StoreRefusals,
): (row: number) => boolean {
  const { streamBytesPerSecond: rate, streamBurstBytes: burst, behindMsMax } = limits;
  return (row) => {
    const bytes = (message.lineEnd[row] as number) - (message.lineStart[row] as number);
    if (rate !== 0 && !stream.bucket.take(bytes, rate, burst, nowMs)) {
      const text = () => rateText(stream.tenant, rate, 1, bytes);
      refusals.limited.add('per_stream_rate_limit', 1, text);
      return false;
    }
    // Compared roughly first: this runs for every entry that is out of order.
    const second = message.seconds[row] as number;
    if (behindMsMax === 0 || second > stream.newestSeconds - behindMsMax / 1000) return true;
    const newest = { seconds: stream.newestSeconds, nanos: stream.newestNanos };
    const cutoff = minusMs(newest, behindMsMax);
    const time = timeOf(message, row);
    if (!isBefore(time, cutoff)) return true;
    refusals.bad.add('too_far_behind', 1, () => behindText(stream, time, cutoff));
    return false;
  };
}

function countGood(message: PushMessage, span: StreamSpan): number {
  let good = 0;
  for (let row = span.first; row < span.end; row++) good += message.refused[row] === 1 ? 0 : 1;
  return good;
}

function behindText(stream: StoredStream, time: SplitTime, cutoff: SplitTime): string {
  return `entry too far behind, entry timestamp is: ${formatTime(time)}, oldest acceptable timestamp is: ${formatTime(cutoff)} for stream: ${stream.labels.text}`;
}

function streamLimitText(tenant: string, labels: StreamLabels): string {
  return `Maximum active stream limit exceeded when trying to create stream ${labels.text}, reduce the number of active streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be increased, user: '${tenant}'`;
}

/** The body of a 429 for a rate. */
export function rateText(tenant: string, rate: number, lines: number, bytes: number): string {
  return `Ingestion rate limit exceeded for user ${tenant} (limit: ${rate} bytes/sec) while attempting to ingest '${lines}' lines totaling '${bytes}' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased`;
}
