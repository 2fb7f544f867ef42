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
  FrameOrdinal,
  gapLine,
  gapTimeNs,
  hasSegmentBefore,
  type Loss,
  lossOfFound,
  lossOfRange,
  lossOfRemark,
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
  /** A line that stands for lost ones; `isRange`: whether the log keeps their place. */
  onGap(seconds: number, nanos: number, text: string, isRange: boolean): void;
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
  /** Never too many, but too few until a block began in front of a reader that starts amid one. */
  readonly #ordinal = new FrameOrdinal(0);
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
    const { disk, directory } = this.#options;
    // What stood before the oldest segment was removed in order, under the reader's feet.
    const { sequence } = this.#reader.nextPlace;
    const wasLetGo = gap.reason === 'missing' && !hasSegmentBefore(disk, directory, sequence);
    const loss = lossOfFound(gap, this.#ordinal.value);
    this.#tell(wasLetGo ? { ...loss, reason: 'let-go' } : loss, false);
  }

  /** Returns false when the handler wants no more. */
  #takeBlock(): boolean {
    const { header, payload } = this.#reader;
    const endLsn = header.lsn + header.lsnSpan;
    if (header.type === blockType.raw) return this.#takeRaw();
    if (header.type === blockType.gap) {
      this.#takeGapBlock(endLsn);
    } else if (header.lsnSpan > 0) {
      // An attach or a detach: no frame and no line goes on behind it.
      const record = decodeMetaRecord(payload);
      if (record?.kind !== 'attach' || !record.continued) this.#cut(endLsn);
    }
    return true;
  }

  #takeRaw(): boolean {
    const { header, payload } = this.#reader;
    const splitter = this.#splitter;
    const from = Math.max(0, splitter.nextLsn - header.lsn);
    const to = Math.min(payload.length, this.#limitLsn - header.lsn);
    if (from >= to) return true;
    this.#ordinal.enterBlock(header, from, splitter);
    if (!splitter.feed(payload, from, to)) return false;
    this.#ordinal.leaveBlock(header);
    return true;
  }

  #takeGapBlock(endLsn: number): void {
    const { header, payload } = this.#reader;
    const record = decodeMetaRecord(payload);
    const gap = record?.kind === 'gap' ? record : undefined;
    const reached = { lsn: this.#splitter.edgeLsn, ordinal: this.#ordinal.value };
    if (header.lsnSpan > 0) {
      this.#cut(endLsn);
      // Of a range that was given up after a part of it was read, only the rest is missing here.
      this.#tell(lossOfRange(header, gap, reached), true);
    } else if (gap !== undefined) this.#tell(lossOfRemark(gap, reached.ordinal), false);
  }

  #tell(loss: Loss, isRange: boolean): void {
    this.#ordinal.value = loss.ordinalBehind;
    const hasLast = this.#lastSeconds > 0 || this.#lastNanos > 0;
    const lastFrameNs = hasLast
      ? BigInt(this.#lastSeconds) * 1_000_000_000n + BigInt(this.#lastNanos)
      : undefined;
    const timeNs = gapTimeNs({ ...loss, lastFrameNs }, Date.now());
    const seconds = Number(timeNs / 1_000_000_000n);
    const nanos = Number(timeNs % 1_000_000_000n);
    this.#options.handler.onGap(seconds, nanos, gapLine(loss), isRange);
  }

  #cut(lsn: number): void {
    const ordinal = this.#ordinal.value;
    this.#splitter.cut(lsn);
    // Frames that only the cut brings to light have no number: the writer counts them nowhere.
    this.#ordinal.value = ordinal;
    this.#joiner.flush();
  }

  onFrame(bytes: Uint8Array, start: number, end: number, endLsn: number): boolean {
    const view = this.#view;
    this.#ordinal.value += 1;
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
    this.#ordinal.leaveSkipped();
    this.#joiner.flush();
  }
}
