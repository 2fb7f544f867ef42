/**
 * Whose turn it is to fill a batch: deficit round-robin. Each one that has something to read
 * gets a quantum of bytes a round; who read more, because a block is read as a whole, waits
 * longer. So one loud container takes no more than its share from a thousand quiet ones. Pure.
 */

/** One that takes turns. */
export interface TurnTaker {
  /** Bytes that it may still read in this turn; below zero what it read too much. */
  deficitBytes: number;
}

/** Bytes of stream that each gets a round. */
export const quantumBytes = 128 * 1024;

/**
 * See the module comment. There are two rings: the busy ones have something under way, and only
 * get a turn by who asks for them.
 */
export class Turns<T extends TurnTaker> {
  readonly #free = new Set<T>();
  readonly #busy = new Set<T>();

  /** How many have something to read. */
  get size(): number {
    return this.#free.size + this.#busy.size;
  }

  /** It has something to read; if that is known already, it keeps its place. */
  wake(taker: T, isBusy: boolean): void {
    if (this.#free.has(taker) || this.#busy.has(taker)) this.setBusy(taker, isBusy);
    else this.#ring(isBusy).add(taker);
  }

  /** It moves to the end of the other ring, if it waits in the wrong one. */
  setBusy(taker: T, isBusy: boolean): void {
    if (this.#ring(!isBusy).delete(taker)) this.#ring(isBusy).add(taker);
  }

  remove(taker: T): void {
    this.#free.delete(taker);
    this.#busy.delete(taker);
    taker.deficitBytes = 0;
  }

  /** The next one of a ring, with at least one byte to read. It stays in front until `took`. */
  next(isBusy: boolean): T | undefined {
    const ring = this.#ring(isBusy);
    for (;;) {
      const [taker] = ring;
      if (taker === undefined || taker.deficitBytes > 0) return taker;
      taker.deficitBytes += quantumBytes;
      if (taker.deficitBytes > 0) return taker;
      ring.delete(taker);
      ring.add(taker);
    }
  }

  /** It has read so many bytes. Without more to read it leaves, and begins anew when it wakes. */
  took(taker: T, bytes: number, hasMore: boolean): void {
    if (!hasMore) return this.remove(taker);
    taker.deficitBytes -= bytes;
    if (taker.deficitBytes > 0) return undefined;
    const ring = this.#ring(this.#busy.has(taker));
    // Only who is still in it goes to its end.
    if (ring.delete(taker)) ring.add(taker);
    return undefined;
  }

  #ring(isBusy: boolean): Set<T> {
    return isBusy ? this.#busy : this.#free;
  }
}
