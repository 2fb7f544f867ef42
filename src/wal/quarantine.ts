/**
 * Keeps a copy of what is damaged, for whoever wants to look at it or to save what can be
 * saved: `quarantine/` in the container's directory. Capped, each place once, and never the
 * cause of another failure.
 */
import type { FileSystem } from '../base/file-system.ts';
import { writeFully } from '../base/file-system.ts';
import { quarantineBytesMax } from '../base/limits.ts';
import { sealedName, segmentName } from './catalog.ts';
import type { SegmentFile } from './segment-file.ts';

const directoryName = 'quarantine';
const pieceBytes = 256 * 1024;

/** See the module comment. One per container's directory and user of it. */
export class Quarantine {
  readonly #disk: FileSystem;
  readonly #path: string;
  readonly #onKept: (bytes: number) => void;

  /** `onKept` hears of every copy that is made. */
  constructor(disk: FileSystem, directory: string, onKept: (bytes: number) => void = () => {}) {
    this.#disk = disk;
    this.#path = `${directory}/${directoryName}`;
    this.#onKept = onKept;
  }

  /** Copies `[from, to)` of a segment file, as far as the cap allows and the disk gives it. */
  keep(file: SegmentFile, from: number, to: number): void {
    const name = (file.isSealed ? sealedName : segmentName)(file.sequence);
    try {
      const room = this.#room();
      const end = Math.min(to, from + room);
      if (end <= from) return;
      this.#copy(file, `${this.#path}/${name}.${from}-${to}`, from, end);
    } catch {
      // It is there already, or the disk has no room for curiosity.
    }
  }

  /** Moves a whole file of the directory here, whatever is in it. Returns whether it went. */
  take(directory: string, name: string): boolean {
    try {
      const size = this.#disk.statSync(`${directory}/${name}`)?.size ?? 0;
      if (size > this.#room()) return false;
      this.#disk.renameSync(`${directory}/${name}`, `${this.#path}/${name}`);
      this.#onKept(size);
      return true;
    } catch {
      return false;
    }
  }

  /** How much more may be kept; makes the directory. */
  #room(): number {
    const disk = this.#disk;
    disk.mkdirSync(this.#path, { recursive: true, mode: 0o700 });
    let used = 0;
    for (const name of disk.readdirSync(this.#path)) {
      used += disk.statSync(`${this.#path}/${name}`)?.size ?? 0;
    }
    return Math.max(0, quarantineBytesMax - used);
  }

  #copy(file: SegmentFile, path: string, from: number, to: number): void {
    const fd = this.#disk.openSync(path, 'wx', 0o600);
    try {
      const piece = Buffer.allocUnsafe(Math.min(pieceBytes, to - from));
      for (let at = from; at < to; ) {
        const length = file.readBytes(piece.subarray(0, Math.min(piece.length, to - at)), at);
        if (length === 0) break;
        writeFully(this.#disk, fd, piece.subarray(0, length), at - from);
        at += length;
      }
      this.#onKept(to - from);
    } finally {
      this.#disk.closeSync(fd);
    }
  }
}
