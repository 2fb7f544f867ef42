/**
 * Brings the FIFOs of one container into its stream. Bytes are in the log, in the tick that
 * read them, before anybody looks at what they mean. A disk that refuses them holds the
 * container up for as long as its policy says and never longer: then they are dropped and
 * counted, and reading goes on.
 */
import { basename } from 'node:path';
import type { Log } from '../base/log.ts';
import type { StreamTail, StreamWriter } from '../wal/index.ts';
import { Fifo, type FifoEvents } from './fifo.ts';
import type { LandingArea, LandingSlot } from './landing.ts';
import type { LossReason } from './loss.ts';
import { type CaptureCounters, type CapturePolicy, StreamAppender } from './stream-appender.ts';

/** What a capture tells its owner. */
export interface CaptureEvents {
  /** So many stream bytes were appended, or a remark was: 0. */
  onAppended(bytes: number): void;
  /** dockerd has gone from this FIFO without stopping it; it is closed. */
  onFifoEnded(path: string): void;
  /** The first byte of a FIFO is about to enter the stream, at this position or right behind it. */
  onEntered?(fromLsn: number): void;
}

/** What a capture needs; `now` is Unix milliseconds. */
export interface ContainerCaptureOptions {
  writer: StreamWriter;
  tail: StreamTail;
  landing: LandingArea;
  events: CaptureEvents;
  log: Log;
  now: () => number;
  /** Asked with every read; nothing waits and nothing is synced by default. */
  policy?: () => CapturePolicy;
  counters?: CaptureCounters;
  /** Whether a limit lets so many stream bytes in; no limit by default. */
  admit?: (bytes: number) => boolean;
  /** Frees room at once; returns whether to try again. */
  reliefs?: { makeRoom(): boolean };
  /** Needed for `sync: always`. The promise never rejects. */
  syncer?: { syncNow(writer: StreamWriter): Promise<void> };
}

const defaultPolicy: CapturePolicy = { full: 'drop-oldest', blockTimeoutMs: 0, sync: 'off' };
const retryMs = 100;
/** A disk that hangs in a sync does not hold the container up for ever. */
const syncWaitMsMax = 5000;
/** What is lost is told in the stream so long after the last loss; later, if that goes on. */
const settleMs = 1000;
const settleMsMax = 60_000;

/** A read that could not be taken and that its FIFO waits for. */
interface Waiting {
  fifo: Fifo;
  bytes: number;
  untilMs: number;
  timer: NodeJS.Timeout;
}

/** See the module comment. */
export class ContainerCapture implements FifoEvents {
  readonly #options: ContainerCaptureOptions;
  readonly #writer: StreamWriter;
  readonly #policy: () => CapturePolicy;
  readonly #appender: StreamAppender;
  readonly #fifos = new Map<string, Fifo>();
  /** Names of FIFOs that had output. */
  readonly #entered = new Set<string>();
  #waiting: Waiting | undefined;
  #settleTimer: NodeJS.Timeout | undefined;
  #settleDelayMs = settleMs;
  #droppedAtMs = 0;

  constructor(options: ContainerCaptureOptions) {
    const { writer, tail, log, now, counters, admit, reliefs } = options;
    this.#options = options;
    this.#writer = writer;
    this.#policy = options.policy ?? (() => defaultPolicy);
    const policy = this.#policy;
    this.#appender = new StreamAppender({
      ...{ writer, tail, log, now, policy, counters, admit, reliefs },
    });
    if (writer.attachedFifo !== undefined) this.#entered.add(writer.attachedFifo);
  }

  /** Paths of the FIFOs that are open. */
  get openPaths(): string[] {
    return [...this.#fifos.keys()];
  }

  /** Whether any byte came from a FIFO; asked when it is gone, and forgotten then. */
  forgetOutputOf(path: string): boolean {
    return this.#entered.delete(basename(path));
  }

  /** Whether a FIFO is open that had output. */
  get isOutputOpen(): boolean {
    return [...this.#fifos.values()].some(({ name }) => this.#entered.has(name));
  }

  /** Output that is lost and that no gap in the stream tells of yet. */
  get pendingLoss(): { bytes: number; frames: number } {
    return this.#appender.pendingLoss;
  }

  /** Whether a FIFO is not being read because its last read finds no room. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Starts to read a FIFO. Throws `fifo_unavailable`. */
  open(path: string): void {
    if (this.#fifos.has(path)) return;
    const name = basename(path);
    const { landing } = this.#options;
    const { attachedFifo, endLsn } = this.#writer;
    const land = (): LandingSlot => landing.slot(name, attachedFifo === name ? endLsn : undefined);
    this.#fifos.set(path, new Fifo(path, land, this));
  }

  /**
   * Takes in what a former process had read from a FIFO and had not written when it died. To
   * be called before anything else is appended, first for the FIFO that stands last. Returns
   * whether there was anything.
   */
  salvage(fifoName: string): boolean {
    const { landing, tail, log } = this.#options;
    const leftover = landing.leftoverOf(fifoName);
    if (leftover === undefined) return false;
    const isAttached = this.#writer.attachedFifo === fifoName;
    const isMissing =
      leftover.lsn === undefined
        ? !isAttached || tail.isAttachLast
        : isAttached && leftover.lsn === this.#writer.endLsn;
    if (!isMissing) return false;
    log.info({ bytes: leftover.bytes.length }, 'took in what was read when the process died');
    if (this.#appender.fifo !== fifoName) this.#switchTo(fifoName);
    this.#finish(leftover.bytes.length, this.#appender.offer(leftover.bytes));
    return true;
  }

  /** The log ended in a torn block and nobody had its bytes: they are lost, how many is unknown. */
  recordTorn(): void {
    const { log, tail } = this.#options;
    log.warn({ bytesOnDisk: tail.tornBytes }, 'the log ends in a torn block; recorded as a gap');
    this.#appender.recordTorn();
  }

  /** Reads what is left in the FIFO, all of it before this returns, and lets go of it. */
  stop(path: string): void {
    const fifo = this.#fifos.get(path);
    if (fifo === undefined) return;
    this.#endWait();
    fifo.drain();
    this.#release(fifo);
  }

  /** Ends what a FIFO left behind that will never be opened again. */
  detachUnless(isLive: (fifoName: string) => boolean): void {
    const attached = this.#writer.attachedFifo;
    if (attached !== undefined && !isLive(attached)) this.#end(attached);
  }

  /**
   * Where reading waits for syncing, resolves when what was appended so far is durable, when
   * that has failed, or after 5 s. Never rejects.
   */
  async synced(): Promise<void> {
    const { syncer } = this.#options;
    if (syncer === undefined || this.#policy().sync !== 'always') return;
    await atMost(syncer.syncNow(this.#writer), syncWaitMsMax);
  }

  /** Lets go of all FIFOs without reading on: another process will. */
  close(): void {
    clearTimeout(this.#settleTimer);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    let kept: Fifo | undefined;
    if (waiting !== undefined) {
      clearTimeout(waiting.timer);
      if (this.#appender.retry() === undefined) this.#consumed(waiting.fifo, waiting.bytes);
      else kept = waiting.fifo;
    }
    if (kept === undefined) this.#appender.settle();
    for (const fifo of this.#fifos.values()) fifo.close(fifo === kept);
    this.#fifos.clear();
    this.#writer.closeSegment();
  }

  onBytes(fifo: Fifo, bytes: Uint8Array): void {
    const appender = this.#appender;
    if (this.#waiting !== undefined) this.#endWait();
    if (appender.fifo !== fifo.name) {
      this.#switchTo(fifo.name);
      // From here on the bytes have a place, so that a kill finds it with them.
      this.#consumed(fifo, 0);
    }
    const reason = appender.offer(bytes);
    if (reason !== undefined && this.#mayWait(fifo)) {
      this.#wait(fifo, bytes.length);
      return;
    }
    this.#finish(bytes.length, reason);
    this.#consumed(fifo, bytes.length);
    if (this.#policy().sync === 'always' && !fifo.isDraining) this.#pauseUntilSynced(fifo);
  }

  onEnd(fifo: Fifo): void {
    this.#release(fifo);
    this.#options.events.onFifoEnded(fifo.path);
  }

  /** What was offered is in the log, or it is given up. */
  #finish(bytes: number, reason: LossReason | undefined): void {
    if (reason === undefined) {
      if (!this.#appender.isDropping) this.#settleDelayMs = settleMs;
      this.#options.events.onAppended(bytes);
      return;
    }
    this.#appender.drop(reason);
    this.#droppedAtMs = performance.now();
    this.#settleTimer ??= setTimeout(() => this.#settle(), this.#settleDelayMs).unref();
  }

  /** The first bytes that landed are done with; what lands next belongs at the end of the log. */
  #consumed(fifo: Fifo, bytes: number): void {
    if (bytes > 0 || this.#appender.isAttached) fifo.consumed(bytes, this.#writer.endLsn);
  }

  /** A container that falls silent after a loss has it in its log all the same. */
  #settle(): void {
    this.#settleTimer = undefined;
    const restMs = this.#droppedAtMs + this.#settleDelayMs - performance.now();
    if (restMs <= 0 && this.#waiting === undefined) {
      this.#settleDelayMs = Math.min(settleMsMax, this.#settleDelayMs * 2);
      if (this.#appender.settle()) {
        this.#moveSlots();
        this.#options.events.onAppended(0);
        if (this.#fifos.size === 0) this.#writer.closeSegment();
        return;
      }
    }
    const delayMs = Math.max(restMs, retryMs);
    this.#settleTimer = setTimeout(() => this.#settle(), delayMs).unref();
  }

  /** The log has grown by a gap: what lands next in the FIFO that stands last belongs behind it. */
  #moveSlots(): void {
    for (const fifo of this.#fifos.values()) {
      if (fifo.name === this.#appender.fifo) this.#consumed(fifo, 0);
    }
  }

  #mayWait(fifo: Fifo): boolean {
    const { full, blockTimeoutMs } = this.#policy();
    if (full !== 'block' || blockTimeoutMs <= 0) return false;
    return !fifo.isDraining && !this.#appender.isDropping;
  }

  /** The FIFO is not read until its last read is in the log, or is given up. */
  #wait(fifo: Fifo, bytes: number): void {
    fifo.pause();
    this.#appender.hold();
    // A gap may have been written before the bytes were refused.
    this.#consumed(fifo, 0);
    const untilMs = performance.now() + this.#policy().blockTimeoutMs;
    const timer = setTimeout(() => this.#tryAgain(), retryMs);
    this.#waiting = { fifo, bytes, untilMs, timer };
  }

  #tryAgain(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const reason = this.#appender.retry();
    if (reason !== undefined && performance.now() < waiting.untilMs) {
      this.#consumed(waiting.fifo, 0);
      waiting.timer = setTimeout(() => this.#tryAgain(), retryMs);
      return;
    }
    this.#waitOver(waiting, reason);
  }

  /** Nothing can wait any longer: one more try, now. */
  #endWait(): void {
    const waiting = this.#waiting;
    if (waiting !== undefined) this.#waitOver(waiting, this.#appender.retry());
  }

  #waitOver(waiting: Waiting, reason: LossReason | undefined): void {
    const { fifo, bytes, timer } = waiting;
    clearTimeout(timer);
    this.#waiting = undefined;
    this.#finish(bytes, reason);
    this.#consumed(fifo, bytes);
    if (this.#policy().sync === 'always') this.#pauseUntilSynced(fifo);
    else fifo.resume();
  }

  #pauseUntilSynced(fifo: Fifo): void {
    const { syncer } = this.#options;
    if (syncer === undefined) return fifo.resume();
    fifo.pause();
    void atMost(syncer.syncNow(this.#writer), syncWaitMsMax).then(() => {
      if (this.#waiting?.fifo !== fifo) fifo.resume();
    });
  }

  #release(fifo: Fifo): void {
    this.#endWait();
    fifo.close();
    this.#fifos.delete(fifo.path);
    this.#end(fifo.name);
    if (this.#fifos.size === 0) this.#writer.closeSegment();
  }

  #end(fifoName: string): void {
    const { endLsn } = this.#writer;
    this.#appender.end(fifoName);
    if (this.#writer.endLsn !== endLsn) this.#options.events.onAppended(0);
  }

  /**
   * A FIFO enters the stream at its first byte. The one before has ended by then, or nobody
   * will write to it any more; whatever it still holds comes first.
   */
  #switchTo(fifoName: string): void {
    const current = this.#appender.fifo;
    for (const other of this.#fifos.values()) {
      if (other.name !== fifoName && other.name === current) other.drain();
    }
    // Before anything of it is written, so that a kill finds no bytes of nobody knows whom.
    this.#options.events.onEntered?.(this.#writer.endLsn + this.pendingLoss.bytes);
    this.#appender.begin(fifoName);
    this.#entered.add(fifoName);
  }
}

/** Resolves with the promise, or after a time. */
async function atMost(promise: Promise<void>, ms: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, ms);
  await Promise.race([promise, timeout.promise]);
  clearTimeout(timer);
}
