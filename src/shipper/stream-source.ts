/**
 * One container's stream on its way to one endpoint: reads the log from its position, takes
 * frames apart, joins pieces of long lines and appends entries to a batch. It keeps no bytes
 * between two turns but open partial lines, so memory does not depend on the backlog.
 *
 * Every loss is one entry. It comes from a gap block, or from the reader's own gap where no
 * block tells of it. What the splitter skips makes none: skipped bytes that the writer saw have
 * a remark of the writer behind them, and those at the edges of a gap are what that gap cut.
 */
import { openPartialAgeMsMax } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { PushBatch } from '../encode/push-batch.ts';
import { createFrameView, decodeFrame } from '../frame/frame-decoder.ts';
import { type FrameHandler, FrameSplitter } from '../frame/frame-splitter.ts';
import { type OpenLine, type PartialBudget, PartialJoiner } from '../frame/partial-joiner.ts';
import {
  blockType,
  type CommittedLsn,
  decodeMetaRecord,
  type GapRecord,
  gapLine,
  gapTimeNs,
  type StreamPlace,
  type StreamReader,
} from '../wal/index.ts';
import { FrameOrdinal } from './frame-ordinal.ts';
import { type Loss, lossOfFound, lossOfRange, lossOfRemark, ToldRemarks } from './loss.ts';

/** A place to go on from: everything before `lsn` is in a batch. */
export interface SourcePosition {
  lsn: number;
  /** How many frames of the stream end before `lsn`. */
  ordinal: number;
  place: StreamPlace;
}

/** Is told of each loss as the endpoint is told of it; `frames` where that is known. */
export type OnLoss = (reason: string, bytes: number, frames: number | undefined) => void;

/** What one turn met in the stream that is not a line. */
interface Losses {
  /** Ranges of the stream that are lost. */
  gaps: number;
  /** Stream bytes that belong to no whole frame. */
  skippedBytes: number;
  /** Frames that are no LogEntry. */
  malformedFrames: number;
}

/** What a source needs. */
export interface StreamSourceOptions {
  containerId: string;
  directory: string;
  reader: StreamReader;
  committed: CommittedLsn;
  /** Selectors of the two streams of lines. */
  labels: { stdout: string; stderr: string };
  budget: PartialBudget;
  log: Log;
  /** Without a place this endpoint is new here and begins at the oldest byte there is. */
  start: { lsn: number; ordinal: number; place?: StreamPlace };
  onLoss?: OnLoss;
}

/** Room for tags, lengths and a timestamp around one line. */
const entryOverheadBytes = 32;
/** How much of a stream one turn reads at most, so that a loud container waits its turn. */
const turnBytesMax = 512 * 1024;

/** See the module comment. */
export class StreamSource implements FrameHandler {
  readonly containerId: string;
  readonly directory: string;
  labels: { stdout: string; stderr: string };
  readonly #reader: StreamReader;
  readonly #committed: CommittedLsn;
  readonly #log: Log;
  readonly #splitter = new FrameSplitter(this);
  readonly #joiner: PartialJoiner;
  readonly #view = createFrameView();
  readonly #onLoss: OnLoss | undefined;
  readonly #told = new ToldRemarks();
  #lsn: number;
  readonly #ordinal: FrameOrdinal;
  #place: StreamPlace;
  #seeksOldest: boolean;
  /** Up to where the stream is being cut. */
  #cutLsn: number | undefined;
  /** Of the frame that was handed out last. */
  #frameEndLsn = 0;
  #frameSeconds = 0;
  #frameNanos = 0;
  #batch: PushBatch | undefined;
  #batchBytesMax = 0;
  #handles: [number, number] = [-1, -1];
  #nowMs = 0;
  #losses: Losses = { gaps: 0, skippedBytes: 0, malformedFrames: 0 };

  constructor(options: StreamSourceOptions) {
    this.containerId = options.containerId;
    this.directory = options.directory;
    this.labels = options.labels;
    this.#reader = options.reader;
    this.#committed = options.committed;
    this.#log = options.log;
    this.#onLoss = options.onLoss;
    this.#lsn = options.start.lsn;
    this.#ordinal = new FrameOrdinal(options.start.ordinal);
    this.#seeksOldest = options.start.place === undefined;
    this.#place = options.start.place ?? { sequence: 0, offset: 0 };
    this.#joiner = new PartialJoiner(options.budget, (line) => this.#appendJoined(line));
  }

  /** Everything before this is in batches; an endpoint that has those may let go of it. */
  get position(): SourcePosition {
    const place = { ...this.#place };
    const open = this.#joiner.openStart;
    if (open !== undefined && open.lsn < this.#lsn) return { ...open, place };
    return { lsn: this.#lsn, ordinal: this.#ordinal.value, place };
  }

  /** Whether the log has more than was read. */
  get hasMore(): boolean {
    return this.#lsn < this.#committed.read();
  }

  /** How far the log is written. */
  get committedLsn(): number {
    return this.#committed.read();
  }

  /** Monotonic milliseconds at which an open partial line must be looked at, or undefined. */
  get partialDueAtMs(): number | undefined {
    const openedAtMs = this.#joiner.openedAtMs;
    return openedAtMs === undefined ? undefined : openedAtMs + openPartialAgeMsMax;
  }

  /**
   * Appends entries until the batch has `batchBytesMax` bytes, the turn is over or the log is
   * read. Returns `full` when the batch has no room for the next line, `turn` when there is
   * more for another turn, `idle` when there is not. Throws what the disk throws; the position
   * then stands behind the last line that is in the batch.
   */
  fill(batch: PushBatch, batchBytesMax: number, nowMs: number): 'full' | 'turn' | 'idle' {
    this.#batch = batch;
    this.#batchBytesMax = batchBytesMax;
    this.#nowMs = nowMs;
    this.#handles = [-1, -1];
    this.#told.forgetBefore(this.#lsn);
    this.#splitter.begin(this.#lsn);
    this.#ordinal.begin();
    try {
      if (!this.#flushOpen(nowMs - openPartialAgeMsMax)) return 'full';
      this.#reader.seek(this.#lsn, this.#place);
      return this.#readTurn();
    } finally {
      this.#lsn = this.#splitter.edgeLsn;
      this.#batch = undefined;
      this.#reportLosses();
    }
  }

  /** Gives back what is held. */
  close(): void {
    this.#joiner.discard();
  }

  #reportLosses(): void {
    const { gaps, skippedBytes, malformedFrames } = this.#losses;
    if (gaps + skippedBytes + malformedFrames === 0) return;
    this.#log.warn(this.#losses, 'part of the stream is missing at the endpoint');
    this.#losses = { gaps: 0, skippedBytes: 0, malformedFrames: 0 };
  }

  #readTurn(): 'full' | 'turn' | 'idle' {
    const committedLsn = this.#committed.read();
    const startLsn = this.#lsn;
    for (;;) {
      switch (this.#reader.next(committedLsn)) {
        case 'idle':
          return 'idle';
        case 'gap':
          if (!this.#passFound(committedLsn)) return 'full';
          break;
        case 'block':
          if (!this.#takeBlock()) return 'full';
          break;
      }
      const edgeLsn = this.#splitter.edgeLsn;
      if (edgeLsn - startLsn >= turnBytesMax) return edgeLsn < committedLsn ? 'turn' : 'idle';
    }
  }

  /** Works through the reader's block. Returns false when the batch is full. */
  #takeBlock(): boolean {
    const { header } = this.#reader;
    const endLsn = header.lsn + header.lsnSpan;
    let goOn = true;
    this.#seeksOldest = false;
    if (header.type === blockType.raw) goOn = this.#takeRaw();
    else if (header.type === blockType.gap) goOn = this.#takeGap();
    else if (header.type === blockType.meta) goOn = this.#takeMeta(endLsn);
    this.#notePlace(header.lsn, endLsn, goOn);
    return goOn;
  }

  #takeRaw(): boolean {
    const { header, payload } = this.#reader;
    const splitter = this.#splitter;
    const from = Math.max(0, splitter.nextLsn - header.lsn);
    this.#ordinal.enterBlock(header, from, splitter);
    if (!splitter.feed(payload, from, payload.length)) return false;
    this.#ordinal.leaveBlock(header);
    return true;
  }

  #takeMeta(endLsn: number): boolean {
    const { header, payload } = this.#reader;
    const record = decodeMetaRecord(payload);
    const goesOn = record?.kind === 'attach' && record.continued;
    return goesOn || header.lsnSpan === 0 || this.#cutAt(endLsn);
  }

  #takeGap(): boolean {
    const { header, payload } = this.#reader;
    const record = decodeMetaRecord(payload);
    const gap = record?.kind === 'gap' ? record : undefined;
    if (header.lsnSpan === 0) return gap === undefined || this.#takeRemark(header.lsn, gap);
    const reached = { lsn: this.#splitter.edgeLsn, ordinal: this.#ordinal.value };
    return this.#cutAt(header.lsn + header.lsnSpan, lossOfRange(header, gap, reached));
  }

  /**
   * A remark has no position, so no position says whether it was told. In one process it is told
   * once; after a restart it may come again, the same in text and time.
   */
  #takeRemark(lsn: number, record: GapRecord): boolean {
    const { payload } = this.#reader;
    if (this.#told.has(lsn, payload)) return true;
    // Open lines stay open: what the writer met here, the splitter has met as well.
    const loss = lossOfRemark(record, this.#ordinal.value);
    const line = lineOf(loss);
    if (!this.#hasRoom(line.length)) return false;
    this.#tell(loss, line);
    this.#told.add(lsn, payload);
    return true;
  }

  /** Passes what the reader found missing. Returns false when the batch is full. */
  #passFound(committedLsn: number): boolean {
    const { gap } = this.#reader;
    // What an endpoint finds gone before its first byte was removed in order, not lost.
    const isNoLoss = gap === undefined || (this.#seeksOldest && gap.reason === 'missing');
    const loss = isNoLoss ? undefined : lossOfFound(gap, this.#ordinal.value);
    if (!this.#cutAt(gap?.toLsn ?? committedLsn, loss)) return false;
    this.#seeksOldest = false;
    return true;
  }

  /** Remembers the block in which the next frame starts, for the next turn. */
  #notePlace(lsn: number, endLsn: number, isDone: boolean): void {
    const edgeLsn = this.#splitter.edgeLsn;
    // A remark ends where it begins: only the outcome tells on which side of it we stand.
    if (edgeLsn >= endLsn && isDone) this.#place = { ...this.#reader.nextPlace };
    else if (edgeLsn >= lsn) this.#place = { ...this.#reader.blockPlace };
  }

  /**
   * The FIFO ended or bytes are lost: no open line can get its end any more, and the loss is
   * told. Returns false when the batch is full before all of that; it is to be met again then.
   */
  #cutAt(lsn: number, loss?: Loss): boolean {
    const ordinal = this.#ordinal.value;
    this.#frameEndLsn = this.#splitter.edgeLsn;
    this.#cutLsn = lsn;
    const isCut = this.#splitter.cut(lsn);
    this.#cutLsn = undefined;
    // Frames that only the cut brings to light have no number: the writer counts them nowhere.
    this.#ordinal.value = ordinal;
    if (!isCut) return false;
    const line = loss && lineOf(loss);
    if (this.#flushOpen() && (line === undefined || this.#hasRoom(line.length))) {
      if (loss !== undefined && line !== undefined) this.#tell(loss, line);
      return true;
    }
    this.#splitter.begin(this.#frameEndLsn);
    return false;
  }

  #tell(loss: Loss, line: Buffer): void {
    const timeNs = gapTimeNs({ ...loss, lastFrameNs: this.#lastFrameNs() }, Date.now());
    const seconds = Number(timeNs / 1_000_000_000n);
    this.#append(true, seconds, Number(timeNs % 1_000_000_000n), line, 0, line.length);
    this.#losses.gaps += 1;
    this.#ordinal.value = loss.ordinalBehind;
    this.#onLoss?.(loss.reason, loss.bytes ?? 0, loss.frames);
  }

  #lastFrameNs(): bigint | undefined {
    if (this.#frameSeconds === 0 && this.#frameNanos === 0) return undefined;
    return BigInt(this.#frameSeconds) * 1_000_000_000n + BigInt(this.#frameNanos);
  }

  /** Hands out the lines that were opened at or before `openedAtMs`, by default all. */
  #flushOpen(openedAtMs = Number.POSITIVE_INFINITY): boolean {
    const oldestMs = this.#joiner.openedAtMs;
    if (oldestMs === undefined || oldestMs > openedAtMs) return true;
    if (!this.#hasRoom(this.#joiner.openBytes)) return false;
    this.#joiner.flush(openedAtMs);
    return true;
  }

  onFrame(bytes: Uint8Array, start: number, end: number, endLsn: number): boolean {
    const view = this.#view;
    if (!decodeFrame(bytes, start, end, view)) {
      this.#losses.malformedFrames += 1;
      this.#frameEndLsn = endLsn;
      this.#ordinal.value += 1;
      return true;
    }
    const joiner = this.#joiner;
    const lineBytes = view.lineEnd - view.lineStart;
    const openBytes = joiner.isOpen ? joiner.openLength(view.isStderr) : 0;
    if (!this.#hasRoom(openBytes + lineBytes)) return false;
    const ordinal = this.#ordinal.value;
    this.#ordinal.value = ordinal + 1;
    this.#frameEndLsn = endLsn;
    this.#frameSeconds = view.seconds;
    this.#frameNanos = view.nanos;
    if (view.partial) {
      joiner.add(bytes, view, { lsn: endLsn - (end - start) - 4, ordinal }, this.#nowMs);
      return true;
    }
    if (joiner.isOpen && joiner.endOpenLine(bytes, view)) return true;
    this.#append(view.isStderr, view.seconds, view.nanos, bytes, view.lineStart, view.lineEnd);
    return true;
  }

  onSkipped(fromLsn: number, toLsn: number): void {
    // The end of a cut: open lines are handed out, and the loss is told, by who cuts.
    if (toLsn === this.#cutLsn) return;
    this.#losses.skippedBytes += toLsn - fromLsn;
    this.#ordinal.leaveSkipped();
    this.#joiner.flush();
  }

  #hasRoom(lineBytes: number): boolean {
    const batch = this.#batch;
    if (batch === undefined || batch.entries === 0) return true;
    return batch.sizeBytes + lineBytes + entryOverheadBytes <= this.#batchBytesMax;
  }

  #appendJoined(line: OpenLine): void {
    this.#append(line.isStderr, line.seconds, line.nanos, line.bytes, 0, line.length);
  }

  #append(
    isStderr: boolean,
    seconds: number,
    nanos: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const batch = this.#batch;
    if (batch === undefined) throw new Error('a line came up outside of a turn');
    const slot = isStderr ? 1 : 0;
    let handle = this.#handles[slot];
    if (handle < 0) {
      handle = batch.stream(isStderr ? this.labels.stderr : this.labels.stdout);
      this.#handles[slot] = handle;
    }
    batch.append(handle, seconds, nanos, bytes, start, end);
  }
}

function lineOf(loss: Loss): Buffer {
  return Buffer.from(gapLine(loss), 'utf8');
}
