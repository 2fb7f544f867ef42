/**
 * A real file system that is small: a tmpfs at a directory of its own, which tests fill, free
 * and make read-only. It needs the right to mount. It must never outlive the test that made it:
 * `dispose` unmounts it whatever is still open in there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';

const foreignName = 'foreign.bin';
const stepBytes = 1 << 20;
/** tmpfs gives space out in pages, and a directory entry takes none. */
const pageBytes = 4096;

/** Why no small disk can be made here; false where one can. For the `skip` of a test. */
export function whyNoSmallDisk(): string | false {
  const directory = fs.mkdtempSync(`${os.tmpdir()}/holdfast-disk-`);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]);
  if (status === 0) execFileSync('umount', [directory]);
  fs.rmdirSync(directory);
  return status === 0 ? false : 'mounting a tmpfs needs root, and a kernel that lets it';
}

/** See the module comment. */
export class SmallDisk {
  readonly path: string;
  readonly #isOwn: boolean;
  #isReadOnly = false;

  /** At a new directory, or over one that is there. */
  constructor(bytes: number, path?: string) {
    this.#isOwn = path === undefined;
    this.path = path ?? fs.mkdtempSync(`${os.tmpdir()}/holdfast-disk-`);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', this.path]);
  }

  get freeBytes(): number {
    const { bavail, bsize } = fs.statfsSync(this.path);
    return bavail * bsize;
  }

  /** A file of somebody else takes all but so many bytes. */
  fill(leaveBytes = 0): void {
    const fd = fs.openSync(`${this.path}/${foreignName}`, 'a');
    try {
      for (;;) {
        const bytes = Math.min(stepBytes, this.freeBytes - leaveBytes);
        if (bytes < pageBytes) return;
        fs.writeSync(fd, Buffer.alloc(bytes, 0x66));
      }
    } catch (error) {
      // Whoever else writes to it was faster.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    } finally {
      fs.closeSync(fd);
    }
  }

  /** The file of somebody else goes. */
  free(): void {
    fs.rmSync(`${this.path}/${foreignName}`, { force: true });
  }

  /** From now on so many more files can be made, and no others. */
  limitFiles(more: number): void {
    const { files, ffree } = fs.statfsSync(this.path);
    this.#remount(`nr_inodes=${files - ffree + more}`);
  }

  /** As many files as anybody wants. */
  unlimitFiles(): void {
    this.#remount('nr_inodes=100000');
  }

  /**
   * Whatever is opened from now on is on a read-only file system. What is open for writing stays
   * so: a kernel that makes a file system read-only under its writers cannot be had in a test.
   */
  setReadOnly(): void {
    execFileSync('mount', ['--bind', this.path, this.path]);
    execFileSync('mount', ['-o', 'remount,bind,ro', this.path]);
    this.#isReadOnly = true;
  }

  /** Everything is as it was before `setReadOnly`. */
  setWritable(): void {
    if (this.#isReadOnly) execFileSync('umount', ['-l', this.path]);
    this.#isReadOnly = false;
  }

  dispose(): void {
    this.setWritable();
    spawnSync('umount', ['-l', this.path]);
    if (this.#isOwn) fs.rmSync(this.path, { recursive: true, force: true });
  }

  #remount(option: string): void {
    execFileSync('mount', ['-o', `remount,${option}`, this.path]);
  }
}
