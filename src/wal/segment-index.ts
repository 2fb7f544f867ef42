/**
 * The index that closes a sealed segment: one entry a block, so that a position or a time is
 * found without reading what lies before it. It is never needed for truth: a reader that finds
 * it damaged walks the blocks.
 */
import { readU64, writeU64 } from '../base/bytes.ts';
import { blockRawBytesMax } from '../base/limits.ts';

const headBytes = 16;
const entryBytes = 48;
/** More blocks than this leave the index empty: it has to fit into one block. */
const entriesMax = Math.floor((blockRawBytesMax - headBytes) / entryBytes);

/** What the index says of one block. */
export interface IndexEntry {
  offset: number;
  type: number;
  lsn: number;
  ordinal: number;
  minNs: bigint;
  maxNs: bigint;
  frames: number;
  lines: number;
}

/** Collects entries while a segment is sealed. */
export class IndexBuilder {
  readonly #entries: Buffer[] = [];
  /** Frames that the segment's own gap blocks report as lost. */
  lostFrames = 0;
  #lines = 0;

  /** Adds the block with this header, written at `offset`. */
  add(offset: number, header: Readonly<Omit<IndexEntry, 'offset'>>): void {
    const entry = Buffer.alloc(entryBytes);
    entry.writeUInt32LE(offset, 0);
    entry.writeUInt32LE(header.type, 4);
    writeU64(entry, header.lsn, 8);
    writeU64(entry, header.ordinal, 16);
    entry.writeBigInt64LE(header.minNs, 24);
    entry.writeBigInt64LE(header.maxNs, 32);
    entry.writeUInt32LE(header.frames, 40);
    entry.writeUInt32LE(header.lines, 44);
    this.#entries.push(entry);
    this.#lines += header.lines;
  }

  /** The payload of the index block. */
  encode(): Buffer {
    const head = Buffer.alloc(headBytes);
    writeU64(head, this.lostFrames, 0);
    const entries = this.#entries.length > entriesMax ? [] : this.#entries;
    head.writeUInt32LE(entries.length, 8);
    head.writeUInt32LE(this.#lines, 12);
    return Buffer.concat([head, ...entries]);
  }
}

/** A read index. Offsets in it are believed only as far as the block found there is sound. */
export class SegmentIndex {
  readonly #payload: Buffer;
  /** Frames that the segment's own gap blocks report as lost. */
  readonly lostFrames: number;
  /** Whole lines that end in the segment. */
  readonly lines: number;
  /** How many blocks it lists; 0 when it lists none of those there are. */
  readonly length: number;

  private constructor(payload: Buffer, lostFrames: number, length: number) {
    this.#payload = payload;
    this.lostFrames = lostFrames;
    this.length = length;
    this.lines = payload.readUInt32LE(12);
  }

  /** Takes a copy of an index block's payload; undefined when its length does not fit. */
  static decode(payload: Buffer): SegmentIndex | undefined {
    if (payload.length < headBytes) return undefined;
    const length = payload.readUInt32LE(8);
    const lostFrames = readU64(payload, 0);
    if (payload.length !== headBytes + length * entryBytes || Number.isNaN(lostFrames)) {
      return undefined;
    }
    return new SegmentIndex(Buffer.from(payload), lostFrames, length);
  }

  /** The entry of the block number `at`, from 0. */
  entry(at: number): IndexEntry {
    const from = headBytes + at * entryBytes;
    const payload = this.#payload;
    return {
      offset: payload.readUInt32LE(from),
      type: payload.readUInt32LE(from + 4),
      lsn: readU64(payload, from + 8),
      ordinal: readU64(payload, from + 16),
      minNs: payload.readBigInt64LE(from + 24),
      maxNs: payload.readBigInt64LE(from + 32),
      frames: payload.readUInt32LE(from + 40),
      lines: payload.readUInt32LE(from + 44),
    };
  }

  /** Offset of the first of the blocks that may hold `lsn`; undefined when all begin behind it. */
  locate(lsn: number): number | undefined {
    let low = 0;
    let high = this.length;
    // The first block that begins at or behind the position; remarks take no position.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lsnAt(middle) < lsn) low = middle + 1;
      else high = middle;
    }
    const at = low < this.length && this.#lsnAt(low) === lsn ? low : low - 1;
    return at < 0 ? undefined : this.#payload.readUInt32LE(headBytes + at * entryBytes);
  }

  #lsnAt(at: number): number {
    return readU64(this.#payload, headBytes + at * entryBytes + 8);
  }
}
