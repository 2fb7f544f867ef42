/**
 * Where to begin to read for the last lines, or for what came since a time: found by headers and
 * indexes alone, so that it costs the same in a log of any size. What comes before the wanted is
 * for the reader to leave out; it must never begin behind something that is wanted.
 */
import type { FileSystem } from '../base/file-system.ts';
import { joinedLineBytesMax } from '../base/limits.ts';
import { createBlockHeader } from './block.ts';
import { blocksBackwards, blocksOf, isStreamBytes } from './block-walk.ts';
import { listSegments } from './catalog.ts';
import { type BlockHeader, blockFlag, blockType, noFrame } from './format.ts';
import { gapTimeNs } from './gap-line.ts';
import { decodeMetaRecord } from './meta-record.ts';
import { SegmentFile } from './segment-file.ts';

/** What to begin to read for. Without both, the oldest byte that there is. */
export interface ReadFrom {
  /** So many lines at the end are wanted. */
  lines?: number | undefined;
  /** Nothing before this time is wanted, Unix nanoseconds. */
  sinceNs?: bigint | undefined;
  /** Lines that end behind this are not counted: they came after the question. */
  endLsn?: number | undefined;
}

/** One container's log, as it is searched. */
interface Searched {
  disk: FileSystem;
  directory: string;
  containerId: string;
  sequences: readonly number[];
}

/** A block: which of the segments, and where in it. */
interface BlockPlace {
  at: number;
  offset: number;
}

/** So often a search is begun anew because segments went while it looked at them. */
const searchesMax = 4;

/**
 * A position on the edge of a frame at or before all that is wanted; 0 when nothing is held.
 * With `lines` and `sinceNs`, the later of the two.
 */
export function findReadStart(
  disk: FileSystem,
  directory: string,
  containerId: string,
  from: ReadFrom,
): number {
  for (let searches = 1; ; searches += 1) {
    const sequences = listSegments(disk, directory);
    const searched = { disk, directory, containerId, sequences };
    // Where segments go all the time, all that there is.
    const lsn = startIn(searched, searches < searchesMax ? from : {});
    if (searches === searchesMax || !wasGivenUp(searched)) return lsn;
  }
}

/**
 * Whether segments that were searched are given up by now: the word of it stands in an older
 * file, which may have been passed. What goes because it is delivered goes from the oldest on.
 */
function wasGivenUp({ disk, directory, sequences }: Searched): boolean {
  const now = listSegments(disk, directory);
  const there = new Set(now);
  const [oldest = Number.POSITIVE_INFINITY] = now;
  return sequences.some((sequence) => sequence > oldest && !there.has(sequence));
}

function startIn(
  searched: Searched,
  { lines, sinceNs, endLsn = Number.POSITIVE_INFINITY }: ReadFrom,
): number {
  const starts = [firstEdge(searched)];
  if (sinceNs !== undefined) starts.push(sinceStart(searched, sinceNs));
  if (lines !== undefined) starts.push(tailStart(searched, lines, endLsn));
  return Math.max(...starts.map((lsn) => lsn ?? 0));
}

/** Calls `look` for a segment, if it is one, and closes it. */
function inFile<T>(
  { disk, directory, containerId, sequences }: Searched,
  at: number,
  look: (file: SegmentFile) => T,
): T | undefined {
  const file = SegmentFile.open(disk, directory, sequences[at] ?? 0, containerId);
  if (file === undefined) return undefined;
  try {
    return look(file);
  } finally {
    file.close();
  }
}

/** Where in a block a frame begins for certain; undefined when none does. */
function edgeOf(header: Readonly<BlockHeader>): number | undefined {
  if (isStreamBytes(header)) {
    return header.firstFrameOffset === noFrame ? undefined : header.lsn + header.firstFrameOffset;
  }
  return header.lsnSpan > 0 ? header.lsn : undefined;
}

/**
 * The first edge in the log, or the first hole if that comes before: a reader tells of it. Behind
 * the last block where there is neither.
 */
function firstEdge(searched: Searched): number | undefined {
  let nextLsn: number | undefined;
  for (let at = 0; at < searched.sequences.length; at += 1) {
    const edge = inFile(searched, at, (file) => {
      const { baseLsn } = file.header;
      if (nextLsn !== undefined && baseLsn > nextLsn) return nextLsn;
      nextLsn ??= at === 0 || searched.sequences[0] !== 1 ? baseLsn : 0;
      if (baseLsn > nextLsn) return nextLsn;
      for (const { header } of blocksOf(file)) {
        if (header.lsn > nextLsn) return nextLsn;
        const found = edgeOf(header);
        if (found !== undefined) return found;
        nextLsn = Math.max(nextLsn, header.lsn + header.lsnSpan);
      }
      return undefined;
    });
    if (edge !== undefined) return edge;
  }
  return nextLsn;
}

/** The last edge before a block. */
function edgeBefore(searched: Searched, place: BlockPlace): number | undefined {
  for (let at = place.at; at >= 0; at -= 1) {
    const edge = inFile(searched, at, (file) => {
      for (const { header, offset } of blocksBackwards(file)) {
        if (at === place.at && offset >= place.offset) continue;
        const found = edgeOf(header);
        if (found !== undefined) return found;
      }
      return undefined;
    });
    if (edge !== undefined) return edge;
  }
  return undefined;
}

/**
 * Before the first block in which a frame of that time or later ends, and before the losses right
 * in front of it. Times need not be in order, so no search by halves: but the index of a sealed
 * segment is one read.
 */
function sinceStart(searched: Searched, sinceNs: bigint): number | undefined {
  const header = createBlockHeader();
  const search: SinceSearch = {
    header,
    sinceNs,
    hasFrames: false,
    lossAt: undefined,
    linesBehind: 0,
  };
  for (let at = 0; at < searched.sequences.length; at += 1) {
    const offset = inFile(searched, at, (file) => firstSince(file, at, search));
    if (offset === undefined) continue;
    if (search.lossAt !== undefined) return edgeBefore(searched, search.lossAt);
    const isWhole = !isStreamBytes(header) || (header.flags & blockFlag.startsOnFrame) !== 0;
    const edge = isWhole ? edgeOf(header) : undefined;
    return edge ?? edgeBefore(searched, { at, offset });
  }
  return edgeBefore(searched, {
    at: searched.sequences.length - 1,
    offset: Number.POSITIVE_INFINITY,
  });
}

/** A search for a time. */
interface SinceSearch {
  /** That of the block found. */
  readonly header: BlockHeader;
  readonly sinceNs: bigint;
  /** Whether a frame ends in what was passed: all of those are earlier. */
  hasFrames: boolean;
  /** The first loss with a range behind the last line that was passed. */
  lossAt: BlockPlace | undefined;
  /** Lines that end behind it; the first may be one whose beginning is lost. */
  linesBehind: number;
}

/** What is known of a block by its header or by an index. */
type KnownBlock = Pick<BlockHeader, 'type' | 'frames' | 'lines' | 'maxNs'> & { offset: number };

/** Fills the search's header with that of the block found, and returns its offset. */
function firstSince(file: SegmentFile, at: number, search: SinceSearch): number | undefined {
  for (const { offset, type, frames, lines, maxNs } of knownBlocksOf(file)) {
    if (type === blockType.gap) {
      if (isToldSince(file, offset, search)) return offset;
      // It begins before that time and may reach into it.
      if (search.header.lsnSpan > 0) {
        search.lossAt ??= { at, offset };
        search.linesBehind = 0;
      }
    }
    const isLate = frames > 0 && maxNs >= search.sinceNs;
    if (isLate && file.readHeader(offset, search.header)) return offset;
    if (frames > 0) search.hasFrames = true;
    search.linesBehind += lines;
    if (search.linesBehind > 1) search.lossAt = undefined;
  }
  return undefined;
}

function* knownBlocksOf(file: SegmentFile): Generator<KnownBlock> {
  const index = file.index();
  if (index !== undefined && index.length > 0) {
    for (let entry = 0; entry < index.length; entry += 1) yield index.entry(entry);
    return;
  }
  for (const { header, offset } of blocksOf(file)) {
    const { type, frames, lines, maxNs } = header;
    yield { type, frames, lines, maxNs, offset };
  }
}

/**
 * Whether the word of a loss has that time or a later one: it may be later than any frame near.
 * Without a time of its own it has that of the frame before it, if there is one.
 */
function isToldSince(file: SegmentFile, offset: number, search: SinceSearch): boolean {
  const payload = file.readBlock(offset, search.header);
  const record = payload && decodeMetaRecord(payload);
  if (record?.kind !== 'gap') return false;
  if (record.afterNs === undefined && search.hasFrames) return false;
  return gapTimeNs(record, 0) >= search.sinceNs;
}

/** What was passed on the way back from the end. */
interface Passed {
  lines: number;
  /** Bytes of the stream behind the block in hand since enough lines were passed. */
  roomBytes: number;
  /** The last edge that had enough lines behind it. */
  edge: number | undefined;
  /** Whether a piece of a long line was met. */
  hasPieces: boolean;
  /** Whether anything with a position was met. */
  hasSpan: boolean;
}

/**
 * A place with more than `lines` lines behind it. Where pieces of long lines are near, one more
 * line's length before that: a line that is wanted may begin there.
 */
function tailStart(searched: Searched, lines: number, endLsn: number): number | undefined {
  const passed: Passed = {
    lines: 0,
    roomBytes: 0,
    edge: undefined,
    hasPieces: false,
    hasSpan: false,
  };
  for (let at = searched.sequences.length - 1; at >= 0; at -= 1) {
    const isDone = inFile(searched, at, (file) => {
      for (const { header } of blocksBackwards(file)) {
        if (header.lsn + header.lsnSpan > endLsn) continue;
        if (isFar(passed, header, lines)) return true;
      }
      return false;
    });
    if (isDone) return passed.edge;
  }
  return passed.hasPieces ? undefined : passed.edge;
}

/** Takes one more block into account. Returns whether to go no further back. */
function isFar(passed: Passed, header: Readonly<BlockHeader>, lines: number): boolean {
  passed.hasSpan ||= header.lsnSpan > 0;
  // Of a line that is told of a gap nobody knows how many it takes the place of: it is one. The
  // word of a loss behind the last byte is read only when the next byte is.
  if (header.type === blockType.gap && passed.hasSpan) passed.lines += 1;
  if (isStreamBytes(header)) {
    passed.lines += header.lines;
    if ((header.flags & blockFlag.hasPartial) !== 0) passed.hasPieces = true;
  }
  if (passed.lines <= lines) return false;
  const edge = edgeOf(header);
  if (passed.edge === undefined || passed.hasPieces) passed.edge = edge ?? passed.edge;
  passed.roomBytes += header.lsnSpan;
  return passed.edge !== undefined && passed.roomBytes > joinedLineBytesMax;
}
