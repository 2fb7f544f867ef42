/**
 * The bytes of a segment: file header, block header, block trailer. Pure.
 * docs/wal-format.md describes them for readers in other languages and changes with this file.
 * All numbers are little-endian; checksums are CRC-32 (IEEE, zlib's).
 */
import { crc32 } from 'node:zlib';
import { readU64, writeU64 } from '../base/bytes.ts';
import { blockRawBytesMax } from '../base/limits.ts';

/** Length of the header of a segment file. */
export const fileHeaderBytes = 64;
/** Length of the header of a block. */
export const blockHeaderBytes = 72;
/** Length of what closes a block, so that a file can be read backwards. */
export const blockTrailerBytes = 8;
/** What a block costs besides its payload. */
export const blockOverheadBytes = blockHeaderBytes + blockTrailerBytes;
/** A stored payload may be a little larger than the raw bytes when they do not compress. */
export const storedBytesMax = blockRawBytesMax + 64 * 1024;
/** Written into every file; a reader refuses a version that it does not know. */
export const formatVersion = 1;

const fileMagic = Buffer.from('DLWALSG1', 'latin1');
const blockMagic = 0xb10c_4a1d;

/** What a segment file holds. */
export const segmentKind = { raw: 1, sealed: 2 } as const;
/** What a block holds. */
export const blockType = { raw: 1, group: 2, gap: 3, meta: 4, index: 5 } as const;

/** Bits of a block's `flags`. */
export const blockFlag = {
  startsOnFrame: 1,
  endsOnFrame: 2,
  afterResync: 4,
  unorderedTimes: 8,
  hasStdout: 16,
  hasStderr: 32,
  hasPartial: 64,
} as const;

/** `firstFrameOffset` of a block in which no frame starts. */
export const noFrame = 0xffff_ffff;

/** The head of a segment file. */
export interface SegmentHeader {
  kind: number;
  sequence: number;
  /** Position of the first stream byte in this file. */
  baseLsn: number;
  /** How many frames of the stream end before this file. */
  baseOrdinal: number;
  /** Random; every magic and checksum in the file depends on it. */
  salt: number;
  createdMs: number;
}

/** How a payload is stored. */
export const codec = { none: 0, zstd: 1 } as const;

/** Frame statistics of a block's payload; they count a frame where its last byte lies. */
export interface BlockStats {
  frames: number;
  lines: number;
  firstFrameOffset: number;
  minSeconds: number;
  minNanos: number;
  maxSeconds: number;
  maxNanos: number;
}

/** A block header as a reader sees it. */
export interface BlockHeader {
  type: number;
  codec: number;
  flags: number;
  storedBytes: number;
  /** How many positions of the stream the block stands for; 0 for a remark in passing. */
  lsnSpan: number;
  lsn: number;
  /** How many frames of the stream end before this block. */
  ordinal: number;
  frames: number;
  lines: number;
  /** Unix nanoseconds of the earliest and the latest of those frames; 0 when there are none. */
  minNs: bigint;
  maxNs: bigint;
  firstFrameOffset: number;
  payloadCrc: number;
  /** Raw blocks: file offset of the attach block that names the FIFO of these bytes. */
  attachOffset: number;
}

/** The magic of every block in a file with this salt. Never 0, so zero runs are never a block. */
export function blockMagicOf(salt: number): number {
  return (blockMagic ^ salt) >>> 0;
}

/** The trailer's closing word. */
export function trailerMagicOf(salt: number): number {
  return (~blockMagic ^ salt) >>> 0;
}

/** Checksum of a payload, bound to its file and its place in the stream. */
export function payloadCrcOf(payload: Uint8Array, salt: number, lsn: number): number {
  return crc32(payload, (salt ^ (lsn % 2 ** 32)) >>> 0);
}

/**
 * Checksum of a block header, bound to the block's offset in its file: bytes of this file that
 * turn up elsewhere in it (a container that prints its own log, a misplaced write) are no block.
 */
export function headerCrcOf(header: Uint8Array, offset: number): number {
  return crc32(header, offset % 2 ** 32);
}

/** The 8 bytes by which a file says whose it is. */
export function containerMarkOf(containerId: string): Buffer {
  return Buffer.from(containerId.slice(0, 16).padEnd(16, '0'), 'hex');
}

/** Encodes a file header; `containerId` is the full hex id. */
export function encodeSegmentHeader(header: SegmentHeader, containerId: string): Buffer {
  const bytes = Buffer.alloc(fileHeaderBytes);
  fileMagic.copy(bytes, 0);
  bytes.writeUInt16LE(formatVersion, 8);
  bytes.writeUInt16LE(header.kind, 10);
  bytes.writeUInt32LE(fileHeaderBytes, 12);
  writeU64(bytes, header.sequence, 16);
  writeU64(bytes, header.baseLsn, 24);
  writeU64(bytes, header.baseOrdinal, 32);
  bytes.writeUInt32LE(header.salt, 40);
  writeU64(bytes, header.createdMs, 44);
  containerMarkOf(containerId).copy(bytes, 52);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** Decodes a file header, or says in one word why these 64 bytes are none. */
export function decodeSegmentHeader(
  bytes: Buffer,
  containerId: string,
): SegmentHeader | 'short' | 'magic' | 'checksum' | 'version' | 'foreign' | 'range' {
  if (bytes.length < fileHeaderBytes) return 'short';
  if (!fileMagic.equals(bytes.subarray(0, 8))) return 'magic';
  if (crc32(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60)) return 'checksum';
  if (bytes.readUInt16LE(8) !== formatVersion) return 'version';
  if (!containerMarkOf(containerId).equals(bytes.subarray(52, 60))) return 'foreign';
  const header: SegmentHeader = {
    kind: bytes.readUInt16LE(10),
    sequence: readU64(bytes, 16),
    baseLsn: readU64(bytes, 24),
    baseOrdinal: readU64(bytes, 32),
    salt: bytes.readUInt32LE(40),
    createdMs: readU64(bytes, 44),
  };
  const { sequence, baseLsn, baseOrdinal } = header;
  return [sequence, baseLsn, baseOrdinal].every(Number.isSafeInteger) ? header : 'range';
}
