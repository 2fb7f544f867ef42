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

/** See the module comment. */
export class Batch implements FillTarget {
  readonly limitBytes: number;
  readonly parts = new Map<Lane, Part>();
  readonly refused: RefusedLine[] = [];
  refusedBytes = 0;
  /** Batches that must have a verdict before this one is sent. */
  readonly blockedBy = new Set<Batch>();
  /** `open` takes lines, `waiting` is to be sent, `sending` was sent and has no verdict. */
  state: 'open' | 'waiting' | 'sending' = 'open';
  /** Sends that failed. */
  attempts = 0;
  entries = 0;
  /** The push request, uncompressed; empty while it is open and when it has no entries. */
  request: Buffer = Buffer.alloc(0);
  body: Buffer | undefined;
  readonly #pool: BufferPool;
  #push: PushBatch | undefined;
  #memory: Buffer | undefined;

  constructor(push: PushBatch, limitBytes: number, pool: BufferPool) {
    this.#push = push;
    this.limitBytes = limitBytes;
    this.#pool = pool;
  }

  get push(): PushBatch {
    if (this.#push === undefined) throw new Error('the batch is closed');
    return this.#push;
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** Whether there is nothing in it to send. */
  get isBlank(): boolean {
    return (this.#push?.entries ?? this.entries) === 0;
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
  close(): PushBatch {
    const { push } = this;
    this.state = 'waiting';
    this.entries = push.entries;
    if (push.entries > 0) {
      this.#memory = this.#pool.take(push.sizeBytes);
      this.request = this.#memory.subarray(0, push.encodeInto(this.#memory));
    }
    this.#push = undefined;
    push.reset();
    return push;
  }

  /** Lets go of its memory. */
  free(): void {
    if (this.#memory !== undefined) this.#pool.give(this.#memory);
    this.#memory = undefined;
    this.request = Buffer.alloc(0);
    this.body = undefined;
    this.refused.length = 0;
  }
}
