/**
 * A file of real bytes that can be let go at once: when the disk is full, its space lets the
 * log write what it holds and give up what it must, without waiting for anybody.
 */
import { setImmediate } from 'node:timers/promises';
import { type FileSystem, writeFully } from '../base/file-system.ts';
import { unlinkIfThere } from './catalog.ts';

const fileName = 'reserve.bin';
const reserveBytesMax = 64 << 20;
const stepBytes = 1 << 20;

/** See the module comment. One per WAL directory. */
export class Reserve {
  readonly #disk: FileSystem;
  readonly #path: string;
  #isFilled = false;
  #isFilling = false;
  /** The file while it is filled. */
  #fd: number | undefined;

  /** Takes over a whole file of a former process; a part of one goes. */
  constructor(disk: FileSystem, root: string) {
    this.#disk = disk;
    this.#path = `${root}/${fileName}`;
    try {
      const size = disk.statSync(this.#path)?.size;
      this.#isFilled = size !== undefined && size >= this.#wantedBytes(root);
      if (size !== undefined && !this.#isFilled) unlinkIfThere(disk, this.#path);
    } catch {
      // A disk that cannot be asked now has no reserve.
    }
  }

  /** Whether there is something to let go. */
  get isFilled(): boolean {
    return this.#isFilled;
  }

  /**
   * Makes the file, in steps that leave the thread to others. Only where twice its size is free
   * beside `minFreeBytes`: it must not be what fills the disk. Resolves with whether it is there.
   */
  async fill(minFreeBytes: number): Promise<boolean> {
    if (this.#isFilled || this.#isFilling) return this.#isFilled;
    this.#isFilling = true;
    try {
      this.#isFilled = await this.#write(minFreeBytes);
    } catch {
      this.#discard();
    } finally {
      this.#isFilling = false;
    }
    return this.#isFilled;
  }

  /**
   * Lets the space go. Returns whether there was any. What is just being filled goes, too, and
   * is not filled any further: it may be what took the last of a quota.
   */
  release(): boolean {
    if (this.#fd !== undefined) return this.#abandon(this.#fd);
    if (!this.#isFilled) return false;
    this.#isFilled = false;
    return this.#discard();
  }

  async #write(minFreeBytes: number): Promise<boolean> {
    const directory = this.#path.slice(0, -fileName.length - 1);
    const wantedBytes = this.#wantedBytes(directory);
    const { freeBytes } = this.#disk.statfsSync(directory);
    if (wantedBytes === 0 || freeBytes < 2 * wantedBytes + minFreeBytes) return false;
    const fd = this.#disk.openSync(this.#path, 'w', 0o600);
    this.#fd = fd;
    try {
      // Not zeros: a file system may keep a hole in their place, and a hole frees nothing.
      const step = Buffer.alloc(stepBytes, 0x72);
      for (let at = 0; at < wantedBytes; at += step.length) {
        writeFully(this.#disk, fd, step.subarray(0, Math.min(step.length, wantedBytes - at)), at);
        await setImmediate();
        if (this.#fd === undefined) throw new Error('the space is needed');
      }
    } finally {
      this.#fd = undefined;
      this.#disk.closeSync(fd);
    }
    return true;
  }

  /** The file is open: to unlink it would free nothing before it is closed. */
  #abandon(fd: number): boolean {
    this.#fd = undefined;
    try {
      this.#disk.ftruncateSync(fd, 0);
      return true;
    } catch {
      return false;
    }
  }

  #wantedBytes(directory: string): number {
    const { totalBytes } = this.#disk.statfsSync(directory);
    return Math.min(reserveBytesMax, Math.floor(totalBytes / 100));
  }

  #discard(): boolean {
    try {
      unlinkIfThere(this.#disk, this.#path);
      return true;
    } catch {
      return false;
    }
  }
}
