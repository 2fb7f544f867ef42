/**
 * Counts the lines of a log, block by block, to find where the last ones begin. Also those before
 * `since`: a line that was begun before that may end as one of the last. It remembers places on
 * the way, and never more than some hundred, however long the log is.
 */
import type { FileSystem } from '../base/file-system.ts';
import type { LineEnd, OpenLine, PartialBudget } from '../frame/partial-joiner.ts';
import { findReadStart, type SegmentFiles } from '../wal/index.ts';
import { type LineHandler, LineScan } from './line-scan.ts';
import type { LogRequest } from './log-request.ts';

/** What all readers of a thread share. */
export interface ReaderMeans {
  readonly disk: FileSystem;
  readonly files: SegmentFiles;
  readonly budget: PartialBudget;
}

/** Where the last lines begin. */
export interface TailStart {
  startLsn: number;
  /** So many lines are to be left out there. */
  skip: number;
  /** Words of losses that were counted as lines. */
  gaps: ReadonlySet<string>;
}

/** So many places are remembered while lines are counted; of more, every other one goes. */
const placesMax = 256;
const gapsMax = 1000;

/** See the module comment. */
export class TailCount implements LineHandler {
  readonly #request: LogRequest;
  readonly #means: ReaderMeans;
  readonly #lines: number;
  /** Fixed: what is written behind it comes after the last lines. */
  readonly #endLsn: number;
  readonly #gaps = new Set<string>();
  #startLsn: number;
  /** Whether the whole log is being counted. */
  #isWhole: boolean;
  #scan: LineScan;
  #counted = 0;
  /** Places from which one may read, and how many lines came before each. */
  #places: { lsn: number; before: number }[];
  #lastEdgeLsn: number;

  /** Begins to count what ends before `endLsn`. Throws what the disk throws. */
  constructor(request: LogRequest, means: ReaderMeans, lines: number, endLsn: number) {
    this.#request = request;
    this.#means = means;
    this.#lines = lines;
    this.#endLsn = endLsn;
    this.#isWhole = false;
    this.#startLsn = this.#find({ lines, endLsn });
    this.#places = [{ lsn: this.#startLsn, before: 0 }];
    this.#lastEdgeLsn = this.#startLsn;
    this.#scan = this.#begin();
  }

  /**
   * Counts on; throws what the disk throws. When all is counted, returns where to begin and how
   * many lines to leave out there.
   */
  step(nowMs: number): TailStart | undefined {
    if (this.#scan.step(this.#endLsn, nowMs, true) !== 'idle') {
      this.#remember(this.#scan.edgeLsn);
      return undefined;
    }
    if (!this.#request.follow) this.#scan.finish(this.#endLsn);
    this.#scan.close();
    if (this.#counted < this.#lines && !this.#isWhole) {
      // Damage: the headers promised more lines than there are.
      this.#isWhole = true;
      const startLsn = this.#find({});
      if (startLsn < this.#startLsn) {
        this.#startLsn = startLsn;
        this.#counted = 0;
        this.#places = [{ lsn: startLsn, before: 0 }];
        this.#lastEdgeLsn = startLsn;
        this.#scan = this.#begin();
        return undefined;
      }
    }
    const [place] = this.#enough();
    const { lsn: startLsn, before } = place ?? { lsn: this.#startLsn, before: 0 };
    const skip = Math.max(0, this.#counted - this.#lines - before);
    return { startLsn, skip, gaps: this.#gaps };
  }

  /** Gives back what is held. */
  close(): void {
    this.#scan.close();
  }

  /** The nearer the place, the less is read twice, and the less can go in between. */
  #remember(edgeLsn: number | undefined): void {
    if (edgeLsn === undefined) return;
    if (edgeLsn === this.#lastEdgeLsn) {
      const last = this.#places.at(-1);
      const isWord = last?.lsn === edgeLsn && last.before < this.#counted;
      // The word of a loss takes no position: who begins there gets it, or not if a file ends with it.
      if (isWord && this.#places.length > 1) this.#places.pop();
      return;
    }
    this.#lastEdgeLsn = edgeLsn;
    this.#places.push({ lsn: edgeLsn, before: this.#counted });
    if (this.#places.length <= placesMax) return;
    this.#places = this.#enough();
    if (this.#places.length <= placesMax / 2) return;
    this.#places = this.#places.filter((_, index) => index % 2 === 0);
  }

  /** The places from the last one on that has enough lines behind it. */
  #enough(): { lsn: number; before: number }[] {
    const beforeMax = this.#counted - this.#lines;
    const at = this.#places.findLastIndex(({ before }) => before <= beforeMax);
    return this.#places.slice(Math.max(0, at));
  }

  #find(from: { lines?: number; endLsn?: number }): number {
    const { directory, containerId } = this.#request;
    return findReadStart(this.#means.disk, directory, containerId, from);
  }

  #begin(): LineScan {
    const { directory, containerId } = this.#request;
    const at = { directory, containerId, startLsn: this.#startLsn, handler: this };
    return new LineScan({ ...this.#means, ...at });
  }

  onWhole(): boolean {
    this.#counted += 1;
    return true;
  }

  onJoined(line: Readonly<OpenLine>, end: LineEnd): void {
    if (end !== 'continued' && isSeen(line, end)) this.#counted += 1;
  }

  onGap(_seconds: number, _nanos: number, text: string): void {
    this.#counted += 1;
    if (this.#gaps.size < gapsMax) this.#gaps.add(text);
  }
}

/** Whether there is anything of a line to be printed; one without a byte may lack its end, too. */
export function isSeen({ length }: Readonly<OpenLine>, end: LineEnd): boolean {
  return length > 0 || end === 'ended';
}
