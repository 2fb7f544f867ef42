/**
 * Gives up a segment that is not delivered: in its place stands a file of a few hundred bytes
 * that says what is missing. Readers come to it as to any other loss. Neighbours that were
 * given up for the same reason become one, so a long outage leaves one line and not thousands.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { createBlockHeader, type NewBlock, noStats } from './block.ts';
import { blocksBackwards, isStreamBytes } from './block-walk.ts';
import { listSegments, segmentName, unlinkIfThere, unlinkSegment } from './catalog.ts';
import {
  type BlockHeader,
  blockFlag,
  blockOverheadBytes,
  blockType,
  fileHeaderBytes,
  type SegmentHeader,
} from './format.ts';
import { continuesFrame, framesCutBefore, hasBegun } from './look-around.ts';
import { decodeMetaRecord, encodeMetaRecord, type GapRecord } from './meta-record.ts';
import { SealedWriter } from './sealed-writer.ts';
import { SegmentFile } from './segment-file.ts';

/** What one gap block can stand for: its span is a u32. */
const gapSpanMax = 0xffff_ffff;

/** Which segment is given up, and why. `atMs` is Unix milliseconds. */
export interface EvictRequest {
  directory: string;
  containerId: string;
  sequence: number;
  reason: 'evicted' | 'expired';
  atMs: number;
  /**
   * Where the stream ends; needed for the newest segment, which has no successor to say so.
   * `isLossDue`: what belongs there is lost, and a gap will tell of a frame that is cut by it.
   */
  end?: { lsn: number; ordinal: number; isLossDue?: boolean };
}

/** What was given up. */
export interface Evicted {
  fromLsn: number;
  toLsn: number;
  /** Frames that nobody can read any more and that no earlier gap told of. */
  frames: number;
  /** The segment in whose place the gap stands: this one, or one before it. */
  sequence: number;
  /** Length of that file. */
  storedBytes: number;
  /** It was given up and told of before; only its file had not gone. */
  wasTold: boolean;
  /** Told of is a frame whose end was not in the stream yet: whoever loses it has no more to tell. */
  isCutTold: boolean;
}

/**
 * Gives up one complete segment. Returns undefined, and does nothing, where it cannot be done:
 * it is gone, or has no successor and no end was given. Throws what the disk throws; the segment is still there
 * then, or the gap is.
 */
export function evictSegment(disk: FileSystem, request: EvictRequest): Evicted | undefined {
  const { directory, sequence } = request;
  const sequences = listSegments(disk, directory);
  const at = sequences.indexOf(sequence);
  const opened: SegmentFile[] = [];
  const open = (candidates: readonly number[]): SegmentFile | undefined => {
    const file = openFirst(disk, request, candidates);
    if (file !== undefined) opened.push(file);
    return file;
  };
  try {
    const file = at < 0 ? undefined : open([sequence]);
    const next = open(sequences.slice(at + 1));
    if (file === undefined) return undefined;
    const end = next === undefined ? lastEnd(request, file) : endBefore(disk, request, file, next);
    if (end === undefined) return undefined;
    const before = open(sequences.slice(0, at).toReversed());
    return giveUp(disk, request, { file, end, before });
  } finally {
    for (const file of opened) file.close();
  }
}

/** Where a segment ends. */
interface End {
  lsn: number;
  ordinal: number;
  /** Frames (0 or 1) that end behind it and cannot be read without it. */
  cut: 0 | 1;
  /** Nothing stands behind it yet. */
  isLast: boolean;
}

interface Neighbours {
  file: SegmentFile;
  end: End;
  before: SegmentFile | undefined;
}

function endBefore(
  disk: FileSystem,
  request: EvictRequest,
  file: SegmentFile,
  next: SegmentFile,
): End {
  const { ordinal, cut } = framesCutBefore({ disk, ...request }, next);
  const { baseLsn: lsn } = next.header;
  // One that was only just begun does not know yet what it goes on with.
  const isLast = !hasBegun(next);
  return { lsn, ordinal, cut: isLast ? cutToTell(request, file) : cut, isLast };
}

function lastEnd(request: EvictRequest, file: SegmentFile): End | undefined {
  const { end } = request;
  if (end === undefined) return undefined;
  const { lsn, ordinal } = end;
  return { lsn, ordinal, cut: cutToTell(request, file), isLast: true };
}

function cutToTell({ end }: EvictRequest, file: SegmentFile): 0 | 1 {
  return end?.isLossDue === true ? 0 : cutAtEndOf(file);
}

/** Whether a file ends amid a frame, whose end then comes in the next one. */
function cutAtEndOf(file: SegmentFile): 0 | 1 {
  for (const { header } of blocksBackwards(file)) {
    if (header.type === blockType.index) continue;
    return isStreamBytes(header) && (header.flags & blockFlag.endsOnFrame) === 0 ? 1 : 0;
  }
  return 0;
}

function giveUp(disk: FileSystem, request: EvictRequest, around: Neighbours): Evicted {
  const { directory, sequence } = request;
  const { file, end, before } = around;
  const told = (before && lossesIn(before)) ?? [];
  const former = told.at(-1);
  if (before !== undefined && former !== undefined && former.record.toLsn >= end.lsn) {
    // It was given up before, and its file did not go.
    unlinkSegment(disk, directory, sequence);
    const place = { sequence: before.sequence, storedBytes: before.size() };
    const { baseLsn: fromLsn } = file.header;
    return { fromLsn, toLsn: end.lsn, frames: 0, ...place, wasTold: true, isCutTold: false };
  }
  const isNext = former?.record.toLsn === file.header.baseLsn;
  const lost = lossOf(file, end, request, isNext ? former : undefined);
  const joined = isNext ? join(former, lost) : undefined;
  const base = joined === undefined || before === undefined ? file : before;
  const losses = joined === undefined ? [lost] : [...told.slice(0, -1), joined];
  const storedBytes = replaceSegment(disk, request, base, losses, end);
  // Of its own place only the raw file goes: the gap has the other name.
  if (base === file) unlinkIfThere(disk, `${directory}/${segmentName(sequence)}`);
  else unlinkSegment(disk, directory, sequence);
  const { fromLsn, toLsn } = lost.record;
  const place = { sequence: base.sequence, storedBytes };
  const isCutTold = end.isLast && end.cut === 1;
  return { fromLsn, toLsn, frames: lost.ownFrames, ...place, wasTold: false, isCutTold };
}

function replaceSegment(
  disk: FileSystem,
  request: EvictRequest,
  base: SegmentFile,
  losses: readonly Loss[],
  end: End,
): number {
  const write = (): number => replace(disk, request, base.header, losses, end);
  try {
    return write();
  } catch (error) {
    if (!isFull(error)) throw error;
    // A disk without room for the word of a loss: the loss first, then the word, if it may be.
    unlinkSegment(disk, request.directory, request.sequence);
    return orNothing(write);
  }
}

function isFull(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOSPC' || errno === 'EDQUOT';
}

/** Without its word the loss is still found by readers: as a segment that is missing. */
function orNothing(write: () => number): number {
  try {
    return write();
  } catch {
    return 0;
  }
}

/** A gap and the ordinal at its beginning. */
interface Loss {
  record: GapRecord;
  ordinal: number;
  /** Frames lost by this, without those of gaps that were in the segment already. */
  ownFrames: number;
  /** Frames that end before what stands behind it, with one that it only cut. */
  endOrdinal: number;
}

function openFirst(
  disk: FileSystem,
  { directory, containerId }: EvictRequest,
  sequences: readonly number[],
): SegmentFile | undefined {
  for (const sequence of sequences) {
    const file = SegmentFile.open(disk, directory, sequence, containerId);
    if (file !== undefined) return file;
  }
  return undefined;
}

/** What goes with a file, less a frame that the gap before it has told of already. */
function lossOf(
  file: SegmentFile,
  end: End,
  request: EvictRequest,
  former: Loss | undefined,
): Loss {
  const { reason, atMs } = request;
  const { baseLsn: fromLsn, baseOrdinal } = file.header;
  const endOrdinal = Math.max(baseOrdinal, end.ordinal) + end.cut;
  // A frame that was cut and never got its end is one loss, and nothing in the stream counts it.
  const isCounted = former !== undefined && continuesFrame(file);
  const ordinal = isCounted ? Math.max(baseOrdinal, former.endOrdinal) : baseOrdinal;
  const ownFrames = Math.max(0, endOrdinal - ordinal);
  const { inner, firstNs } = walk(file);
  const innerFrames = inner.reduce((sum, [, count]) => sum + count, 0);
  const frames = ownFrames + innerFrames;
  const range = { fromLsn, toLsn: end.lsn, atMs };
  const record: GapRecord = { kind: 'gap', reason, ...range, frames, endOrdinal };
  if (innerFrames > 0) {
    record.innerFrames = innerFrames;
    record.inner = inner.filter(([, count]) => count > 0).slice(-innerGapsMax);
  }
  if (firstNs > 0n) record.afterNs = firstNs.toString();
  return { record, ordinal, ownFrames, endOrdinal };
}

/** Gaps that were in a segment before it was given up: where they begin, and their frames. */
type InnerGaps = [lsn: number, frames: number][];

/** Many small gaps are told of by their sum; only so many are told apart. */
const innerGapsMax = 32;

/**
 * The time of the first frame in a file, and the gaps that are in it. An index knows where; a
 * raw file is walked by its headers.
 */
function walk(file: SegmentFile): { inner: InnerGaps; firstNs: bigint } {
  const index = file.index();
  if (index !== undefined && index.length > 0) {
    const entries = Array.from({ length: index.length }, (_, at) => index.entry(at));
    const first = entries.find(({ frames }) => frames > 0);
    const gaps = index.lostFrames > 0 ? entries.filter(({ type }) => type === blockType.gap) : [];
    const inner = gaps.map(({ lsn, offset }): [number, number] => [lsn, gapFramesAt(file, offset)]);
    return { inner, firstNs: first?.minNs ?? 0n };
  }
  const header = createBlockHeader();
  const found = { inner: [] as InnerGaps, firstNs: 0n };
  let at: number | undefined = fileHeaderBytes;
  while (at !== undefined) {
    if (!file.readHeader(at, header)) {
      at = file.findBlock(at + 1, header);
      continue;
    }
    const end: number = at + blockOverheadBytes + header.storedBytes;
    if (header.frames > 0 && found.firstNs === 0n) found.firstNs = header.minNs;
    if (header.type === blockType.gap) found.inner.push([header.lsn, gapFramesAt(file, at)]);
    at = end;
  }
  return found;
}

function gapFramesAt(file: SegmentFile, offset: number): number {
  const payload = file.readBlock(offset, createBlockHeader());
  const record = payload && decodeMetaRecord(payload);
  return record?.kind === 'gap' ? (record.frames ?? 0) : 0;
}

/**
 * The gaps of a file that is nothing else; undefined for any other file. Power loss may have
 * taken its end, the index.
 */
function lossesIn(file: SegmentFile): Loss[] | undefined {
  const losses: Loss[] = [];
  const header = createBlockHeader();
  for (let at = fileHeaderBytes; ; at += blockOverheadBytes + header.storedBytes) {
    const payload = file.readBlock(at, header);
    if (payload === undefined) return losses.length > 0 ? losses : undefined;
    if (header.type === blockType.index) return losses;
    const loss = lossAt(header, payload);
    if (loss === undefined) return undefined;
    losses.push(loss);
  }
}

function lossAt(header: Readonly<BlockHeader>, payload: Buffer): Loss | undefined {
  if (header.type !== blockType.gap) return undefined;
  const record = decodeMetaRecord(payload);
  if (record?.kind !== 'gap') return undefined;
  if (record.reason !== 'evicted' && record.reason !== 'expired') return undefined;
  const ownFrames = (record.frames ?? 0) - (record.innerFrames ?? 0);
  const endOrdinal = record.endOrdinal ?? header.ordinal + ownFrames;
  return { record, ordinal: header.ordinal, ownFrames, endOrdinal };
}

/** Whether a file is the word of a loss and holds nothing else. */
export function isTombstone(file: SegmentFile): boolean {
  return file.isSealed && (lossesIn(file)?.length ?? 0) > 0;
}

/** Two neighbouring losses as one; undefined where they must stay apart. */
function join(first: Loss, second: Loss): Loss | undefined {
  if (first.record.reason !== second.record.reason) return undefined;
  if (second.record.toLsn - first.record.fromLsn > gapSpanMax) return undefined;
  const ownFrames = first.ownFrames + second.ownFrames;
  const innerFrames = (first.record.innerFrames ?? 0) + (second.record.innerFrames ?? 0);
  const frames = ownFrames + innerFrames;
  const { endOrdinal } = second;
  const record = { ...first.record, toLsn: second.record.toLsn, frames, endOrdinal };
  if (innerFrames > 0) {
    record.innerFrames = innerFrames;
    const both = [...(first.record.inner ?? []), ...(second.record.inner ?? [])];
    record.inner = both.slice(-innerGapsMax);
  }
  return { record, ordinal: first.ordinal, ownFrames, endOrdinal };
}

/** Puts a file with these gaps in the place of the one that begins like `header`. */
function replace(
  disk: FileSystem,
  { directory, containerId }: EvictRequest,
  header: SegmentHeader,
  losses: readonly Loss[],
  end: End,
): number {
  const writer = new SealedWriter(disk, { directory, containerId, header, isDurable: false });
  try {
    for (const { record, ordinal } of losses) appendGap(writer, record, ordinal);
    writer.finish(end.lsn, end.ordinal, 0);
    writer.publish();
  } catch (error) {
    writer.discard();
    throw error;
  }
  return writer.bytes;
}

/** A gap of over 4 GiB takes several blocks; the first tells of all frames. */
function appendGap(writer: SealedWriter, whole: GapRecord, ordinal: number): void {
  let { fromLsn } = whole;
  let frames = whole.frames ?? 0;
  while (fromLsn < whole.toLsn) {
    const toLsn = Math.min(whole.toLsn, fromLsn + gapSpanMax);
    const record = { ...whole, fromLsn, toLsn, frames };
    const place = { lsn: fromLsn, lsnSpan: toLsn - fromLsn, ordinal, attachOffset: 0 };
    const block: NewBlock = { type: blockType.gap, flags: 0, ...place, stats: noStats };
    writer.append(block, encodeMetaRecord(record));
    frames = 0;
    fromLsn = toLsn;
  }
}
