/**
 * Decides when reading a busy FIFO rests for a moment. dockerd writes frame by frame and wakes
 * the reader each time; a reader that lets the pipe fill a little takes hundreds of frames with
 * one call instead, which costs a tenth of the processor time, dockerd's included. A quiet FIFO
 * is always read at once, and a pipe that is filling up is never left waiting.
 */

/** How long a rest takes, in milliseconds: the shortest that timers know. */
export const restMs = 1;
/** A read that comes later than this after the one before ends a busy time. */
const busyGapMs = 4;
/** So many reads in a row make a busy time. */
const busyReadsMin = 8;
/** Half of a pipe: who takes that much at once is behind already. */
const restBytesMax = 32 * 1024;

/** See the module comment. One per FIFO; `nowMs` is monotonic. */
export class ReadPacer {
  #lastReadMs = Number.NEGATIVE_INFINITY;
  #busyReads = 0;

  /** Takes note of a read of `length` bytes. Returns whether to rest before the next. */
  shouldRest(length: number, nowMs: number): boolean {
    this.#busyReads = nowMs - this.#lastReadMs <= busyGapMs ? this.#busyReads + 1 : 0;
    this.#lastReadMs = nowMs;
    return this.#busyReads >= busyReadsMin && length < restBytesMax;
  }
}
