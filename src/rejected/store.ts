/**
 * Keeps entries that endpoints refused for good, in `rejected/` of the WAL directory: files of
 * JSON lines, a new one for each writer and at each size, of which the oldest go when there are
 * too many bytes. It must never throw and never block on a sync: what cannot be kept is counted.
 */
import { errnoOf } from '../base/errors.ts';
import { type FileSystem, writeFully } from '../base/file-system.ts';
import type { RejectedEntry } from './entry.ts';
import { fileName, listFiles, rejectedDirectory, removeFile, sizeOf } from './files.ts';
import { encodeEntry, fileHead } from './format.ts';

/** A store has about so many files: what goes when there is no room is one of them. */
const filesWanted = 8;
/** A file is begun anew at this size. */
const fileBytesMax = 8 << 20;

/** The file that is written. */
interface Current {
  readonly path: string;
  bytes: number;
}

/** See the module comment. One for each thread or process that writes. */
export class RejectedStore {
  readonly #disk: FileSystem;
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #fileBytes: number;
  #current: Current | undefined;

  /** `maxBytes`: all files together, whoever wrote them; 0: nothing is kept. */
  constructor(disk: FileSystem, root: string, { maxBytes }: { maxBytes: number }) {
    this.#disk = disk;
    this.#directory = rejectedDirectory(root);
    this.#maxBytes = maxBytes;
    this.#fileBytes = Math.min(fileBytesMax, Math.floor(maxBytes / filesWanted));
  }

  /** Bytes of all files in the store; 0 when it cannot be read. */
  get storedBytes(): number {
    try {
      return sizeOf(listFiles(this.#disk, this.#directory));
    } catch {
      return 0;
    }
  }

  /**
   * Keeps entries, the newest of all, and lets the oldest go for them. Returns how many could not
   * be kept: the disk does not take them, or they are larger than the whole store may be.
   */
  add(entries: readonly RejectedEntry[]): number {
    if (this.#maxBytes === 0) return entries.length;
    let kept = 0;
    let fd: number | undefined;
    const close = (): void => {
      const open = fd;
      fd = undefined;
      if (open !== undefined) this.#disk.closeSync(open);
    };
    try {
      let storedBytes = sizeOf(listFiles(this.#disk, this.#directory));
      for (const entry of entries) {
        const line = encodeEntry(entry);
        if (fileHead.length + line.length > this.#maxBytes) continue;
        const bytes = fileHead.length + line.length;
        if (storedBytes + bytes > this.#maxBytes) storedBytes = this.#makeRoom(bytes);
        // The file that is written may have been the oldest.
        if (this.#current === undefined || this.#isFull(this.#current, line)) {
          close();
          fd = this.#begin();
        }
        fd ??= this.#reopen();
        this.#append(fd, line);
        storedBytes += bytes;
        kept += 1;
      }
    } catch {
      // What is on the disk up to here is sound; the next call tries anew.
    }
    try {
      close();
    } catch {
      // It is closed all the same.
    }
    return entries.length - kept;
  }

  /** Whether a line goes into the next file; one that is longer than a file has one for itself. */
  #isFull({ bytes }: Current, line: Buffer): boolean {
    return bytes > fileHead.length && bytes + line.length > this.#fileBytes;
  }

  #append(fd: number, line: Buffer): void {
    const current = this.#current;
    if (current === undefined) throw new Error('there is no file to append to');
    try {
      writeFully(this.#disk, fd, line, current.bytes);
    } catch (error) {
      // If this fails, too, the next line is written over what is torn, or that is passed over.
      this.#disk.ftruncateSync(fd, current.bytes);
      throw error;
    }
    current.bytes += line.length;
  }

  /** The file that was written last, unless it has gone; then another one. */
  #reopen(): number {
    try {
      if (this.#current !== undefined) return this.#disk.openSync(this.#current.path, 'r+');
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    return this.#begin();
  }

  /** Begins a file behind all others. Returns its descriptor. */
  #begin(): number {
    const disk = this.#disk;
    disk.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    let number = (listFiles(disk, this.#directory).at(-1)?.number ?? 0) + 1;
    for (; ; number += 1) {
      const path = `${this.#directory}/${fileName(number)}`;
      const fd = create(disk, path);
      // Another writer has this one.
      if (fd === undefined) continue;
      try {
        writeFully(disk, fd, fileHead, 0);
      } catch (error) {
        disk.closeSync(fd);
        removeFile(disk, path);
        throw error;
      }
      this.#current = { path, bytes: fileHead.length };
      return fd;
    }
  }

  /** Lets the oldest files go until so many bytes more fit. Returns what is stored then. */
  #makeRoom(bytes: number): number {
    const files = listFiles(this.#disk, this.#directory);
    let stored = sizeOf(files);
    for (const { path, bytes: length } of files) {
      if (stored + bytes <= this.#maxBytes) break;
      removeFile(this.#disk, path);
      if (path === this.#current?.path) this.#current = undefined;
      stored -= length;
    }
    return stored;
  }
}

/** Undefined: there is such a file already. */
function create(disk: FileSystem, path: string): number | undefined {
  try {
    return disk.openSync(path, 'wx', 0o600);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  }
}
