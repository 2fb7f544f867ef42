/**
 * Byte buffers in sizes that are powers of two, kept for the next batch.
 * What it keeps is bounded in bytes and in number, so that one large batch does
 * not decide how much memory an endpoint holds for ever. A taken buffer holds
 * old bytes: it must never be sent beyond what its taker wrote.
 */

/** The smallest buffer that is handed out; 2,000 quiet streams then need 1 MiB. */
export const pooledBytesMin = 512;
/** A buffer above this is given back to the garbage collector, never kept. */
export const pooledBytesMax = 4 * 1024 * 1024;

const keptBytesMax = 8 * 1024 * 1024;
const keptBuffersMax = 4096;

/** Hands out buffers and takes them back. Not shared between batches or threads. */
export class BufferPool {
  readonly #free: Buffer[][] = [];
  #keptBytes = 0;
  #keptBuffers = 0;

  /** Bytes that wait for a taker; never above 8 MiB. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Buffers that wait for a taker; never above 4,096. */
  get keptBuffers(): number {
    return this.#keptBuffers;
  }

  /** A buffer of at least `bytes`, rounded up to a power of two, content undefined. */
  take(bytes: number): Buffer {
    const sizeClass = sizeClassOf(bytes);
    const kept = this.#free[sizeClass]?.pop();
    if (kept === undefined) {
      // A slab of Node's shared pool would keep its 64 KiB alive for each small piece.
      return Buffer.allocUnsafeSlow(2 ** sizeClass);
    }
    this.#keptBytes -= kept.length;
    this.#keptBuffers -= 1;
    return kept;
  }

  /** Takes a buffer back that `take` gave; its giver must not touch it any more. */
  give(buffer: Buffer): void {
    const bytes = buffer.length;
    const fits =
      bytes <= pooledBytesMax &&
      this.#keptBytes + bytes <= keptBytesMax &&
      this.#keptBuffers < keptBuffersMax;
    if (!fits) return;
    const sizeClass = sizeClassOf(bytes);
    const list = this.#free[sizeClass];
    if (list === undefined) this.#free[sizeClass] = [buffer];
    else list.push(buffer);
    this.#keptBytes += bytes;
    this.#keptBuffers += 1;
  }
}

/** The exponent of the smallest power of two that holds `bytes`. */
function sizeClassOf(bytes: number): number {
  return bytes <= pooledBytesMin ? 9 : 32 - Math.clz32(bytes - 1);
}
