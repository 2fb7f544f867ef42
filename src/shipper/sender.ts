/**
 * Sends one endpoint's batches and knows what each answer means: delivered, to be tried again,
 * or refused in part. It never sends a refused batch as a whole again, and it alone counts what
 * became of entries. Whose turn it is, and what is read, is not decided here.
 */
import type { Log } from '../base/log.ts';
import { withoutMetadata } from '../encode/metadata.ts';
import { countEntries, decodeMetadata, readMetadata, readPush } from '../encode/push-reader.ts';
import type { RejectedEntry } from '../rejected/entry.ts';
import type { Rejected, Retry, SendResult, Sink, TooLarge } from '../sink/sink.ts';
import type { Batch, BatchRequest } from './batch.ts';
import type { BatchSize } from './batch-size.ts';
import type { Breaker } from './breaker.ts';
import { Complaints } from './complaints.ts';
import type { EndpointOptions } from './endpoint-options.ts';
import { isolate, metadataField, type RefusedEntry } from './isolate.ts';
import type { Pace } from './pace.ts';
import type { QueueMeter } from './queue-stats.ts';
import { isMetadataDisallowed } from './refusal-reason.ts';

/** What a sender works with; `nowMs` is monotonic. */
export interface SenderOptions {
  readonly endpoint: EndpointOptions;
  readonly sink: Sink;
  readonly log: Log;
  readonly breaker: Breaker;
  readonly size: BatchSize;
  readonly pace: Pace;
  readonly meter: QueueMeter;
  readonly onRejected: (entries: RejectedEntry[]) => void;
  readonly nowMs: () => number;
}

/**
 * What becomes of a batch: it has its verdict; it is to be sent again; it is to be read again
 * later, because the endpoint failed amid a search for what it refuses; or it was cancelled.
 */
export type Outcome = 'settled' | 'again' | 'given-back' | 'cancelled';

/** See the module comment. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #complaints: Complaints;
  readonly #pauses = new Set<() => void>();
  #isStopped = false;
  #takesNoMetadata = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#complaints = new Complaints(options.log);
  }

  /** Sends a closed batch once; if entries of it are refused, goes on until it is known which. */
  async attempt(batch: Batch): Promise<Outcome> {
    for (let [next] = batch.requests; next !== undefined; [next] = batch.requests) {
      const outcome = await this.#attemptOne(batch, next);
      if (outcome !== 'settled') return outcome;
      batch.requests.shift();
    }
    return 'settled';
  }

  /** Makes the bodies that are sent, ahead of their turn. */
  encode({ requests }: Batch): void {
    for (const request of requests) request.body ??= this.#bodyOf(request);
  }

  async #attemptOne(batch: Batch, request: BatchRequest): Promise<Outcome> {
    const { meter } = this.#options;
    // It may have been encoded before another one told what the endpoint does not take.
    if (this.#takesNoMetadata && !request.isStripped) request.body = undefined;
    request.body ??= this.#bodyOf(request);
    const result = await this.#send(request.body, request.tenantId);
    if (result === undefined) return 'cancelled';
    if (result.kind === 'delivered') {
      meter.deliveredEntries += request.entries;
      meter.deliveredBytes += request.request.length;
      return 'settled';
    }
    const isOfMetadata = result.kind === 'rejected' && isMetadataDisallowed(result.reason);
    if (isOfMetadata && !request.isStripped) {
      this.#goWithoutMetadata(result);
      return this.#attemptOne(batch, request);
    }
    if (result.kind !== 'retry') return this.#isolate(request, result);
    meter.retried(result.cause, request.entries, request.request.length);
    request.attempts += 1;
    if (!this.#isGivenUp(batch, result)) return 'again';
    this.#giveUp(batch, request, result);
    return 'settled';
  }

  #bodyOf(request: BatchRequest): Buffer {
    if (this.#takesNoMetadata && !request.isStripped) {
      request.request = withoutMetadata(request.request);
      request.isStripped = true;
    }
    return this.#options.sink.encode(request.request);
  }

  /** The endpoint takes no structured metadata at all: it gets none from now on. Said once. */
  #goWithoutMetadata({ reason }: Rejected): void {
    if (this.#takesNoMetadata) return;
    this.#takesNoMetadata = true;
    this.#options.log.warn(
      { reason },
      'the endpoint takes no structured metadata: lines go without it; set loki-structured-metadata=false',
    );
  }

  /** A batch has its verdict: lines that were too long to be sent are set aside now. */
  setAside(batch: Batch): void {
    if (batch.refused.length === 0) return;
    const { maxLineBytes } = this.#options.endpoint;
    this.#reject(
      batch.refused.map(({ tenantId, labels, seconds, nanos, line, metadata }) => ({
        ...(tenantId === undefined ? {} : { tenantId }),
        ...metadataField(decodeMetadata(metadata)),
        labels,
        timestampNs: timestampNs(seconds, nanos),
        line,
        reason: 'line_too_long',
        detail: `the line has ${line.length} bytes; loki-max-line-size is ${maxLineBytes}`,
      })),
    );
  }

  /** Whatever waits here looks again whether it may go on. */
  interrupt(): void {
    for (const wake of this.#pauses) wake();
  }

  /** Stops at once: what is under way ends as cancelled, unless its verdict is here already. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.interrupt();
    this.#complaints.flush();
    await this.#options.sink.close();
  }

  /** Undefined: it was cancelled. */
  async #send(body: Buffer, tenantId?: string): Promise<SendResult | undefined> {
    const { sink, meter, breaker, pace, size, nowMs } = this.#options;
    const beganAtMs = nowMs();
    pace.sent(beganAtMs);
    meter.sentBytes += body.length;
    const result = await sink.send(body, tenantId);
    if (this.#isStopped && result.kind === 'retry') return undefined;
    const endedAtMs = nowMs();
    meter.requested((endedAtMs - beganAtMs) / 1000);
    if (result.kind === 'retry') {
      this.#failed(result, endedAtMs);
      return result;
    }
    const isOver = breaker.state(endedAtMs) !== 'closed';
    this.#complaints.answered(breaker.failures);
    breaker.succeeded(beganAtMs);
    if (isOver) size.restarted();
    else if (result.kind === 'delivered') size.delivered();
    if (result.kind === 'delivered') pace.delivered(endedAtMs - beganAtMs);
    return result;
  }

  #failed(result: Retry, nowMs: number): void {
    const { meter, breaker, size } = this.#options;
    meter.retries[result.cause] += 1;
    if (result.cause === 'limit') size.limited();
    if (breaker.failed(nowMs, result)) this.interrupt();
    this.#complaints.failed(nowMs, result, breaker.failures, breaker.waitMs(nowMs));
  }

  async #isolate(
    { request, entries, tenantId }: BatchRequest,
    first: Rejected | TooLarge,
  ): Promise<Outcome> {
    const { meter, size, nowMs, log } = this.#options;
    if (first.kind === 'too-large') size.tooLarge(request.length, nowMs());
    const send = async (piece: Buffer): Promise<SendResult | undefined> =>
      this.#sendPiece(piece, tenantId);
    const found = await isolate({ request, first, send });
    if (found === undefined) return this.#isStopped ? 'cancelled' : 'given-back';
    const { refused, deliveredEntries } = found;
    const missing = entries - refused.length - deliveredEntries;
    if (missing !== 0) log.error({ entries: missing }, 'the search for refused entries lost count');
    const refusedBytes = refused.reduce((sum, { line }) => sum + line.length, 0);
    meter.deliveredEntries += deliveredEntries;
    meter.deliveredBytes += Math.max(0, request.length - refusedBytes);
    if (refused.length > 0) this.#reject(refused, tenantId);
    return 'settled';
  }

  /** Sends a piece of a batch until there is a verdict, or the endpoint fails for good. */
  async #sendPiece(request: Buffer, tenantId: string | undefined): Promise<SendResult | undefined> {
    const { sink, meter } = this.#options;
    let isStripped = this.#takesNoMetadata;
    let body = sink.encode(isStripped ? withoutMetadata(request) : request);
    while (await this.#mayGoOn()) {
      const result = await this.#send(body, tenantId);
      if (result?.kind === 'rejected' && !isStripped && isMetadataDisallowed(result.reason)) {
        this.#goWithoutMetadata(result);
        isStripped = true;
        body = sink.encode(withoutMetadata(request));
        continue;
      }
      if (result?.kind !== 'retry') return result;
      meter.retried(result.cause, countEntries(request), request.length);
    }
    return undefined;
  }

  async #mayGoOn(): Promise<boolean> {
    const { breaker, nowMs } = this.#options;
    for (;;) {
      const now = nowMs();
      if (this.#isStopped || breaker.state(now) !== 'closed') return false;
      const waitMs = breaker.waitMs(now);
      if (waitMs === 0) return true;
      await this.#pause(waitMs);
    }
  }

  #isGivenUp({ attempts }: Batch, { cause }: Retry): boolean {
    const { givesUp, retries } = this.#options.endpoint;
    return givesUp && retries > 0 && cause !== 'settings' && attempts >= retries;
  }

  #giveUp({ attempts }: Batch, { request, tenantId }: BatchRequest, failure: Retry): void {
    const { reason: why, status } = failure;
    const detail = `given up after ${attempts} attempts: ${why}`;
    const cause = { reason: 'given_up' as const, detail, ...(status && { status }) };
    const refused: RefusedEntry[] = [];
    for (const { labels, entries } of readPush(request) ?? []) {
      for (const entry of entries) {
        const { seconds, nanos, lineStart, lineEnd } = entry;
        // The memory of the request is used again.
        const line = Buffer.from(request.subarray(lineStart, lineEnd));
        const metadata = metadataField(readMetadata(request, entry));
        const timestamp = timestampNs(seconds, nanos);
        refused.push({ labels, timestampNs: timestamp, line, ...metadata, ...cause });
      }
    }
    this.#reject(refused, tenantId);
  }

  /** `tenantId`: whom they were sent for, if not for the endpoint's own tenant. */
  #reject(refused: readonly RefusedEntry[], tenantId?: string): void {
    const { endpoint, meter, onRejected, nowMs } = this.#options;
    const { key: endpointKey, label, sink } = endpoint;
    const sentFor = tenantId ?? sink.tenantId;
    const tenant = sentFor === undefined ? {} : { tenantId: sentFor };
    for (const { reason, line } of refused) meter.rejected(reason, line.length);
    const { status, detail: reason } = refused[0] ?? {};
    const { rejectedTotal: rejectedEntries } = meter;
    this.#complaints.refused(nowMs(), refused.length, { status, reason, rejectedEntries });
    const where = { atMs: Date.now(), endpointKey, endpoint: label, ...tenant };
    onRejected(refused.map((entry) => ({ ...where, ...entry })));
  }

  async #pause(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#pauses.delete(done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      this.#pauses.add(done);
    });
  }
}

/** Unix nanoseconds in decimal. */
function timestampNs(seconds: number, nanos: number): string {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
}
