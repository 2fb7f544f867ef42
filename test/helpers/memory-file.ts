/**
 * One file of the memory disk: what programs see, what the platter holds, and which blocks of
 * the two differ. A loss of power decides block by block which of them it leaves.
 */

/** Decides what a loss of power takes. */
export interface Loss {
  /** Whether one thing that was not synced is lost. */
  isLost(): boolean;
  /** A number from 0 to `options - 1`. */
  pick(options: number): number;
}

/** Takes everything that was not synced. */
export const loseAll: Loss = { isLost: () => true, pick: () => 0 };

/** Takes about so many of a hundred things; the same seed decides the same way. */
export function lossOf(seed: number, percent: number): Loss {
  let state = seed >>> 0;
  const random = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    isLost: () => random() * 100 < percent,
    pick: (options) => Math.floor(random() * options),
  };
}

/** What a sync that is under way has promised to make durable. */
export interface SyncInFlight {
  size: number;
  blocks: Map<number, Buffer>;
  /** How many lengths the file had had when it began. */
  sizes: number;
}

/** See the module comment. */
export class MemoryFile {
  readonly kind = 'file';
  readonly #blockBytes: number;
  #size = 0;
  /** Zero behind `#size`. */
  #bytes = Buffer.alloc(0);
  /** Zero where it never held anything. */
  #platter = Buffer.alloc(0);
  readonly #dirty = new Set<number>();
  readonly #allocated = new Set<number>();
  /** Every length since the last sync, the platter's first. */
  #sizes = [0];

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  get size(): number {
    return this.#size;
  }

  /** What the file takes of the disk. */
  get allocatedBytes(): number {
    return this.#allocated.size * this.#blockBytes;
  }

  /** Whether a loss of power could change anything. */
  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#sizes.length > 1;
  }

  /** A copy of the content. */
  content(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#size));
  }

  /** A copy of what is on the platter for sure. */
  durableContent(): Buffer {
    return Buffer.from(this.#platter.subarray(0, this.#sizes[0]));
  }

  read(target: Uint8Array, offset: number, length: number, at: number): number {
    const from = this.#bytes.subarray(Math.min(at, this.#size), Math.min(at + length, this.#size));
    target.set(from, offset);
    return from.length;
  }

  /** Writes what fits into `freeBytes` more. Returns how much that was. */
  write(bytes: Uint8Array, at: number, freeBytes: number): number {
    let free = Math.floor(freeBytes / this.#blockBytes);
    let length = 0;
    while (length < bytes.length) {
      const block = Math.floor((at + length) / this.#blockBytes);
      if (!this.#allocated.has(block)) {
        if (free <= 0) break;
        free -= 1;
        this.#allocated.add(block);
      }
      this.#dirty.add(block);
      length = Math.min(bytes.length, (block + 1) * this.#blockBytes - at);
    }
    if (length === 0) return 0;
    this.#bytes = grown(this.#bytes, at + length);
    this.#bytes.set(bytes.subarray(0, length), at);
    if (at + length > this.#size) this.#setSize(at + length);
    return length;
  }

  truncate(size: number): void {
    if (size === this.#size) return;
    for (let at = size; at < this.#size; at = this.#blockEnd(at)) {
      this.#dirty.add(Math.floor(at / this.#blockBytes));
    }
    for (const block of this.#allocated) {
      if (block * this.#blockBytes >= size) this.#allocated.delete(block);
    }
    this.#bytes = grown(this.#bytes, size);
    this.#bytes.fill(0, size);
    this.#setSize(size);
  }

  #blockEnd(at: number): number {
    return (Math.floor(at / this.#blockBytes) + 1) * this.#blockBytes;
  }

  #setSize(size: number): void {
    this.#size = size;
    this.#sizes.push(size);
  }

  /** What a sync that begins now covers: what comes later is not in it. */
  beginSync(): SyncInFlight {
    const blocks = new Map<number, Buffer>();
    for (const block of this.#dirty) blocks.set(block, this.#block(this.#bytes, block));
    return { size: this.#size, blocks, sizes: this.#sizes.length };
  }

  /** The sync has succeeded. */
  endSync(sync: SyncInFlight): void {
    for (const [block, bytes] of sync.blocks) {
      this.#setBlock(block, bytes);
      if (this.#block(this.#bytes, block).equals(bytes)) this.#dirty.delete(block);
    }
    this.#sizes = [sync.size, ...this.#sizes.slice(sync.sizes)];
  }

  /**
   * The sync has failed, and the kernel takes the blocks for clean all the same: a later sync
   * does not write them, and they last as long as the page cache does.
   */
  failSync(sync: SyncInFlight): void {
    for (const [block, bytes] of sync.blocks) {
      if (this.#block(this.#bytes, block).equals(bytes)) this.#dirty.delete(block);
    }
  }

  /** The power goes. What was not synced stays or goes, block by block. */
  crash(loss: Loss): void {
    const shortest = Math.min(...this.#sizes);
    const longest = Math.max(...this.#sizes);
    let size = this.#size;
    if (this.#sizes.length > 1 && loss.isLost()) {
      size = shortest + loss.pick(longest - shortest + 1);
    }
    for (const block of this.#dirty) {
      if (!loss.isLost()) this.#setBlock(block, this.#block(this.#bytes, block));
    }
    this.#platter = grown(this.#platter, size);
    this.#platter.fill(0, size);
    this.#bytes = Buffer.from(this.#platter);
    this.#size = size;
    this.#sizes = [size];
    this.#dirty.clear();
    this.#allocated.clear();
    const blocks = Math.ceil(size / this.#blockBytes);
    for (let block = 0; block < blocks; block += 1) this.#allocated.add(block);
  }

  #block(of: Buffer, block: number): Buffer {
    const bytes = Buffer.alloc(this.#blockBytes);
    of.copy(bytes, 0, block * this.#blockBytes, (block + 1) * this.#blockBytes);
    return bytes;
  }

  #setBlock(block: number, bytes: Buffer): void {
    this.#platter = grown(this.#platter, (block + 1) * this.#blockBytes);
    this.#platter.set(bytes, block * this.#blockBytes);
  }
}

/** The buffer, or a larger copy of it with zeros behind. */
function grown(bytes: Buffer<ArrayBuffer>, length: number): Buffer<ArrayBuffer> {
  if (bytes.length >= length) return bytes;
  const larger = Buffer.alloc(Math.max(length, bytes.length * 2, 256));
  bytes.copy(larger);
  return larger;
}
