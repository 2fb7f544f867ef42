/**
 * Brings the FIFOs of one container into its stream. Bytes are in the log, in the tick that
 * read them, before anybody looks at what they mean. A disk that refuses them cannot hold the
 * container up: the loss is counted and stands in the stream as a gap as soon as it can.
 */
import { basename } from 'node:path';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { GapReason, StreamTail, StreamWriter } from '../wal/index.ts';
import { Fifo, type FifoEvents } from './fifo.ts';
import { FrameCounter } from './frame-counter.ts';
import type { LandingArea, LandingSlot } from './landing.ts';

/** What a capture tells its owner. */
export interface CaptureEvents {
  /** Something was appended. */
  onAppended(): void;
  /** dockerd has gone from this FIFO without stopping it; it is closed. */
  onFifoEnded(path: string): void;
}

/** What a capture needs; `now` is Unix milliseconds. */
export interface ContainerCaptureOptions {
  writer: StreamWriter;
  tail: StreamTail;
  landing: LandingArea;
  events: CaptureEvents;
  log: Log;
  now: () => number;
}

/** What one gap block can stand for: its span is a u32. */
const gapSpanMax = 0xffff_ffff;

/** See the module comment. */
export class ContainerCapture implements FifoEvents {
  readonly #options: ContainerCaptureOptions;
  readonly #writer: StreamWriter;
  readonly #counter = new FrameCounter();
  readonly #fifos = new Map<string, Fifo>();
  /** Stream bytes that the disk refused and that no gap tells of yet. */
  #refused = { bytes: 0, frames: 0 };

  constructor(options: ContainerCaptureOptions) {
    this.#options = options;
    this.#writer = options.writer;
    this.#counter.restore(options.tail.openLsn, options.tail.openBytes);
  }

  /** Paths of the FIFOs that are open. */
  get openPaths(): string[] {
    return [...this.#fifos.keys()];
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
    this.#take(fifoName, leftover.bytes);
    return true;
  }

  /** The log ended in a torn block and nobody had its bytes: they are lost, how many is unknown. */
  recordTorn(): void {
    const { log, now, tail } = this.#options;
    const { endLsn } = this.#writer;
    log.warn({ bytesOnDisk: tail.tornBytes }, 'the log ends in a torn block; recorded as a gap');
    const range = { fromLsn: endLsn, toLsn: endLsn, atMs: now() };
    this.#guarded(() => this.#writer.appendGap({ kind: 'gap', reason: 'torn', ...range }, 0));
  }

  /** Reads what is left in the FIFO, all of it before this returns, and lets go of it. */
  stop(path: string): void {
    const fifo = this.#fifos.get(path);
    if (fifo === undefined) return;
    fifo.drain();
    this.#release(fifo);
  }

  /** Ends what a FIFO left behind that will never be opened again. */
  detachUnless(isLive: (fifoName: string) => boolean): void {
    const attached = this.#writer.attachedFifo;
    if (attached !== undefined && !isLive(attached)) this.#detach(attached);
  }

  /** Lets go of all FIFOs without reading on: another process will. */
  close(): void {
    for (const fifo of this.#fifos.values()) fifo.close();
    this.#fifos.clear();
    this.#writer.closeSegment();
  }

  onBytes(fifo: Fifo, bytes: Uint8Array): void {
    if (this.#writer.attachedFifo !== fifo.name) {
      this.#switchTo(fifo.name);
      // From here on the bytes have a place, so that a kill finds it with them.
      fifo.consumed(0, this.#writer.endLsn);
    }
    this.#take(fifo.name, bytes);
    fifo.consumed(bytes.length, this.#writer.endLsn);
  }

  /** Appends what a FIFO delivered. */
  #take(fifoName: string, bytes: Uint8Array): void {
    const writer = this.#writer;
    if (writer.attachedFifo !== fifoName) this.#switchTo(fifoName);
    this.#counter.count(bytes, writer.endLsn);
    try {
      if (this.#refused.bytes > 0) {
        this.#recordRefused();
        this.#counter.count(bytes, writer.endLsn);
      }
      writer.appendRaw(bytes, this.#counter.flags, this.#counter.stats);
    } catch (error) {
      this.#refuse(bytes.length, error);
      return;
    }
    if (this.#counter.skipped.length > 0) this.#recordSkipped('desync');
    this.#options.events.onAppended();
  }

  onEnd(fifo: Fifo): void {
    this.#release(fifo);
    this.#options.events.onFifoEnded(fifo.path);
  }

  #release(fifo: Fifo): void {
    fifo.close();
    this.#fifos.delete(fifo.path);
    if (this.#refused.bytes > 0) {
      const { bytes, frames } = this.#refused;
      this.#options.log.error({ bytes, frames }, 'output was lost: the WAL could not be written');
      this.#guarded(() => this.#recordRefused());
    }
    if (this.#writer.attachedFifo === fifo.name) this.#detach(fifo.name);
    if (this.#fifos.size === 0) this.#writer.closeSegment();
  }

  /**
   * A FIFO enters the stream at its first byte. The one before has ended by then, or nobody
   * will write to it any more; whatever it still holds comes first.
   */
  #switchTo(fifoName: string): void {
    const attached = this.#writer.attachedFifo;
    for (const other of this.#fifos.values()) {
      if (other.name !== fifoName && other.name === attached) other.drain();
    }
    this.#guarded(() => this.#writer.appendAttach(fifoName));
    this.#cut();
  }

  #detach(fifoName: string): void {
    this.#guarded(() => this.#writer.appendDetach(fifoName));
    this.#cut();
    this.#options.events.onAppended();
  }

  #cut(): void {
    this.#counter.cut(this.#writer.endLsn);
    if (this.#counter.skipped.length > 0) this.#recordSkipped('cut');
  }

  #recordSkipped(reason: GapReason): void {
    const { log, now } = this.#options;
    for (const { fromLsn, toLsn } of this.#counter.skipped) {
      log.warn({ reason, fromLsn, toLsn }, 'part of the stream is lost; recorded as a gap');
      const gap = { kind: 'gap' as const, reason, fromLsn, toLsn, atMs: now() };
      this.#guarded(() => this.#writer.appendGap(gap, 0));
    }
    this.#counter.skipped = [];
  }

  #refuse(bytes: number, error: unknown): void {
    if (this.#refused.bytes === 0) {
      const cause = messageOf(error);
      this.#options.log.error({ cause }, 'the WAL cannot be written; output is being lost');
    }
    this.#refused.bytes += bytes;
    this.#refused.frames += this.#counter.stats.frames;
  }

  /** Writes the gap for what was refused. Throws what the disk throws. */
  #recordRefused(): void {
    const { bytes, frames } = this.#refused;
    while (this.#refused.bytes > 0) {
      const fromLsn = this.#writer.endLsn;
      const span = Math.min(this.#refused.bytes, gapSpanMax);
      const range = { fromLsn, toLsn: fromLsn + span, atMs: this.#options.now() };
      const gap = { kind: 'gap' as const, reason: 'disk' as const, ...range };
      this.#writer.appendGap({ ...gap, frames: this.#refused.frames }, span);
      this.#refused = { bytes: this.#refused.bytes - span, frames: 0 };
    }
    this.#options.log.error({ bytes, frames }, 'the WAL can be written again; gap recorded');
    this.#counter.restore(this.#writer.endLsn, Buffer.alloc(0));
    this.#counter.skipped = [];
  }

  /** Runs an append whose loss costs no bytes of the container; a failing disk only delays it. */
  #guarded(append: () => void): void {
    try {
      append();
    } catch (error) {
      this.#options.log.error({ cause: messageOf(error) }, 'a remark could not be written');
    }
  }
}
