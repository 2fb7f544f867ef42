/**
 * A disk in memory that can lose power, fill up and fail at any call, for tests of what is on
 * it afterwards. It answers as the real one does; memory-disk.test.ts holds the two together.
 * What was not synced is at the mercy of `crash`; `kill` takes the process only.
 */
import { errnoOf } from '../../src/base/errors.ts';
import type { FileSystem } from '../../src/base/file-system.ts';
import { DiskFaults } from './disk-faults.ts';
import { type Loss, MemoryFile, type SyncInFlight } from './memory-file.ts';
import { diskError, MemoryDirectory, type MemoryNode, MemoryTree, partsOf } from './memory-tree.ts';

interface Open {
  node: MemoryNode;
  path: string;
  canRead: boolean;
  canWrite: boolean;
}

/** How large a disk is, and in which pieces it loses. */
export interface MemoryDiskOptions {
  /** What is written or lost as one; 4 KiB on most real disks, less shows more. */
  blockBytes?: number;
  /** Room for the content of all files. */
  capacityBytes?: number;
}

/** See the module comment. */
export class MemoryDisk implements FileSystem {
  readonly faults = new DiskFaults();
  /** Room for the content of all files; may change under way. */
  capacityBytes: number;
  readonly #blockBytes: number;
  #tree = new MemoryTree();
  #open = new Map<number, Open>();
  #lastFd = 1000;
  /** Grows with each kill and crash: what was under way before never ends. */
  #life = 0;

  constructor(options: MemoryDiskOptions = {}) {
    this.#blockBytes = options.blockBytes ?? 4096;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Paths of the descriptors that are open. */
  get openPaths(): string[] {
    return [...this.#open.values()].map(({ path }) => path);
  }

  /** What all files take of the disk. */
  get usedBytes(): number {
    const files = new Set(this.#tree.files().map(([, file]) => file));
    for (const { node } of this.#open.values()) if (node.kind === 'file') files.add(node);
    let used = 0;
    for (const file of files) used += file.allocatedBytes;
    return used;
  }

  /** All files that have a name, by path, with what a program would read. */
  contents(): Map<string, Buffer> {
    return new Map(this.#tree.files().map(([path, file]) => [path, file.content()]));
  }

  /** The process dies: descriptors are gone, everything written stays. */
  kill(): void {
    this.#life += 1;
    this.#open.clear();
    this.faults.revive();
  }

  /** The power goes: what was not synced is lost as `loss` decides. */
  crash(loss: Loss): void {
    this.kill();
    this.#tree.crash(loss);
  }

  /** Makes all that there is durable. */
  syncAll(): void {
    this.#tree.syncAll();
    for (const [, file] of this.#tree.files()) file.endSync(file.beginSync());
  }

  openSync(path: string, flags: string, _mode?: number): number {
    const creates = flags.startsWith('w') || flags.startsWith('a');
    const canWrite = creates || flags.includes('+');
    const open = (): number => {
      const node = creates ? this.#openForWriting(path, flags) : this.#tree.get(path, 'open');
      if (canWrite && node.kind === 'directory') throw diskError('EISDIR', 'open', path);
      this.#lastFd += 1;
      const canRead = flags.startsWith('r') || flags.includes('+');
      this.#open.set(this.#lastFd, { node, path, canRead, canWrite });
      return this.#lastFd;
    };
    if (canWrite) return this.faults.change('openSync', path, open);
    this.faults.read('openSync', path);
    return open();
  }

  #openForWriting(path: string, flags: string): MemoryNode {
    const found = this.#tree.find(path, 'open');
    if (found !== undefined) {
      if (flags.includes('x')) throw diskError('EEXIST', 'open', path);
      if (flags.startsWith('w') && found.kind === 'file') found.truncate(0);
      return found;
    }
    const { directory, name } = this.#tree.place(path, 'open');
    const node = new MemoryFile(this.#blockBytes);
    this.#tree.apply({ directory, name, node });
    return node;
  }

  closeSync(fd: number): void {
    const { path } = this.#opened(fd, 'close');
    // A close that fails has closed all the same.
    if (!this.faults.isDead) this.#open.delete(fd);
    this.faults.read('closeSync', path);
  }

  readSync(fd: number, target: Uint8Array, offset: number, length: number, at: number): number {
    const { node, path, canRead } = this.#opened(fd, 'read');
    const isShort = this.faults.read('readSync', path);
    if (length === 0) return 0;
    if (offset + length > target.length) throw new RangeError(`length ${length} is out of range`);
    if (!canRead) throw diskError('EBADF', 'read', path);
    if (node.kind === 'directory') throw diskError('EISDIR', 'read', path);
    return node.read(target, offset, isShort ? Math.ceil(length / 2) : length, at);
  }

  writeSync(fd: number, source: Uint8Array, offset: number, length: number, at: number): number {
    if (offset + length > source.length) throw new RangeError(`length ${length} is out of range`);
    return this.#write('writeSync', fd, source.subarray(offset, offset + length), at);
  }

  writevSync(fd: number, sources: readonly Uint8Array[], at: number): number {
    return this.#write('writevSync', fd, Buffer.concat(sources), at);
  }

  #write(call: 'writeSync' | 'writevSync', fd: number, bytes: Uint8Array, at: number): number {
    const { node, path, canWrite } = this.#opened(fd, 'write');
    return this.faults.change(call, path, (verdict) => {
      if (!canWrite || node.kind === 'directory') throw diskError('EBADF', 'write', path);
      if (bytes.length === 0) return 0;
      const wanted = verdict === 'whole' ? bytes : bytes.subarray(0, Math.ceil(bytes.length / 2));
      const written = node.write(wanted, at, this.#freeBytes());
      if (written === 0 || verdict === 'half-and-throw') throw diskError('ENOSPC', 'write', path);
      return written;
    });
  }

  ftruncateSync(fd: number, length: number): void {
    const { node, path, canWrite } = this.#opened(fd, 'ftruncate');
    this.faults.change('ftruncateSync', path, () => {
      if (!canWrite || node.kind === 'directory') throw diskError('EINVAL', 'ftruncate', path);
      node.truncate(length);
    });
  }

  fdatasyncSync(fd: number): void {
    const { node, path } = this.#opened(fd, 'fdatasync');
    const sync = node.kind === 'file' ? node.beginSync() : undefined;
    this.#sync('fdatasyncSync', node, path, sync);
  }

  async fdatasync(fd: number): Promise<void> {
    const { node, path } = this.#opened(fd, 'fdatasync');
    const sync = node.kind === 'file' ? node.beginSync() : undefined;
    const life = this.#life;
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        // After a kill nobody is there any more to hear of it.
        if (life === this.#life) resolve();
      });
    });
    this.#sync('fdatasync', node, path, sync);
  }

  #sync(
    call: 'fdatasync' | 'fdatasyncSync',
    node: MemoryNode,
    path: string,
    sync: SyncInFlight | undefined,
  ): void {
    this.faults.change(
      call,
      path,
      (verdict) => {
        if (verdict !== 'whole') {
          if (node.kind === 'file' && sync !== undefined) node.failSync(sync);
          throw diskError('EIO', call, path);
        }
        if (node.kind === 'directory') this.#tree.sync(node);
        else if (sync !== undefined) node.endSync(sync);
      },
      () => {
        if (node.kind === 'file' && sync !== undefined) node.failSync(sync);
      },
    );
  }

  fstatSync(fd: number): { size: number } {
    const { node, path } = this.#opened(fd, 'fstat');
    this.faults.read('fstatSync', path);
    return { size: sizeOf(node) };
  }

  statSync(path: string): { size: number } | undefined {
    this.faults.read('statSync', path);
    try {
      const node = this.#tree.find(path, 'stat');
      return node && { size: sizeOf(node) };
    } catch {
      return undefined;
    }
  }

  statfsSync(path: string): { totalBytes: number; freeBytes: number } {
    this.faults.read('statfsSync', path);
    this.#tree.get(path, 'statfs');
    const totalBytes = Math.min(this.capacityBytes, 2 ** 40);
    return { totalBytes, freeBytes: Math.min(this.#freeBytes(), 2 ** 40) };
  }

  renameSync(from: string, to: string): void {
    this.faults.change('renameSync', from, () => {
      const source = this.#tree.place(from, 'rename');
      const target = this.#tree.place(to, 'rename');
      const node = this.#tree.get(from, 'rename');
      const there = this.#tree.find(to, 'rename');
      if (there === node) return;
      if (isUnder(from, to)) throw diskError('EINVAL', 'rename', from);
      if (isUnder(to, from)) throw diskError('ENOTEMPTY', 'rename', from);
      if (there !== undefined) checkReplacement(node, there, from);
      this.#tree.apply({ ...source, node: undefined }, { ...target, node });
    });
  }

  unlinkSync(path: string): void {
    this.faults.change('unlinkSync', path, () => {
      const node = this.#tree.get(path, 'unlink');
      if (node.kind === 'directory') throw diskError('EISDIR', 'unlink', path);
      this.#tree.apply({ ...this.#tree.place(path, 'unlink'), node: undefined });
    });
  }

  mkdirSync(path: string, options: { recursive: boolean; mode: number }): string | undefined {
    return this.faults.change('mkdirSync', path, () => {
      const parts = path.split('/').filter((name) => name !== '');
      let first: string | undefined;
      for (let depth = options.recursive ? 1 : parts.length; depth <= parts.length; depth += 1) {
        const part = `/${parts.slice(0, depth).join('/')}`;
        const found = this.#tree.find(part, 'mkdir');
        const isLast = depth === parts.length;
        if (found?.kind === 'file' && isLast) throw diskError('EEXIST', 'mkdir', path);
        if (found !== undefined && !options.recursive) throw diskError('EEXIST', 'mkdir', path);
        if (found !== undefined) continue;
        this.#tree.apply({ ...this.#tree.place(part, 'mkdir'), node: new MemoryDirectory() });
        first ??= part;
      }
      return first;
    });
  }

  rmdirSync(path: string): void {
    this.faults.change('rmdirSync', path, () => {
      const node = this.#tree.get(path, 'rmdir');
      if (node.kind === 'file') throw diskError('ENOTDIR', 'rmdir', path);
      if (node.entries.size > 0) throw diskError('ENOTEMPTY', 'rmdir', path);
      this.#tree.apply({ ...this.#tree.place(path, 'rmdir'), node: undefined });
    });
  }

  /** One change for each thing that goes, so that a death in the middle leaves the rest. */
  rmSync(path: string, options: { recursive: boolean; force: boolean }): void {
    let node: MemoryNode | undefined;
    try {
      node = this.#tree.find(path, 'rm');
    } catch (error) {
      const isGone = options.recursive || errnoOf(error) === 'ENOENT';
      if (!options.force || !isGone) throw error;
    }
    if (node === undefined && options.force) return;
    if (node === undefined) throw diskError('ENOENT', 'rm', path);
    if (node.kind === 'directory') {
      if (!options.recursive) throw diskError('ERR_FS_EISDIR', 'rm', path);
      for (const name of [...node.entries.keys()]) this.rmSync(`${path}/${name}`, options);
    }
    this.faults.change('rmSync', path, () => {
      this.#tree.apply({ ...this.#tree.place(path, 'rm'), node: undefined });
    });
  }

  /** In no order that anybody could rely on. */
  readdirSync(path: string): string[] {
    this.faults.read('readdirSync', path);
    const node = this.#tree.get(path, 'scandir');
    if (node.kind === 'file') throw diskError('ENOTDIR', 'scandir', path);
    return [...node.entries.keys()].toReversed();
  }

  readFileSync(path: string): Buffer {
    this.faults.read('readFileSync', path);
    const node = this.#tree.get(path, 'open');
    if (node.kind === 'directory') throw diskError('EISDIR', 'read', path);
    return node.content();
  }

  /** Puts a file there from outside, durable: for damage that no program did. */
  plant(path: string, content: Uint8Array): void {
    const { directory, name } = this.#tree.place(path, 'open');
    const node = new MemoryFile(this.#blockBytes);
    node.write(content, 0, Number.POSITIVE_INFINITY);
    node.endSync(node.beginSync());
    this.#tree.apply({ directory, name, node });
    this.#tree.sync(directory);
  }

  #opened(fd: number, call: string): Open {
    const open = this.#open.get(fd);
    if (open === undefined) throw diskError('EBADF', call, String(fd));
    return open;
  }

  #freeBytes(): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return this.capacityBytes;
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }
}

function sizeOf(node: MemoryNode): number {
  return node.kind === 'file' ? node.size : 4096;
}

/** Whether `path` lies in the directory `above`. */
function isUnder(above: string, path: string): boolean {
  return `/${partsOf(path).join('/')}/`.startsWith(`/${partsOf(above).join('/')}/`);
}

function checkReplacement(node: MemoryNode, there: MemoryNode, from: string): void {
  if (there.kind === 'directory') {
    if (node.kind === 'file') throw diskError('EISDIR', 'rename', from);
    if (there.entries.size > 0) throw diskError('ENOTEMPTY', 'rename', from);
  } else if (node.kind === 'directory') {
    throw diskError('ENOTDIR', 'rename', from);
  }
}
