/**
 * What stands before and behind a gap: the last sound block before it says when the last frame
 * was and how many there were; the first behind it, how many there are now. Only the disk is
 * asked, so that the answer is the same whenever the gap is met.
 */
import type { FileSystem } from '../base/file-system.ts';
import { createBlockHeader } from './block.ts';
import { isStreamBytes } from './block-walk.ts';
import { listSegments } from './catalog.ts';
import {
  type BlockHeader,
  blockFlag,
  blockOverheadBytes,
  blockType,
  fileHeaderBytes,
} from './format.ts';
import { decodeMetaRecord } from './meta-record.ts';
import { SegmentFile } from './segment-file.ts';

/** The state of the stream at a position. */
export interface StreamState {
  /** How many frames end before it. */
  ordinal: number;
  /** Unix nanoseconds of the latest of the last of them; 0 when there is none near. */
  maxNs: bigint;
}

/** Whose stream. */
interface Around {
  disk: FileSystem;
  directory: string;
  containerId: string;
}

/** Losses of frames that were written, and counted, before they were lost. */
const countedReasons: readonly string[] = ['evicted', 'expired', 'damage'];
/** So many segments before the gap are looked at for a frame; further away it tells nothing. */
const segmentsBackMax = 3;

/** The state behind the last sound block that ends at or before `lsn`; undefined without one. */
export function placeBefore(around: Around, lsn: number): StreamState | undefined {
  const { disk, directory, containerId } = around;
  let ordinal: number | undefined;
  let looked = 0;
  for (const sequence of listSegments(disk, directory).toReversed()) {
    // Not through the reader's open files: those in its hands must stay open.
    const file = SegmentFile.open(disk, directory, sequence, containerId);
    if (file === undefined) continue;
    try {
      if (file.header.baseLsn > lsn) continue;
      const last = lastBefore(file, lsn);
      ordinal ??= last?.ordinal ?? file.header.baseOrdinal;
      if (last !== undefined && last.maxNs > 0n) return { ordinal, maxNs: last.maxNs };
    } finally {
      file.close();
    }
    looked += 1;
    if (looked >= segmentsBackMax) break;
  }
  return ordinal === undefined ? undefined : { ordinal, maxNs: 0n };
}

/** Walks the file's headers up to `lsn`: rare, and a damaged file leaves no other way. */
function lastBefore(file: SegmentFile, lsn: number): StreamState | undefined {
  const header = createBlockHeader();
  let state: StreamState | undefined;
  let at: number | undefined = fileHeaderBytes;
  while (at !== undefined) {
    if (!file.readHeader(at, header)) {
      at = file.findBlock(at + 1, header);
      continue;
    }
    if (header.lsn + header.lsnSpan > lsn) break;
    if (header.type !== blockType.index) {
      const hasTime = header.maxNs > 0n;
      state = {
        ordinal: header.ordinal + header.frames + framesToldAt(file, at, header),
        maxNs: hasTime ? header.maxNs : (state?.maxNs ?? 0n),
      };
    }
    at += blockOverheadBytes + header.storedBytes;
  }
  return state;
}

/** Frames that a gap block stands for and that were counted in the stream when they were written. */
function framesToldAt(file: SegmentFile, offset: number, header: BlockHeader): number {
  if (header.type !== blockType.gap || header.lsnSpan === 0) return 0;
  const payload = file.readBlock(offset, header);
  const record = payload && decodeMetaRecord(payload);
  if (record?.kind !== 'gap' || !countedReasons.includes(record.reason)) return 0;
  return (record.frames ?? 0) - (record.innerFrames ?? 0);
}

/**
 * As `framesCutAt` for the beginning of a file; one that a crash left without a block has
 * nothing to say that its successor does not say as well.
 */
export function framesCutBefore(
  around: Around,
  file: SegmentFile,
): { ordinal: number; cut: 0 | 1 } {
  const { disk, directory, containerId } = around;
  let behind = framesCutAt(file, fileHeaderBytes);
  if (!isBlank(file)) return behind;
  for (const sequence of listSegments(disk, directory)) {
    if (sequence <= file.sequence) continue;
    const later = SegmentFile.open(disk, directory, sequence, containerId);
    if (later === undefined) continue;
    try {
      if (later.header.baseLsn !== file.header.baseLsn) break;
      behind = framesCutAt(later, fileHeaderBytes);
      if (!isBlank(later)) break;
    } finally {
      later.close();
    }
  }
  return behind;
}

/** Whether a file has no block: a crash came before its first. */
function isBlank(file: SegmentFile): boolean {
  return file.size() <= fileHeaderBytes;
}

/**
 * The ordinal of the block at `offset`, and how many frames that end behind it (0 or 1) cannot
 * be read without what stood before it.
 */
export function framesCutAt(file: SegmentFile, offset: number): { ordinal: number; cut: 0 | 1 } {
  const header = createBlockHeader();
  let ordinal: number | undefined;
  for (let at = offset; file.readHeader(at, header); ) {
    ordinal ??= header.ordinal;
    if (isStreamBytes(header)) {
      const cut = (header.flags & blockFlag.startsOnFrame) === 0 ? 1 : 0;
      return { ordinal, cut };
    }
    // Behind an attach, a detach or another gap a frame begins anew.
    if (header.lsnSpan > 0) return { ordinal, cut: 0 };
    at += blockOverheadBytes + header.storedBytes;
  }
  return { ordinal: ordinal ?? file.header.baseOrdinal, cut: 0 };
}

/** Whether a file has come far enough to say what it begins with. */
export function hasBegun(file: SegmentFile): boolean {
  const header = createBlockHeader();
  for (let at = fileHeaderBytes; file.readHeader(at, header); ) {
    if (isStreamBytes(header) || header.lsnSpan > 0) return true;
    at += blockOverheadBytes + header.storedBytes;
  }
  return false;
}

/** Whether a file begins in the middle of a frame that gets its end in it or behind it. */
export function continuesFrame(file: SegmentFile): boolean {
  const header = createBlockHeader();
  for (let at = fileHeaderBytes; file.readHeader(at, header); ) {
    if (isStreamBytes(header)) {
      if ((header.flags & blockFlag.startsOnFrame) !== 0) return false;
      if (header.frames > 0) return true;
    } else if (header.lsnSpan > 0) {
      return false;
    }
    at += blockOverheadBytes + header.storedBytes;
  }
  return true;
}
