/**
 * A disk that fails as told: the real one, with faults at chosen calls. It also counts open
 * descriptors, so that a test can say that none is left behind.
 */
import { type FileSystem, nodeFileSystem } from '../../src/base/file-system.ts';

/** What goes wrong at a call. `short` writes or reads half and says so; others throw. */
export type Fault = 'short' | 'torn' | 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EROFS' | 'EMFILE';

/** A call that can fail. */
export type DiskCall = Exclude<keyof FileSystem, 'fdatasync'> | 'fdatasync';

interface Plan {
  call: DiskCall;
  /** How many calls go well before. */
  after: number;
  times: number;
  fault: Fault;
}

/** See the module comment. Every method of `FileSystem`, over the real disk. */
export class FaultyDisk implements FileSystem {
  /** Paths of the descriptors that are open. */
  readonly openPaths = new Map<number, string>();
  /** How many faults have struck. */
  struck = 0;
  /** What `statfsSync` says; the truth by default. */
  space: { totalBytes: number; freeBytes: number } | undefined;
  /** A range of every file that cannot be read, as a bad page cannot. */
  badRange: { from: number; to: number } | undefined;
  #plans: Plan[] = [];

  /** Lets `call` fail `times` times after `after` more that go well. */
  fail(call: DiskCall, fault: Fault, after = 0, times = 1): void {
    this.#plans.push({ call, after, times, fault });
  }

  /** All is well from now on. */
  heal(): void {
    this.#plans = [];
  }

  openSync(path: string, flags: string, mode?: number): number {
    this.#strike('openSync');
    const fd = nodeFileSystem.openSync(path, flags, mode);
    this.openPaths.set(fd, path);
    return fd;
  }

  closeSync(fd: number): void {
    this.openPaths.delete(fd);
    nodeFileSystem.closeSync(fd);
    this.#strike('closeSync');
  }

  readSync(fd: number, target: Uint8Array, offset: number, length: number, at: number): number {
    const fault = this.#strike('readSync');
    let wanted = fault === 'short' ? Math.ceil(length / 2) : length;
    const { from, to } = this.badRange ?? { from: Number.POSITIVE_INFINITY, to: 0 };
    if (at >= from && at < to) {
      this.struck += 1;
      throw errorOf('EIO', 'read');
    }
    if (at < from) wanted = Math.min(wanted, from - at);
    return nodeFileSystem.readSync(fd, target, offset, wanted, at);
  }

  writeSync(fd: number, source: Uint8Array, offset: number, length: number, at: number): number {
    const fault = this.#due('writeSync');
    if (fault === undefined) return nodeFileSystem.writeSync(fd, source, offset, length, at);
    const half = Math.ceil(length / 2);
    if (fault === 'short') return nodeFileSystem.writeSync(fd, source, offset, half, at);
    if (fault === 'torn') nodeFileSystem.writeSync(fd, source, offset, half, at);
    throw errorOf(fault, 'write');
  }

  writevSync(fd: number, sources: readonly Uint8Array[], at: number): number {
    const fault = this.#due('writevSync');
    if (fault === undefined) return nodeFileSystem.writevSync(fd, sources, at);
    const whole = Buffer.concat(sources);
    const half = Math.ceil(whole.length / 2);
    if (fault === 'short' || fault === 'torn') {
      nodeFileSystem.writeSync(fd, whole, 0, half, at);
      if (fault === 'short') return half;
    }
    throw errorOf(fault, 'writev');
  }

  ftruncateSync(fd: number, length: number): void {
    this.#strike('ftruncateSync');
    nodeFileSystem.ftruncateSync(fd, length);
  }

  fdatasyncSync(fd: number): void {
    this.#strike('fdatasyncSync');
    nodeFileSystem.fdatasyncSync(fd);
  }

  async fdatasync(fd: number): Promise<void> {
    this.#strike('fdatasync');
    await nodeFileSystem.fdatasync(fd);
  }

  fstatSync(fd: number): { size: number } {
    this.#strike('fstatSync');
    return nodeFileSystem.fstatSync(fd);
  }

  statSync(path: string): { size: number } | undefined {
    this.#strike('statSync');
    return nodeFileSystem.statSync(path);
  }

  statfsSync(path: string): { totalBytes: number; freeBytes: number } {
    this.#strike('statfsSync');
    return this.space ?? nodeFileSystem.statfsSync(path);
  }

  renameSync(from: string, to: string): void {
    this.#strike('renameSync');
    nodeFileSystem.renameSync(from, to);
  }

  unlinkSync(path: string): void {
    this.#strike('unlinkSync');
    nodeFileSystem.unlinkSync(path);
  }

  mkdirSync(path: string, options: { recursive: boolean; mode: number }): unknown {
    this.#strike('mkdirSync');
    return nodeFileSystem.mkdirSync(path, options);
  }

  rmdirSync(path: string): void {
    this.#strike('rmdirSync');
    nodeFileSystem.rmdirSync(path);
  }

  rmSync(path: string, options: { recursive: boolean; force: boolean }): void {
    this.#strike('rmSync');
    nodeFileSystem.rmSync(path, options);
  }

  readdirSync(path: string): string[] {
    this.#strike('readdirSync');
    return nodeFileSystem.readdirSync(path);
  }

  readFileSync(path: string): Buffer {
    this.#strike('readFileSync');
    return nodeFileSystem.readFileSync(path);
  }

  /** The fault that is due at this call, if any; throws the ones that are errors. */
  #strike(call: DiskCall): Fault | undefined {
    const fault = this.#due(call);
    if (fault === undefined || fault === 'short') return fault;
    throw errorOf(fault, call);
  }

  #due(call: DiskCall): Fault | undefined {
    for (const plan of this.#plans) {
      if (plan.call !== call || plan.times === 0) continue;
      if (plan.after > 0) {
        plan.after -= 1;
        continue;
      }
      plan.times -= 1;
      this.struck += 1;
      return plan.fault;
    }
    return undefined;
  }
}

function errorOf(fault: Fault, call: string): Error {
  const code = fault === 'torn' || fault === 'short' ? 'ENOSPC' : fault;
  return Object.assign(new Error(`${code}: told to fail, ${call}`), { code });
}
