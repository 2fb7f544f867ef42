/**
 * One batch from its first line to its verdict, and the lane that a source is for its queue. A
 * batch knows where each of its sources stood before and behind its lines, so that it can be
 * settled as a whole or given back as a whole.
 */
import type { BufferPool } from '../encode/buffer-pool.ts';
import type { PushBatch } from '../encode/push-batch.ts';
import { addNotes, type FillTarget, type Notes, type RefusedLine } from './fill-target.ts';
import type { SourceMark, StreamSource } from './stream-source.ts';
import type { TurnTaker } from './turns.ts';

/** One container's way to one endpoint. */
export interface Lane extends TurnTaker {
  readonly source: StreamSource;
  /** Batches with lines of it that have no verdict, oldest first. */
  readonly batches: Batch[];
  acked: { readonly lsn: number; readonly ordinal: number };
  /** Unix milliseconds, about, of the oldest frame that is not read; undefined without one. */
  unreadSinceMs: number | undefined;
  complainedAtMs: number;
  /** The queue has let go of it: nothing of it is acknowledged or read any more. */
  isGone: boolean;
}

/** What a batch has of one lane. */
export interface Part {
  readonly start: SourceMark;
  end: SourceMark;
  notes: Notes | undefined;
  /** Unix milliseconds of its first frame. */
  readonly firstMs: number | undefined;
}

/** Makes the lane of a source that nothing was read of. */
export function createLane(source: StreamSource, unreadSinceMs: number | undefined): Lane {
  const { lsn, ordinal } = source.position;
  const complainedAtMs = Number.NEGATIVE_INFINITY;
  return {
    source,
    batches: [],
    acked: { lsn, ordinal },
    unreadSinceMs,
    complainedAtMs,
    deficitBytes: 0,
    isGone: false,
  };
}

/** Whether lines of it are closed up in a batch: what is read now must wait for those. */
export function isBusy({ batches: [oldest] }: Lane): boolean {
  return oldest !== undefined && !oldest.isOpen;
}

/** Sends that failed, by tenant; undefined: the endpoint's own. */
export type Attempts = Map<string | undefined, number>;

/** What is sent for one tenant. */
export interface BatchRequest {
  /** Undefined: the endpoint's own. */
  readonly tenantId: string | undefined;
  /** The push request, uncompressed. */
  request: Buffer;
  readonly entries: number;
  /** As it is sent; undefined while it is not encoded. */
  body: Buffer | undefined;
  /** Sends of it that failed. */
  attempts: number;
  /** Whether its entries have lost their structured metadata, which the endpoint does not take. */
  isStripped: boolean;
}

/** Tenants that a batch has room for beside the endpoint's own; each is a request of its own. */
const tenantsMax = 32;

/** See the module comment. */
export class Batch implements FillTarget {
  readonly parts = new Map<Lane, Part>();
  readonly refused: RefusedLine[] = [];
  refusedBytes = 0;
  /** Batches that must have a verdict before this one is sent. */
  readonly blockedBy = new Set<Batch>();
  /** `open` takes lines, `waiting` is to be sent, `sending` was sent and has no verdict. */
  state: 'open' | 'waiting' | 'sending' = 'open';
  /** What has no verdict yet; none while it is open and when it has no entries. */
  readonly requests: BatchRequest[] = [];
  readonly #carried: Attempts = new Map();
  readonly #limitBytes: number;
  readonly #pool: BufferPool;
  readonly #takePush: () => PushBatch;
  #push: PushBatch | undefined;
  readonly #tenants = new Map<string, PushBatch>();
  readonly #memory: Buffer[] = [];

  /** `takePush` gives an empty one. */
  constructor(limitBytes: number, pool: BufferPool, takePush: () => PushBatch) {
    this.#limitBytes = limitBytes;
    this.#pool = pool;
    this.#takePush = takePush;
    this.#push = takePush();
  }

  /** Sends that failed of what is to be sent next, also of batches that were given back. */
  get attempts(): number {
    const [next] = this.requests;
    return next === undefined ? 0 : this.#attemptsOf(next);
  }

  /** It has lines of batches that were given back after so many attempts. */
  carry(attempts: ReadonlyMap<string | undefined, number>): void {
    for (const [tenantId, count] of attempts) this.#carried.set(tenantId, count);
  }

  /** Adds what failed of it to what failed before, tenant by tenant. */
  addAttempts(attempts: Attempts): void {
    for (const request of this.requests) {
      const { tenantId } = request;
      attempts.set(tenantId, Math.max(attempts.get(tenantId) ?? 0, this.#attemptsOf(request)));
    }
  }

  #attemptsOf({ tenantId, attempts }: BatchRequest): number {
    return (this.#carried.get(tenantId) ?? 0) + attempts;
  }

  get push(): PushBatch {
    if (this.#push === undefined) throw new Error('the batch is closed');
    return this.#push;
  }

  pushOf(tenantId: string): PushBatch {
    const known = this.#tenants.get(tenantId);
    if (known !== undefined) return known;
    const push = this.#takePush();
    this.#tenants.set(tenantId, push);
    return push;
  }

  get sizeBytes(): number {
    if (this.#tenants.size === 0) return this.push.sizeBytes;
    return this.#pushes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  get filledEntries(): number {
    if (this.#tenants.size === 0) return this.push.entries;
    return this.#pushes.reduce((sum, { entries }) => sum + entries, 0);
  }

  /** Bytes at which it is full; none when it has too many tenants. */
  get limitBytes(): number {
    return this.#tenants.size < tenantsMax ? this.#limitBytes : 0;
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** Whether there is nothing in it to send. */
  get isBlank(): boolean {
    return this.isOpen ? this.filledEntries === 0 : this.requests.length === 0;
  }

  /** A lane has put something in, or only moved on. */
  add(lane: Lane, start: SourceMark, notes: Notes | undefined): void {
    const { position: end, firstFrameMs: firstMs } = lane.source;
    const part = this.parts.get(lane);
    if (part !== undefined) {
      part.end = end;
      if (part.notes !== undefined && notes !== undefined) addNotes(part.notes, notes);
      else part.notes ??= notes;
      return;
    }
    this.parts.set(lane, { start, end, notes, firstMs });
    const before = lane.batches.at(-1);
    if (before !== undefined) this.blockedBy.add(before);
    lane.batches.push(this);
  }

  /** Takes no more lines. Returns what it was filled through, empty. */
  close(): PushBatch[] {
    const pushes = this.#pushes;
    this.#close(undefined, this.push);
    for (const [tenantId, push] of this.#tenants) this.#close(tenantId, push);
    this.state = 'waiting';
    this.#push = undefined;
    this.#tenants.clear();
    return pushes;
  }

  /** Lets go of its memory. */
  free(): void {
    for (const memory of this.#memory.splice(0)) this.#pool.give(memory);
    this.requests.length = 0;
    this.refused.length = 0;
  }

  get #pushes(): PushBatch[] {
    return [this.push, ...this.#tenants.values()];
  }

  #close(tenantId: string | undefined, push: PushBatch): void {
    const { entries } = push;
    if (entries > 0) {
      const memory = this.#pool.take(push.sizeBytes);
      this.#memory.push(memory);
      const request = memory.subarray(0, push.encodeInto(memory));
      const unsent = { body: undefined, attempts: 0, isStripped: false };
      this.requests.push({ tenantId, request, entries, ...unsent });
    }
    push.reset();
  }
}
