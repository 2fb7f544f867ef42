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
    const head = Buffer.alloc(fileHeaderBytes);
    const length = disk.readSync(fd, head, 0, fileHeaderBytes, 0);
    const header = decodeSegmentHeader(head.subarray(0, length), containerId);
    if (typeof header === 'string' || header.sequence !== sequence) {
      disk.closeSync(fd);
      return undefined;
    }
    return new SegmentFile(disk, fd, sequence, header);
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
    return decodeBlockHeader(held, at, this.header.salt, header);
  }

  /** Offset of the block that ends at `end`, as its trailer says; undefined when none does. */
  offsetBefore(end: number): number | undefined {
    const trailerAt = end - blockTrailerBytes;
    if (trailerAt < fileHeaderBytes + blockHeaderBytes) return undefined;
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
      const at = this.#load(from, readAheadBytes);
      const hit = view.bytes.subarray(0, view.length).indexOf(magic, at);
      if (hit >= 0) {
        const found = view.at + hit;
        if (this.readBlock(found, header) !== undefined) return found;
        from = found + 1;
        continue;
      }
      const next = view.at + view.length - (magic.length - 1);
      if (next <= from || view.length - at < blockHeaderBytes) return undefined;
      from = next;
    }
  }

  /** Makes `[offset, offset + length)` readable if the file has it. Returns its place in the view. */
  #load(offset: number, length: number): number {
    const at = offset - view.at;
    if (view.file === this && at >= 0 && at + length <= view.length) return at;
    if (view.bytes.length === 0) {
      view.bytes = Buffer.allocUnsafeSlow(blockOverheadBytes + storedBytesMax);
    }
    const wanted = Math.min(view.bytes.length, Math.max(length, readAheadBytes));
    view.file = undefined;
    view.length = this.#disk.readSync(this.#fd, view.bytes, 0, wanted, offset);
    view.file = this;
    view.at = offset;
    return 0;
  }
}
