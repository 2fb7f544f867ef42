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
        const gap = this.#enterNextSegment(committedLsn);
        if (gap) return 'gap';
        continue;
      }
      const payload = file.readBlock(this.#place.offset, this.#header);
      if (payload !== undefined) {
        if (this.#takeBlock(payload)) return this.#gap === undefined ? 'block' : 'gap';
        continue;
      }
      if (this.#passDamage(file)) return 'gap';
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
  #takeBlock(payload: Buffer): boolean {
    const header = this.#header;
    this.#gap = undefined;
    if (header.lsn > this.#lsn) {
      this.#report(header.lsn, 'missing');
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
  #passDamage(file: SegmentFile): boolean {
    const header = this.#header;
    const { offset } = this.#place;
    const next = file.findBlock(offset + 1, header);
    this.#place.offset = next ?? file.size();
    if (next === undefined || header.lsn <= this.#lsn) return false;
    this.#report(header.lsn, 'damage');
    return true;
  }

  /** Goes to the next segment there is. Returns true when something is missing before it. */
  #enterNextSegment(committedLsn: number): boolean {
    const { disk, directory, containerId, files } = this.#options;
    files.close(directory, this.#place.sequence);
    const after = this.#place.sequence;
    for (const sequence of listSegments(disk, directory)) {
      if (sequence <= after) continue;
      const file = files.open(directory, sequence, containerId);
      if (file === undefined) continue;
      this.#place = { sequence, offset: fileHeaderBytes };
      if (file.header.baseLsn <= this.#lsn) return false;
      this.#report(file.header.baseLsn, 'missing');
      return true;
    }
    // What is committed was in a file before it was committed: it is gone, not late.
    this.#report(committedLsn, 'missing');
    return true;
  }

  #report(toLsn: number, reason: GapReason): void {
    this.#gap = { fromLsn: this.#lsn, toLsn, reason };
    this.#lsn = toLsn;
  }

  #fits(hint: Readonly<StreamPlace>, lsn: number): boolean {
    const { files, directory, containerId } = this.#options;
    const file = files.open(directory, hint.sequence, containerId);
    if (file === undefined || hint.offset < fileHeaderBytes) return false;
    if (file.readHeader(hint.offset, this.#header)) return this.#header.lsn <= lsn;
    return hint.offset === file.size() && file.header.baseLsn <= lsn;
  }

  /** The segment that holds `lsn`, from its beginning. */
  #search(lsn: number): StreamPlace {
    const { disk, directory, containerId, files } = this.#options;
    let place: StreamPlace = { sequence: 0, offset: fileHeaderBytes };
    for (const sequence of listSegments(disk, directory)) {
      const file = files.open(directory, sequence, containerId);
      if (file === undefined) continue;
      if (file.header.baseLsn > lsn) break;
      place = { sequence, offset: fileHeaderBytes };
    }
    return place;
  }
}
