/**
 * The entries of one stream as growing columns in arrival order, and the bytes that
 * they point into. No object and no string exists per entry: tests keep millions.
 */
import { copied, type PushMessage } from './message.ts';

// Bodies below this are copied together, so that small pushes cost no buffer each.
const ownChunkBytesMin = 64 << 10;
const sharedChunkBytes = 1 << 20;

/** Keeps the bytes of messages; entries name them by chunk number and offset. */
export class ByteArena {
  readonly chunks: Buffer[] = [];
  #shared = -1;
  #sharedUsed = sharedChunkBytes;

  /** Keeps `bytes` as they are (then they must not change any more) or a copy of them. */
  keep(bytes: Buffer): { chunk: number; base: number } {
    if (bytes.length >= ownChunkBytesMin) return { chunk: this.chunks.push(bytes) - 1, base: 0 };
    if (this.#sharedUsed + bytes.length > sharedChunkBytes) {
      this.#shared = this.chunks.push(Buffer.allocUnsafeSlow(sharedChunkBytes)) - 1;
      this.#sharedUsed = 0;
    }
    const base = this.#sharedUsed;
    bytes.copy(this.chunks[this.#shared] as Buffer, base);
    this.#sharedUsed += bytes.length;
    return { chunk: this.#shared, base };
  }
}

/** The columns of one stream. */
export class EntryTable {
  readonly arena: ByteArena;
  count = 0;
  seconds = new Float64Array(16);
  nanos = new Uint32Array(16);
  /** Place in the order of arrival over all streams. */
  sequence = new Uint32Array(16);
  chunk = new Uint32Array(16);
  start = new Uint32Array(16);
  lineBytes = new Uint32Array(16);
  metaStart = new Uint32Array(16);
  metaBytes = new Uint32Array(16);

  constructor(arena: ByteArena) {
    this.arena = arena;
  }

  /** Appends a row of a message whose bytes the arena keeps at `chunk` and `base`. */
  append(message: PushMessage, row: number, sequence: number, chunk: number, base: number): void {
    const index = this.count++;
    if (index === this.seconds.length) this.#grow();
    const start = message.lineStart[row] as number;
    const metaStart = message.metaStart[row] as number;
    this.seconds[index] = message.seconds[row] as number;
    this.nanos[index] = message.nanos[row] as number;
    this.sequence[index] = sequence;
    this.chunk[index] = chunk;
    this.start[index] = base + start;
    this.lineBytes[index] = (message.lineEnd[row] as number) - start;
    this.metaStart[index] = base + metaStart;
    this.metaBytes[index] = (message.metaEnd[row] as number) - metaStart;
  }

  /** The chunk in which the line and the metadata of an entry lie. */
  chunkOf(index: number): Buffer {
    return this.arena.chunks[this.chunk[index] as number] as Buffer;
  }

  /** The line of an entry, without a copy. */
  lineOf(index: number): Buffer {
    const start = this.start[index] as number;
    return this.chunkOf(index).subarray(start, start + (this.lineBytes[index] as number));
  }

  /** The timestamp of an entry in nanoseconds, exact. */
  timestampNsOf(index: number): bigint {
    const seconds = BigInt(this.seconds[index] as number);
    return seconds * 1_000_000_000n + BigInt(this.nanos[index] as number);
  }

  #grow(): void {
    const rows = this.seconds.length * 2;
    this.seconds = copied(new Float64Array(rows), this.seconds);
    this.nanos = copied(new Uint32Array(rows), this.nanos);
    this.sequence = copied(new Uint32Array(rows), this.sequence);
    this.chunk = copied(new Uint32Array(rows), this.chunk);
    this.start = copied(new Uint32Array(rows), this.start);
    this.lineBytes = copied(new Uint32Array(rows), this.lineBytes);
    this.metaStart = copied(new Uint32Array(rows), this.metaStart);
    this.metaBytes = copied(new Uint32Array(rows), this.metaBytes);
  }
}
