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
  readonly #files = new Map<string, SegmentFile>();

  constructor(disk: FileSystem, openMax = 256) {
    this.#disk = disk;
    this.#openMax = openMax;
  }

  /** The file, opened if need be; undefined when it is gone or not a segment of the container. */
  open(directory: string, sequence: number, containerId: string): SegmentFile | undefined {
    const key = `${directory}/${sequence}`;
    const held = this.#files.get(key);
    if (held !== undefined) {
      this.#files.delete(key);
      this.#files.set(key, held);
      return held;
    }
    if (sequence === 0) return undefined;
    const file = SegmentFile.open(this.#disk, directory, sequence, containerId);
    if (file === undefined) return undefined;
    this.#files.set(key, file);
    if (this.#files.size > this.#openMax) this.#closeOldest();
    return file;
  }

  /** Lets go of one file, so that an unlinked segment gives its space back. */
  close(directory: string, sequence: number): void {
    const key = `${directory}/${sequence}`;
    this.#files.get(key)?.close();
    this.#files.delete(key);
  }

  /** Lets go of every file of a directory. */
  closeDirectory(directory: string): void {
    for (const [key, file] of this.#files) {
      if (!key.startsWith(`${directory}/`)) continue;
      file.close();
      this.#files.delete(key);
    }
  }

  #closeOldest(): void {
    for (const [key, file] of this.#files) {
      file.close();
      this.#files.delete(key);
      return;
    }
  }
}
