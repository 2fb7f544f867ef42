/**
 * One container's stream on its way to one endpoint: reads the log from its position, takes
 * frames apart, joins pieces of long lines and appends entries to a batch. It keeps no bytes
 * between two turns but open partial lines, so memory does not depend on the backlog.
 */

import { openPartialAgeMsMax } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { PushBatch } from '../encode/push-batch.ts';
import { createFrameView, decodeFrame } from '../frame/frame-decoder.ts';
import { type FrameHandler, FrameSplitter } from '../frame/frame-splitter.ts';
import { type OpenLine, type PartialBudget, PartialJoiner } from '../frame/partial-joiner.ts';
import type { StreamPlace, StreamReader } from '../wal/index.ts';
import { blockType, type CommittedLsn, decodeMetaRecord } from '../wal/index.ts';

/** A place to go on from: everything before `lsn` is in a batch. */
export interface SourcePosition {
  lsn: number;
  place: StreamPlace;
}

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
  start: { lsn: number; place?: StreamPlace };
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
  #lsn: number;
  #place: StreamPlace;
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
    this.#lsn = options.start.lsn;
    this.#place = options.start.place ?? { sequence: 0, offset: 0 };
    this.#joiner = new PartialJoiner(options.budget, (line) => this.#appendJoined(line));
  }

  /** Everything before this is in batches; an endpoint that has those may let go of it. */
  get position(): SourcePosition {
    const openLsn = this.#joiner.openLsn ?? this.#lsn;
    return { lsn: Math.min(openLsn, this.#lsn), place: { ...this.#place } };
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
    this.#joiner.flush(nowMs - openPartialAgeMsMax);
    this.#splitter.begin(this.#lsn);
    this.#reader.seek(this.#lsn, this.#place);
    try {
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
          if (!this.#cutAt(this.#reader.gap?.toLsn ?? committedLsn)) return 'full';
          this.#losses.gaps += 1;
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
    const { header, payload } = this.#reader;
    const endLsn = header.lsn + header.lsnSpan;
    let goOn = true;
    if (header.type === blockType.raw) {
      const from = Math.max(0, this.#splitter.nextLsn - header.lsn);
      goOn = this.#splitter.feed(payload, from, payload.length);
    } else if (header.type === blockType.gap) {
      goOn = header.lsnSpan === 0 || this.#cutAt(endLsn);
      if (goOn) this.#losses.gaps += 1;
    } else if (header.type === blockType.meta) {
      const record = decodeMetaRecord(payload);
      const goesOn = record?.kind === 'attach' && record.continued;
      goOn = goesOn || header.lsnSpan === 0 || this.#cutAt(endLsn);
    }
    this.#notePlace(header.lsn, endLsn);
    return goOn;
  }

  /** Remembers the block in which the next frame starts, for the next turn. */
  #notePlace(lsn: number, endLsn: number): void {
    const edgeLsn = this.#splitter.edgeLsn;
    if (edgeLsn >= endLsn) this.#place = { ...this.#reader.nextPlace };
    else if (edgeLsn >= lsn) this.#place = { ...this.#reader.blockPlace };
  }

  /**
   * The FIFO ended or bytes are lost: no open line can get its end any more. Returns false
   * when the batch is full before that.
   */
  #cutAt(lsn: number): boolean {
    if (!this.#splitter.cut(lsn)) return false;
    this.#joiner.flush();
    return true;
  }

  onFrame(bytes: Uint8Array, start: number, end: number, endLsn: number): boolean {
    const view = this.#view;
    if (!decodeFrame(bytes, start, end, view)) {
      this.#losses.malformedFrames += 1;
      return true;
    }
    const joiner = this.#joiner;
    const lineBytes = view.lineEnd - view.lineStart;
    const openBytes = joiner.isOpen ? joiner.openLength(view.isStderr) : 0;
    if (!this.#hasRoom(openBytes + lineBytes)) return false;
    if (view.partial) {
      joiner.add(bytes, view, endLsn - (end - start) - 4, this.#nowMs);
      return true;
    }
    if (joiner.isOpen && joiner.endOpenLine(bytes, view)) return true;
    this.#append(view.isStderr, view.seconds, view.nanos, bytes, view.lineStart, view.lineEnd);
    return true;
  }

  onSkipped(fromLsn: number, toLsn: number): void {
    this.#losses.skippedBytes += toLsn - fromLsn;
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
