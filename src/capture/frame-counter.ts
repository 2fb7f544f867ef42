/**
 * Counts the frames of what is about to become one block: how many, how many lines, from when
 * to when, and where the first one starts. All that happens to bytes before they are on disk.
 */
import { createFrameView, decodeFrame } from '../frame/frame-decoder.ts';
import { type FrameHandler, FrameSplitter } from '../frame/frame-splitter.ts';
import { type BlockStats, blockFlag, noFrame } from '../wal/index.ts';

/** A range of the stream that belongs to no whole frame. */
export interface SkippedRange {
  fromLsn: number;
  toLsn: number;
}

const noBytes = new Uint8Array(0);

/** See the module comment. One per container's stream. */
export class FrameCounter implements FrameHandler {
  readonly #splitter = new FrameSplitter(this);
  readonly #view = createFrameView();
  /** Of the bytes given to `count` last. */
  readonly stats: BlockStats = {
    frames: 0,
    lines: 0,
    firstFrameOffset: noFrame,
    minSeconds: 0,
    minNanos: 0,
    maxSeconds: 0,
    maxNanos: 0,
  };
  /** Block flags of the bytes given to `count` last. */
  flags = 0;
  /** Whether they began where the place in the stream was lost. */
  startedLost = false;
  /** Whether the first frame that ended in them ends a line: 1, or 0. */
  firstLines = 0;
  /** What had to be skipped since this was emptied last. */
  skipped: SkippedRange[] = [];
  #blockLsn = 0;
  #blockBytes = 0;
  #hasTime = false;
  #muted = false;
  /** Of the last frame that was counted, and of the last one that is on disk. */
  #seconds = 0;
  #nanos = 0;
  #keptSeconds = -1;
  #keptNanos = 0;

  /** Goes on where a log ends whose last bytes, from a frame's start on, are `openBytes`. */
  restore(openLsn: number, openBytes: Uint8Array): void {
    this.#splitter.begin(openLsn);
    this.#muted = true;
    this.#splitter.feed(openBytes, 0, openBytes.length);
    this.#muted = false;
  }

  /** Another FIFO begins at `lsn`, or bytes before it are lost. */
  cut(lsn: number): void {
    this.#splitter.cut(lsn);
  }

  /** Whether the next byte is a frame's first, as far as one can know. */
  get isOnEdge(): boolean {
    return this.#splitter.carriedBytes === 0 && !this.#splitter.isLost;
  }

  /** Counts once more, as the first bytes behind a loss: they begin at `lsn` and on a frame. */
  recount(bytes: Uint8Array, lsn: number): void {
    this.restore(lsn, noBytes);
    this.skipped = [];
    this.count(bytes, lsn);
  }

  /** The bytes given to `count` last are on disk. */
  kept(): void {
    if (!this.#hasTime) return;
    this.#keptSeconds = this.#seconds;
    this.#keptNanos = this.#nanos;
  }

  /**
   * Unix nanoseconds, in decimal, of the last frame that is on disk; undefined when there was
   * none since the process started, or none with a time after 1970.
   */
  get lastKeptNs(): string | undefined {
    if (!(this.#keptSeconds >= 0)) return undefined;
    return (BigInt(this.#keptSeconds) * 1_000_000_000n + BigInt(this.#keptNanos)).toString();
  }

  /** Counts bytes that begin at `lsn`; the result is in `stats` and `flags`. */
  count(bytes: Uint8Array, lsn: number): void {
    const { stats } = this;
    stats.frames = 0;
    stats.lines = 0;
    stats.minSeconds = 0;
    stats.minNanos = 0;
    stats.maxSeconds = 0;
    stats.maxNanos = 0;
    this.#hasTime = false;
    this.#blockLsn = lsn;
    this.#blockBytes = bytes.length;
    const startsOnFrame = this.isOnEdge;
    const wasLost = this.#splitter.isLost;
    this.startedLost = wasLost;
    this.firstLines = 0;
    stats.firstFrameOffset = startsOnFrame ? 0 : noFrame;
    this.flags = startsOnFrame ? blockFlag.startsOnFrame : 0;
    this.#splitter.feed(bytes, 0, bytes.length);
    if (this.isOnEdge) this.flags |= blockFlag.endsOnFrame;
    if (wasLost && !this.#splitter.isLost) this.flags |= blockFlag.afterResync;
  }

  onFrame(bytes: Uint8Array, start: number, end: number, endLsn: number): boolean {
    if (this.#muted) return true;
    const { stats } = this;
    const view = this.#view;
    stats.frames += 1;
    if (stats.firstFrameOffset === noFrame) {
      const next = endLsn - this.#blockLsn;
      // A frame found in what earlier blocks left behind may end before this one.
      if (next >= 0 && next < this.#blockBytes) stats.firstFrameOffset = next;
    }
    if (!decodeFrame(bytes, start, end, view)) return true;
    this.flags |= view.isStderr ? blockFlag.hasStderr : blockFlag.hasStdout;
    if (view.partial) this.flags |= blockFlag.hasPartial;
    if (!view.partial || view.last) {
      stats.lines += 1;
      if (stats.frames === 1) this.firstLines = 1;
    }
    this.#countTime(view.seconds, view.nanos);
    return true;
  }

  onSkipped(fromLsn: number, toLsn: number): void {
    if (!this.#muted) this.skipped.push({ fromLsn, toLsn });
  }

  #countTime(seconds: number, nanos: number): void {
    const { stats } = this;
    this.#seconds = seconds;
    this.#nanos = nanos;
    if (!this.#hasTime) {
      this.#hasTime = true;
      stats.minSeconds = seconds;
      stats.minNanos = nanos;
      stats.maxSeconds = seconds;
      stats.maxNanos = nanos;
    } else if (isBefore(stats.maxSeconds, stats.maxNanos, seconds, nanos)) {
      stats.maxSeconds = seconds;
      stats.maxNanos = nanos;
    } else if (isBefore(seconds, nanos, stats.maxSeconds, stats.maxNanos)) {
      this.flags |= blockFlag.unorderedTimes;
      if (isBefore(seconds, nanos, stats.minSeconds, stats.minNanos)) {
        stats.minSeconds = seconds;
        stats.minNanos = nanos;
      }
    }
  }
}

function isBefore(seconds: number, nanos: number, than: number, thanNanos: number): boolean {
  return seconds < than || (seconds === than && nanos < thanNanos);
}
