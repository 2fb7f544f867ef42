/**
 * Sends entries again that were refused before: the same requests as delivery makes, one after the
 * other, each until it has its verdict. What the endpoint does not take stays with the caller.
 */
import { setTimeout } from 'node:timers/promises';
import { nextDelayMs } from '../base/backoff.ts';
import { encodeMetadata, withoutMetadata } from '../encode/metadata.ts';
import { PushBatch } from '../encode/push-batch.ts';
import type { MetadataPair } from '../encode/push-reader.ts';
import type { Rejected, SendResult, Sink, TooLarge } from '../sink/sink.ts';
import type { EndpointOptions } from './endpoint-options.ts';
import { isolate, type RefusedEntry } from './isolate.ts';
import { isMetadataDisallowed } from './refusal-reason.ts';

/** One entry to send; a rejected one is of this shape. */
export interface Resent {
  readonly labels: string;
  /** Unix nanoseconds, in decimal. */
  readonly timestampNs: string;
  readonly line: Buffer;
  readonly metadata?: readonly MetadataPair[];
  /** Whom to send it for; undefined: the endpoint's own tenant. */
  readonly tenantId?: string | undefined;
}

/** What to send with. */
export interface ResendOptions {
  readonly sink: Sink;
  readonly endpoint: Pick<EndpointOptions, 'batchSizeBytes' | 'minBackoffMs' | 'maxBackoffMs'>;
  /** Ends the sending at once; what has no verdict is not delivered. */
  readonly signal: AbortSignal;
  /** So many failures in a row end it, too; wrong settings and long pauses end it with the first. */
  readonly failuresMax: number;
  /** The endpoint is known to take no structured metadata: none is sent. */
  readonly takesNoMetadata?: boolean;
}

/** What came of it. */
export interface ResendResult<Entry extends Resent> {
  readonly delivered: Entry[];
  readonly refused: Entry[];
  /** Why what is in neither was not sent; undefined when all was, or it was told to end. */
  readonly problem?: string;
  /** What was sent went without structured metadata, which the endpoint does not take. */
  readonly takesNoMetadata?: true;
}

/** Who wants to be waited for longer than this, in milliseconds, is not waited for. */
const delayMsMax = 60_000;

/** The endpoint has no verdict for us, now. */
class Stopped extends Error {}

/** See the module comment. Never rejects. */
export async function resend<Entry extends Resent>(
  entries: readonly Entry[],
  options: ResendOptions,
): Promise<ResendResult<Entry>> {
  const delivered: Entry[] = [];
  const refused: Entry[] = [];
  const batch = new PushBatch();
  const sender = new PatientSender(options);
  let problem = '';
  try {
    for (let at = 0; at < entries.length; ) {
      const from = at;
      const tenantId = entries[at]?.tenantId;
      batch.reset();
      for (; at < entries.length && batch.sizeBytes < options.endpoint.batchSizeBytes; at += 1) {
        const entry = entries[at];
        if (entry?.tenantId !== tenantId) break;
        if (entry !== undefined) append(batch, entry);
      }
      const keys = await sender.refusedOf(Buffer.from(batch.encode()), tenantId);
      for (const entry of entries.slice(from, at)) {
        (keys.has(keyOf(entry)) ? refused : delivered).push(entry);
      }
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    problem = error.message;
  }
  return {
    delivered,
    refused,
    ...(problem === '' ? {} : { problem }),
    ...(sender.takesNoMetadata ? { takesNoMetadata: true } : {}),
  };
}

function append(batch: PushBatch, { labels, timestampNs, line, metadata = [] }: Resent): void {
  const time = BigInt(timestampNs);
  const nanos = ((time % billion) + billion) % billion;
  const seconds = Number((time - nanos) / billion);
  const pairs = encodeMetadata(metadata.map(({ name, value }) => [name, value]));
  batch.append(batch.stream(labels), seconds, Number(nanos), line, 0, line.length, pairs);
}

const billion = 1_000_000_000n;

/** Entries that are the same to Loki have the same verdict. */
function keyOf({ labels, timestampNs, line }: Resent | RefusedEntry): string {
  return `${labels} ${timestampNs} ${line.toString('base64')}`;
}

class PatientSender {
  readonly #options: ResendOptions;
  #failures = 0;
  #takesNoMetadata: boolean;

  constructor(options: ResendOptions) {
    this.#options = options;
    this.#takesNoMetadata = options.takesNoMetadata ?? false;
  }

  /** Whether the endpoint has said that it takes no structured metadata, now or before. */
  get takesNoMetadata(): boolean {
    return this.#takesNoMetadata;
  }

  /** The keys of what is refused of a request. Throws Stopped. */
  async refusedOf(request: Buffer, tenantId: string | undefined): Promise<Set<string>> {
    const first = await this.#verdictOf(request, tenantId);
    if (first === undefined) return new Set();
    const send = async (piece: Buffer): Promise<SendResult> =>
      (await this.#verdictOf(piece, tenantId)) ?? { kind: 'delivered' };
    const found = await isolate({ request, first, send });
    return new Set((found?.refused ?? []).map((entry) => keyOf(entry)));
  }

  /** Undefined: it is delivered. */
  async #verdictOf(
    request: Buffer,
    tenantId: string | undefined,
  ): Promise<Rejected | TooLarge | undefined> {
    if (this.#takesNoMetadata) return this.#send(withoutMetadata(request), tenantId);
    const result = await this.#send(request, tenantId);
    const isOfMetadata = result?.kind === 'rejected' && isMetadataDisallowed(result.reason);
    if (!isOfMetadata) return result;
    // This is no verdict on the entries: it takes them without.
    this.#takesNoMetadata = true;
    return this.#send(withoutMetadata(request), tenantId);
  }

  /** Sends until there is a verdict; undefined: it is delivered. */
  async #send(
    request: Buffer,
    tenantId: string | undefined,
  ): Promise<Rejected | TooLarge | undefined> {
    const { sink, signal, endpoint, failuresMax } = this.#options;
    const body = sink.encode(request);
    for (;;) {
      if (signal.aborted) throw new Stopped('');
      const result = await sink.send(body, tenantId);
      if (result.kind !== 'retry') {
        this.#failures = 0;
        return result.kind === 'delivered' ? undefined : result;
      }
      if (signal.aborted) throw new Stopped('');
      this.#failures += 1;
      const bounds = { minMs: endpoint.minBackoffMs, maxMs: endpoint.maxBackoffMs };
      const delayMs = Math.max(result.afterMs ?? 0, nextDelayMs(this.#failures - 1, bounds));
      const isHopeless = result.cause === 'settings' || this.#failures >= failuresMax;
      if (isHopeless || delayMs > delayMsMax) throw new Stopped(result.reason);
      await setTimeout(delayMs, undefined, { signal }).catch(() => {});
    }
  }
}
