/**
 * Gathers raw blocks into one group of a sealed segment: their bytes one after another, their
 * statistics summed up, compressed as a whole. A group can be read without any other.
 */
import { blockRawBytesMax } from '../base/limits.ts';
import { createBlockHeader, type NewBlock } from './block.ts';
import { type BlockHeader, blockFlag, blockType, codec, noFrame } from './format.ts';
import { compress, compressedBytesMax, type ZstdLevel } from './zstd.ts';

/** Stream bytes in one group: enough to compress well, little enough to read for one line. */
const groupBytes = 256 * 1024;
/** From here on a group ends where a frame does, if a block does so too. */
const groupBytesWanted = 192 * 1024;

/** One pair of buffers a thread, for all groups. */
let gathered = Buffer.alloc(0);
let compressed = Buffer.alloc(0);

/** See the module comment. One at a time in a thread. */
export class GroupBuilder {
  readonly #level: ZstdLevel;
  /** Stream bytes so far. */
  length = 0;
  /** Header of the first block; its statistics grow with each further one. */
  first = createBlockHeader();

  constructor(level: ZstdLevel) {
    this.#level = level;
    if (compressed.length === 0) {
      gathered = Buffer.allocUnsafeSlow(blockRawBytesMax);
      compressed = Buffer.allocUnsafeSlow(compressedBytesMax(blockRawBytesMax));
    }
  }

  /** Whether the block goes on where the group ends. */
  fits(header: BlockHeader, payload: Buffer): boolean {
    if (this.length === 0) return true;
    if (this.length + payload.length > blockRawBytesMax) return false;
    const { first } = this;
    return header.lsn === first.lsn + this.length && header.attachOffset === first.attachOffset;
  }

  /** Adds a block that fits. */
  add(header: BlockHeader, payload: Buffer): void {
    payload.copy(gathered, this.length);
    if (this.length === 0) {
      this.first = { ...header };
    } else {
      const { first } = this;
      if (first.firstFrameOffset === noFrame && header.firstFrameOffset !== noFrame) {
        first.firstFrameOffset = this.length + header.firstFrameOffset;
      }
      mergeTimes(first, header);
      first.frames += header.frames;
      first.lines += header.lines;
      first.flags = mergedFlags(first.flags, header.flags);
    }
    this.length += payload.length;
  }

  /** Whether it is large enough, preferably at the end of a frame. */
  get isDone(): boolean {
    if (this.length >= groupBytes) return true;
    return this.length >= groupBytesWanted && (this.first.flags & blockFlag.endsOnFrame) !== 0;
  }

  /** The group as a block, its payload valid until the next `add`; begins the next group. */
  take(attachOffset: number): { block: NewBlock; payload: Uint8Array } {
    const raw = gathered.subarray(0, this.length);
    const { flags, lsn, ordinal, frames, lines, firstFrameOffset, minNs, maxNs } = this.first;
    const [minSeconds, minNanos] = secondsOf(minNs);
    const [maxSeconds, maxNanos] = secondsOf(maxNs);
    const stats = { frames, lines, firstFrameOffset, minSeconds, minNanos, maxSeconds, maxNanos };
    const place = { lsn, lsnSpan: this.length, ordinal, attachOffset };
    const length = compress(compressed, raw, this.#level);
    this.length = 0;
    const isSmaller = length < raw.length;
    const block = { type: blockType.group, flags, ...place, stats };
    return {
      block: { ...block, codec: isSmaller ? codec.zstd : codec.none },
      payload: isSmaller ? compressed.subarray(0, length) : raw,
    };
  }
}

/** Times are 0 where a block has no frames. */
function mergeTimes(first: BlockHeader, header: BlockHeader): void {
  if (header.frames === 0) return;
  if (first.frames === 0) {
    first.minNs = header.minNs;
    first.maxNs = header.maxNs;
    return;
  }
  if (header.minNs < first.minNs) first.minNs = header.minNs;
  if (header.minNs < first.maxNs) first.flags |= blockFlag.unorderedTimes;
  if (header.maxNs > first.maxNs) first.maxNs = header.maxNs;
}

function mergedFlags(first: number, next: number): number {
  const edges = blockFlag.startsOnFrame | blockFlag.endsOnFrame;
  const own = (first & blockFlag.startsOnFrame) | (next & blockFlag.endsOnFrame);
  return ((first | next) & ~edges) | own;
}

function secondsOf(ns: bigint): [number, number] {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}
