/**
 * One segment file that is being written: every append is one synchronous write behind the
 * last good byte. A failed append leaves the file as it was before it. It knows how much of it
 * is durable, and may stay open behind its last block until all of it is.
 */
import { randomBytes } from 'node:crypto';
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { syncDirectory, writeFully } from '../base/file-system.ts';
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
  readonly sequence: number;
  readonly baseLsn: number;
  readonly baseOrdinal: number;
  readonly createdMs: number;
  readonly path: string;
  readonly #disk: FileSystem;
  readonly #directory: string;
  readonly #salt: number;
  /** Undefined when it is closed, for good or until somebody syncs it. */
  #fd: number | undefined;
  #bytes = fileHeaderBytes;
  #endLsn: number;
  #isClosed = false;
  /** Closed, and open for `sync` all the same. */
  #isKept = false;
  #syncsUnderWay = 0;
  #syncedBytes = 0;
  #syncedLsn: number;
  #isEntrySynced = false;

  /** Creates the file; one that is already there is an error (`EEXIST`), never overwritten. */
  constructor(disk: FileSystem, segment: NewSegment) {
    this.#disk = disk;
    this.#directory = segment.directory;
    this.#salt = randomSalt();
    this.sequence = segment.sequence;
    this.baseLsn = segment.baseLsn;
    this.baseOrdinal = segment.baseOrdinal;
    this.createdMs = segment.createdMs;
    this.#endLsn = segment.baseLsn;
    this.#syncedLsn = segment.baseLsn;
    this.path = `${segment.directory}/${segmentName(segment.sequence)}`;
    this.#fd = disk.openSync(this.path, 'wx', 0o600);
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

  /** Whether no block is in it. */
  get isEmpty(): boolean {
    return this.#bytes === fileHeaderBytes;
  }

  /** Whether a loss of power could take some of it. */
  get isDirty(): boolean {
    return this.#syncedBytes < this.#bytes || !this.#isEntrySynced;
  }

  /** Whether nothing is appended any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The stream up to here would survive a loss of power. */
  get syncedLsn(): number {
    return this.#isEntrySynced ? this.#syncedLsn : this.baseLsn;
  }

  /** Appends one block. Throws what the disk threw, with the file cut back to its last block. */
  append(block: NewBlock, payload: Uint8Array): void {
    const fd = this.#fd;
    if (fd === undefined || this.#isClosed) throw new Error(`${this.path} is closed`);
    encodeBlock(header, trailer, this.#salt, this.#bytes, block, payload);
    const total = header.length + payload.length + trailer.length;
    try {
      const written = this.#disk.writevSync(fd, [header, payload, trailer], this.#bytes);
      if (written < total) {
        const whole = Buffer.concat([header, payload, trailer]);
        writeFully(this.#disk, fd, whole.subarray(written), this.#bytes + written);
      }
    } catch (error) {
      // A torn block at the end is what every reader expects of a crash anyway.
      quietly(() => this.#disk.ftruncateSync(fd, this.#bytes));
      throw error;
    }
    this.#bytes += total;
    this.#endLsn = block.lsn + block.lsnSpan;
  }

  /**
   * Makes what is in the file at this moment durable, off this thread. Rejects with what the
   * disk threw; what of the file is durable is then unknown.
   */
  async sync(): Promise<void> {
    const bytes = this.#bytes;
    const endLsn = this.#endLsn;
    if (this.#syncedBytes >= bytes) return;
    this.#fd ??= this.#disk.openSync(this.path, 'r');
    const fd = this.#fd;
    this.#syncsUnderWay += 1;
    try {
      await syncIfItCan(() => this.#disk.fdatasync(fd));
    } finally {
      // Not before: a number given back is given to the next file.
      this.#syncsUnderWay -= 1;
      if (this.#isClosed && !this.#isKept) this.#closeFile();
    }
    this.#syncedBytes = bytes;
    this.#syncedLsn = endLsn;
  }

  /** Makes it durable that the file is there. Rejects with what the disk threw. */
  async syncEntry(): Promise<void> {
    if (this.#isEntrySynced) return;
    await syncIfItCan(() => syncDirectory(this.#disk, this.#directory));
    this.#isEntrySynced = true;
  }

  /**
   * Nothing is appended any more. `isKept`: the file stays open for `sync`, until `letGo`.
   * Never throws: what a disk loses behind this shows up as damage when it is read.
   */
  close(isKept = false): void {
    this.#isClosed = true;
    this.#isKept = isKept;
    if (!isKept) this.#closeFile();
  }

  /** Ends what `close` kept. */
  letGo(): void {
    this.#isKept = false;
    this.#closeFile();
  }

  /** Gives the descriptor back for now; `sync` opens the file again. */
  park(): void {
    this.#closeFile();
  }

  /** Closes the file and removes it, if the disk lets it go. */
  discard(): void {
    this.close();
    quietly(() => this.#disk.unlinkSync(this.path));
  }

  #closeFile(): void {
    const fd = this.#fd;
    if (fd === undefined || this.#syncsUnderWay > 0) return;
    this.#fd = undefined;
    quietly(() => this.#disk.closeSync(fd));
  }
}

/** A file system that knows no syncing is as durable as it gets. */
async function syncIfItCan(sync: () => Promise<void>): Promise<void> {
  try {
    await sync();
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (errno !== 'EINVAL' && errno !== 'ENOSYS' && errno !== 'ENOTSUP') throw error;
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
