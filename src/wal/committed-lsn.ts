/**
 * How far one container's stream is written, shared between threads without a message.
 * The writer publishes after the bytes are in the file, so a reader that stays below the
 * committed position never sees half a block.
 */

/** A position and its ordinal, which one thread writes and any thread reads. */
export class CommittedLsn {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  /** Without a buffer new cells are made; pass `buffer` to other threads to share them. */
  constructor(buffer = new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#cells = new BigInt64Array(buffer);
  }

  /** The stream is written up to `lsn`; `ordinal` frames of it end before that. */
  publish(lsn: number, ordinal = 0): void {
    // The position is stored last: who sees it sees an ordinal that is at least as new.
    Atomics.store(this.#cells, 1, BigInt(ordinal));
    Atomics.store(this.#cells, 0, BigInt(lsn));
  }

  read(): number {
    return Number(Atomics.load(this.#cells, 0));
  }

  /** How many frames end before the position; for figures, it may be of a later one. */
  readOrdinal(): number {
    return Number(Atomics.load(this.#cells, 1));
  }
}
