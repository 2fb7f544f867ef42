/**
 * Joins the pieces of long lines: dockerd cuts lines at 16 KiB and numbers the pieces.
 * One joiner per container and reader. It keeps at most one open line per source, bounded
 * by the caps of base/limits.ts: a line over them comes out in several entries, none lost.
 */
import { joinedLineBytesMax, openPartialBytesMax } from '../base/limits.ts';
import type { FrameView } from './frame-decoder.ts';

/** A line that still waits for its end. */
export interface OpenLine {
  isStderr: boolean;
  seconds: number;
  nanos: number;
  bytes: Buffer;
  length: number;
  id: string;
  /** Position of the first piece's frame: no cursor may pass it while the line is open. */
  startLsn: number;
  /** How many frames of the stream end before that position. */
  startOrdinal: number;
  /** Monotonic milliseconds at which the first piece was seen. */
  openedAtMs: number;
}

/** Where a piece's frame starts: its position, and how many frames of the stream end before it. */
export interface PieceStart {
  lsn: number;
  ordinal: number;
}

/**
 * Why a line is handed out. `ended`: with its last piece. `cut`: its end never came.
 * `continued`: it goes on in the next one, because it is too long or has waited too long.
 */
export type LineEnd = 'ended' | 'cut' | 'continued';

/** Gets a joined line; `line.bytes[0..line.length)` is valid only during the call. */
export type OnLine = (line: OpenLine, end: LineEnd) => void;

/** All joiners of one thread count what they hold into one budget. */
export interface PartialBudget {
  heldBytes: number;
}

/** See the module comment. */
export class PartialJoiner {
  readonly #budget: PartialBudget;
  readonly #onLine: OnLine;
  readonly #open: [OpenLine | undefined, OpenLine | undefined] = [undefined, undefined];

  constructor(budget: PartialBudget, onLine: OnLine) {
    this.#budget = budget;
    this.#onLine = onLine;
  }

  /** Takes one piece, `view` decoded from `bytes`, whose frame starts at `start`. */
  add(bytes: Uint8Array, view: FrameView, start: Readonly<PieceStart>, nowMs: number): void {
    const id = Buffer.from(
      bytes.buffer,
      bytes.byteOffset + view.idStart,
      view.idEnd - view.idStart,
    ).toString('latin1');
    const slot = view.isStderr ? 1 : 0;
    if (this.#open[slot] !== undefined && this.#open[slot].id !== id) this.#flush(slot, 'cut');
    const pieceBytes = view.lineEnd - view.lineStart;
    const held = this.#open[slot];
    if (held !== undefined && !this.#fits(held, pieceBytes)) this.#flush(slot, 'continued');
    const line = this.#open[slot] ?? this.#begin(slot, view, id, start, nowMs);
    this.#append(line, bytes, view.lineStart, view.lineEnd);
    if (view.last) this.#flush(slot, 'ended');
    else if (this.#budget.heldBytes > openPartialBytesMax) this.#flush(slot, 'continued');
  }

  /** Whether any line is open; while none is, whole frames need not pass through here. */
  get isOpen(): boolean {
    return this.#open[0] !== undefined || this.#open[1] !== undefined;
  }

  /** How many bytes the open line of this source has so far. */
  openLength(isStderr: boolean): number {
    return this.#open[isStderr ? 1 : 0]?.length ?? 0;
  }

  /** Where the open line of this source starts, or undefined. */
  startOf(isStderr: boolean): PieceStart | undefined {
    const line = this.#open[isStderr ? 1 : 0];
    return line && { lsn: line.startLsn, ordinal: line.startOrdinal };
  }

  /**
   * A frame came that is not marked partial. Returns true when it was taken as the end of an
   * open line: engines before 19.03 give pieces no id and leave the mark off the last one.
   */
  endOpenLine(bytes: Uint8Array, view: FrameView): boolean {
    const slot = view.isStderr ? 1 : 0;
    const line = this.#open[slot];
    if (line === undefined) return false;
    const joins = line.id === '' && this.#fits(line, view.lineEnd - view.lineStart);
    if (joins) this.#append(line, bytes, view.lineStart, view.lineEnd);
    this.#flush(slot, joins ? 'ended' : 'cut');
    return joins;
  }

  /** Hands out every open line that was opened at or before `openedAtMs`; by default all. */
  flush(openedAtMs = Number.POSITIVE_INFINITY, end: LineEnd = 'cut'): void {
    for (const slot of [0, 1] as const) {
      const line = this.#open[slot];
      if (line !== undefined && line.openedAtMs <= openedAtMs) this.#flush(slot, end);
    }
  }

  /** Forgets the open lines without handing them out: they will be read again. */
  discard(): void {
    for (const slot of [0, 1] as const) {
      this.#budget.heldBytes -= this.#open[slot]?.bytes.length ?? 0;
      this.#open[slot] = undefined;
    }
  }

  /** How many bytes all open lines have so far. */
  get openBytes(): number {
    return this.openLength(false) + this.openLength(true);
  }

  /** When the oldest open line was opened, or undefined. */
  get openedAtMs(): number | undefined {
    const [out, err] = this.#open;
    if (out === undefined) return err?.openedAtMs;
    return err === undefined ? out.openedAtMs : Math.min(out.openedAtMs, err.openedAtMs);
  }

  #fits(line: OpenLine, pieceBytes: number): boolean {
    return (
      line.length + pieceBytes <= joinedLineBytesMax &&
      this.#budget.heldBytes + pieceBytes <= openPartialBytesMax
    );
  }

  #begin(
    slot: 0 | 1,
    view: FrameView,
    id: string,
    start: Readonly<PieceStart>,
    openedAtMs: number,
  ): OpenLine {
    const bytes = Buffer.allocUnsafe(0);
    const { isStderr, seconds, nanos } = view;
    const at = { startLsn: start.lsn, startOrdinal: start.ordinal, openedAtMs };
    const line = { isStderr, seconds, nanos, bytes, length: 0, id, ...at };
    this.#open[slot] = line;
    return line;
  }

  #append(line: OpenLine, bytes: Uint8Array, start: number, end: number): void {
    const needed = line.length + end - start;
    if (needed > line.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, line.bytes.length * 2, 32 * 1024));
      line.bytes.copy(grown, 0, 0, line.length);
      this.#budget.heldBytes += grown.length - line.bytes.length;
      line.bytes = grown;
    }
    line.bytes.set(bytes.subarray(start, end), line.length);
    line.length = needed;
  }

  #flush(slot: 0 | 1, end: LineEnd): void {
    const line = this.#open[slot];
    if (line === undefined) return;
    this.#open[slot] = undefined;
    this.#budget.heldBytes -= line.bytes.length;
    this.#onLine(line, end);
  }
}
