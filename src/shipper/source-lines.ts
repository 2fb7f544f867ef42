/**
 * The lines of one source between their frames and the batch: pieces of long lines are joined,
 * stages run, and what is held back by either keeps the place where it begins.
 */
import { openPartialAgeMsMax, openPartialBytesMax } from '../base/limits.ts';
import type { FrameView } from '../frame/frame-decoder.ts';
import { type PartialBudget, PartialJoiner, type PieceStart } from '../frame/partial-joiner.ts';
import type { StageCounts } from '../pipeline/pipeline-counts.ts';
import type { StreamRun } from '../pipeline/plan.ts';
import { EntryWriter, type EntryWriterOptions, type LineFacts } from './entry-writer.ts';
import type { FillTarget } from './fill-target.ts';
import { encodeState, type SourceState } from './source-state.ts';

/** From where on all can be done again when what went out until then is settled. */
export interface ResumeMark {
  readonly lsn: number;
  /** How many frames of the stream end before it. */
  readonly ordinal: number;
  readonly state: SourceState;
}

/** What the lines of a source are worked on with. */
export interface SourceLinesOptions extends EntryWriterOptions {
  /** Whether the log has its end: what is held goes out there, and waits for nothing. */
  readonly isFinal?: boolean | undefined;
}

/** See the module comment. */
export class SourceLines {
  readonly #entries: EntryWriter;
  readonly #joiner: PartialJoiner;
  /** Where to begin again while a line of standard output, or of standard error, waits for pieces. */
  readonly #openMarks: [ResumeMark | undefined, ResumeMark | undefined] = [undefined, undefined];
  /** What was known, beside the stages, where the pipeline would begin again; and where that is. */
  #heldLsn = -1;
  #heldState: Omit<SourceState, 'stages'> | undefined;
  readonly #budget: PartialBudget;
  /** Bytes that stages hold, as the budget knows of them. */
  #stageBytes = 0;
  #nowMs = 0;
  /** Unix milliseconds of this turn. */
  #wallMs = 0;
  #isPaused = false;
  /** Whether the line in hand came in pieces. */
  #isJoined = false;
  readonly #isFinal: boolean;

  constructor(options: SourceLinesOptions, budget: PartialBudget) {
    this.#entries = new EntryWriter(options);
    this.#isFinal = options.isFinal ?? false;
    this.#budget = budget;
    this.#joiner = new PartialJoiner(budget, (line) => {
      this.#isJoined = true;
      this.#take(line, line.startLsn, line.startOrdinal, line.bytes, 0, line.length);
      this.#isJoined = false;
    });
  }

  /** New ones count from the next turn on. */
  set runs(runs: readonly StreamRun[]) {
    this.#entries.runs = runs;
  }

  /** A turn begins; `nowMs` is monotonic. */
  begin(target: FillTarget, nowMs: number): void {
    this.#entries.target = target;
    this.#nowMs = nowMs;
    this.#wallMs = Date.now();
    this.#isPaused = false;
  }

  /** A turn ends. */
  end(): void {
    this.#entries.target = undefined;
  }

  /** Whether lines may go to other tenants than the endpoint's own. */
  get choosesTenants(): boolean {
    return this.#entries.choosesTenants;
  }

  /** Whether a stage wanted nothing more in this turn. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** For how many milliseconds more; undefined: it wanted all that there was. */
  get pauseMs(): number | undefined {
    if (!this.#isPaused) return undefined;
    const nowMs = Date.now();
    return Math.max(0, (this.#entries.pipeline?.pausedUntilMs(nowMs) ?? 0) - nowMs);
  }

  /** What is needed to go on from here in the same way. */
  get state(): SourceState {
    return this.#entries.state;
  }

  /** The same as it goes into the cursor. */
  encode(state: SourceState): Uint8Array {
    return encodeState(state, this.#entries.pipelineMark);
  }

  /** Forgets what is held: it will be read again. */
  discard(): void {
    this.#joiner.discard();
    this.#entries.pipeline?.discard();
    this.#heldLsn = -1;
    this.#countHeld();
  }

  /** Goes back to a state; what is held is forgotten. */
  restore(state: SourceState): void {
    this.discard();
    this.#entries.restore(state);
  }

  /** What was dropped and measured since the last call. */
  takeCounts(): StageCounts[] {
    return this.#entries.takeCounts();
  }

  /** Where to begin again; undefined: where the next line begins, with the state of now. */
  get resumeMark(): ResumeMark | undefined {
    const stdout = this.#joiner.startOf(false) && this.#openMarks[0];
    const stderr = this.#joiner.startOf(true) && this.#openMarks[1];
    return older(older(stdout, stderr), this.#stageMark());
  }

  /** The same, without regard to lines that wait for pieces. */
  #stageMark(): ResumeMark | undefined {
    const point = this.#entries.pipeline?.resumePoint;
    if (point?.start === undefined) return undefined;
    const { lsn, ordinal } = point.start;
    const { times, tenantId } = this.#heldState ?? this.state;
    return { lsn, ordinal, state: { times, tenantId, stages: point.state } };
  }

  /** Monotonic milliseconds at which something that is held must be looked at, or undefined. */
  dueAtMs(nowMs: number): number | undefined {
    const openedAtMs = this.#joiner.openedAtMs;
    const heldUntilMs = this.#entries.pipeline?.dueAtMs;
    const dues: number[] = [];
    if (openedAtMs !== undefined) dues.push(openedAtMs + openPartialAgeMsMax);
    if (heldUntilMs !== undefined) dues.push(nowMs + heldUntilMs - Date.now());
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  /** Whether a line of so many bytes fits into the batch. */
  hasRoom(lineBytes: number): boolean {
    return this.#entries.hasRoom(lineBytes);
  }

  /** Whether the line of this frame fits, and is wanted now. */
  isWelcome(view: FrameView): boolean {
    const openBytes = this.#joiner.isOpen ? this.#joiner.openLength(view.isStderr) : 0;
    if (!this.#entries.hasRoom(openBytes + view.lineEnd - view.lineStart)) return false;
    const { pipeline } = this.#entries;
    if (pipeline === undefined) return true;
    this.#isPaused = pipeline.pausedUntilMs(this.#wallMs) > this.#wallMs;
    return !this.#isPaused;
  }

  /** Takes a frame, decoded from `bytes`, that begins at `lsn` behind `ordinal` others. */
  takeFrame(bytes: Uint8Array, view: FrameView, lsn: number, ordinal: number): void {
    const joiner = this.#joiner;
    if (view.partial) {
      this.#takePiece(bytes, view, lsn, ordinal);
    } else if (!joiner.isOpen || !joiner.endOpenLine(bytes, view)) {
      this.#take(view, lsn, ordinal, bytes, view.lineStart, view.lineEnd);
    }
  }

  /** Takes a line that tells of a loss. Returns whether the endpoint is told. */
  takeLoss(seconds: number, nanos: number, lsn: number, line: Buffer): boolean {
    return this.#entries.appendLoss(seconds, nanos, lsn, line);
  }

  /** Pieces that were skipped cut what is open short. */
  cutOpen(): void {
    this.#joiner.flush();
  }

  /** Hands out the lines that wait for pieces since `openedAtMs` or before. False: no room. */
  flushOlder(openedAtMs: number): boolean {
    const oldestMs = this.#joiner.openedAtMs;
    if (oldestMs === undefined || oldestMs > openedAtMs) return true;
    if (!this.#entries.hasRoom(this.#joiner.openBytes)) return false;
    this.#joiner.flush(openedAtMs);
    return true;
  }

  /** Hands out everything that is held, also by stages. False: no room. */
  flushAll(): boolean {
    if (!this.flushOlder(Number.POSITIVE_INFINITY)) return false;
    const { pipeline } = this.#entries;
    if (pipeline?.heldStart === undefined) return true;
    if (!this.#entries.hasRoom(0)) return false;
    pipeline.flush();
    return true;
  }

  /**
   * Stages let go of what waits for nothing any more. Only when all is read: of a backlog the next
   * line is known, and old as it is, it may belong to what is held. At the end of a final log all
   * goes; stages still wait where there is no room for the open lines, which come before.
   */
  letGo(isReadUp: boolean): void {
    const isAll = isReadUp && this.#isFinal && this.flushOlder(Number.POSITIVE_INFINITY);
    const { pipeline } = this.#entries;
    if (pipeline === undefined) return;
    if (isReadUp) pipeline.flush(isAll ? undefined : this.#wallMs);
    this.#countHeld();
    if (this.#budget.heldBytes <= openPartialBytesMax) return;
    pipeline.flush();
    this.#countHeld();
  }

  #countHeld(): void {
    const stageBytes = this.#entries.pipeline?.heldBytes ?? 0;
    this.#budget.heldBytes += stageBytes - this.#stageBytes;
    this.#stageBytes = stageBytes;
  }

  #takePiece(bytes: Uint8Array, view: FrameView, lsn: number, ordinal: number): void {
    // What began before this line may be out before it has its end.
    const before = this.resumeMark;
    const mark = before ?? { lsn, ordinal, state: this.state };
    this.#joiner.add(bytes, view, { lsn, ordinal }, this.#nowMs);
    const isFirst = this.#joiner.startOf(view.isStderr)?.lsn === lsn;
    if (isFirst) this.#openMarks[view.isStderr ? 1 : 0] = mark;
  }

  /** One whole line. */
  #take(
    line: LineFacts,
    lsn: number,
    ordinal: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const entries = this.#entries;
    const { pipeline } = entries;
    if (pipeline === undefined) {
      entries.append(line, lsn, ordinal, bytes, start, end);
      return;
    }
    pipeline.openStart = this.#openStart();
    pipeline.isInPieces = this.#isJoined;
    entries.append(line, lsn, ordinal, bytes, start, end);
    const held = pipeline.heldStart;
    if (held === undefined || held.lsn === this.#heldLsn) return;
    // Of what began there all is still to come, and all before is out.
    this.#heldLsn = held.lsn;
    const open = this.#openMarks.find((mark) => mark?.lsn === held.lsn);
    this.#heldState = open?.state ?? entries.state;
  }

  /** Where the oldest line begins that waits for pieces. */
  #openStart(): PieceStart | undefined {
    if (!this.#joiner.isOpen) return undefined;
    const [stdout, stderr] = [this.#joiner.startOf(false), this.#joiner.startOf(true)];
    if (stdout === undefined) return stderr;
    return stderr === undefined || stdout.lsn < stderr.lsn ? stdout : stderr;
  }
}

function older(a: ResumeMark | undefined, b: ResumeMark | undefined): ResumeMark | undefined {
  return a === undefined || (b !== undefined && b.lsn < a.lsn) ? b : a;
}
