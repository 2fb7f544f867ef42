/**
 * Splits a stream, fed in any cuts, into dockerd's frames: 4 bytes big-endian length, then
 * a LogEntry. Pure. It never throws on any input; between two feeds it holds no more than the
 * longest frame.
 *
 * Losing and finding the place: a head that cannot be one (see `isFrameHead`) means that
 * bytes are missing. They may be missing from the frame before it, whose end then is another
 * one's, so that frame is not believed either. From there on the splitter searches for a whole
 * frame that decodes to its exact end and whose successor, as far as it has been fed, has a
 * valid head too. What it passed over on the way is reported as skipped, to the byte.
 */
import { frameBodyBytesMax } from '../base/limits.ts';
import { createFrameView, decodeFrame } from './frame-decoder.ts';

/** Gets what the splitter finds. Buffers are valid only during the call. */
export interface FrameHandler {
  /**
   * One whole frame: its body is `bytes[start..end)`, `endLsn` is the position behind it.
   * Returning false refuses it: the splitter stops in front of this frame.
   */
  onFrame(bytes: Uint8Array, start: number, end: number, endLsn: number): boolean;
  /** Stream bytes `[fromLsn, toLsn)` belong to no whole frame: a frame's head or tail is lost. */
  onSkipped(fromLsn: number, toLsn: number): void;
}

const headBytes = 9;
const headMark = Buffer.from([0x0a, 0x06, 0x73, 0x74, 0x64]);
/** Shortest body: `0a 06 stdout`; dockerd leaves nothing else out than zero fields. */
const bodyBytesMin = 8;
/** A search through garbage may need a large buffer; one splitter of thousands does not keep it. */
const idleCarryBytesMax = 256 * 1024;

/** Whether the 9 bytes at `at` can begin a frame: a sane length, then source "std…". */
function isFrameHead(bytes: Uint8Array, at: number): boolean {
  if (bytes[at + 4] !== 0x0a || bytes[at + 5] !== 0x06) return false;
  if (bytes[at + 6] !== 0x73 || bytes[at + 7] !== 0x74 || bytes[at + 8] !== 0x64) return false;
  const length = bodyLengthAt(bytes, at);
  return length >= bodyBytesMin && length <= frameBodyBytesMax;
}

function bodyLengthAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 0x1000000 +
    (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

/** Whether `bytes[at..end)` can begin a frame, as far as the first 9 bytes of it are there. */
function isFrameHeadSoFar(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at >= headBytes) return isFrameHead(bytes, at);
  for (let index = 0; index < end - at; index += 1) {
    const byte = bytes[at + index] ?? 0;
    if (index === 0 && byte !== 0) return false;
    if (index === 1 && byte > frameBodyBytesMax >> 16) return false;
    if (index >= 4 && byte !== headMark[index - 4]) return false;
  }
  return true;
}

/** Incremental splitter of one stream. One object may serve many streams in turn: see `begin`. */
export class FrameSplitter {
  readonly #handler: FrameHandler;
  readonly #view = createFrameView();
  #carry = Buffer.allocUnsafe(4096);
  #carryLength = 0;
  #lost = false;
  #stopped = false;
  #skippedFromLsn = 0;
  /** Position behind the last whole or skipped frame: where the carried bytes begin. */
  #edgeLsn = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Starts at `lsn`, which must be a frame's first byte, forgetting all that was carried. */
  begin(lsn: number): void {
    this.#carryLength = 0;
    this.#lost = false;
    this.#edgeLsn = lsn;
    if (this.#carry.length > idleCarryBytesMax) this.#carry = Buffer.allocUnsafe(4096);
  }

  /** The LSN behind the last frame that was handed out or skipped. */
  get edgeLsn(): number {
    return this.#lost ? this.#skippedFromLsn : this.#edgeLsn;
  }

  /** The position of the byte to be fed next. */
  get nextLsn(): number {
    return this.#edgeLsn + this.#carryLength;
  }

  /** How many bytes of an unfinished frame are held. */
  get carriedBytes(): number {
    return this.#carryLength;
  }

  /** Whether the place in the stream is lost and being searched. */
  get isLost(): boolean {
    return this.#lost;
  }

  /**
   * The stream was cut at `lsn` (another FIFO follows, or bytes are lost): what is held can
   * never get longer. Whole frames in it still come out, be they behind garbage or behind what
   * was taken for the head of a long frame and was the last one before a loss; the rest is
   * skipped.
   * Returns false when the handler stopped it, as `feed` does; the cut is then still to come.
   */
  cut(lsn: number): boolean {
    this.#stopped = false;
    if (this.#carryLength > 0 && !this.#lost) this.#lose();
    if (this.#lost) this.#search(true);
    if (this.#stopped) return false;
    const fromLsn = this.edgeLsn;
    const held = this.#carryLength > 0 || this.#lost;
    this.begin(lsn);
    if (held && fromLsn < lsn) this.#handler.onSkipped(fromLsn, lsn);
    return true;
  }

  /**
   * Takes the stream bytes `bytes[start..end)`. Returns false when the handler stopped it:
   * then `edgeLsn` is the place to `begin` again, and what is held here is void.
   */
  feed(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start;
    this.#stopped = false;
    while (at < end && !this.#stopped) {
      if (this.#lost) {
        this.#keep(bytes, at, end);
        this.#search(false);
        return !this.#stopped;
      }
      if (this.#carryLength > 0) {
        at = this.#fillCarry(bytes, at, end);
        continue;
      }
      at = this.#hop(bytes, at, end);
      if (!this.#lost && !this.#stopped) {
        this.#keep(bytes, at, end);
        return true;
      }
    }
    return !this.#stopped;
  }

  /** Hands out whole frames in place. Returns the index behind the last one. */
  #hop(bytes: Uint8Array, start: number, end: number): number {
    const handler = this.#handler;
    let at = start;
    while (at + headBytes <= end) {
      if (!isFrameHead(bytes, at)) {
        this.#lose();
        return at;
      }
      const frameEnd = at + 4 + bodyLengthAt(bytes, at);
      if (frameEnd > end) return at;
      if (!isFrameHeadSoFar(bytes, frameEnd, end)) {
        this.#lose();
        return at;
      }
      const endLsn = this.#edgeLsn + frameEnd - at;
      if (!handler.onFrame(bytes, at + 4, frameEnd, endLsn)) {
        this.#stopped = true;
        return at;
      }
      this.#edgeLsn = endLsn;
      at = frameEnd;
    }
    return at;
  }

  #lose(): void {
    this.#lost = true;
    this.#skippedFromLsn = this.#edgeLsn;
  }

  /** Completes the frame that the carry begins with. Returns the index behind what it took. */
  #fillCarry(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    if (this.#carryLength < headBytes) {
      at = Math.min(end, start + headBytes - this.#carryLength);
      this.#keep(bytes, start, at);
      if (this.#carryLength < headBytes) return at;
    }
    if (!isFrameHead(this.#carry, 0)) {
      this.#lose();
      return at;
    }
    const frameBytes = 4 + bodyLengthAt(this.#carry, 0);
    const take = Math.min(end - at, Math.max(0, frameBytes - this.#carryLength));
    this.#keep(bytes, at, at + take);
    if (this.#carryLength >= frameBytes) {
      if (!isFrameHeadSoFar(bytes, at + take, end)) {
        this.#lose();
        return at + take;
      }
      const endLsn = this.#edgeLsn + frameBytes;
      this.#stopped = !this.#handler.onFrame(this.#carry, 4, frameBytes, endLsn);
      if (this.#stopped) return at + take;
      this.#carryLength = 0;
      this.#edgeLsn = endLsn;
    }
    return at + take;
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const needed = this.#carryLength + length;
    if (needed > this.#carry.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#carry.length * 2));
      this.#carry.copy(grown, 0, 0, this.#carryLength);
      this.#carry = grown;
    }
    this.#carry.set(bytes.subarray(start, end), this.#carryLength);
    this.#carryLength = needed;
  }

  /**
   * Looks for the next frame in the carried bytes and, once found, works through them.
   * `isFinal`: no more bytes will come to complete what only looks like a long frame.
   */
  #search(isFinal: boolean): void {
    let at = 0;
    while (this.#lost && !this.#stopped) {
      const found = this.#findFrame(at, isFinal);
      const passedTo = found < 0 ? ~found : found;
      this.#edgeLsn += passedTo - at;
      at = passedTo;
      // A search without end still moves on, so that nobody reads the same megabytes again.
      const isFar = this.#edgeLsn - this.#skippedFromLsn >= frameBodyBytesMax;
      if (found >= 0 || isFar) this.#reportSkipped();
      if (found < 0) break;
      this.#lost = false;
      at = this.#hop(this.#carry, at, this.#carryLength);
    }
    this.#carry.copyWithin(0, at, this.#carryLength);
    this.#carryLength -= at;
  }

  #reportSkipped(): void {
    if (this.#edgeLsn === this.#skippedFromLsn) return;
    this.#handler.onSkipped(this.#skippedFromLsn, this.#edgeLsn);
    this.#skippedFromLsn = this.#edgeLsn;
  }

  /**
   * Index in the carry, from `start` on, of a frame to trust. When there is none, the
   * complement (`~`) of the index up to which no byte can be part of one.
   */
  #findFrame(start: number, isFinal: boolean): number {
    const held = this.#carry.subarray(0, this.#carryLength);
    let from = start + 4;
    for (;;) {
      const mark = held.indexOf(headMark, from);
      if (mark < 0) return ~Math.max(start, held.length - (headBytes - 1));
      const at = mark - 4;
      if (isFrameHead(held, at)) {
        const frameEnd = at + 4 + bodyLengthAt(held, at);
        if (frameEnd <= held.length) {
          if (this.#isTrusted(held, at, frameEnd)) return at;
        } else if (!isFinal) {
          return ~at;
        }
      }
      from = mark + 1;
    }
  }

  #isTrusted(held: Uint8Array, at: number, frameEnd: number): boolean {
    if (!isFrameHeadSoFar(held, frameEnd, held.length)) return false;
    return decodeFrame(held, at + 4, frameEnd, this.#view);
  }
}
