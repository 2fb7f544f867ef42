/**
 * What can be told of a WAL from outside the process that writes it: sizes, ages and ends of
 * streams, and where to begin to read. It needs no lock and changes nothing; files that are
 * sealed, removed or grow meanwhile make a figure old, never wrong by more than that.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { joinedLineBytesMax } from '../base/limits.ts';
import { createBlockHeader } from './block.ts';
import { listSegments } from './catalog.ts';
import { type Cursor, readCursors } from './cursor-file.ts';
import {
  type BlockHeader,
  blockOverheadBytes,
  blockType,
  fileHeaderBytes,
  formatVersion,
  noFrame,
} from './format.ts';
import { listSegmentFacts, type SegmentFact } from './segment-facts.ts';
import { SegmentFile } from './segment-file.ts';
import { containerDirectory, recoverTail } from './store.ts';

/** What the file FORMAT of a WAL directory says. `none`: the directory is no WAL at all. */
export type WalFormat = 'sound' | 'missing' | 'newer' | 'damaged' | 'none';

/** Whether a directory is a WAL that this version can read. Creates nothing. */
export function walFormatOf(disk: FileSystem, root: string): WalFormat {
  try {
    const text = disk.readFileSync(`${root}/FORMAT`).subarray(0, 100).toString('latin1');
    if (text === `holdfast-wal ${formatVersion}\n`) return 'sound';
    return /^holdfast-wal \d+\n$/.test(text) ? 'newer' : 'damaged';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw error;
    return disk.statSync(`${root}/c`) === undefined ? 'none' : 'missing';
  }
}

/** One container's stream as it lies on disk. */
export interface StreamSummary {
  segments: number;
  /** Length of all segment files. */
  storedBytes: number;
  /** How many positions of the stream the segments hold; given up ranges are not held. */
  heldBytes: number;
  /** Where the oldest segment begins. */
  firstLsn: number;
  firstOrdinal: number;
  endLsn: number;
  endOrdinal: number;
  /** Unix nanoseconds of the oldest frame that is held; undefined when there is none. */
  oldestNs: bigint | undefined;
  cursors: Cursor[];
  /** How many held positions and frames lie behind a place. */
  behind(lsn: number, ordinal: number): { bytes: number; frames: number };
}

/** Sums up the stream of one container. Throws what the disk throws. */
export function summarizeStream(
  disk: FileSystem,
  root: string,
  containerId: string,
): StreamSummary {
  const directory = containerDirectory(root, containerId);
  const facts = listSegmentFacts(disk, directory, containerId);
  const { endLsn, endOrdinal } = recoverTail(disk, directory, containerId);
  const first = facts[0];
  const firstLsn = first?.baseLsn ?? endLsn;
  const firstOrdinal = first?.baseOrdinal ?? endOrdinal;
  const heldFrom = (lsn: number): number => heldBytesFrom(facts, lsn, endLsn);
  return {
    segments: facts.length,
    storedBytes: facts.reduce((sum, fact) => sum + fact.storedBytes, 0),
    heldBytes: heldFrom(firstLsn),
    firstLsn,
    firstOrdinal,
    endLsn,
    endOrdinal,
    oldestNs: oldestTimeIn(disk, directory, containerId, facts),
    cursors: readCursors(disk, directory, containerId),
    behind: (lsn, ordinal) => ({
      bytes: heldFrom(lsn),
      frames: Math.max(0, endOrdinal - Math.max(ordinal, firstOrdinal)),
    }),
  };
}

function heldBytesFrom(facts: readonly SegmentFact[], lsn: number, endLsn: number): number {
  let bytes = 0;
  facts.forEach((fact, at) => {
    const end = facts[at + 1]?.baseLsn ?? endLsn;
    if (fact.kind !== 'gap') bytes += Math.max(0, end - Math.max(lsn, fact.baseLsn));
  });
  return bytes;
}

function oldestTimeIn(
  disk: FileSystem,
  directory: string,
  containerId: string,
  facts: readonly SegmentFact[],
): bigint | undefined {
  for (const { sequence, kind } of facts) {
    if (kind === 'gap') continue;
    const file = SegmentFile.open(disk, directory, sequence, containerId);
    if (file === undefined) continue;
    try {
      for (const header of headersOf(file)) if (header.frames > 0) return header.minNs;
    } finally {
      file.close();
    }
  }
  return undefined;
}

/** The headers of a file's blocks, in one object that is filled anew; damage is passed over. */
function* headersOf(file: SegmentFile): Generator<Readonly<BlockHeader>> {
  const header = createBlockHeader();
  let at: number | undefined = fileHeaderBytes;
  while (at !== undefined) {
    if (!file.readHeader(at, header)) {
      at = file.findBlock(at + 1, header);
      continue;
    }
    // Whoever takes the header may read on in this file before it asks for the next one.
    at += blockOverheadBytes + header.storedBytes;
    yield header;
  }
}

/** What to begin to read for. Without both, the oldest byte that there is. */
export interface ReadFrom {
  /** So many lines at the end are wanted. */
  lines?: number | undefined;
  /** Nothing before this time is wanted, Unix nanoseconds. */
  sinceNs?: bigint | undefined;
}

/**
 * A position on the edge of a frame at or before all that is wanted, found by what headers and
 * indexes say; 0 when nothing is held. What comes before the wanted is for the reader to leave out.
 */
export function findReadStart(
  disk: FileSystem,
  directory: string,
  containerId: string,
  from: ReadFrom,
): number {
  const sequences = listSegments(disk, directory);
  let first = 0;
  if (from.sinceNs !== undefined) {
    first = firstSince(disk, directory, containerId, sequences, from.sinceNs);
  } else if (from.lines !== undefined) {
    first = firstOfTail(disk, directory, containerId, sequences, from.lines);
  }
  const edgeIn = (sequence: number): number | undefined =>
    frameEdgeIn(disk, directory, containerId, sequence);
  for (let at = first; at >= 0; at -= 1) {
    const edge = edgeIn(sequences[at] ?? 0);
    if (edge !== undefined) return edge;
  }
  for (const sequence of sequences.slice(first + 1)) {
    const edge = edgeIn(sequence);
    if (edge !== undefined) return edge;
  }
  return 0;
}

interface SegmentSum {
  lines: number;
  bytes: number;
  maxNs: bigint;
}

function sumOf(
  disk: FileSystem,
  directory: string,
  containerId: string,
  sequence: number,
): SegmentSum | undefined {
  const file = SegmentFile.open(disk, directory, sequence, containerId);
  if (file === undefined) return undefined;
  try {
    const sum: SegmentSum = { lines: 0, bytes: 0, maxNs: 0n };
    for (const header of blocksOf(file)) {
      sum.lines += header.lines;
      if (header.maxNs > sum.maxNs) sum.maxNs = header.maxNs;
    }
    sum.bytes = file.size();
    return sum;
  } finally {
    file.close();
  }
}

/** What the index says of each block, or the blocks' own headers where there is no full index. */
function* blocksOf(file: SegmentFile): Generator<{ lines: number; maxNs: bigint }> {
  const index = file.index();
  if (index === undefined || index.length === 0) yield* headersOf(file);
  else for (let at = 0; at < index.length; at += 1) yield index.entry(at);
}

/** The segment before the first one that has a frame of that time or later in it. */
function firstSince(
  disk: FileSystem,
  directory: string,
  containerId: string,
  sequences: readonly number[],
  sinceNs: bigint,
): number {
  const found = sequences.findIndex((sequence) => {
    const sum = sumOf(disk, directory, containerId, sequence);
    return sum !== undefined && sum.maxNs >= sinceNs;
  });
  // The frame may begin in the segment before; without any, only the end is of interest.
  return Math.max(0, (found < 0 ? sequences.length : found) - 1);
}

/** The last segment with which enough lines are at hand, and room for a long one before them. */
function firstOfTail(
  disk: FileSystem,
  directory: string,
  containerId: string,
  sequences: readonly number[],
  lines: number,
): number {
  let counted = 0;
  let bytesBefore = 0;
  for (let at = sequences.length - 1; at > 0; at -= 1) {
    const sum = sumOf(disk, directory, containerId, sequences[at] ?? 0);
    if (counted > lines) bytesBefore += sum?.bytes ?? 0;
    if (bytesBefore > joinedLineBytesMax) return at;
    counted += sum?.lines ?? 0;
  }
  return 0;
}

/** The first position in a segment at which a frame is known to begin. */
function frameEdgeIn(
  disk: FileSystem,
  directory: string,
  containerId: string,
  sequence: number,
): number | undefined {
  const file = SegmentFile.open(disk, directory, sequence, containerId);
  if (file === undefined) return undefined;
  try {
    for (const header of headersOf(file)) {
      const isBytes = header.type === blockType.raw || header.type === blockType.group;
      if (isBytes && header.firstFrameOffset !== noFrame) {
        return header.lsn + header.firstFrameOffset;
      }
      if (!isBytes && header.lsnSpan > 0) return header.lsn;
    }
    return undefined;
  } finally {
    file.close();
  }
}
