/**
 * The segment files that readers of one thread hold open: bounded, the one used longest ago
 * goes first. So descriptors follow a setting, not the number of containers.
 */
import type { FileSystem } from '../base/file-system.ts';
import { SegmentFile } from './segment-file.ts';

/** See the module comment. */
export class SegmentFiles {
  readonly #disk: FileSystem;
  readonly #openMax: number;
  readonly #files = new Map<string, { file: SegmentFile; usedAtMs: number }>();

  readonly #nowMs: () => number;

  /** `nowMs` is monotonic; only differences count. */
  constructor(disk: FileSystem, openMax = 256, nowMs: () => number = () => performance.now()) {
    this.#disk = disk;
    this.#openMax = openMax;
    this.#nowMs = nowMs;
  }

  /** The file, opened if need be; undefined when it is gone or not a segment of the container. */
  open(directory: string, sequence: number, containerId: string): SegmentFile | undefined {
    const key = `${directory}/${sequence}`;
    const held = this.#files.get(key);
    if (held !== undefined) {
      held.usedAtMs = this.#nowMs();
      this.#files.delete(key);
      this.#files.set(key, held);
      return held.file;
    }
    if (sequence === 0) return undefined;
    const file = SegmentFile.open(this.#disk, directory, sequence, containerId);
    if (file === undefined) return undefined;
    this.#files.set(key, { file, usedAtMs: this.#nowMs() });
    if (this.#files.size > this.#openMax) this.#closeOldest();
    return file;
  }

  /**
   * As `open`, but never a file that was sealed or given up since it was opened: whoever comes
   * from the segment before it must see what stands there now.
   */
  openFresh(directory: string, sequence: number, containerId: string): SegmentFile | undefined {
    const held = this.#files.get(`${directory}/${sequence}`)?.file;
    if (held === undefined) return this.open(directory, sequence, containerId);
    const now = SegmentFile.open(this.#disk, directory, sequence, containerId);
    const isOther = now !== undefined && now.header.salt !== held.header.salt;
    now?.close();
    if (isOther) this.close(directory, sequence);
    return this.open(directory, sequence, containerId);
  }

  /** Lets go of one file, so that an unlinked segment gives its space back. */
  close(directory: string, sequence: number): void {
    const key = `${directory}/${sequence}`;
    const held = this.#files.get(key);
    this.#files.delete(key);
    held?.file.close();
  }

  /** Lets go of every file of a directory. */
  closeDirectory(directory: string): void {
    for (const [key, { file }] of this.#files) {
      if (!key.startsWith(`${directory}/`)) continue;
      this.#files.delete(key);
      file.close();
    }
  }

  /**
   * Lets go of what nobody read for `idleMs`: a segment that was sealed or given up keeps its
   * space until the last reader closes it.
   */
  closeIdle(idleMs: number): void {
    const before = this.#nowMs() - idleMs;
    // They stand in the order of their use.
    for (const [key, { file, usedAtMs }] of this.#files) {
      if (usedAtMs > before) return;
      this.#files.delete(key);
      file.close();
    }
  }

  #closeOldest(): void {
    for (const [key, { file }] of this.#files) {
      this.#files.delete(key);
      file.close();
      return;
    }
  }
}
