/**
 * Walks the headers of one file's blocks, forwards or backwards, without reading what they
 * hold. Damage is passed over; the disk alone can make it throw.
 */
import { createBlockHeader } from './block.ts';
import { type BlockHeader, blockOverheadBytes, blockType, fileHeaderBytes } from './format.ts';
import type { SegmentFile } from './segment-file.ts';

/** One block of a walk. The object, header included, is filled anew at the next step. */
export interface WalkedBlock {
  readonly header: Readonly<BlockHeader>;
  offset: number;
}

/** The blocks of a file, the first one first. */
export function* blocksOf(file: SegmentFile): Generator<Readonly<WalkedBlock>> {
  const header = createBlockHeader();
  const block = { header, offset: 0 };
  let at: number | undefined = fileHeaderBytes;
  while (at !== undefined) {
    if (!file.readHeader(at, header)) {
      at = file.findBlock(at + 1, header);
      continue;
    }
    // Whoever takes the block may read on in this file before it asks for the next one.
    block.offset = at;
    at += blockOverheadBytes + header.storedBytes;
    yield block;
  }
}

/**
 * The same, the last block first. A file that is being written may end in a block that is not
 * whole, and a damaged one cannot be walked backwards: those are walked forwards and turned over.
 */
export function* blocksBackwards(file: SegmentFile): Generator<Readonly<WalkedBlock>> {
  const header = createBlockHeader();
  const block = { header, offset: 0 };
  let end = file.size();
  while (end > fileHeaderBytes) {
    const at = file.offsetBefore(end);
    if (at === undefined || !file.readHeader(at, header)) break;
    // A trailer has no checksum: one that is hurt may point at a block further back.
    if (at + blockOverheadBytes + header.storedBytes !== end) break;
    block.offset = at;
    end = at;
    yield block;
  }
  if (end <= fileHeaderBytes) return;
  const offsets: number[] = [];
  for (const { offset } of blocksOf(file)) if (offset < end) offsets.push(offset);
  for (const offset of offsets.toReversed()) {
    block.offset = offset;
    if (file.readHeader(offset, header)) yield block;
  }
}

/** Whether a block holds bytes of the stream. */
export function isStreamBytes(header: Readonly<BlockHeader>): boolean {
  return header.type === blockType.raw || header.type === blockType.group;
}
