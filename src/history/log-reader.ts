/**
 * One `docker logs`: finds where to begin, leaves out what is not wanted, and writes the rest
 * as frames, a bounded piece at a time. It holds one open line a stream and nothing else, so
 * its memory depends neither on the log nor on how slowly its client reads.
 *
 * `tail` counts whole lines of the log; `since` and `until` then choose among those, in the order
 * in which json-file does it: the first line after `until` ends the answer. A loss has the time
 * at which it begins, and may reach into what is wanted: one right before that is told, too.
 */
import type { FrameView } from '../frame/frame-decoder.ts';
import type { LineEnd, OpenLine } from '../frame/partial-joiner.ts';
import { CommittedLsn, findReadStart } from '../wal/index.ts';
import type { FrameWriter } from './frame-writer.ts';
import { type LineHandler, LineScan } from './line-scan.ts';
import type { LogRequest } from './log-request.ts';
import { isSeen, type ReaderMeans, TailCount } from './tail-count.ts';

/** `more`: call again. `idle`: nothing now. `end`: all that was asked for is written. */
export type ReadProgress = 'more' | 'idle' | 'end';

/** A time as frames give it: comparing two numbers is cheaper than BigInt. */
interface Moment {
  seconds: number;
  nanos: number;
}

/** The word of a loss, and when that was. */
interface Told extends Moment {
  text: string;
}

/** Of losses one behind the other so many are kept while nothing wanted has come. */
const earlierMax = 100;

/** While following: a line without an end is shown as far as it is after this time. */
const openLineMs = 50;

/** See the module comment. */
export class LogReader implements LineHandler {
  readonly #request: LogRequest;
  readonly #means: ReaderMeans;
  readonly #committed: CommittedLsn;
  readonly #since: Moment | undefined;
  readonly #until: Moment | undefined;
  /** The end of what is wanted; moves on while following. */
  #endLsn: number;
  #isFollowing: boolean;
  #count: TailCount | undefined;
  #scan: LineScan | undefined;
  #skip = 0;
  /** Words of losses that were among the counted lines. */
  #gapsCounted: ReadonlySet<string> = new Set();
  /** Words of losses from before `since` with no line behind them yet. */
  #earlier: string[] = [];
  #isOver = false;
  /** Only what open lines have is still to be shown. */
  #isLast = false;
  #out: FrameWriter | undefined;
  /** Whether what was written last to a stream has no newline behind it: stdout, stderr. */
  readonly #isMidLine: [boolean, boolean] = [false, false];

  constructor(request: LogRequest, means: ReaderMeans) {
    this.#request = request;
    this.#means = means;
    this.#committed = new CommittedLsn(request.committed);
    this.#since = momentOf(request.sinceNs);
    this.#until = momentOf(request.untilNs);
    this.#endLsn = this.#committed.read();
    this.#isFollowing = request.follow;
    const { tail } = request;
    if (tail !== undefined) this.#count = new TailCount(request, means, tail, this.#endLsn);
  }

  /** The container ended here: nothing behind it is wanted. */
  stopAt(endLsn: number): void {
    this.#isFollowing = false;
    this.#endLsn = endLsn;
  }

  /** Whether it waits for what is written from now on. */
  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Whether the last lines are still being counted. */
  get isCounting(): boolean {
    return this.#count !== undefined;
  }

  /** Whether the log has grown since it was read to its end. */
  get hasMore(): boolean {
    return this.#committed.read() > this.#endLsn;
  }

  /** Monotonic milliseconds at which to call again although nothing was written, or undefined. */
  get dueAtMs(): number | undefined {
    const openedAtMs = this.#scan?.openedAtMs;
    return openedAtMs === undefined ? undefined : openedAtMs + openLineMs;
  }

  /** Whether nothing that comes can be wanted: it is later than `until`. `nowMs`: Unix time. */
  isPast(nowMs: number): boolean {
    if (this.#until === undefined) return false;
    // A second for lines that were printed before it and are on their way.
    return nowMs / 1000 > this.#until.seconds + this.#until.nanos / 1e9 + 1;
  }

  /** Reads one block; what is wanted of it is in `out`. Throws what the disk throws. */
  step(out: FrameWriter, nowMs: number): ReadProgress {
    if (this.#isOver) return 'end';
    if (this.#count !== undefined) {
      const found = this.#count.step(nowMs);
      if (found === undefined) return 'more';
      this.#count = undefined;
      this.#skip = found.skip;
      this.#gapsCounted = found.gaps;
      this.#begin(found.startLsn);
      return 'more';
    }
    const scan = this.#scan ?? this.#begin(this.#startLsn());
    if (this.#isFollowing) this.#endLsn = this.#committed.read();
    this.#out = out;
    const met = scan.step(this.#endLsn, nowMs, !this.#isFollowing);
    if (met === 'more' && !this.#isOver) return 'more';
    if (met === 'idle' && this.#isFollowing) {
      scan.flushOpen(nowMs - openLineMs);
      return 'idle';
    }
    if (met === 'idle') scan.finish(this.#endLsn);
    // At `until`, what came before it of a line is shown, as far as it had come.
    else this.#flushLast(scan);
    this.#isOver = true;
    return 'end';
  }

  /** Whether a line was met that ends the answer. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Gives back what is held. */
  close(): void {
    this.#count?.close();
    this.#scan?.close();
  }

  #startLsn(): number {
    const { directory, containerId, sinceNs } = this.#request;
    return findReadStart(this.#means.disk, directory, containerId, { sinceNs });
  }

  #begin(startLsn: number): LineScan {
    const { directory, containerId } = this.#request;
    this.#scan = new LineScan({
      ...this.#means,
      ...{ directory, containerId, startLsn, handler: this },
    });
    return this.#scan;
  }

  onWhole(bytes: Uint8Array, start: number, end: number, view: Readonly<FrameView>): boolean {
    if (this.#isOver) return false;
    if (this.#skip > 0) {
      this.#skip -= 1;
      return true;
    }
    if (this.#since !== undefined && isBefore(view, this.#since)) {
      this.#earlier = [];
      return true;
    }
    this.#tellEarlier();
    if (this.#until !== undefined && isBefore(this.#until, view)) {
      this.#isOver = true;
      return false;
    }
    this.#out?.whole(bytes, start, end, view);
    this.#isMidLine[view.isStderr ? 1 : 0] = false;
    return true;
  }

  #flushLast(scan: LineScan): void {
    this.#isLast = true;
    scan.flushOpen(Number.POSITIVE_INFINITY);
  }

  onJoined(line: Readonly<OpenLine>, end: LineEnd): void {
    if ((this.#isOver && !this.#isLast) || !isSeen(line, end)) return;
    if (this.#skip > 0) {
      if (end !== 'continued') this.#skip -= 1;
      return;
    }
    if (this.#since !== undefined && isBefore(line, this.#since)) {
      this.#earlier = [];
      return;
    }
    this.#tellEarlier();
    if (this.#until !== undefined && isBefore(this.#until, line)) {
      this.#isOver = true;
      return;
    }
    const { isStderr, seconds, nanos, bytes, length } = line;
    // As json-file does: a line whose end never came has none.
    const isEnded = end === 'ended';
    this.#out?.line(isStderr, seconds, nanos, bytes, 0, length, isEnded);
    this.#isMidLine[isStderr ? 1 : 0] = !isEnded;
  }

  onGap(seconds: number, nanos: number, text: string, isRange: boolean): void {
    if (this.#isOver) return;
    // One that was not there when lines were counted stands for lines that were to be left out.
    if (this.#skip > 0 && !this.#gapsCounted.has(text)) this.#skip = 0;
    if (this.#skip > 0) {
      this.#skip -= 1;
      return;
    }
    const told = { seconds, nanos, text };
    if (this.#since !== undefined && isBefore(told, this.#since)) {
      if (isRange && this.#earlier.length < earlierMax) this.#earlier.push(text);
      return;
    }
    this.#tellEarlier();
    this.#tell(told);
  }

  /** With the time from which on lines are wanted: dockerd leaves out what is earlier. */
  #tellEarlier(): void {
    if (this.#earlier.length === 0 || this.#since === undefined) return;
    for (const text of this.#earlier) this.#tell({ ...this.#since, text });
    this.#earlier = [];
  }

  #tell(told: Told): void {
    if (this.#until !== undefined && isBefore(this.#until, told)) return;
    const { seconds, nanos, text } = told;
    const line = Buffer.from(`${this.#isMidLine[1] ? '\n' : ''}${text}`, 'utf8');
    this.#out?.line(true, seconds, nanos, line, 0, line.length, true);
    this.#isMidLine[1] = false;
  }
}

function momentOf(timeNs: bigint | undefined): Moment | undefined {
  if (timeNs === undefined) return undefined;
  const seconds = timeNs / 1_000_000_000n;
  return { seconds: Number(seconds), nanos: Number(timeNs - seconds * 1_000_000_000n) };
}

function isBefore(a: Readonly<Moment>, b: Readonly<Moment>): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanos < b.nanos);
}
