/**
 * Finds the end of a container's stream at start-up, in time that depends on the last block
 * only: the trailer at the end of the newest file leads to the last block's header. A torn end
 * costs one pass over that file. Nothing is written here.
 */
import type { FileSystem } from '../base/file-system.ts';
import { frameBodyBytesMax } from '../base/limits.ts';
import { createBlockHeader } from './block.ts';
import { listSegments } from './catalog.ts';
import {
  type BlockHeader,
  blockOverheadBytes,
  blockType,
  fileHeaderBytes,
  noFrame,
} from './format.ts';
import { type AttachRecord, decodeMetaRecord } from './meta-record.ts';
import { SegmentFile } from './segment-file.ts';

/** What a writer must know to go on, and a frame parser to pick up a frame cut in the middle. */
export interface StreamTail {
  nextSequence: number;
  endLsn: number;
  endOrdinal: number;
  /** The FIFO whose bytes stand last and that was not detached. */
  attach: AttachRecord | undefined;
  /** Whether the last block says that a FIFO begins: none of its bytes are there yet. */
  isAttachLast: boolean;
  /** Position of the first byte of `openBytes`: a frame starts there. */
  openLsn: number;
  /** The stream from `openLsn` to its end: at most one unfinished frame plus whole ones. */
  openBytes: Buffer;
  /** Bytes behind the last whole block: a write that a crash cut short. */
  tornBytes: number;
}

/** The tail of a stream that has no segment yet. */
export const emptyTail: StreamTail = {
  nextSequence: 1,
  endLsn: 0,
  endOrdinal: 0,
  attach: undefined,
  isAttachLast: false,
  openLsn: 0,
  openBytes: Buffer.alloc(0),
  tornBytes: 0,
};

/** Reads the tail of the stream in `directory`. Throws only what the disk throws. */
export function readStreamTail(
  disk: FileSystem,
  directory: string,
  containerId: string,
): StreamTail {
  const sequences = listSegments(disk, directory);
  const tail: StreamTail = { ...emptyTail };
  tail.nextSequence = (sequences.at(-1) ?? 0) + 1;
  const open: OpenBytes = { chunks: [], length: 0 };
  let isNewest = true;
  let found = false;
  for (const sequence of sequences.toReversed()) {
    const file = SegmentFile.open(disk, directory, sequence, containerId);
    if (file === undefined) continue;
    try {
      const last = lastBlockOffset(file);
      if (!found) {
        tail.endLsn = Math.max(tail.endLsn, file.header.baseLsn);
        tail.openLsn = tail.endLsn;
        tail.endOrdinal = Math.max(tail.endOrdinal, file.header.baseOrdinal);
        if (isNewest) tail.tornBytes = file.size() - fileHeaderBytes;
        if (last !== undefined) takeEnd(file, last, tail, isNewest);
      }
      isNewest = false;
      found ||= last !== undefined;
      if (found && (tail.attach === undefined || collectOpenBytes(file, last, tail, open))) break;
    } finally {
      file.close();
    }
  }
  tail.openBytes = Buffer.concat(open.chunks.toReversed());
  return tail;
}

/** Pieces of the stream, the last one first. */
interface OpenBytes {
  chunks: Buffer[];
  length: number;
}

/** Offset of the last sound block in the file, or undefined when there is none. */
function lastBlockOffset(file: SegmentFile): number | undefined {
  const end = file.size();
  const header = createBlockHeader();
  const byTrailer = file.offsetBefore(end);
  if (byTrailer !== undefined && file.readBlock(byTrailer, header) !== undefined) return byTrailer;
  let last: number | undefined;
  let at: number | undefined = fileHeaderBytes;
  while (at !== undefined) {
    if (file.readBlock(at, header) !== undefined) {
      last = at;
      at = blockEnd(at, header);
    } else {
      at = file.findBlock(at + 1, header);
    }
  }
  return last;
}

function takeEnd(file: SegmentFile, offset: number, tail: StreamTail, isNewest: boolean): void {
  const header = createBlockHeader();
  const payload = file.readBlock(offset, header);
  if (payload === undefined) return;
  // A newer file may begin behind the last block that is sound: positions are never used twice.
  tail.endLsn = Math.max(tail.endLsn, header.lsn + header.lsnSpan);
  tail.endOrdinal = Math.max(tail.endOrdinal, header.ordinal + header.frames);
  tail.openLsn = tail.endLsn;
  if (isNewest) tail.tornBytes = file.size() - blockEnd(offset, header);
  tail.attach = attachOf(file, header, payload);
  const isFirstAttach = tail.attach !== undefined && !tail.attach.continued;
  tail.isAttachLast = isFirstAttach && header.type === blockType.meta;
}

function blockEnd(offset: number, header: BlockHeader): number {
  return offset + blockOverheadBytes + header.storedBytes;
}

/** The attachment in force behind this block. */
function attachOf(
  file: SegmentFile,
  header: BlockHeader,
  payload: Buffer,
): AttachRecord | undefined {
  let record = header.type === blockType.meta ? decodeMetaRecord(payload) : undefined;
  if (record?.kind !== 'attach' && record?.kind !== 'detach' && header.attachOffset > 0) {
    const attachHeader = createBlockHeader();
    const attachPayload = file.readBlock(header.attachOffset, attachHeader);
    record = attachPayload === undefined ? undefined : decodeMetaRecord(attachPayload);
  }
  return record?.kind === 'attach' ? record : undefined;
}

/**
 * Walks back from the block at `offset` and collects the stream's bytes in front of
 * `tail.openLsn` until a frame starts in them. Returns true when that is done, or when
 * there is nothing to go on with.
 */
function collectOpenBytes(
  file: SegmentFile,
  offset: number | undefined,
  tail: StreamTail,
  open: OpenBytes,
): boolean {
  const header = createBlockHeader();
  for (let at = offset; at !== undefined; at = file.offsetBefore(at)) {
    const payload = file.readBlock(at, header);
    if (payload === undefined) return true;
    if (header.lsn + header.lsnSpan !== tail.openLsn) return true;
    if (header.type !== blockType.raw) {
      if (header.lsnSpan > 0) return true;
      continue;
    }
    const from = header.firstFrameOffset === noFrame ? 0 : header.firstFrameOffset;
    const piece = Buffer.from(payload.subarray(from));
    open.chunks.push(piece);
    open.length += piece.length;
    tail.openLsn = header.lsn + from;
    if (header.firstFrameOffset !== noFrame) return true;
    // No frame is longer: the place in the stream was lost, and the parser will search anyway.
    if (open.length > frameBodyBytesMax) return true;
  }
  return false;
}
