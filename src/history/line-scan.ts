/**
 * Reads the lines of one container's stream, block by block: takes frames apart, joins the
 * pieces of long lines, and tells of what is missing. It holds one block and the open lines, so
 * whoever reads may stop between two steps for as long as the output takes.
 */
import type { FileSystem } from '../base/file-system.ts';
import { createFrameView, decodeFrame, type FrameView } from '../frame/frame-decoder.ts';
import { type FrameHandler, FrameSplitter } from '../frame/frame-splitter.ts';
import {
  type LineEnd,
  type OpenLine,
  type PartialBudget,
  PartialJoiner,
} from '../frame/partial-joiner.ts';
import {
  blockType,
  decodeMetaRecord,
  type GapFacts,
  gapLine,
  gapTimeNs,
  hasSegmentBefore,
  type SegmentFiles,
  StreamReader,
} from '../wal/index.ts';

/** Gets what is found; bytes are valid only during the call. */
export interface LineHandler {
  /**
   * A line that came in one frame, of which `bytes[start..end)` is the body and `view` what it
   * says. Returning false ends the scan in front of it.
   */
  onWhole(bytes: Uint8Array, start: number, end: number, view: Readonly<FrameView>): boolean;
  /** A line, or a part of one, put together from pieces. */
  onJoined(line: Readonly<OpenLine>, end: LineEnd): void;
  /** A line that stands for lost ones. */
  onGap(seconds: number, nanos: number, text: string): void;
  /** Whether the scan is to end: asked behind each piece of a line. */
  readonly isOver?: boolean;
}

/** What to read. */
export interface LineScanOptions {
  disk: FileSystem;
  files: SegmentFiles;
  directory: string;
  containerId: string;
  /** The edge of a frame. */
  startLsn: number;
  handler: LineHandler;
  /** What the open lines of all scans of a thread hold together. */
  budget: PartialBudget;
}

/** What a step met. `stopped`: the handler wants no more. */
export type ScanStep = 'more' | 'idle' | 'stopped';

/** See the module comment. */
export class LineScan implements FrameHandler {
  readonly #options: LineScanOptions;
  readonly #reader: StreamReader;
  readonly #splitter = new FrameSplitter(this);
  readonly #joiner: PartialJoiner;
  readonly #view = createFrameView();
  #lastSeconds = 0;
  #lastNanos = 0;
  #nowMs = 0;
  #limitLsn = Number.POSITIVE_INFINITY;

  constructor(options: LineScanOptions) {
    const { disk, files, directory, containerId, startLsn, handler, budget } = options;
    this.#options = options;
    this.#reader = new StreamReader({ disk, directory, containerId, files });
    this.#joiner = new PartialJoiner(budget, (line, end) => handler.onJoined(line, end));
    this.#splitter.begin(startLsn);
    this.#reader.seek(startLsn);
  }

  /**
   * Reads one block or gap below `endLsn`; `nowMs` is monotonic and dates the lines that are
   * begun. Throws what the disk throws; the next call goes on. With `isFinal` nothing behind
   * `endLsn` is handed out, though a block that was sealed meanwhile may hold more.
   */
  step(endLsn: number, nowMs: number, isFinal = false): ScanStep {
    this.#nowMs = nowMs;
    this.#limitLsn = isFinal ? endLsn : Number.POSITIVE_INFINITY;
    const found = this.#reader.next(endLsn);
    if (found === 'idle') return 'idle';
    if (found === 'block') return this.#takeBlock() ? 'more' : 'stopped';
    this.#takeFoundGap(endLsn);
    return 'more';
  }

  /** No more will come: hands out whole frames behind garbage and the open lines. */
  finish(endLsn: number): void {
    this.#cut(endLsn);
  }

  /** Hands out what lines that were begun at or before `openedAtMs` have so far. */
  flushOpen(openedAtMs: number): void {
    this.#joiner.flush(openedAtMs, 'continued');
  }

  /** Monotonic milliseconds at which the oldest open line was begun, or undefined. */
  get openedAtMs(): number | undefined {
    return this.#joiner.openedAtMs;
  }

  /** Where another scan may begin to get the lines that come next; undefined amid a line. */
  get edgeLsn(): number | undefined {
    return this.#joiner.isOpen || this.#splitter.isLost ? undefined : this.#splitter.edgeLsn;
  }

  /** Gives back what is held; files stay with their owner. */
  close(): void {
    this.#joiner.discard();
  }

  #takeFoundGap(endLsn: number): void {
    const { gap } = this.#reader;
    this.#cut(gap?.toLsn ?? endLsn);
    if (gap === undefined) return;
    const { fromLsn, toLsn, frames, afterNs } = gap;
    const { disk, directory } = this.#options;
    // What stood before the oldest segment was removed in order, under the reader's feet.
    const { sequence } = this.#reader.nextPlace;
    const wasLetGo = gap.reason === 'missing' && !hasSegmentBefore(disk, directory, sequence);
    const reason = wasLetGo ? 'let-go' : gap.reason;
    this.#tellGap({ reason, bytes: toLsn - fromLsn, frames }, afterNs, undefined);
  }

  /** Returns false when the handler wants no more. */
  #takeBlock(): boolean {
    const { header, payload } = this.#reader;
    const endLsn = header.lsn + header.lsnSpan;
    if (header.type === blockType.raw) {
      const from = Math.max(0, this.#splitter.nextLsn - header.lsn);
      const to = Math.min(payload.length, this.#limitLsn - header.lsn);
      return from >= to || this.#splitter.feed(payload, from, to);
    }
    if (header.type === blockType.gap) {
      this.#takeGapBlock(endLsn);
    } else if (header.lsnSpan > 0) {
      // An attach or a detach: no frame and no line goes on behind it.
      const record = decodeMetaRecord(payload);
      if (record?.kind !== 'attach' || !record.continued) this.#cut(endLsn);
    }
    return true;
  }

  #takeGapBlock(endLsn: number): void {
    const { header, payload } = this.#reader;
    const record = decodeMetaRecord(payload);
    const isRange = header.lsnSpan > 0;
    if (isRange) this.#cut(endLsn);
    if (record?.kind !== 'gap') return;
    const { reason, fromLsn, toLsn, frames, lines, afterNs, atMs } = record;
    // An empty range is one whose size is unknown.
    const bytes = toLsn > fromLsn ? toLsn - fromLsn : undefined;
    this.#tellGap({ reason, bytes, frames, lines }, afterNs, atMs);
  }

  #tellGap(facts: GapFacts, afterNs: string | undefined, atMs: number | undefined): void {
    const hasLast = this.#lastSeconds > 0 || this.#lastNanos > 0;
    const lastFrameNs = hasLast
      ? BigInt(this.#lastSeconds) * 1_000_000_000n + BigInt(this.#lastNanos)
      : undefined;
    const timeNs = gapTimeNs({ afterNs, lastFrameNs, atMs }, Date.now());
    const seconds = Number(timeNs / 1_000_000_000n);
    this.#options.handler.onGap(seconds, Number(timeNs % 1_000_000_000n), gapLine(facts));
  }

  #cut(lsn: number): void {
    this.#splitter.cut(lsn);
    this.#joiner.flush();
  }

  onFrame(bytes: Uint8Array, start: number, end: number, endLsn: number): boolean {
    const view = this.#view;
    if (!decodeFrame(bytes, start, end, view)) return true;
    this.#lastSeconds = view.seconds;
    this.#lastNanos = view.nanos;
    const joiner = this.#joiner;
    const { handler } = this.#options;
    if (view.partial) {
      joiner.add(bytes, view, { lsn: endLsn - (end - start) - 4, ordinal: 0 }, this.#nowMs);
      return handler.isOver !== true;
    }
    if (joiner.isOpen && joiner.endOpenLine(bytes, view)) return handler.isOver !== true;
    return handler.onWhole(bytes, start, end, view);
  }

  onSkipped(): void {
    // What the writer saw of it has a gap block of its own; the rest belongs to one.
    this.#joiner.flush();
  }
}
