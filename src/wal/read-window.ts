/**
 * The one window through which a thread reads segment files: bounded, shared by all of them,
 * so memory does not grow with containers or with the size of segments. What it holds is void
 * as soon as another place is read.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { blockOverheadBytes, storedBytesMax } from './format.ts';

/** How much is read ahead at once; one block may need more, never more than the window. */
const readAheadBytes = 256 * 1024;

/** Bytes of a file at a place. */
interface Held {
  bytes: Buffer;
  owner: object | undefined;
  at: number;
  length: number;
}

const held: Held = { bytes: Buffer.alloc(0), owner: undefined, at: 0, length: 0 };

/** One file as seen through the thread's window. */
export class ReadWindow {
  readonly #disk: FileSystem;
  readonly #fd: number;

  constructor(disk: FileSystem, fd: number) {
    this.#disk = disk;
    this.#fd = fd;
  }

  /** Whether these bytes are in the window already. */
  holds(offset: number, length: number): boolean {
    const at = offset - held.at;
    return held.owner === this && at >= 0 && at + length <= held.length;
  }

  /**
   * Makes `[offset, offset + length)` readable if the file has it. Returns its place in
   * `bytes`; less than `length` may follow there.
   */
  load(offset: number, length: number): number {
    if (this.holds(offset, length)) return offset - held.at;
    if (held.bytes.length === 0) {
      held.bytes = Buffer.allocUnsafeSlow(blockOverheadBytes + storedBytesMax);
    }
    const wanted = Math.min(held.bytes.length, Math.max(length, readAheadBytes));
    held.owner = undefined;
    held.length = readAtLeast(this.#disk, this.#fd, held.bytes, offset, length, wanted);
    held.owner = this;
    held.at = offset;
    return 0;
  }

  /** What the window holds; valid until the next `load` in this thread. */
  get bytes(): Buffer {
    return held.bytes.subarray(0, held.length);
  }

  /** Offset in the file of the window's first byte. */
  get at(): number {
    return held.at;
  }

  /** Forgets what was read, so that the next `load` asks the disk. */
  forget(): void {
    if (held.owner === this) held.owner = undefined;
  }
}

/** Reads `wanted` bytes or what the file has; short reads go on up to `needed`. */
export function readAtLeast(
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
