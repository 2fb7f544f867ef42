/**
 * Puts what a container's FIFOs deliver into its stream, one FIFO after the other, and keeps
 * the account of what could not be put there: to the byte, to the frame, and in its place. A
 * frame of which any byte is lost is lost as a whole, once: what is left of it behind the loss
 * is dropped with it, so that the stream goes on with the first byte of a frame.
 */
import { errnoOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import {
  blockFlag,
  type GapReason,
  noFrame,
  type StreamTail,
  type StreamWriter,
} from '../wal/index.ts';
import { FrameCounter } from './frame-counter.ts';
import { type LossReason, PendingLoss } from './loss.ts';

/** How one container's output is treated where there is no room for it. */
export interface CapturePolicy {
  readonly full: 'drop-oldest' | 'drop-newest' | 'block';
  /** The longest wait before bytes are dropped. */
  readonly blockTimeoutMs: number;
  readonly sync: 'interval' | 'always' | 'seal' | 'off';
}

/** Where is counted what happens; plain numbers. */
export interface CaptureCounters {
  capturedBytes: number;
  capturedFrames: number;
  writtenBytes: number;
  /** One loss. */
  gap(reason: GapReason, bytes: number, frames?: number): void;
  /** The loss told of last for this reason has become larger; it is one more where this is not. */
  gapGrew?(reason: GapReason, bytes: number, frames: number): void;
  writeError(errno: string | undefined): void;
}

/** What an appender needs; `now` is Unix milliseconds. */
export interface AppenderOptions {
  writer: StreamWriter;
  tail: StreamTail;
  log: Log;
  now: () => number;
  policy: () => CapturePolicy;
  counters?: CaptureCounters | undefined;
  /** Whether a limit lets so many stream bytes in. */
  admit?: ((bytes: number) => boolean) | undefined;
  /** Frees room at once where the disk or a limit has none. Returns whether to try again. */
  reliefs?: { makeRoom(): boolean } | undefined;
}

/** What one gap block can stand for: its span is a u32. */
const gapSpanMax = 0xffff_ffff;
/** A disk that is full in turns does not fill the log of the program, too. */
const complaintMs = 10_000;
const noBytes = new Uint8Array(0);

/** See the module comment. */
export class StreamAppender {
  readonly #options: AppenderOptions;
  readonly #writer: StreamWriter;
  readonly #counter = new FrameCounter();
  readonly #loss = new PendingLoss();
  /** The FIFO whose bytes come now, and whether the stream does not say so yet. */
  #fifo: string | undefined;
  #needsAttach = false;
  /** The next bytes are not the ones that belong behind the last byte of the stream. */
  #isBroken = false;
  #isDropping = false;
  /** What was offered last, as far as it is not in the stream and not lost. */
  #rest: Uint8Array = noBytes;
  #isRoomWanted = false;
  #reason: LossReason = 'disk';
  #cause = '';
  #complainedAtMs = Number.NEGATIVE_INFINITY;
  /** Whether the program's log says that output is being lost, and not yet that this is over. */
  #isTold = false;
  #seenWrittenBytes: number;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#writer = options.writer;
    this.#fifo = options.writer.attachedFifo;
    this.#seenWrittenBytes = options.writer.writtenBytes;
    this.#counter.restore(options.tail.openLsn, options.tail.openBytes);
  }

  /** The FIFO whose bytes are offered; undefined when none is. */
  get fifo(): string | undefined {
    return this.#fifo;
  }

  /** Whether the stream says that its bytes come from that FIFO. */
  get isAttached(): boolean {
    return this.#fifo !== undefined && !this.#needsAttach;
  }

  /** Whether output was dropped and none was taken since. */
  get isDropping(): boolean {
    return this.#isDropping;
  }

  /** Output that is lost and that no gap tells of yet. */
  get pendingLoss(): { bytes: number; frames: number } {
    return { bytes: this.#loss.bytes, frames: this.#loss.frames };
  }

  /**
   * Takes what the FIFO delivered. Returns why it cannot be taken, or undefined when it was;
   * what cannot be taken is to be offered again with `retry` or given up with `drop`.
   */
  offer(bytes: Uint8Array): LossReason | undefined {
    const counter = this.#counter;
    const { counters } = this.#options;
    counter.count(bytes, this.#nextLsn);
    if (counters !== undefined) {
      counters.capturedBytes += bytes.length;
      counters.capturedFrames += counter.stats.frames;
    }
    this.#rest = bytes;
    return this.retry();
  }

  /** Tries once more what could not be taken. */
  retry(): LossReason | undefined {
    const reason = this.#attempt();
    if (reason === undefined || !this.#isRoomWanted) return reason;
    return this.#options.reliefs?.makeRoom() === true ? this.#attempt() : reason;
  }

  /** What could not be taken stays valid from now on, whatever becomes of the memory it is in. */
  hold(): void {
    this.#rest = Buffer.from(this.#rest);
  }

  /** Gives up what could not be taken. */
  drop(reason: LossReason): void {
    const { frames, lines } = this.#counter.stats;
    this.#isDropping = true;
    this.#lose(reason, this.#rest.length, frames, lines);
    this.#complain(reason);
  }

  /** Another FIFO begins: its first byte comes next. */
  begin(fifoName: string): void {
    this.#fifo = fifoName;
    this.#needsAttach = true;
    this.#writer.cutToldLsn = undefined;
    this.#cut(this.#isBroken);
    this.#guarded(() => {
      this.#recordLoss();
      this.#writer.appendAttach(fifoName);
      this.#needsAttach = false;
    });
    this.#counter.cut(this.#nextLsn);
    this.#isBroken = this.#loss.bytes > 0 || this.#needsAttach;
    this.#countWritten();
  }

  /** A FIFO has ended: nothing goes on behind its last byte. */
  end(fifoName: string): void {
    if (this.#loss.bytes > 0) {
      const { pendingLoss } = this;
      this.#options.log.error(pendingLoss, 'output was lost: the WAL could not be written');
      this.#guarded(() => this.#recordLoss());
    }
    if (this.#fifo !== fifoName && this.#writer.attachedFifo !== fifoName) return;
    // First: a reader comes to what stands before the last position, and to nothing behind it.
    this.#cut(this.#isBroken);
    if (this.#writer.attachedFifo === fifoName) {
      this.#guarded(() => this.#writer.appendDetach(fifoName));
    }
    this.#counter.cut(this.#nextLsn);
    this.#fifo = undefined;
    this.#needsAttach = false;
    this.#isBroken = this.#loss.bytes > 0;
    this.#countWritten();
  }

  /**
   * Writes the gaps that are due, though nothing more was offered. Nothing may be waiting to
   * be tried again. Returns whether nothing is due any more.
   */
  settle(): boolean {
    if (this.#loss.bytes === 0) return true;
    try {
      this.#recordLoss();
    } catch (error) {
      this.#options.counters?.writeError(errnoOf(error));
      return false;
    }
    // In the middle of a frame the rest of it is still to come, and lost.
    this.#isBroken = !this.#counter.isOnEdge || this.#needsAttach;
    this.#countWritten();
    return true;
  }

  /** The stream ended in a torn block and nobody has its bytes: how many is unknown. */
  recordTorn(): void {
    const { endLsn } = this.#writer;
    this.#remark('torn', endLsn, endLsn);
    this.#options.counters?.gap('torn', 0);
  }

  /** Where in the stream the next byte belongs, once all that is lost before it is told. */
  get #nextLsn(): number {
    return this.#writer.endLsn + this.#loss.bytes;
  }

  #attempt(): LossReason | undefined {
    const { admit, counters } = this.#options;
    if (admit !== undefined && !admit(this.#rest.length)) {
      this.#isRoomWanted = true;
      return 'full';
    }
    try {
      this.#append();
      return undefined;
    } catch (error) {
      const errno = errnoOf(error);
      counters?.writeError(errno);
      this.#isRoomWanted = errno === 'ENOSPC' || errno === 'EDQUOT';
      this.#cause = messageOf(error);
      return 'disk';
    } finally {
      this.#countWritten();
    }
  }

  #append(): void {
    const counter = this.#counter;
    if (this.#isBroken && !this.#mend()) return;
    this.#writer.appendRaw(this.#rest, counter.flags, counter.stats);
    this.#isDropping = false;
    if (counter.skipped.length > 0) this.#recordSkipped('desync');
    counter.kept();
  }

  /**
   * Makes the stream ready for what is offered: tells what is lost before it. Returns false
   * when nothing of it is left, because all of it belongs to a frame that is lost.
   */
  #mend(): boolean {
    const counter = this.#counter;
    // Without a place nobody knows where a frame begins: a reader finds it as it always does.
    if (counter.startedLost) counter.recount(this.#rest, this.#nextLsn);
    else if ((counter.flags & blockFlag.startsOnFrame) === 0 && !this.#dropOpenFrame())
      return false;
    this.#recordLoss();
    if (this.#needsAttach && this.#fifo !== undefined) {
      this.#writer.appendAttach(this.#fifo);
      this.#needsAttach = false;
      counter.recount(this.#rest, this.#writer.endLsn);
    }
    this.#isBroken = false;
    return true;
  }

  /** Drops what is offered up to the first byte of a frame. Returns whether there is one. */
  #dropOpenFrame(): boolean {
    const counter = this.#counter;
    const { frames, lines, firstFrameOffset } = counter.stats;
    if (firstFrameOffset === noFrame) {
      this.#lose(this.#reason, this.#rest.length, frames, lines);
      return false;
    }
    this.#lose(this.#reason, firstFrameOffset, 1, counter.firstLines);
    counter.recount(this.#rest, this.#nextLsn);
    return true;
  }

  /** The first `bytes` of `#rest` are lost. */
  #lose(reason: LossReason, bytes: number, allFrames: number, allLines: number): void {
    const { counters } = this.#options;
    const isFirstTold = allFrames > 0 && this.#takeToldCut();
    const frames = isFirstTold ? allFrames - 1 : allFrames;
    const lines = isFirstTold ? allLines - this.#counter.firstLines : allLines;
    const isNew = this.#loss.add(reason, bytes, frames, lines);
    if (isNew || counters?.gapGrew === undefined) counters?.gap(reason, bytes, frames);
    else counters.gapGrew(reason, bytes, frames);
    this.#reason = reason;
    this.#isBroken = true;
    this.#writer.isLossDue = true;
    this.#rest = this.#rest.subarray(bytes);
    // A reader is told of the gap, which ends whatever was being searched.
    this.#counter.skipped = [];
  }

  /** Whether the frame that ends next began in a segment that was given up, which told of it. */
  #takeToldCut(): boolean {
    const writer = this.#writer;
    if (writer.cutToldLsn !== writer.endLsn) return false;
    writer.cutToldLsn = undefined;
    return true;
  }

  /** Writes the gaps for what is lost. Throws what the disk throws. */
  #recordLoss(): void {
    const { bytes, frames: frameCount } = this.pendingLoss;
    if (bytes === 0) return;
    const afterNs = this.#counter.lastKeptNs;
    for (let loss = this.#loss.first; loss !== undefined; loss = this.#loss.first) {
      const { reason, frames, lines } = loss;
      const fromLsn = this.#writer.endLsn;
      const span = Math.min(loss.bytes, gapSpanMax);
      const range = { fromLsn, toLsn: fromLsn + span, atMs: this.#options.now() };
      const gap = { kind: 'gap' as const, reason, ...range, frames, lines };
      this.#writer.appendGap(afterNs === undefined ? gap : { ...gap, afterNs }, span);
      // What is left of a frame that was told of is still to be lost.
      if (this.#writer.cutToldLsn === fromLsn) this.#writer.cutToldLsn = this.#writer.endLsn;
      this.#loss.recorded(span);
    }
    this.#writer.isLossDue = false;
    if (!this.#isTold) return;
    this.#isTold = false;
    const { log } = this.#options;
    log.error({ bytes, frames: frameCount }, 'the WAL can be written again; gap recorded');
  }

  /** `wasBroken`: of what is held, part is lost already and told as such. */
  #cut(wasBroken: boolean): void {
    this.#counter.cut(this.#nextLsn);
    if (wasBroken || this.#loss.bytes > 0) this.#counter.skipped = [];
    if (this.#counter.skipped.length > 0) this.#recordSkipped('cut');
  }

  #recordSkipped(reason: GapReason): void {
    for (const { fromLsn, toLsn } of this.#counter.skipped) {
      this.#options.log.warn(
        { reason, fromLsn, toLsn },
        'part of the stream is lost; recorded as a gap',
      );
      this.#options.counters?.gap(reason, toLsn - fromLsn);
      this.#remark(reason, fromLsn, toLsn);
    }
    this.#counter.skipped = [];
  }

  #remark(reason: GapReason, fromLsn: number, toLsn: number): void {
    const gap = { kind: 'gap' as const, reason, fromLsn, toLsn, atMs: this.#options.now() };
    const afterNs = this.#counter.lastKeptNs;
    const record = afterNs === undefined ? gap : { ...gap, afterNs };
    this.#guarded(() => this.#writer.appendGap(record, 0));
  }

  #complain(reason: LossReason): void {
    const now = performance.now();
    if (now - this.#complainedAtMs < complaintMs) return;
    this.#complainedAtMs = now;
    this.#isTold = true;
    const { log } = this.#options;
    if (reason === 'full') log.error('a limit of the WAL is reached; output is being lost');
    else log.error({ cause: this.#cause }, 'the WAL cannot be written; output is being lost');
  }

  #countWritten(): void {
    const { counters } = this.#options;
    const { writtenBytes } = this.#writer;
    if (counters !== undefined) counters.writtenBytes += writtenBytes - this.#seenWrittenBytes;
    this.#seenWrittenBytes = writtenBytes;
  }

  /** Runs an append whose loss costs no bytes of the container; a failing disk only delays it. */
  #guarded(append: () => void): void {
    try {
      append();
    } catch (error) {
      this.#options.counters?.writeError(errnoOf(error));
      this.#options.log.error({ cause: messageOf(error) }, 'a remark could not be written');
    }
  }
}
