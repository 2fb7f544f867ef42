/**
 * One container's stream on its way to one endpoint: reads the log from its position, takes
 * frames apart, joins pieces of long lines and appends entries to a batch. It keeps no bytes
 * between two turns but open partial lines, so memory does not depend on the backlog, and it can
 * go back to any place where it stood.
 *
 * Every loss is one entry. It comes from a gap block, or from the reader's own gap where no
 * block tells of it. What the splitter skips makes none: skipped bytes that the writer saw have
 * a remark of the writer behind them, and those at the edges of a gap are what that gap cut.
 */
import { openPartialAgeMsMax } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { createFrameView, decodeFrame } from '../frame/frame-decoder.ts';
import { type FrameHandler, FrameSplitter } from '../frame/frame-splitter.ts';
import type { PartialBudget } from '../frame/partial-joiner.ts';
import type { StreamRun } from '../pipeline/plan.ts';
import {
  blockType,
  type CommittedLsn,
  decodeMetaRecord,
  FrameOrdinal,
  type GapRecord,
  gapTimeNs,
  type Loss,
  lineOfLoss,
  lossOfFound,
  lossOfRange,
  lossOfRemark,
  type StreamPlace,
  type StreamReader,
} from '../wal/index.ts';
import { createNotes, type FillTarget, hasNotes, type Notes } from './fill-target.ts';
import { SourceLines, type SourceLinesOptions } from './source-lines.ts';
import type { SourceState } from './source-state.ts';
import { type ToldRemark, ToldRemarks } from './told-remarks.ts';

/** A place to go on from: everything before `lsn` is in a batch. */
export interface SourcePosition {
  lsn: number;
  /** How many frames of the stream end before `lsn`. */
  ordinal: number;
  place: StreamPlace;
  /** What the source knew there, as the cursor keeps it. */
  state?: Uint8Array | undefined;
}

/** Such a place with what the source knew there: from here it does the very same again. */
export interface SourceMark extends SourcePosition {
  readonly told: readonly ToldRemark[];
  readonly seeksOldest: boolean;
  /** Time of the last frame before. */
  readonly seconds: number;
  readonly nanos: number;
  readonly sourceState: SourceState;
}

/** What a source needs. */
export interface StreamSourceOptions extends Omit<SourceLinesOptions, 'state'> {
  containerId: string;
  directory: string;
  reader: StreamReader;
  committed: CommittedLsn;
  budget: PartialBudget;
  log: Log;
  /** Without a place this endpoint is new here and begins at the oldest byte there is. */
  start: { lsn: number; ordinal: number; place?: StreamPlace; state?: Uint8Array | undefined };
}

/** The length in front of a frame. */
const frameHeadBytes = 4;

/** See the module comment. */
export class StreamSource implements FrameHandler {
  readonly containerId: string;
  readonly directory: string;
  readonly #lines: SourceLines;
  readonly #reader: StreamReader;
  readonly #committed: CommittedLsn;
  readonly #log: Log;
  readonly #splitter = new FrameSplitter(this);
  readonly #view = createFrameView();
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
  /** Unix seconds of the first frame of the turn; below zero before there is one. */
  #firstSeconds = -1;
  /** What was committed when all of it was read. */
  #readUpToLsn = -1;
  #notes = createNotes();
  constructor(options: StreamSourceOptions) {
    this.containerId = options.containerId;
    this.directory = options.directory;
    const { runs, pipeline, lines, isFinal, hasTenant, start } = options;
    const rules = { runs, pipeline, lines, isFinal, hasTenant, state: start.state };
    this.#lines = new SourceLines(rules, options.budget);
    this.#reader = options.reader;
    this.#committed = options.committed;
    this.#log = options.log;
    this.#lsn = options.start.lsn;
    this.#ordinal = new FrameOrdinal(options.start.ordinal);
    this.#seeksOldest = options.start.place === undefined;
    this.#place = options.start.place ?? { sequence: 0, offset: 0 };
  }

  /** Everything before this is in batches; an endpoint that has those may let go of it. */
  get position(): SourceMark {
    const place = { ...this.#place };
    const held = this.#lines.resumeMark;
    const lsn = held?.lsn ?? this.#lsn;
    const ordinal = held?.ordinal ?? this.#ordinal.value;
    const sourceState = held?.state ?? this.#lines.state;
    const time = { seconds: this.#frameSeconds, nanos: this.#frameNanos };
    const memory = { told: this.#told.list, seeksOldest: this.#seeksOldest, sourceState };
    return { lsn, ordinal, place, ...memory, ...time };
  }

  /** A mark's state as it goes into the cursor. */
  encodeState({ sourceState }: Pick<SourceMark, 'sourceState'>): Uint8Array {
    return this.#lines.encode(sourceState);
  }

  /** New ones count from the next turn on. */
  set runs(runs: readonly StreamRun[]) {
    this.#lines.runs = runs;
  }

  /** Whether lines may go to other tenants than the endpoint's own. */
  get choosesTenants(): boolean {
    return this.#lines.choosesTenants;
  }

  /** For how many milliseconds a stage wants no more of what there is; undefined: it does. */
  get pauseMs(): number | undefined {
    return this.#lines.pauseMs;
  }

  /** Whether the log has more than was read. */
  get hasMore(): boolean {
    return this.#lsn < this.#committed.read();
  }

  /** Whether there is nothing to read but what was looked at already: the start of a frame. */
  get isReadUp(): boolean {
    return this.#committed.read() <= Math.max(this.#lsn, this.#readUpToLsn);
  }

  /** How far the log is written, and how many frames end there. */
  get committed(): { lsn: number; ordinal: number } {
    return { lsn: this.#committed.read(), ordinal: this.#committed.readOrdinal() };
  }

  /** Unix milliseconds of the first frame that the last turn read; undefined without one. */
  get firstFrameMs(): number | undefined {
    return this.#firstSeconds < 0 ? undefined : this.#firstSeconds * 1000;
  }

  /** Unix milliseconds of the last frame that was read; 0 before there was one. */
  get lastFrameMs(): number {
    return this.#frameSeconds * 1000;
  }

  /** Monotonic milliseconds at which something that is held must be looked at, or undefined. */
  dueAtMs(nowMs: number): number | undefined {
    return this.#lines.dueAtMs(nowMs);
  }

  /**
   * Appends entries until the batch is full, so many bytes of stream are read or the log is.
   * Returns `full` when the batch has no room for the next line, `turn` when there is more for
   * another turn, `idle` when there is not. Throws what the disk throws; the position then stands
   * behind the last line that is in the batch.
   */
  fill(target: FillTarget, turnBytesMax: number, nowMs: number): 'full' | 'turn' | 'idle' {
    this.#lines.begin(target, nowMs);
    this.#firstSeconds = -1;
    // With lines that are held it may go back further than to where it reads.
    this.#told.forgetBefore(this.#lines.resumeMark?.lsn ?? this.#lsn);
    this.#splitter.begin(this.#lsn);
    this.#ordinal.begin();
    try {
      if (!this.#lines.flushOlder(nowMs - openPartialAgeMsMax)) return 'full';
      this.#reader.seek(this.#lsn, this.#place);
      const result = this.#readTurn(turnBytesMax);
      this.#lines.letGo(result === 'idle');
      return this.#lines.isPaused ? 'idle' : result;
    } finally {
      this.#lsn = this.#splitter.edgeLsn;
      this.#lines.end();
    }
  }

  /** What the last turns met that is not a line, once; undefined when that is nothing. */
  takeNotes(): Notes | undefined {
    const notes = this.#notes;
    notes.stages.push(...this.#lines.takeCounts());
    if (!hasNotes(notes)) return undefined;
    this.#notes = createNotes();
    return notes;
  }

  /** What was noted is settled: says so to people. */
  report({ told, skippedBytes, malformedFrames }: Readonly<Notes>): void {
    if (told.length + skippedBytes + malformedFrames === 0) return;
    const fields = { gaps: told.length, skippedBytes, malformedFrames };
    this.#log.warn(fields, 'part of the stream is missing at the endpoint');
  }

  /** Goes back to where it stood once. Open lines are let go of: they are read again. */
  rewind(mark: Readonly<SourceMark>): void {
    this.#lines.restore(mark.sourceState);
    this.#lsn = mark.lsn;
    this.#ordinal.value = mark.ordinal;
    this.#place = { ...mark.place };
    this.#seeksOldest = mark.seeksOldest;
    this.#told.restore(mark.told);
    this.#frameSeconds = mark.seconds;
    this.#frameNanos = mark.nanos;
    this.#readUpToLsn = -1;
    this.#notes = createNotes();
  }

  /** Gives back what is held. */
  close(): void {
    this.#lines.discard();
  }

  #readTurn(turnBytesMax: number): 'full' | 'turn' | 'idle' {
    const committedLsn = this.#committed.read();
    const startLsn = this.#lsn;
    for (;;) {
      switch (this.#reader.next(committedLsn)) {
        case 'idle':
          this.#readUpToLsn = committedLsn;
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
    const line = lineOfLoss(loss);
    if (!this.#lines.hasRoom(line.length)) return false;
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
    const line = loss && lineOfLoss(loss);
    if (this.#lines.flushAll() && (line === undefined || this.#lines.hasRoom(line.length))) {
      if (loss !== undefined && line !== undefined) this.#tell(loss, line);
      return true;
    }
    this.#splitter.begin(this.#frameEndLsn);
    return false;
  }

  #tell(loss: Loss, line: Buffer): void {
    const timeNs = gapTimeNs({ ...loss, lastFrameNs: this.#lastFrameNs() }, Date.now());
    const seconds = Number(timeNs / 1_000_000_000n);
    const nanos = Number(timeNs % 1_000_000_000n);
    const isTold = this.#lines.takeLoss(seconds, nanos, this.#splitter.edgeLsn, line);
    const { reason, bytes = 0, frames } = loss;
    if (isTold) this.#notes.told.push({ reason, bytes, frames });
    this.#ordinal.value = loss.ordinalBehind;
  }

  #lastFrameNs(): bigint | undefined {
    if (this.#frameSeconds === 0 && this.#frameNanos === 0) return undefined;
    return BigInt(this.#frameSeconds) * 1_000_000_000n + BigInt(this.#frameNanos);
  }

  onFrame(bytes: Uint8Array, start: number, end: number, endLsn: number): boolean {
    const view = this.#view;
    if (!decodeFrame(bytes, start, end, view)) {
      this.#notes.malformedFrames += 1;
      this.#frameEndLsn = endLsn;
      this.#ordinal.value += 1;
      return true;
    }
    if (!this.#lines.isWelcome(view)) return false;
    const ordinal = this.#ordinal.value;
    const lsn = endLsn - (end - start) - frameHeadBytes;
    this.#ordinal.value = ordinal + 1;
    this.#frameEndLsn = endLsn;
    if (this.#firstSeconds < 0) this.#firstSeconds = view.seconds;
    this.#frameSeconds = view.seconds;
    this.#frameNanos = view.nanos;
    this.#lines.takeFrame(bytes, view, lsn, ordinal);
    return true;
  }

  onSkipped(fromLsn: number, toLsn: number): void {
    // The end of a cut: open lines are handed out, and the loss is told, by who cuts.
    if (toLsn === this.#cutLsn) return;
    this.#notes.skippedBytes += toLsn - fromLsn;
    this.#ordinal.leaveSkipped();
    this.#lines.cutOpen();
  }
}
