/**
 * Encodes and checks single blocks. Pure. Whatever the bytes are, a check never throws and
 * never believes a length before its checksum.
 */
import { readU64, writeTimeNs, writeU64 } from '../base/bytes.ts';
import { blockRawBytesMax } from '../base/limits.ts';
import {
  type BlockHeader,
  type BlockStats,
  blockHeaderBytes,
  blockMagicOf,
  blockOverheadBytes,
  blockTrailerBytes,
  blockType,
  codec,
  headerCrcOf,
  noFrame,
  payloadCrcOf,
  storedBytesMax,
  trailerMagicOf,
} from './format.ts';

/** The statistics of a block that holds no frames: a gap or a meta block. */
export const noStats: Readonly<BlockStats> = {
  frames: 0,
  lines: 0,
  firstFrameOffset: noFrame,
  minSeconds: 0,
  minNanos: 0,
  maxSeconds: 0,
  maxNanos: 0,
};

/** What the writer says of a block besides its payload. */
export interface NewBlock {
  type: number;
  flags: number;
  lsn: number;
  lsnSpan: number;
  ordinal: number;
  attachOffset: number;
  stats: Readonly<BlockStats>;
  /** How the payload that is handed over is stored; as it is by default. */
  codec?: number;
}

/**
 * Fills `header` (72 bytes) and `trailer` (8 bytes) for a payload that goes, as it is, to
 * `offset` in a file with this salt. Throws a RangeError for what no reader would believe.
 */
export function encodeBlock(
  header: Buffer,
  trailer: Buffer,
  salt: number,
  offset: number,
  block: NewBlock,
  payload: Uint8Array,
): void {
  const { stats, lsn } = block;
  const bytesMax = block.codec === codec.zstd ? storedBytesMax : blockRawBytesMax;
  if (payload.length > bytesMax) {
    throw new RangeError(`a block of ${payload.length} bytes; at most ${bytesMax} fit`);
  }
  header.writeUInt32LE(blockMagicOf(salt), 0);
  header[4] = block.type;
  header[5] = block.codec ?? codec.none;
  header.writeUInt16LE(block.flags, 6);
  header.writeUInt32LE(payload.length, 8);
  header.writeUInt32LE(block.lsnSpan, 12);
  writeU64(header, lsn, 16);
  writeTimeNs(header, stats.minSeconds, stats.minNanos, 24);
  writeTimeNs(header, stats.maxSeconds, stats.maxNanos, 32);
  header.writeUInt32LE(stats.frames, 40);
  header.writeUInt32LE(stats.lines, 44);
  header.writeUInt32LE(stats.firstFrameOffset, 48);
  header.writeUInt32LE(payloadCrcOf(payload, salt, lsn), 52);
  header.writeUInt32LE(block.attachOffset, 56);
  writeU64(header, block.ordinal, 60);
  header.writeUInt32LE(headerCrcOf(header.subarray(0, 68), offset), 68);
  trailer.writeUInt32LE(blockOverheadBytes + payload.length, 0);
  trailer.writeUInt32LE(trailerMagicOf(salt), 4);
}

/**
 * Decodes the header at `bytes[at]`, which stands at `offset` in its file, into `into`.
 * Returns false when there is no sound one.
 */
export function decodeBlockHeader(
  bytes: Buffer,
  at: number,
  salt: number,
  offset: number,
  into: BlockHeader,
): boolean {
  if (at + blockHeaderBytes > bytes.length) return false;
  if (bytes.readUInt32LE(at) !== blockMagicOf(salt)) return false;
  if (headerCrcOf(bytes.subarray(at, at + 68), offset) !== bytes.readUInt32LE(at + 68))
    return false;
  into.type = bytes[at + 4] ?? 0;
  into.codec = bytes[at + 5] ?? 0;
  into.flags = bytes.readUInt16LE(at + 6);
  into.storedBytes = bytes.readUInt32LE(at + 8);
  into.lsnSpan = bytes.readUInt32LE(at + 12);
  into.lsn = readU64(bytes, at + 16);
  into.frames = bytes.readUInt32LE(at + 40);
  into.lines = bytes.readUInt32LE(at + 44);
  into.minNs = bytes.readBigInt64LE(at + 24);
  into.maxNs = bytes.readBigInt64LE(at + 32);
  into.firstFrameOffset = bytes.readUInt32LE(at + 48);
  into.payloadCrc = bytes.readUInt32LE(at + 52);
  into.attachOffset = bytes.readUInt32LE(at + 56);
  into.ordinal = readU64(bytes, at + 60);
  return (
    into.storedBytes <= storedBytesMax &&
    (into.type !== blockType.raw || into.lsnSpan === into.storedBytes) &&
    (into.type !== blockType.group || into.lsnSpan <= blockRawBytesMax) &&
    Number.isSafeInteger(into.ordinal) &&
    Number.isSafeInteger(into.lsn)
  );
}

/** Whether payload and trailer of the block whose header stands at `at` are whole and unhurt. */
export function isBlockBodySound(
  bytes: Buffer,
  at: number,
  salt: number,
  header: BlockHeader,
): boolean {
  const payloadAt = at + blockHeaderBytes;
  const trailerAt = payloadAt + header.storedBytes;
  if (trailerAt + blockTrailerBytes > bytes.length) return false;
  if (bytes.readUInt32LE(trailerAt) !== blockOverheadBytes + header.storedBytes) return false;
  if (bytes.readUInt32LE(trailerAt + 4) !== trailerMagicOf(salt)) return false;
  const payload = bytes.subarray(payloadAt, trailerAt);
  return payloadCrcOf(payload, salt, header.lsn) === header.payloadCrc;
}

/** A header to decode into. */
export function createBlockHeader(): BlockHeader {
  return {
    type: 0,
    codec: 0,
    flags: 0,
    storedBytes: 0,
    lsnSpan: 0,
    lsn: 0,
    ordinal: 0,
    frames: 0,
    lines: 0,
    minNs: 0n,
    maxNs: 0n,
    firstFrameOffset: noFrame,
    payloadCrc: 0,
    attachOffset: 0,
  };
}
