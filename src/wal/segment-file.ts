/**
 * One segment file that is being read: blocks by offset, forwards, backwards, and the search
 * for the next sound block behind damage. It reads through one window of bounded size, shared
 * by all files of a thread, so memory does not grow with containers or with segment size.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { decodeBlockHeader, isBlockBodySound } from './block.ts';
import { segmentName } from './catalog.ts';
import {
  type BlockHeader,
  blockHeaderBytes,
  blockMagicOf,
  blockOverheadBytes,
  blockTrailerBytes,
  decodeSegmentHeader,
  fileHeaderBytes,
  type SegmentHeader,
  storedBytesMax,
  trailerMagicOf,
} from './format.ts';

/** How much is read ahead at once; one block may need more, never more than the window. */
const readAheadBytes = 256 * 1024;
/** How much is read at once by who walks backwards: the last blocks, mostly small ones. */
const readBehindBytes = 128 * 1024;
/** What a disk that cannot read a place is stepped over by. */
const pageBytes = 4096;

/** The bytes that were read last in this thread, and where they came from. */
const view = {
  bytes: Buffer.alloc(0),
  file: undefined as SegmentFile | undefined,
  at: 0,
  length: 0,
};

/** See the module comment. */
export class SegmentFile {
  readonly sequence: number;
  readonly header: SegmentHeader;
  readonly #disk: FileSystem;
  readonly #fd: number;

  private constructor(disk: FileSystem, fd: number, sequence: number, header: SegmentHeader) {
    this.#disk = disk;
    this.#fd = fd;
    this.sequence = sequence;
    this.header = header;
  }

  /** Opens a segment. Undefined when it is gone or is not a segment of this container. */
  static open(
    disk: FileSystem,
    directory: string,
    sequence: number,
    containerId: string,
  ): SegmentFile | undefined {
    let fd: number;
    try {
      fd = disk.openSync(`${directory}/${segmentName(sequence)}`, 'r');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    let header: SegmentHeader | undefined;
    try {
      header = readSegmentHeader(disk, fd, sequence, containerId);
    } finally {
      if (header === undefined) disk.closeSync(fd);
    }
    return header && new SegmentFile(disk, fd, sequence, header);
  }

  /** Length of the file at this moment. */
  size(): number {
    return this.#disk.fstatSync(this.#fd).size;
  }

  close(): void {
    if (view.file === this) view.file = undefined;
    this.#disk.closeSync(this.#fd);
  }

  /**
   * Reads the block at `offset` into `header`. Returns its payload, valid until the next read
   * in this thread, or undefined when no sound block is there.
   */
  readBlock(offset: number, header: BlockHeader): Buffer | undefined {
    const wasHeld = this.#holds(offset, 1);
    const payload = this.#readBlock(offset, header);
    if (payload !== undefined || !wasHeld) return payload;
    // What was read ahead may be a write that failed, was cut back and came again since.
    view.file = undefined;
    return this.#readBlock(offset, header);
  }

  #readBlock(offset: number, header: BlockHeader): Buffer | undefined {
    if (!this.readHeader(offset, header)) return undefined;
    const total = blockOverheadBytes + header.storedBytes;
    const at = this.#load(offset, total);
    if (at + total > view.length) return undefined;
    const held = view.bytes.subarray(0, view.length);
    if (!isBlockBodySound(held, at, this.header.salt, header)) return undefined;
    const payloadAt = at + blockHeaderBytes;
    return held.subarray(payloadAt, payloadAt + header.storedBytes);
  }

  /** Reads only the header at `offset`; its payload may be damaged. */
  readHeader(offset: number, header: BlockHeader): boolean {
    const at = this.#load(offset, blockHeaderBytes);
    if (at + blockHeaderBytes > view.length) return false;
    const held = view.bytes.subarray(0, view.length);
    return decodeBlockHeader(held, at, this.header.salt, offset, header);
  }

  /** Offset of the block that ends at `end`, as its trailer says; undefined when none does. */
  offsetBefore(end: number): number | undefined {
    const trailerAt = end - blockTrailerBytes;
    if (!(trailerAt >= fileHeaderBytes + blockHeaderBytes)) return undefined;
    if (!this.#holds(trailerAt, blockTrailerBytes)) {
      // Whoever asks goes backwards: the block itself and those before it are next.
      const from = Math.max(fileHeaderBytes, end - readBehindBytes);
      this.#load(from, end - from);
    }
    const at = this.#load(trailerAt, blockTrailerBytes);
    if (at + blockTrailerBytes > view.length) return undefined;
    if (view.bytes.readUInt32LE(at + 4) !== trailerMagicOf(this.header.salt)) return undefined;
    const offset = end - view.bytes.readUInt32LE(at);
    return offset >= fileHeaderBytes && offset < trailerAt ? offset : undefined;
  }

  /** Searches from `offset` on for a whole sound block. Returns its offset, header filled. */
  findBlock(offset: number, header: BlockHeader): number | undefined {
    const magic = Buffer.alloc(4);
    magic.writeUInt32LE(blockMagicOf(this.header.salt), 0);
    let from = offset;
    for (;;) {
      const at = this.#load(from, blockHeaderBytes);
      if (view.length - at < blockHeaderBytes) {
        // The end of the file, or a bad page of the disk with more behind it.
        from = (Math.floor(from / pageBytes) + 1) * pageBytes;
        if (from >= this.size()) return undefined;
        continue;
      }
      const hit = view.bytes.subarray(0, view.length).indexOf(magic, at);
      if (hit >= 0) {
        const found = view.at + hit;
        if (this.#readBlock(found, header) !== undefined) return found;
        from = found + 1;
      } else {
        from = view.at + view.length - (magic.length - 1);
      }
    }
  }

  #holds(offset: number, length: number): boolean {
    const at = offset - view.at;
    return view.file === this && at >= 0 && at + length <= view.length;
  }

  /** Makes `[offset, offset + length)` readable if the file has it. Returns its place in the view. */
  #load(offset: number, length: number): number {
    if (this.#holds(offset, length)) return offset - view.at;
    if (view.bytes.length === 0) {
      view.bytes = Buffer.allocUnsafeSlow(blockOverheadBytes + storedBytesMax);
    }
    const wanted = Math.min(view.bytes.length, Math.max(length, readAheadBytes));
    view.file = undefined;
    view.length = readAtLeast(this.#disk, this.#fd, view.bytes, offset, length, wanted);
    view.file = this;
    view.at = offset;
    return 0;
  }
}

/** The head of the file, or undefined when it is not this segment of this container. */
function readSegmentHeader(
  disk: FileSystem,
  fd: number,
  sequence: number,
  containerId: string,
): SegmentHeader | undefined {
  const head = Buffer.alloc(fileHeaderBytes);
  const length = readAtLeast(disk, fd, head, 0, fileHeaderBytes, fileHeaderBytes);
  const header = decodeSegmentHeader(head.subarray(0, length), containerId);
  return typeof header === 'string' || header.sequence !== sequence ? undefined : header;
}

/** Reads `wanted` bytes or what the file has; short reads go on up to `needed`. */
function readAtLeast(
  disk: FileSystem,
  fd: number,
  target: Uint8Array,
  offset: number,
  needed: number,
  wanted: number,
): number {
  let done = 0;
  do {
    const read = readOrNothing(disk, fd, target, done, wanted - done, offset + done);
    if (read === 0) break;
    done += read;
  } while (done < needed);
  return done;
}

/**
 * Reads; a place that the disk cannot read, twice in a row, has nothing in it: a bad page
 * costs the blocks on it and does not stop the reader.
 */
function readOrNothing(
  disk: FileSystem,
  fd: number,
  target: Uint8Array,
  at: number,
  length: number,
  offset: number,
): number {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      return disk.readSync(fd, target, at, length, offset);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'EIO' && errno !== 'EISDIR') throw error;
    }
  }
  return 0;
}
