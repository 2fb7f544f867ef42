/**
 * One push, from the decoded message to the answer: validate, rate, store.
 * HTTP calls it today and a gRPC service can call it as it is; the status of a
 * refusal is the HTTP number, which is also Loki's gRPC code.
 */
import { type LabelRefusal, parseLabels, type StreamLabels, withServiceName } from './labels.ts';
import { type Limits, TokenBucket } from './limits.ts';
import type { PushMessage, StreamSpan } from './message.ts';
import { LokiStore, rateText } from './store.ts';
import { Refusals, refuseLabels, timeWindow, validateEntries } from './validate.ts';

/** The answer to one push. The body is empty for 204. */
export interface PushAnswer {
  readonly status: number;
  readonly body: string;
}

/** What an Ingest needs from outside. */
export interface IngestOptions {
  readonly limits: Limits;
  /** The clock in milliseconds. */
  readonly now: () => number;
  /** Whether `service_name` is added to the labels as Loki does. */
  readonly discoverServiceName: boolean;
  /** Each Nth stream is refused, in the order in which they came up; 0 for none. */
  readonly refusesEveryNth: () => number;
}

// Labels repeat in every batch; more different ones than this are parsed again.
const labelCacheMax = 100_000;

/** Takes messages into a store. */
export class Ingest {
  readonly #options: IngestOptions;
  readonly #labels = new Map<string, StreamLabels | LabelRefusal>();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #order = new Map<string, number>();
  readonly rejected = new Map<string, number>();
  store = new LokiStore();

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  /** Stores the good entries of a message and answers as Loki would. */
  push(tenant: string, message: PushMessage): PushAnswer {
    if (message.streams.length === 0) {
      return {
        status: 422,
        body: 'error at least one valid stream is required for ingestion',
      };
    }
    const { limits, now } = this.#options;
    const nowMs = now();
    const invalid = new Refusals();
    const { good, bytes } = this.#validate(tenant, message, nowMs, invalid);
    const limited = this.#limitTenant(tenant, message, good, bytes, nowMs);
    if (limited !== undefined) return limited;
    const refusals = { bad: new Refusals(), limited: new Refusals() };
    const storeStream = this.store.begin(tenant, message, limits, nowMs, refusals);
    for (const [span, labels] of good) storeStream(span, labels);
    for (const kind of [invalid, refusals.bad, refusals.limited]) this.#count(kind);
    // Loki answers with the ingester's error before that of its own validation.
    if (!refusals.limited.isEmpty) return { status: 429, body: refusals.limited.text };
    if (!refusals.bad.isEmpty) return { status: 400, body: refusals.bad.text };
    if (!invalid.isEmpty) return { status: 400, body: invalid.text };
    return { status: 204, body: '' };
  }

  /** Forgets everything that was stored and counted. */
  reset(): void {
    this.store = new LokiStore();
    this.rejected.clear();
    this.#buckets.clear();
    this.#order.clear();
  }

  #validate(
    tenant: string,
    message: PushMessage,
    nowMs: number,
    refusals: Refusals,
  ): { good: [StreamSpan, StreamLabels][]; bytes: number } {
    const { limits } = this.#options;
    const window = timeWindow(limits, nowMs);
    const good: [StreamSpan, StreamLabels][] = [];
    let bytes = 0;
    for (const span of message.streams) {
      // A stream without entries is passed over before its labels are read.
      if (span.first === span.end) continue;
      const parsed = this.#parse(span.labels);
      const refusal =
        'reason' in parsed
          ? parsed
          : (refuseLabels(parsed, span.labels, limits) ?? this.#refuseByMode(tenant, parsed));
      if (refusal !== undefined) {
        refusals.add(refusal.reason, span.end - span.first, () => refusal.message);
      } else if (!('reason' in parsed)) {
        bytes += validateEntries(message, span, parsed, limits, window, refusals);
        good.push([span, parsed]);
      }
    }
    return { good, bytes };
  }

  /** By the stream and not by the request, so that it stays refused however it is sent. */
  #refuseByMode(tenant: string, labels: StreamLabels): LabelRefusal | undefined {
    const everyNth = this.#options.refusesEveryNth();
    if (everyNth === 0) return undefined;
    const key = JSON.stringify([tenant, labels.text]);
    const place = this.#order.get(key) ?? this.#order.size + 1;
    this.#order.set(key, place);
    if (place % everyNth !== 0) return undefined;
    const message = `entry for stream '${labels.text}' is refused by the double`;
    return { reason: 'refused_by_mode', message };
  }

  #parse(sent: string): StreamLabels | LabelRefusal {
    const known = this.#labels.get(sent);
    if (known !== undefined) return known;
    const parsed = parseLabels(sent);
    const labels =
      this.#options.discoverServiceName && !('reason' in parsed) ? withServiceName(parsed) : parsed;
    if (this.#labels.size >= labelCacheMax) this.#labels.clear();
    this.#labels.set(sent, labels);
    return labels;
  }

  #limitTenant(
    tenant: string,
    message: PushMessage,
    good: [StreamSpan, StreamLabels][],
    bytes: number,
    nowMs: number,
  ): PushAnswer | undefined {
    const { tenantBytesPerSecond: rate, tenantBurstBytes: burst } = this.#options.limits;
    if (rate === 0) return undefined;
    const bucket = this.#buckets.get(tenant) ?? new TokenBucket();
    this.#buckets.set(tenant, bucket);
    if (bucket.take(bytes, rate, burst, nowMs)) return undefined;
    let lines = 0;
    for (const [span] of good) {
      for (let row = span.first; row < span.end; row++) lines += message.refused[row] === 1 ? 0 : 1;
    }
    this.rejected.set('rate_limited', (this.rejected.get('rate_limited') ?? 0) + lines);
    return { status: 429, body: rateText(tenant, rate, lines, bytes) };
  }

  #count(refusals: Refusals): void {
    for (const [reason, entries] of refusals.byReason) {
      this.rejected.set(reason, (this.rejected.get(reason) ?? 0) + entries);
    }
  }
}
