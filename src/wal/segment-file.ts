/**
 * One segment file that is being read, raw or sealed: blocks by offset, forwards, backwards,
 * and the search for the next sound block behind damage. Whatever the bytes are, nothing here
 * throws but what the disk throws, and a length is believed only after its checksum.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { createBlockHeader, decodeBlockHeader, isBlockBodySound } from './block.ts';
import { sealedName, segmentName } from './catalog.ts';
import {
  type BlockHeader,
  blockHeaderBytes,
  blockMagicOf,
  blockOverheadBytes,
  blockTrailerBytes,
  blockType,
  codec,
  decodeSegmentHeader,
  fileHeaderBytes,
  type SegmentHeader,
  segmentKind,
  trailerMagicOf,
} from './format.ts';
import { ReadWindow, readAtLeast } from './read-window.ts';
import { SegmentIndex } from './segment-index.ts';
import { decompress } from './zstd.ts';

/** How much is read at once by who walks backwards: the last blocks, mostly small ones. */
const readBehindBytes = 128 * 1024;
/** What a disk that cannot read a place is stepped over by. */
const pageBytes = 4096;

/** The group that was decompressed last in this thread: who reads on in turns comes to it again. */
let lastGroup: { file: SegmentFile; offset: number; raw: Buffer } | undefined;

/** See the module comment. */
export class SegmentFile {
  readonly sequence: number;
  readonly header: SegmentHeader;
  readonly #disk: FileSystem;
  readonly #fd: number;
  readonly #window: ReadWindow;
  #index: SegmentIndex | 'none' | undefined;
  /** Length when it was looked at last. */
  #knownSize = 0;

  private constructor(disk: FileSystem, fd: number, sequence: number, header: SegmentHeader) {
    this.#disk = disk;
    this.#fd = fd;
    this.#window = new ReadWindow(disk, fd);
    this.sequence = sequence;
    this.header = header;
  }

  /**
   * Opens a segment, sealed or not. Undefined when it is gone or is not a segment of this
   * container. Where both files are there, a sealed one counts only if it is whole.
   */
  static open(
    disk: FileSystem,
    directory: string,
    sequence: number,
    containerId: string,
  ): SegmentFile | undefined {
    const openSealed = (): SegmentFile | undefined =>
      SegmentFile.openPath(disk, `${directory}/${sealedName(sequence)}`, sequence, containerId);
    const sealed = openSealed();
    try {
      const rawPath = `${directory}/${segmentName(sequence)}`;
      const isAlone = sealed !== undefined && disk.statSync(rawPath) === undefined;
      if (sealed !== undefined && (isAlone || sealed.isWhole)) return sealed;
      const raw = SegmentFile.openPath(disk, rawPath, sequence, containerId);
      // It may have been sealed between the two looks.
      if (raw === undefined) return sealed ?? openSealed();
      sealed?.close();
      return raw;
    } catch (error) {
      sealed?.close();
      throw error;
    }
  }

  /** Opens the segment `sequence` that lies in the file at `path`, likewise. */
  static openPath(
    disk: FileSystem,
    path: string,
    sequence: number,
    containerId: string,
  ): SegmentFile | undefined {
    let fd: number;
    try {
      fd = disk.openSync(path, 'r');
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

  /** Whether this is a sealed file; its offsets are not those of the raw one. */
  get isSealed(): boolean {
    return this.header.kind === segmentKind.sealed;
  }

  /** Whether a sealed file has all that was sealed: it was closed with an index. */
  get isWhole(): boolean {
    return this.index() !== undefined;
  }

  /** Length of the file at this moment. */
  size(): number {
    this.#knownSize = this.#disk.fstatSync(this.#fd).size;
    return this.#knownSize;
  }

  /**
   * Whether there is a byte at `offset`, as far as was seen: files grow, so that most questions need
   * no call of the kernel. A write that failed is cut off again: who finds no block there asks `size`.
   */
  reaches(offset: number): boolean {
    return offset < this.#knownSize || offset < this.size();
  }

  /** Never throws: what a disk says when a file was only read is nobody's loss. */
  close(): void {
    this.#window.forget();
    if (lastGroup?.file === this) lastGroup = undefined;
    try {
      this.#disk.closeSync(this.#fd);
    } catch {
      // See above; the descriptor is gone all the same.
    }
  }

  /** The index at the end of a sealed file; undefined when there is no sound one. */
  index(): SegmentIndex | undefined {
    if (!this.isSealed) return undefined;
    this.#index ??= this.#readIndex() ?? 'none';
    return this.#index === 'none' ? undefined : this.#index;
  }

  #readIndex(): SegmentIndex | undefined {
    const header = createBlockHeader();
    const offset = this.readLast(header);
    if (offset === undefined || header.type !== blockType.index) return undefined;
    const payload = this.readBlock(offset, header);
    return payload && SegmentIndex.decode(payload);
  }

  /** Fills `header` with that of the last block, if the end of the file is one. */
  readLast(header: BlockHeader): number | undefined {
    const offset = this.offsetBefore(this.size());
    return offset !== undefined && this.readHeader(offset, header) ? offset : undefined;
  }

  /** Where to begin to read for `lsn`: its block if an index tells, else the first block. */
  locate(lsn: number): number {
    return this.index()?.locate(lsn) ?? fileHeaderBytes;
  }

  /**
   * Reads the block at `offset` into `header`. Returns its payload, valid until the next read
   * in this thread, or undefined when no sound block is there. A group of a sealed file comes
   * as the raw block that it stands for; only `storedBytes` tells of its form on disk.
   */
  readBlock(offset: number, header: BlockHeader): Buffer | undefined {
    const wasHeld = this.#window.holds(offset, 1);
    const payload = this.#readBlock(offset, header);
    if (payload !== undefined || !wasHeld) return payload;
    // What was read ahead may be a write that failed, was cut back and came again since.
    this.#window.forget();
    return this.#readBlock(offset, header);
  }

  #readBlock(offset: number, header: BlockHeader): Buffer | undefined {
    if (!this.readHeader(offset, header)) return undefined;
    if (
      header.type === blockType.group &&
      lastGroup?.file === this &&
      lastGroup.offset === offset
    ) {
      header.type = blockType.raw;
      return lastGroup.raw;
    }
    const total = blockOverheadBytes + header.storedBytes;
    const at = this.#window.load(offset, total);
    const { bytes } = this.#window;
    if (at + total > bytes.length) return undefined;
    if (!isBlockBodySound(bytes, at, this.header.salt, header)) return undefined;
    const payloadAt = at + blockHeaderBytes;
    const stored = bytes.subarray(payloadAt, payloadAt + header.storedBytes);
    if (header.type !== blockType.group) return stored;
    const raw = asRaw(stored, header);
    // What is not compressed lies in the window, which moves on.
    lastGroup = raw === undefined || raw === stored ? undefined : { file: this, offset, raw };
    return raw;
  }

  /** Reads only the header at `offset`; its payload may be damaged. */
  readHeader(offset: number, header: BlockHeader): boolean {
    const at = this.#window.load(offset, blockHeaderBytes);
    const { bytes } = this.#window;
    if (at + blockHeaderBytes > bytes.length) return false;
    return decodeBlockHeader(bytes, at, this.header.salt, offset, header);
  }

  /** Offset of the block that ends at `end`, as its trailer says; undefined when none does. */
  offsetBefore(end: number): number | undefined {
    const trailerAt = end - blockTrailerBytes;
    if (!(trailerAt >= fileHeaderBytes + blockHeaderBytes)) return undefined;
    const window = this.#window;
    if (!window.holds(trailerAt, blockTrailerBytes)) {
      // Whoever asks goes backwards: the block itself and those before it are next.
      const from = Math.max(fileHeaderBytes, end - readBehindBytes);
      window.load(from, end - from);
    }
    const at = window.load(trailerAt, blockTrailerBytes);
    const { bytes } = window;
    if (at + blockTrailerBytes > bytes.length) return undefined;
    if (bytes.readUInt32LE(at + 4) !== trailerMagicOf(this.header.salt)) return undefined;
    const offset = end - bytes.readUInt32LE(at);
    return offset >= fileHeaderBytes && offset < trailerAt ? offset : undefined;
  }

  /** Searches from `offset` on for a whole sound block. Returns its offset, header filled. */
  findBlock(offset: number, header: BlockHeader): number | undefined {
    const magic = Buffer.alloc(4);
    magic.writeUInt32LE(blockMagicOf(this.header.salt), 0);
    const window = this.#window;
    let from = offset;
    for (;;) {
      const at = window.load(from, blockHeaderBytes);
      const { bytes } = window;
      if (bytes.length - at < blockHeaderBytes) {
        // The end of the file, or a bad page of the disk with more behind it.
        from = (Math.floor(from / pageBytes) + 1) * pageBytes;
        if (from >= this.size()) return undefined;
        continue;
      }
      const hit = bytes.indexOf(magic, at);
      if (hit >= 0) {
        const found = window.at + hit;
        if (this.#readBlock(found, header) !== undefined) return found;
        from = found + 1;
      } else {
        from = window.at + bytes.length - (magic.length - 1);
      }
    }
  }

  /** Reads bytes as they are, sound or not; for who keeps what is damaged. */
  readBytes(target: Uint8Array, offset: number): number {
    return readAtLeast(this.#disk, this.#fd, target, offset, target.length, target.length);
  }
}

/** The stream bytes of a group; `header` then is that of the raw block with the same bytes. */
function asRaw(stored: Buffer, header: BlockHeader): Buffer | undefined {
  let raw: Buffer | undefined;
  if (header.codec === codec.none) raw = stored.length === header.lsnSpan ? stored : undefined;
  else if (header.codec === codec.zstd) raw = decompress(stored, header.lsnSpan);
  if (raw !== undefined) header.type = blockType.raw;
  return raw;
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
