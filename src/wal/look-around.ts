/**
 * What stands before and behind a gap: the last sound block before it says when the last frame
 * was and how many there were; the first behind it, how many there are now. Only the disk is
 * asked, so that the answer is the same whenever the gap is met.
 */
import type { FileSystem } from '../base/file-system.ts';
import { createBlockHeader } from './block.ts';
import { listSegments } from './catalog.ts';
import {
  type BlockHeader,
  blockFlag,
  blockOverheadBytes,
  blockType,
  fileHeaderBytes,
} from './format.ts';
import type { SegmentFile } from './segment-file.ts';
import type { SegmentFiles } from './segment-files.ts';

/** The state of the stream at a position. */
export interface StreamState {
  /** How many frames end before it. */
  ordinal: number;
  /** Unix nanoseconds of the latest of the last of them; 0 when there is none near. */
  maxNs: bigint;
}

/** Whose stream, and through which open files. */
interface Around {
  disk: FileSystem;
  directory: string;
  containerId: string;
  files: SegmentFiles;
}

/** So many segments before the gap are looked at for a frame; further away it tells nothing. */
const segmentsBackMax = 3;

/** The state behind the last sound block that ends at or before `lsn`; undefined without one. */
export function placeBefore(around: Around, lsn: number): StreamState | undefined {
  const { disk, directory, containerId, files } = around;
  let ordinal: number | undefined;
  let looked = 0;
  for (const sequence of listSegments(disk, directory).toReversed()) {
    const file = files.open(directory, sequence, containerId);
    if (file === undefined || file.header.baseLsn > lsn) continue;
    const last = lastBefore(file, lsn);
    ordinal ??= last?.ordinal ?? file.header.baseOrdinal;
    if (last !== undefined && last.maxNs > 0n) return { ordinal, maxNs: last.maxNs };
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
        ordinal: header.ordinal + header.frames,
        maxNs: hasTime ? header.maxNs : (state?.maxNs ?? 0n),
      };
    }
    at += blockOverheadBytes + header.storedBytes;
  }
  return state;
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

function isStreamBytes(header: Readonly<BlockHeader>): boolean {
  return header.type === blockType.raw || header.type === blockType.group;
}
