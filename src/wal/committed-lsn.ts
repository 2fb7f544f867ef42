/**
 * How far one container's stream is written, shared between threads without a message.
 * The writer publishes after the bytes are in the file, so a reader that stays below the
 * committed position never sees half a block.
 */

/** One number that one thread writes and any thread reads. */
export class CommittedLsn {
  readonly buffer: SharedArrayBuffer;
  readonly #cell: BigInt64Array;

  /** Without a buffer a new cell is made; pass `buffer` to other threads to share it. */
  constructor(buffer = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#cell = new BigInt64Array(buffer);
  }

  publish(lsn: number): void {
    Atomics.store(this.#cell, 0, BigInt(lsn));
  }

  read(): number {
    return Number(Atomics.load(this.#cell, 0));
  }
}
