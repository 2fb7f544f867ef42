/**
 * All readers of one thread, in turns: each gets a bounded piece of work at a time and no more
 * than its client takes, so that memory is bounded by the number of readers and no slow client
 * holds up another. It must never wait for a client.
 */
import { messageOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { SegmentFiles } from '../wal/index.ts';
import { FrameWriter } from './frame-writer.ts';
import { LogReader } from './log-reader.ts';
import type { LogRequest } from './log-request.ts';
import type { ReaderMeans } from './tail-count.ts';

/** What becomes of readers; ids are the caller's. */
export interface ReaderEvents {
  /** Frames. Each chunk costs one credit, which the caller gives back when it is through. */
  onChunk(id: number, bytes: Uint8Array<ArrayBuffer>): void;
  /** All that was asked for was given out. */
  onEnd(id: number): void;
  /** The disk refuses to be read. */
  onFailed(id: number, cause: string): void;
}

interface Entry {
  readonly id: number;
  readonly reader: LogReader;
  readonly containerId: string;
  /** How many chunks may still be given out. */
  credits: number;
  /** Monotonic milliseconds at which something was given out last. */
  saidAtMs: number;
}

/** A chunk has about this many bytes; one block may bring more. */
const chunkBytes = 128 * 1024;
/** Room for a chunk, with the block that makes it full. */
const bufferBytes = 512 * 1024;
/** What is smaller is copied: a large buffer would travel for a few lines. */
const copyBytesMax = 16 * 1024;
const spareBuffersMax = 4;
/** One turn of a reader that finds nothing to give out, in milliseconds. */
const turnMs = 5;
/** With more readers than this, each has one chunk under way, not two. */
const manyReaders = 16;
/** Lost signals are made up for in this time, in milliseconds. */
const pollMs = 250;
/** A silent reader says so often that it is there: dockerd sees a client that went away only then. */
const heartbeatMs = 10_000;
/** dockerd has room for a line and sees that its client went: it takes either. So it gets many. */
const heartbeatFrames = 16;
const idleFileMs = 30_000;

/** See the module comment. */
export class LogReaders {
  readonly #events: ReaderEvents;
  readonly #means: ReaderMeans;
  readonly #entries = new Map<number, Entry>();
  readonly #ready = new Set<Entry>();
  readonly #spare: Buffer<ArrayBuffer>[] = [];
  readonly #out = new FrameWriter(Buffer.allocUnsafeSlow(bufferBytes));
  #isScheduled = false;
  #poll: NodeJS.Timeout | undefined;

  constructor(disk: FileSystem, events: ReaderEvents) {
    this.#events = events;
    this.#means = { disk, files: new SegmentFiles(disk), budget: { heldBytes: 0 } };
  }

  /** Begins to read. */
  open(id: number, request: LogRequest): void {
    const { containerId } = request;
    const entry = this.#attempt(id, () => ({
      ...{ id, containerId, reader: new LogReader(request, this.#means) },
      ...{ credits: this.#entries.size < manyReaders ? 2 : 1, saidAtMs: performance.now() },
    }));
    if (entry === undefined) return;
    this.#entries.set(id, entry);
    this.#poll ??= setInterval(() => this.#lookAround(), pollMs);
    this.#wake(entry);
  }

  /** Bytes were appended to these containers' streams. */
  appended(containerIds: readonly string[]): void {
    for (const entry of this.#entries.values()) {
      if (containerIds.includes(entry.containerId)) this.#wake(entry);
    }
  }

  /** The container that a reader follows ended at this position. */
  stop(id: number, endLsn: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.reader.stopAt(endLsn);
    this.#wake(entry);
  }

  /** A chunk is through; its memory may come back with it. */
  credit(id: number, memory: ArrayBuffer | undefined): void {
    const isUseful = memory !== undefined && memory.byteLength === bufferBytes;
    if (isUseful && this.#spare.length < spareBuffersMax) this.#spare.push(Buffer.from(memory));
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.credits += 1;
    this.#wake(entry);
  }

  /** Lets go of a reader whose client has gone. */
  close(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#ready.delete(entry);
    entry.reader.close();
    if (this.#entries.size > 0) return;
    clearInterval(this.#poll);
    this.#poll = undefined;
    this.#means.files.closeIdle(0);
  }

  #wake(entry: Entry): void {
    if (entry.credits <= 0) return;
    this.#ready.add(entry);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  /** One turn for the reader that waited longest; then messages are heard. */
  #turn(): void {
    this.#isScheduled = false;
    const [entry] = this.#ready;
    if (entry === undefined) return;
    this.#ready.delete(entry);
    const progress = this.#attempt(entry.id, () => this.#read(entry));
    this.#giveOut(entry);
    if (progress === 'end') {
      this.close(entry.id);
      this.#events.onEnd(entry.id);
    } else if (progress === 'more' && this.#entries.has(entry.id)) {
      this.#wake(entry);
    }
    const [next] = this.#ready;
    if (next !== undefined) this.#wake(next);
  }

  #read({ reader }: Entry): 'more' | 'idle' | 'end' {
    const untilMs = performance.now() + turnMs;
    for (;;) {
      const nowMs = performance.now();
      const progress = reader.step(this.#out, nowMs);
      if (progress === 'idle') return reader.isPast(Date.now()) ? 'end' : 'idle';
      if (progress === 'end') return 'end';
      if (this.#out.length >= chunkBytes || nowMs >= untilMs) return 'more';
    }
  }

  #giveOut(entry: Entry): void {
    const { length } = this.#out;
    if (length === 0) return;
    entry.credits -= 1;
    entry.saidAtMs = performance.now();
    this.#events.onChunk(entry.id, this.#takeChunk());
  }

  #takeChunk(): Uint8Array<ArrayBuffer> {
    if (this.#out.length <= copyBytesMax) return this.#out.takeCopy();
    const { buffer, byteOffset, length } = this.#out.take(
      this.#spare.pop() ?? Buffer.allocUnsafeSlow(bufferBytes),
    );
    return new Uint8Array(buffer, byteOffset, length);
  }

  /** What fails for one reader ends that one, and says so where the lines would have been. */
  #attempt<T>(id: number, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      const cause = messageOf(error);
      const nowMs = Date.now();
      const line = Buffer.from(`holdfast: the log cannot be read any further: ${cause}`, 'utf8');
      this.#out.line(true, Math.floor(nowMs / 1000), 0, line, 0, line.length, true);
      this.#events.onChunk(id, this.#takeChunk());
      this.close(id);
      this.#events.onFailed(id, cause);
      return undefined;
    }
  }

  /** Finds what no signal told of: more to read, a line that waited, a client to be looked after. */
  #lookAround(): void {
    const nowMs = performance.now();
    for (const entry of this.#entries.values()) {
      const { reader } = entry;
      if (reader.hasMore || reader.isPast(Date.now()) || isDue(reader, nowMs)) this.#wake(entry);
      if (entry.credits > 0 && nowMs - entry.saidAtMs >= heartbeatMs) {
        for (let n = 0; n < heartbeatFrames; n += 1) this.#out.heartbeat(Date.now());
        this.#giveOut(entry);
      }
    }
    this.#means.files.closeIdle(idleFileMs);
  }
}

function isDue({ dueAtMs }: LogReader, nowMs: number): boolean {
  return dueAtMs !== undefined && dueAtMs <= nowMs;
}
