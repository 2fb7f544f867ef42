/**
 * The batches of one queue that have no verdict, and their rules: few, in order for each
 * container, and never two of one container under way. Lines of a container that has something
 * under way go into a batch of their own, which waits; others do not wait with it.
 */
import type { BufferPool } from '../encode/buffer-pool.ts';
import { PushBatch } from '../encode/push-batch.ts';
import { Batch, type Lane } from './batch.ts';

/** Batches that a queue holds at most: filled, waiting and under way. */
export const heldMax = 6;
/** Of these, batches that wait for others: one that is ready and one that is filled. */
export const blockedMax = 2;

/** Memory to fill batches through that is kept for later ones. */
const spareMax = 8;

/** See the module comment. */
export class HeldBatches {
  readonly #pool: BufferPool;
  /** In the order in which they were begun. */
  readonly #held: Batch[] = [];
  readonly #spare: PushBatch[] = [];
  #free: Batch | undefined;
  #following: Batch | undefined;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  get size(): number {
    return this.#held.length;
  }

  get all(): readonly Batch[] {
    return this.#held;
  }

  /** Batches that are under way. */
  get sending(): number {
    return this.#held.reduce((sum, { state }) => sum + (state === 'sending' ? 1 : 0), 0);
  }

  /** Batches that take lines, oldest first. */
  get open(): Batch[] {
    return this.#held.filter((batch) => batch.isOpen);
  }

  /** The oldest batch that may be sent as far as order is concerned. */
  get next(): Batch | undefined {
    return this.#held.find((batch) => batch.state === 'waiting' && batch.blockedBy.size === 0);
  }

  /** The batch that takes a lane's next lines; undefined when too many are held. */
  openFor(lane: Lane, limitBytes: number): Batch | undefined {
    const last = lane.batches.at(-1);
    if (last?.isOpen === true) return last;
    const known = last === undefined ? this.#free : this.#following;
    if (known !== undefined) return known;
    if (this.#held.length >= heldMax) return undefined;
    const blocked = this.#held.reduce((sum, { blockedBy }) => sum + Math.min(1, blockedBy.size), 0);
    if (last !== undefined && blocked >= blockedMax) return undefined;
    const batch = new Batch(limitBytes, this.#pool, () => this.#spare.pop() ?? new PushBatch());
    this.#held.push(batch);
    if (last === undefined) this.#free = batch;
    else this.#following = batch;
    return batch;
  }

  /** The batch takes no more lines. */
  close(batch: Batch): void {
    if (!batch.isOpen) return;
    if (this.#free === batch) this.#free = undefined;
    if (this.#following === batch) this.#following = undefined;
    // What tenants of a moment needed is not kept for ever.
    this.#spare.push(...batch.close());
    this.#spare.length = Math.min(this.#spare.length, spareMax);
  }

  /** Forgets open batches that nothing was put into. */
  tidy(): void {
    for (const batch of this.open) if (batch.parts.size === 0) this.drop(batch);
  }

  /** The batch has its verdict, or is given back: others wait for it no longer. */
  drop(batch: Batch): void {
    this.close(batch);
    const at = this.#held.indexOf(batch);
    if (at >= 0) this.#held.splice(at, 1);
    for (const { blockedBy } of this.#held) blockedBy.delete(batch);
    for (const lane of batch.parts.keys()) {
      const place = lane.batches.indexOf(batch);
      if (place >= 0) lane.batches.splice(place, 1);
    }
  }

  /**
   * Gives back all that is not under way; with `failed`, that one and all that wait for it. Their
   * sources go back to where they stood before. Returns the lanes that have more to read now.
   */
  giveBack(failed?: Batch): Lane[] {
    const given = failed === undefined ? this.#notSending() : this.#withFollowers(failed);
    const lanes = new Set<Lane>();
    for (const { parts } of given) for (const lane of parts.keys()) lanes.add(lane);
    for (const lane of lanes) rewind(lane, given);
    for (const batch of given) {
      this.drop(batch);
      batch.free();
    }
    return [...lanes].filter((lane) => !lane.isGone);
  }

  #notSending(): Set<Batch> {
    return new Set(this.#held.filter(({ state }) => state !== 'sending'));
  }

  #withFollowers(batch: Batch): Set<Batch> {
    const found = new Set([batch]);
    // A batch may wait for one that was begun later, so one pass is not enough.
    for (let before = 0; before !== found.size; ) {
      before = found.size;
      for (const other of this.#held) {
        if ([...other.blockedBy].some((first) => found.has(first))) found.add(other);
      }
    }
    return found;
  }
}

/** Of batches that are given back, the oldest says where a lane goes on. */
function rewind(lane: Lane, given: ReadonlySet<Batch>): void {
  const part = lane.batches.find((batch) => given.has(batch))?.parts.get(lane);
  if (part === undefined || lane.isGone) return;
  lane.source.rewind(part.start);
  lane.unreadSinceMs = part.firstMs ?? lane.unreadSinceMs ?? Date.now();
}
