/**
 * Writes a sealed segment file beside its place and puts it there as a whole: blocks with
 * their places as given, an index behind them. A crash of the process at any step leaves the
 * old file or the new one; a durable one is synced before it gets its name.
 */
import { randomBytes } from 'node:crypto';
import { type FileSystem, writeFully } from '../base/file-system.ts';
import {
  createBlockHeader,
  decodeBlockHeader,
  encodeBlock,
  type NewBlock,
  noStats,
} from './block.ts';
import { sealedName } from './catalog.ts';
import {
  blockHeaderBytes,
  blockMagicOf,
  blockTrailerBytes,
  blockType,
  encodeSegmentHeader,
  fileHeaderBytes,
  type SegmentHeader,
  segmentKind,
} from './format.ts';
import { IndexBuilder } from './segment-index.ts';

/** Where and as what a sealed segment begins. */
export interface NewSealedSegment {
  directory: string;
  containerId: string;
  header: Omit<SegmentHeader, 'kind' | 'salt'>;
  /** Whether it must survive a loss of power before the old file goes; that waits for the disk. */
  isDurable: boolean;
}

/** A salt with which no block begins with zeros. */
export function randomSalt(): number {
  for (;;) {
    const salt = randomBytes(4).readUInt32LE(0);
    if (blockMagicOf(salt) !== 0) return salt;
  }
}

/** See the module comment. Each ends with `publish` or `discard`; a failing write discards it. */
export class SealedWriter {
  readonly #disk: FileSystem;
  readonly #directory: string;
  readonly #path: string;
  #fd: number | undefined;
  readonly #salt = randomSalt();
  readonly #index = new IndexBuilder();
  readonly #header = Buffer.alloc(blockHeaderBytes);
  readonly #trailer = Buffer.alloc(blockTrailerBytes);
  readonly #isDurable: boolean;
  readonly #written = createBlockHeader();
  #bytes = fileHeaderBytes;
  #minNs = 0n;
  #maxNs = 0n;

  /** Creates the file under its temporary name; what an earlier attempt left there is replaced. */
  constructor(disk: FileSystem, segment: NewSealedSegment) {
    this.#disk = disk;
    this.#directory = segment.directory;
    this.#isDurable = segment.isDurable;
    this.#path = `${segment.directory}/${sealedName(segment.header.sequence)}`;
    this.#fd = disk.openSync(this.temporaryPath, 'w', 0o600);
    const header = { ...segment.header, kind: segmentKind.sealed, salt: this.#salt };
    this.#guarded((fd) =>
      writeFully(disk, fd, encodeSegmentHeader(header, segment.containerId), 0),
    );
  }

  /** Where the file lies until it is published. */
  get temporaryPath(): string {
    return `${this.#path}.tmp`;
  }

  /** Length of the file so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends a block. Returns its offset. Throws what the disk throws; the file is gone then. */
  append(block: NewBlock, payload: Uint8Array): number {
    const offset = this.#bytes;
    encodeBlock(this.#header, this.#trailer, this.#salt, offset, block, payload);
    this.#guarded((fd) => {
      for (const part of [this.#header, payload, this.#trailer]) {
        writeFully(this.#disk, fd, part, this.#bytes);
        this.#bytes += part.length;
      }
    });
    const header = this.#written;
    if (
      block.type !== blockType.index &&
      decodeBlockHeader(this.#header, 0, this.#salt, offset, header)
    ) {
      this.#index.add(offset, header);
      if (header.maxNs > this.#maxNs) this.#maxNs = header.maxNs;
      const isEarlier = this.#minNs === 0n || header.minNs < this.#minNs;
      if (header.minNs > 0n && isEarlier) this.#minNs = header.minNs;
    }
    return offset;
  }

  /** Frames that the gap blocks among the appended ones tell of. */
  addLostFrames(frames: number): void {
    this.#index.lostFrames += frames;
  }

  /** Closes the file with its index; `lsn` and `ordinal` are those of the end of the segment. */
  finish(lsn: number, ordinal: number, attachOffset: number): void {
    const toTime = (ns: bigint): [number, number] => [
      Number(ns / 1_000_000_000n),
      Number(ns % 1_000_000_000n),
    ];
    const [minSeconds, minNanos] = toTime(this.#minNs);
    const [maxSeconds, maxNanos] = toTime(this.#maxNs);
    const stats = { ...noStats, minSeconds, minNanos, maxSeconds, maxNanos };
    const place = { lsn, lsnSpan: 0, ordinal, attachOffset };
    this.append({ type: blockType.index, flags: 0, ...place, stats }, this.#index.encode());
    this.#guarded((fd) => {
      if (this.#isDurable) this.#disk.fdatasyncSync(fd);
      this.#fd = undefined;
      this.#disk.closeSync(fd);
    });
  }

  /** Gives the finished file its name. */
  publish(): void {
    this.#disk.renameSync(this.temporaryPath, this.#path);
    if (!this.#isDurable) return;
    const fd = this.#disk.openSync(this.#directory, 'r');
    try {
      this.#disk.fdatasyncSync(fd);
    } finally {
      this.#disk.closeSync(fd);
    }
  }

  /** Closes and removes the file under its temporary name. Can come twice; never throws. */
  discard(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    quietly(() => {
      if (fd !== undefined) this.#disk.closeSync(fd);
    });
    quietly(() => this.#disk.unlinkSync(this.temporaryPath));
  }

  #guarded(write: (fd: number) => void): void {
    if (this.#fd === undefined) throw new Error('a sealed file is closed');
    try {
      write(this.#fd);
    } catch (error) {
      this.discard();
      throw error;
    }
  }
}

/** The disk fails already; what stays behind has a name that nobody reads. */
function quietly(call: () => void): void {
  try {
    call();
  } catch {
    // See above.
  }
}
