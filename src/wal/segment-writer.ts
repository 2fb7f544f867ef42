/**
 * One segment file that is being written: every append is one synchronous write behind the
 * last good byte. A failed append leaves the file as it was before it.
 */
import { randomBytes } from 'node:crypto';
import type { FileSystem } from '../base/file-system.ts';
import { writeFully } from '../base/file-system.ts';
import { encodeBlock, type NewBlock } from './block.ts';
import { segmentName } from './catalog.ts';
import {
  blockHeaderBytes,
  blockMagicOf,
  blockTrailerBytes,
  encodeSegmentHeader,
  fileHeaderBytes,
  segmentKind,
} from './format.ts';

const header = Buffer.alloc(blockHeaderBytes);
const trailer = Buffer.alloc(blockTrailerBytes);

function randomSalt(): number {
  for (;;) {
    const salt = randomBytes(4).readUInt32LE(0);
    if (blockMagicOf(salt) !== 0) return salt;
  }
}

/** Where and as what a new segment begins. */
export interface NewSegment {
  directory: string;
  containerId: string;
  sequence: number;
  baseLsn: number;
  baseOrdinal: number;
  createdMs: number;
}

/** See the module comment. After a failed append the next one writes over what it left. */
export class SegmentWriter {
  readonly createdMs: number;
  readonly #disk: FileSystem;
  readonly #fd: number;
  readonly #path: string;
  readonly #salt: number;
  #bytes = fileHeaderBytes;

  /** Creates the file; one that is already there is an error (`EEXIST`), never overwritten. */
  constructor(disk: FileSystem, segment: NewSegment) {
    this.#disk = disk;
    this.#salt = randomSalt();
    this.createdMs = segment.createdMs;
    this.#path = `${segment.directory}/${segmentName(segment.sequence)}`;
    this.#fd = disk.openSync(this.#path, 'wx', 0o600);
    const head = { ...segment, kind: segmentKind.raw, salt: this.#salt };
    try {
      writeFully(disk, this.#fd, encodeSegmentHeader(head, segment.containerId), 0);
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Length of the file so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends one block. Throws what the disk threw, with the file cut back to its last block. */
  append(block: NewBlock, payload: Uint8Array): void {
    encodeBlock(header, trailer, this.#salt, this.#bytes, block, payload);
    const total = header.length + payload.length + trailer.length;
    try {
      const written = this.#disk.writevSync(this.#fd, [header, payload, trailer], this.#bytes);
      if (written < total) {
        const whole = Buffer.concat([header, payload, trailer]);
        writeFully(this.#disk, this.#fd, whole.subarray(written), this.#bytes + written);
      }
    } catch (error) {
      this.#cutBack();
      throw error;
    }
    this.#bytes += total;
  }

  #cutBack(): void {
    // A torn block at the end is what every reader expects of a crash anyway.
    quietly(() => this.#disk.ftruncateSync(this.#fd, this.#bytes));
  }

  /**
   * Closes the file; one without a block goes, so that retries on a full disk leave none behind.
   * Never throws: what a disk loses behind this shows up as damage when it is read.
   */
  close(): void {
    if (this.#bytes === fileHeaderBytes) this.discard();
    else quietly(() => this.#disk.closeSync(this.#fd));
  }

  /** Closes the file and removes it, if the disk lets it go. */
  discard(): void {
    quietly(() => this.#disk.closeSync(this.#fd));
    quietly(() => this.#disk.unlinkSync(this.#path));
  }
}

/** For what a failing disk may refuse without harm. */
function quietly(call: () => void): void {
  try {
    call();
  } catch {
    // See the callers.
  }
}
