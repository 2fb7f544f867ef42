/**
 * Reads one container's stream from any position, while it is written, up to the committed
 * position. Any number of readers, each at its own pace. What cannot be read comes out as a
 * gap with its exact range; damage never throws, loops or stops the reader.
 */
import type { FileSystem } from '../base/file-system.ts';
import { createBlockHeader } from './block.ts';
import { listSegments } from './catalog.ts';
import { type BlockHeader, blockOverheadBytes, fileHeaderBytes } from './format.ts';
import type { GapReason } from './meta-record.ts';
import type { SegmentFile } from './segment-file.ts';
import type { SegmentFiles } from './segment-files.ts';

/** Where a reader stands in the files: a hint that saves the search, never needed for truth. */
export interface StreamPlace {
  sequence: number;
  /** Offset of the block that holds the position, or of the one that will. */
  offset: number;
}

/** Whose stream, and through which open files. */
export interface StreamReaderOptions {
  disk: FileSystem;
  directory: string;
  containerId: string;
  files: SegmentFiles;
}

/** See the module comment. */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #header = createBlockHeader();
  #payload: Buffer = Buffer.alloc(0);
  #place: StreamPlace = { sequence: 0, offset: 0 };
  #lsn = 0;
  #gap: { fromLsn: number; toLsn: number; reason: GapReason } | undefined;
  #blockAt: StreamPlace = { sequence: 0, offset: 0 };

  constructor(options: StreamReaderOptions) {
    this.#options = options;
  }

  /** The block that `next` found; valid until the next read in this thread. */
  get header(): Readonly<BlockHeader> {
    return this.#header;
  }

  /** The stored payload of that block, likewise. */
  get payload(): Buffer {
    return this.#payload;
  }

  /** The range that `next` found missing. */
  get gap(): { fromLsn: number; toLsn: number; reason: GapReason } | undefined {
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
    if (hint !== undefined && this.#fits(hint, lsn)) {
      this.#place = { ...hint };
      return;
    }
    this.#place = this.#search(lsn);
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
      const payload = file.readBlock(this.#place.offset, this.#header);
      if (payload !== undefined) {
        if (this.#takeBlock(payload, committedLsn)) {
          return this.#gap === undefined ? 'block' : 'gap';
        }
        continue;
      }
      if (this.#passDamage(file, committedLsn)) return 'gap';
    }
    return 'idle';
  }

  /** The segment in hand, or undefined when it is read to its end or gone. */
  #file(): SegmentFile | undefined {
    const { files, directory, containerId } = this.#options;
    const file = files.open(directory, this.#place.sequence, containerId);
    return file !== undefined && this.#place.offset < file.size() ? file : undefined;
  }

  /** Moves behind a sound block. Returns false for one that lies before the position. */
  #takeBlock(payload: Buffer, committedLsn: number): boolean {
    const header = this.#header;
    this.#gap = undefined;
    if (header.lsn > this.#lsn) {
      this.#report(header.lsn, committedLsn, 'missing');
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
    // Asked before the search: in a file with a successor, what is not found now never comes.
    const isComplete = this.#sequences().some((sequence) => sequence > file.sequence);
    const next = file.findBlock(this.#place.offset + 1, header);
    if (next === undefined) {
      if (isComplete) return this.#enterNextSegment(committedLsn, 'damage');
      // The writer may be at its next block: where that begins, only a later search can tell.
      this.#report(committedLsn, committedLsn, 'damage');
      return true;
    }
    this.#place.offset = next;
    if (header.lsn <= this.#lsn) return false;
    this.#report(header.lsn, committedLsn, 'damage');
    return true;
  }

  /** Goes to the next segment there is. Returns true when something is missing before it. */
  #enterNextSegment(committedLsn: number, reason: GapReason): boolean {
    const { directory, containerId, files } = this.#options;
    const after = this.#place.sequence;
    for (const sequence of this.#sequences()) {
      if (sequence <= after) continue;
      const file = files.open(directory, sequence, containerId);
      if (file === undefined) continue;
      files.close(directory, after);
      this.#place = { sequence, offset: fileHeaderBytes };
      if (file.header.baseLsn <= this.#lsn) return false;
      this.#report(file.header.baseLsn, committedLsn, reason);
      return true;
    }
    // What is committed was in a file before it was committed: it is gone, not late.
    this.#report(committedLsn, committedLsn, reason);
    return true;
  }

  /** Never beyond what is committed: a loss that goes on there is told when that is read. */
  #report(toLsn: number, committedLsn: number, reason: GapReason): void {
    this.#gap = { fromLsn: this.#lsn, toLsn: Math.min(toLsn, committedLsn), reason };
    this.#lsn = this.#gap.toLsn;
  }

  #sequences(): number[] {
    return listSegments(this.#options.disk, this.#options.directory);
  }

  #fits(hint: Readonly<StreamPlace>, lsn: number): boolean {
    const { files, directory, containerId } = this.#options;
    const file = files.open(directory, hint.sequence, containerId);
    if (file === undefined || !(hint.offset >= fileHeaderBytes)) return false;
    const header = this.#header;
    if (file.readHeader(hint.offset, header)) return header.lsn <= lsn;
    if (hint.offset !== file.size() || file.header.baseLsn > lsn) return false;
    if (hint.offset === fileHeaderBytes) return true;
    // The end of the file: right for a position behind the last block, wrong for one in it.
    const last = file.offsetBefore(hint.offset);
    if (last === undefined || !file.readHeader(last, header)) return false;
    return header.lsn + header.lsnSpan <= lsn;
  }

  /** The segment that holds `lsn`, from its beginning. */
  #search(lsn: number): StreamPlace {
    const { directory, containerId, files } = this.#options;
    let place: StreamPlace = { sequence: 0, offset: fileHeaderBytes };
    for (const sequence of this.#sequences()) {
      const file = files.open(directory, sequence, containerId);
      if (file === undefined) continue;
      if (file.header.baseLsn > lsn) break;
      place = { sequence, offset: fileHeaderBytes };
    }
    return place;
  }
}
