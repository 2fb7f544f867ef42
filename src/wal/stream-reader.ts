/**
 * Reads one container's stream from any position, while it is written, sealed and given up, up
 * to the committed position. Any number of readers, each at its own pace. What cannot be read
 * comes out as a gap with its exact range; damage never throws, loops or stops the reader.
 */
import type { FileSystem } from '../base/file-system.ts';
import { createBlockHeader } from './block.ts';
import { listSegments } from './catalog.ts';
import { type BlockHeader, blockOverheadBytes, blockType, fileHeaderBytes } from './format.ts';
import { framesCutAt, framesCutBefore, placeBefore } from './look-around.ts';
import type { GapReason } from './meta-record.ts';
import type { Quarantine } from './quarantine.ts';
import type { SegmentFile } from './segment-file.ts';
import type { SegmentFiles } from './segment-files.ts';
import { findSegment } from './segment-search.ts';

/** Where a reader stands in the files: a hint that saves the search, never needed for truth. */
export interface StreamPlace {
  sequence: number;
  /** Offset of the block that holds the position, or of the one that will. */
  offset: number;
}

/** A range of the stream that a reader found missing. */
export interface FoundGap {
  fromLsn: number;
  toLsn: number;
  reason: GapReason;
  /** Frames lost, counted by what stands before and behind; undefined at the end of the stream. */
  frames?: number;
  /** How many frames end before what stands behind, with one that is cut; likewise. */
  ordinalBehind?: number;
  /** Unix nanoseconds, in decimal, of the last frame before the gap; undefined when there is none. */
  afterNs?: string;
}

/** Whose stream, and through which open files. */
export interface StreamReaderOptions {
  disk: FileSystem;
  directory: string;
  containerId: string;
  files: SegmentFiles;
  /** Keeps a copy of what is damaged; without it, nothing is copied. */
  quarantine?: Quarantine;
}

/** See the module comment. */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #header = createBlockHeader();
  #payload: Buffer = Buffer.alloc(0);
  #place: StreamPlace = { sequence: 0, offset: 0 };
  /** Tells which file the place's offset is of: sealing and giving up make another in its place. */
  #salt: number | undefined;
  #lsn = 0;
  #gap: FoundGap | undefined;
  #blockAt: StreamPlace = { sequence: 0, offset: 0 };

  constructor(options: StreamReaderOptions) {
    this.#options = options;
  }

  /** The block that `next` found; valid until the next read in this thread. */
  get header(): Readonly<BlockHeader> {
    return this.#header;
  }

  /** The payload of that block, decompressed; likewise. */
  get payload(): Buffer {
    return this.#payload;
  }

  /** The range that `next` found missing. */
  get gap(): FoundGap | undefined {
    return this.#gap;
  }

  /** Where the block that `next` found last begins. */
  get blockPlace(): Readonly<StreamPlace> {
    return this.#blockAt;
  }

  /** Where the next block begins or will begin. */
  get nextPlace(): Readonly<StreamPlace> {
    return this.#place;
  }

  /** Goes to the block that holds `lsn`. A hint that does not fit is ignored. */
  seek(lsn: number, hint?: Readonly<StreamPlace>): void {
    this.#lsn = lsn;
    this.#gap = undefined;
    this.#salt = undefined;
    const fitting = hint === undefined ? undefined : this.#fitting(hint, lsn);
    if (hint === undefined || fitting === undefined) return this.#search();
    this.#place = { ...hint };
    this.#salt = fitting.header.salt;
  }

  /**
   * Reads on. `block`: `header` and `payload` hold it; its range may begin before the position
   * sought. `gap`: `gap` holds what is missing. `idle`: all that is committed has been read.
   */
  next(committedLsn: number): 'block' | 'gap' | 'idle' {
    while (this.#lsn < committedLsn) {
      const file = this.#file();
      if (file === undefined) {
        if (this.#enterNextSegment(committedLsn, 'missing')) return 'gap';
        continue;
      }
      if (this.#skipped(file)) continue;
      const payload = file.readBlock(this.#place.offset, this.#header);
      if (payload !== undefined) {
        if (this.#takeBlock(file, payload, committedLsn)) {
          return this.#gap === undefined ? 'block' : 'gap';
        }
        continue;
      }
      // What was there when it was looked for may have been cut off since.
      if (this.#place.offset >= file.size()) continue;
      if (this.#passDamage(file, committedLsn)) return 'gap';
    }
    return 'idle';
  }

  /** The segment in hand, or undefined when it is read to its end or gone. */
  #file(): SegmentFile | undefined {
    const { files, directory, containerId } = this.#options;
    const file = files.open(directory, this.#place.sequence, containerId);
    if (file === undefined) return undefined;
    if (this.#salt !== undefined && this.#salt !== file.header.salt) {
      // It was sealed or given up in the meantime: the same stream in other places.
      this.#place.offset = file.locate(this.#lsn);
    }
    this.#salt = file.header.salt;
    return file.reaches(this.#place.offset) ? file : undefined;
  }

  /** Steps over a block that lies before the position without reading its payload. */
  #skipped(file: SegmentFile): boolean {
    const header = this.#header;
    if (!file.readHeader(this.#place.offset, header)) return false;
    const isBefore = header.lsnSpan > 0 && header.lsn + header.lsnSpan <= this.#lsn;
    if (!isBefore && header.type !== blockType.index) return false;
    this.#place.offset += blockOverheadBytes + header.storedBytes;
    return true;
  }

  /** Moves behind a sound block. Returns false for one that lies before the position. */
  #takeBlock(file: SegmentFile, payload: Buffer, committedLsn: number): boolean {
    const header = this.#header;
    this.#gap = undefined;
    if (header.lsn > this.#lsn) {
      this.#report(header.lsn, committedLsn, 'missing', file, this.#place.offset);
      return true;
    }
    this.#blockAt = { ...this.#place };
    this.#place.offset += blockOverheadBytes + header.storedBytes;
    const endLsn = header.lsn + header.lsnSpan;
    if (endLsn < this.#lsn || (endLsn === this.#lsn && header.lsnSpan > 0)) return false;
    this.#lsn = endLsn;
    this.#payload = payload;
    return true;
  }

  /** Steps over a damaged block. Returns true when part of the stream is lost by it. */
  #passDamage(file: SegmentFile, committedLsn: number): boolean {
    const header = this.#header;
    const from = this.#place.offset;
    // Asked before the search: in a file with a successor, what is not found now never comes.
    const isComplete = this.#sequences().some((sequence) => sequence > file.sequence);
    const next = file.findBlock(from + 1, header);
    // Behind an index stands nothing: what is lost ends, and is counted, in the next file.
    if (next === undefined || (isComplete && header.type === blockType.index)) {
      const isLost = isComplete
        ? this.#enterNextSegment(committedLsn, 'damage')
        : // The writer may be at its next block: where that begins, only a later search can tell.
          this.#report(committedLsn, committedLsn, 'damage');
      if (isLost) this.#keepFrom(file.sequence, from);
      return isLost;
    }
    this.#place.offset = next;
    if (header.lsn <= this.#lsn) return false;
    this.#options.quarantine?.keep(file, from, next);
    return this.#report(header.lsn, committedLsn, 'damage', file, next);
  }

  /** Keeps a copy of the end of a segment, which may be closed by now. */
  #keepFrom(sequence: number, offset: number): void {
    const { files, directory, containerId, quarantine } = this.#options;
    if (quarantine === undefined) return;
    const file = files.open(directory, sequence, containerId);
    if (file !== undefined) quarantine.keep(file, offset, file.size());
    if (sequence !== this.#place.sequence) files.close(directory, sequence);
  }

  /** Goes to the next segment there is. Returns true when something is missing before it. */
  #enterNextSegment(committedLsn: number, reason: GapReason): boolean {
    const { directory, files } = this.#options;
    const after = this.#place.sequence;
    let found = this.#nextSegment(after);
    if (!this.#isAdjacent(found.next)) {
      if (this.#isElsewhere(after)) return false;
      // Looking elsewhere opens files, and where few may be open it closes the one that was found.
      found = this.#nextSegment(after);
    }
    const { next, isHurt } = found;
    // What was in hand may be unlinked: whoever holds it open keeps its space.
    if (next !== undefined) {
      if (after !== next.sequence) files.close(directory, after);
      this.#place = { sequence: next.sequence, offset: fileHeaderBytes };
      this.#salt = next.header.salt;
    }
    if (this.#isAdjacent(next)) return false;
    const why = isHurt ? 'damage' : reason;
    // What is committed was in a file before it was committed: it is gone, not late.
    if (next === undefined) return this.#report(committedLsn, committedLsn, why);
    return this.#report(next.header.baseLsn, committedLsn, why, next, fileHeaderBytes);
  }

  #isAdjacent(next: SegmentFile | undefined): boolean {
    return next !== undefined && next.header.baseLsn <= this.#lsn;
  }

  /** The first segment behind one; and whether a file on the way to it is no segment any more. */
  #nextSegment(after: number): { next: SegmentFile | undefined; isHurt: boolean } {
    const { directory, containerId, files } = this.#options;
    let isHurt = false;
    for (const sequence of this.#sequences()) {
      if (sequence <= after) continue;
      const next = files.openFresh(directory, sequence, containerId);
      if (next !== undefined) return { next, isHurt };
      isHurt = true;
    }
    return { next: undefined, isHurt };
  }

  /**
   * Before something is called missing: whether another file stands for the position by now.
   * The word of a loss takes the place of a segment, and takes in its neighbours behind.
   */
  #isElsewhere(after: number): boolean {
    if (after === 0) return false;
    const salt = this.#salt;
    this.#options.files.close(this.#options.directory, after);
    this.#search();
    const { sequence } = this.#place;
    const isOther = sequence !== after || this.#salt !== salt;
    return sequence !== 0 && isOther;
  }

  /**
   * Never beyond what is committed: a loss that goes on there is told when that is read. The
   * block at `nextOffset` of `next` is the first behind the gap, if there is one.
   */
  #report(
    toLsn: number,
    committedLsn: number,
    reason: GapReason,
    next?: SegmentFile,
    nextOffset = 0,
  ): true {
    const fromLsn = this.#lsn;
    const gap: FoundGap = { fromLsn, toLsn: Math.min(toLsn, committedLsn), reason };
    const behind = next && this.#behind(next, nextOffset);
    const before = placeBefore(this.#options, fromLsn);
    if (before !== undefined && before.maxNs > 0n) gap.afterNs = before.maxNs.toString();
    if (behind !== undefined && before !== undefined && toLsn <= committedLsn) {
      gap.frames = Math.max(0, behind.ordinal - before.ordinal) + behind.cut;
      gap.ordinalBehind = behind.ordinal + behind.cut;
    }
    this.#gap = gap;
    this.#lsn = gap.toLsn;
    return true;
  }

  #behind(next: SegmentFile, offset: number): { ordinal: number; cut: 0 | 1 } {
    if (offset > fileHeaderBytes) return framesCutAt(next, offset);
    return framesCutBefore(this.#options, next);
  }

  #sequences(): number[] {
    return listSegments(this.#options.disk, this.#options.directory);
  }

  /** The file of a hint that is right for the position; undefined when it is not. */
  #fitting(hint: Readonly<StreamPlace>, lsn: number): SegmentFile | undefined {
    const { files, directory, containerId } = this.#options;
    const file = files.open(directory, hint.sequence, containerId);
    return file !== undefined && this.#fits(file, hint.offset, lsn) ? file : undefined;
  }

  #fits(file: SegmentFile, offset: number, lsn: number): boolean {
    const header = this.#header;
    if (!(offset >= fileHeaderBytes)) return false;
    if (file.readHeader(offset, header)) return header.lsn <= lsn;
    if (offset !== file.size() || file.header.baseLsn > lsn) return false;
    if (offset === fileHeaderBytes) return true;
    // The end of the file: right for a position behind the last block, wrong for one in it.
    const last = file.readLast(header);
    return last !== undefined && header.lsn + header.lsnSpan <= lsn;
  }

  /** Goes to the segment that holds the position, and in it as near as is known. */
  #search(): void {
    const { files, directory, containerId } = this.#options;
    const open = (sequence: number): SegmentFile | undefined =>
      files.open(directory, sequence, containerId);
    const file = findSegment(this.#sequences(), open, this.#lsn);
    this.#place = {
      sequence: file?.sequence ?? 0,
      offset: file?.locate(this.#lsn) ?? fileHeaderBytes,
    };
    this.#salt = file?.header.salt;
  }
}
