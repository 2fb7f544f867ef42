/**
 * What one container's stream must be, in plain arrays: a cell for each position, and the whole
 * frames among them. It knows nothing of blocks, segments or files.
 */
import assert from 'node:assert/strict';
import { textFrame } from './frames.ts';
import { endOf, type Seen } from './stream-bench.ts';

/** A position that is no byte: a remark takes it, or the disk refused what belonged there. */
export const cellKind = { remark: -1, refused: -2 } as const;

/** A frame that was offered whole. */
export interface ReferenceFrame {
  startLsn: number;
  endLsn: number;
  bytes: Buffer;
  /** The disk took none of it. */
  isRefused: boolean;
}

/** Bytes of a container's output that have no position yet. */
export interface Offer {
  bytes: Buffer;
  /** Frames that end in them, by offset; one may have begun before, below 0. */
  frames: { start: number; end: number; bytes: Buffer }[];
}

/** Makes a container's output: numbered frames, given out in any cuts. */
export class FrameSource {
  #count = 0;
  #frame: Buffer = Buffer.alloc(0);
  #taken = 0;

  /** The next bytes, at most to the end of the frame that `length` falls into if `whole`. */
  peek(length: number, whole = false): Offer {
    const parts: Buffer[] = [];
    const frames: Offer['frames'] = [];
    let done = 0;
    let frame = this.#frame;
    let taken = this.#taken;
    let count = this.#count;
    while (done < length) {
      if (taken === frame.length) {
        count += 1;
        frame = frameOf(count);
        taken = 0;
      }
      const step = whole ? frame.length - taken : Math.min(length - done, frame.length - taken);
      parts.push(frame.subarray(taken, taken + step));
      if (taken + step === frame.length) {
        frames.push({ start: done - taken, end: done + step, bytes: frame });
      }
      done += step;
      taken += step;
    }
    return { bytes: Buffer.concat(parts), frames };
  }

  /** The first `length` of the next bytes are taken. */
  advance(length: number): void {
    for (let left = length; left > 0; ) {
      if (this.#taken === this.#frame.length) {
        this.#count += 1;
        this.#frame = frameOf(this.#count);
        this.#taken = 0;
      }
      const step = Math.min(left, this.#frame.length - this.#taken);
      this.#taken += step;
      left -= step;
    }
  }

  /** How much of a frame was taken that is not whole yet. */
  get openBytes(): number {
    return this.#taken === this.#frame.length ? 0 : this.#taken;
  }

  /** What was begun is never finished. Returns how much of it was taken. */
  reset(): number {
    const { openBytes } = this;
    this.#taken = this.#frame.length;
    return openBytes;
  }
}

function frameOf(count: number): Buffer {
  return textFrame(`line ${count} ${'x'.repeat((count * 37) % 90)}`, count);
}

/** A range of positions. */
export interface Range {
  fromLsn: number;
  toLsn: number;
}

/** See the module comment. */
export class StreamReference {
  cells: number[] = [];
  /** How often a loss of power may have taken the end of a frame. */
  tornFrames = 0;
  frames: ReferenceFrame[] = [];
  /** Nobody can read these any more, and a gap says so. */
  readonly #gone = new Set<number>();
  /** What became of these is not known before the disk is looked at. */
  readonly #doubtful = new Set<number>();
  /** Position behind the last byte of output; remarks may follow. */
  #outputEndLsn = 0;
  /** Where frames begin that never end. */
  #unfinished: Range[] = [];
  /** A loss of power must leave these. */
  readonly #durable = new Set<number>();

  get endLsn(): number {
    return this.cells.length;
  }

  appendRaw(offer: Offer): void {
    this.#addFrames(offer.frames, false);
    for (const byte of offer.bytes) this.cells.push(byte);
    this.#outputEndLsn = this.endLsn;
  }

  appendRemark(): void {
    this.cells.push(cellKind.remark);
  }

  /** The disk refused these bytes; a gap stands for them. */
  appendRefused(length: number, frames: Offer['frames']): void {
    this.#addFrames(frames, true);
    for (let index = 0; index < length; index += 1) this.cells.push(cellKind.refused);
    this.#outputEndLsn = this.endLsn;
  }

  /** How many frames the writer has counted before a position. */
  ordinalAt(lsn: number): number {
    return this.frames.filter(({ endLsn, isRefused }) => !isRefused && endLsn <= lsn).length;
  }

  #addFrames(frames: Offer['frames'], isRefused: boolean): void {
    const lsn = this.endLsn;
    for (const { start, end, bytes } of frames) {
      this.frames.push({ startLsn: lsn + start, endLsn: lsn + end, bytes, isRefused });
    }
  }

  /** How many frames were begun and never ended. */
  get unfinishedFrames(): number {
    return this.#unfinished.length;
  }

  /** The last so many bytes of output are the beginning of a frame that never ends. */
  leaveUnfinished(length: number): void {
    const endLsn = this.#outputEndLsn;
    if (length > 0) this.#unfinished.push({ fromLsn: endLsn - length, toLsn: endLsn });
  }

  /**
   * How many frames (0 or 1) are not whole and stand on both sides of a position, with their
   * beginning not lost before. The log counts such a one as lost when its beginning is.
   */
  cutAt(lsn: number, openBytes: number): number {
    const endLsn = this.#outputEndLsn;
    const open = { fromLsn: endLsn - openBytes, toLsn: endLsn };
    const hit = [...this.#unfinished, open].find(
      ({ fromLsn, toLsn }) => fromLsn < lsn && lsn < toLsn,
    );
    return hit === undefined ? 0 : 1;
  }

  /** Where the frame begins that is not whole yet. */
  openLsn(openBytes: number): number | undefined {
    return openBytes === 0 ? undefined : this.#outputEndLsn - openBytes;
  }

  /** Whether a frame begins at a position, the open one at `openLsn`. */
  isStart(lsn: number, openLsn: number): boolean {
    return lsn === openLsn || this.frames.some(({ startLsn }) => startLsn === lsn);
  }

  /** Whether a whole frame stands on both sides of a position. */
  isFrameCutAt(lsn: number): boolean {
    return this.frames.some(({ startLsn, endLsn }) => startLsn < lsn && lsn < endLsn);
  }

  markDurable(range: Range): void {
    for (let lsn = range.fromLsn; lsn < range.toLsn; lsn += 1) this.#durable.add(lsn);
  }

  markGone(range: Range): void {
    for (let lsn = range.fromLsn; lsn < range.toLsn; lsn += 1) {
      this.#gone.add(lsn);
      this.#doubtful.delete(lsn);
      this.#durable.delete(lsn);
    }
  }

  markDoubtful(range: Range): void {
    for (let lsn = range.fromLsn; lsn < range.toLsn; lsn += 1) {
      this.#doubtful.add(lsn);
      this.#durable.delete(lsn);
    }
  }

  isGone(lsn: number): boolean {
    return this.#gone.has(lsn);
  }

  isDurable(lsn: number): boolean {
    return this.#durable.has(lsn);
  }

  /** Whether it is not known what became of some of these. */
  isDoubtful(range: Range): boolean {
    for (const lsn of this.#doubtful) if (lsn >= range.fromLsn && lsn < range.toLsn) return true;
    return false;
  }

  /** Whether a gap may say that this position is lost. */
  mayBeGap(lsn: number): boolean {
    const isRefused = this.cells[lsn] === cellKind.refused;
    return isRefused || this.#gone.has(lsn) || this.#doubtful.has(lsn);
  }

  /** Positions from here on were lost before they were on the platter; others will take them. */
  truncate(endLsn: number): void {
    this.cells.length = Math.min(endLsn, this.cells.length);
    const torn = this.frames.find(({ startLsn, endLsn: end }) => startLsn < endLsn && endLsn < end);
    if (torn !== undefined) this.#unfinished.push({ fromLsn: torn.startLsn, toLsn: endLsn });
    this.tornFrames += 1;
    this.frames = this.frames.filter((frame) => frame.endLsn <= endLsn);
    this.#outputEndLsn = Math.min(this.#outputEndLsn, endLsn);
    this.#unfinished = this.#unfinished
      .map(({ fromLsn, toLsn }) => ({ fromLsn, toLsn: Math.min(toLsn, endLsn) }))
      .filter(({ fromLsn, toLsn }) => fromLsn < toLsn);
    for (const set of [this.#gone, this.#doubtful, this.#durable]) {
      for (const lsn of set) if (lsn >= endLsn) set.delete(lsn);
    }
  }

  /** Takes for lost exactly what a look at the disk showed to be lost, from `fromLsn` on. */
  settle(fromLsn: number, lost: readonly Range[]): void {
    const wasDurable = [...this.#durable];
    // A segment that was being given up when the process died may be gone without a word.
    for (const lsn of this.#doubtful) if (lsn < fromLsn) this.#gone.add(lsn);
    this.#doubtful.clear();
    for (const lsn of this.#gone) if (lsn >= fromLsn) this.#gone.delete(lsn);
    for (const range of lost) this.markGone(range);
    for (const lsn of wasDurable) if (!this.#gone.has(lsn)) this.#durable.add(lsn);
  }

  /** Checks one thing that a reader met: no byte invented, none told lost that is not. */
  check(seen: Seen, who: string): void {
    const endLsn = endOf(seen);
    assert.ok(endLsn <= this.endLsn, `I3: ${who} is at ${endLsn}, behind the end ${this.endLsn}`);
    for (let lsn = seen.fromLsn; lsn < endLsn; lsn += 1) {
      const cell = this.cells[lsn] ?? Number.NaN;
      if (seen.what === 'raw') {
        const byte = seen.bytes[lsn - seen.fromLsn];
        assert.equal(byte, cell, `I2: ${who} reads a byte at ${lsn} that was never there`);
      } else if (seen.what === 'gap' || seen.kind === 'gap') {
        assert.ok(this.mayBeGap(lsn), `I1: ${who} hears that ${lsn} is lost, and it is not`);
      } else {
        assert.equal(cell, cellKind.remark, `I2: ${who} meets a remark at ${lsn}`);
      }
    }
  }
}
