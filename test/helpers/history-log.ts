/**
 * One container's log for tests of `docker logs`, written step by step as a test or a random
 * plan says, and beside it what must come out of it: told by rules of its own, not by src.
 */
import type { FileSystem } from '../../src/base/file-system.ts';
import { FrameCounter } from '../../src/capture/frame-counter.ts';
import type { LogRequest } from '../../src/history/log-request.ts';
import { blocksOf } from '../../src/wal/block-walk.ts';
import { listSegments } from '../../src/wal/catalog.ts';
import {
  CommittedLsn,
  evictSegment,
  type GapRecord,
  recoverTail,
  removeSegmentsBefore,
  StreamWriter,
  sealSegment,
} from '../../src/wal/index.ts';
import { SegmentFile } from '../../src/wal/segment-file.ts';
import { encodeFrame, type TestFrame } from './frames.ts';
import { MemoryDisk } from './memory-disk.ts';

/** What happened to the stream, in its order: what the expected lines are made of. */
export type LogEvent =
  | { what: 'frame'; fromLsn: number; toLsn: number; frame: TestFrame }
  /** No line goes on behind this. */
  | { what: 'cut' }
  | { what: 'gap'; lsn: number; reason: string; timeNs: bigint };

/** One line, or the word of a loss, as `docker logs` is to print it. */
export interface ExpectedLine {
  source: string;
  timeNano: bigint;
  /** With its newline, if it has one; of a gap only the reason. */
  text: string;
  isGap: boolean;
  fromLsn: number;
  toLsn: number;
}

/** See the module comment. */
export class HistoryLog {
  readonly containerId = 'cd'.repeat(32);
  readonly directory: string;
  readonly disk: FileSystem;
  readonly committed = new CommittedLsn();
  readonly events: LogEvent[] = [];
  /** Every position at which a frame or a remark begins or ends. */
  readonly edges = new Set<number>([0]);
  readonly #counter = new FrameCounter();
  readonly #writer: StreamWriter;
  #pending: Buffer = Buffer.alloc(0);

  constructor(segmentBytesMax = 1 << 20, disk: FileSystem = new MemoryDisk(), directory = '/wal') {
    this.disk = disk;
    this.directory = directory;
    const { containerId, committed } = this;
    disk.mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#writer = new StreamWriter({
      ...{ disk, directory, containerId, committed, segmentBytesMax, segmentAgeMsMax: 2 ** 40 },
      tail: recoverTail(disk, directory, containerId),
      now: () => 1,
    });
  }

  /** Where the written stream ends. */
  get endLsn(): number {
    return this.#writer.endLsn;
  }

  /** The segment that is being written; 0 when the next append begins one. */
  get activeSequence(): number {
    return this.#writer.activeSegment?.sequence ?? 0;
  }

  get sequences(): number[] {
    return listSegments(this.disk, this.directory);
  }

  /** Sequences of the segments that are written to their end. */
  get complete(): number[] {
    return this.sequences.filter((sequence) => sequence !== this.activeSequence);
  }

  /** A frame to be written with the next `flush`. */
  frame(frame: TestFrame): void {
    const bytes = encodeFrame(frame);
    const fromLsn = this.endLsn + this.#pending.length;
    const toLsn = fromLsn + bytes.length;
    this.edges.add(fromLsn).add(toLsn);
    this.events.push({ what: 'frame', fromLsn, toLsn, frame });
    this.#pending = Buffer.concat([this.#pending, bytes]);
  }

  /** Writes what waits, but for the last `keepBytes`, in blocks of these sizes in turn. */
  flush(blockSizes: readonly number[] = [65_536], keepBytes = 0): void {
    const bytes = this.#pending;
    const end = Math.max(0, bytes.length - keepBytes);
    for (let at = 0, turn = 0; at < end; turn += 1) {
      const size = blockSizes[turn % blockSizes.length] ?? 1;
      const block = bytes.subarray(at, Math.min(end, at + size));
      this.#counter.count(block, this.#writer.endLsn);
      this.#writer.appendRaw(block, this.#counter.flags, this.#counter.stats);
      at += block.length;
    }
    this.#pending = Buffer.from(bytes.subarray(end));
  }

  /** Throws away the last bytes that wait: a FIFO that ended, or bytes that were lost. */
  tear(bytes: number): void {
    const keptBytes = Math.max(0, this.#pending.length - bytes);
    this.#pending = Buffer.from(this.#pending.subarray(0, keptBytes));
    const endLsn = this.endLsn + keptBytes;
    for (;;) {
      const last = this.events.at(-1);
      if (last?.what !== 'frame' || last.toLsn <= endLsn) break;
      this.edges.delete(last.toLsn);
      this.events.pop();
    }
  }

  attach(fifo = 'fifo'): void {
    this.#remark(() => this.#writer.appendAttach(fifo));
    this.events.push({ what: 'cut' });
    this.#counter.cut(this.endLsn);
  }

  detach(fifo = 'fifo'): void {
    this.#remark(() => this.#writer.appendDetach(fifo));
    this.events.push({ what: 'cut' });
    this.#counter.cut(this.endLsn);
  }

  /** Records a loss of so many bytes; of none: the word of one before. */
  gap(bytes: number, isDated = true, atMs = 1_600_000_000_000): void {
    const fromLsn = this.endLsn;
    const toLsn = fromLsn + bytes;
    // A frame that is written in part comes behind the word.
    const isBefore = (event: LogEvent): boolean => event.what !== 'frame' || event.toLsn <= fromLsn;
    const at = this.events.findLastIndex(isBefore) + 1;
    const last = this.events.slice(0, at).findLast((event) => event.what === 'frame');
    const afterNs = last?.frame.timeNano;
    const after = afterNs === undefined || !isDated ? {} : { afterNs: String(afterNs) };
    const record: GapRecord = { kind: 'gap', reason: 'disk', fromLsn, toLsn, atMs, ...after };
    this.#remark(() => this.#writer.appendGap(record, bytes));
    const timeNs = afterNs ?? BigInt(atMs) * 1_000_000n;
    const events: LogEvent[] = bytes > 0 ? [{ what: 'cut' }] : [];
    this.events.splice(at, 0, ...events, { what: 'gap', lsn: fromLsn, reason: 'disk', timeNs });
    if (bytes > 0) this.#counter.restore(this.endLsn, Buffer.alloc(0));
  }

  /** Records a loss of so many bytes as a newer version may, with words that are not known here. */
  newerGap(bytes: number): void {
    const record = { kind: 'gap', reason: 'melted', note: 'by a newer version' };
    this.#writer.appendGap(record as unknown as GapRecord, bytes);
    this.#counter.restore(this.endLsn, Buffer.alloc(0));
  }

  #remark(append: () => void): void {
    const fromLsn = this.endLsn;
    append();
    if (this.endLsn > fromLsn) this.edges.add(fromLsn).add(this.endLsn);
  }

  rotate(): void {
    this.#writer.closeSegment();
  }

  /** Compresses a segment that is complete. */
  seal(sequence: number): void {
    const { disk, directory, containerId } = this;
    sealSegment(disk, { directory, containerId, sequence, level: 1 });
  }

  /** Puts the word of a loss in the place of a segment that is complete. */
  evict(sequence: number): void {
    const { disk, directory, containerId, endLsn } = this;
    const end = { lsn: endLsn, ordinal: this.#writer.endOrdinal };
    const request = { directory, containerId, sequence, reason: 'evicted' as const, end };
    evictSegment(disk, { ...request, atMs: 1_600_000_000_000 });
  }

  /** Whether any frame ends in a segment: if none does, no time is known of its loss. */
  hasFrames(sequence: number): boolean {
    const file = SegmentFile.open(this.disk, this.directory, sequence, this.containerId);
    if (file === undefined) return false;
    try {
      for (const { header } of blocksOf(file)) if (header.frames > 0) return true;
      return false;
    } finally {
      file.close();
    }
  }

  removeBefore(lsn: number): number {
    return removeSegmentsBefore(this.disk, this.directory, this.containerId, lsn);
  }

  request(query: Partial<LogRequest> = {}): LogRequest {
    const { directory, containerId, committed } = this;
    return { directory, containerId, committed: committed.buffer, follow: false, ...query };
  }

  /** What an answer without bounds is to hold, in its order. */
  expected(): ExpectedLine[] {
    const lines = new ExpectedLines();
    for (const event of this.events) {
      // A word behind the last byte takes no position, and is read when the next byte is.
      const isLate = event.what === 'gap' && event.lsn === this.endLsn;
      if (!isLate) lines.take(event);
    }
    lines.cut();
    return lines.all;
  }
}

interface OpenPiece {
  id: string;
  line: ExpectedLine;
}

/** Puts lines together as dockerd means its pieces. */
class ExpectedLines {
  readonly all: ExpectedLine[] = [];
  readonly #open = new Map<string, OpenPiece>();

  take(event: LogEvent): void {
    if (event.what === 'cut') return this.cut();
    if (event.what === 'gap') {
      const { lsn, reason, timeNs } = event;
      const range = { fromLsn: lsn, toLsn: lsn };
      this.all.push({ ...range, source: 'stderr', timeNano: timeNs, text: reason, isGap: true });
      return;
    }
    const { frame, fromLsn, toLsn } = event;
    const { source, partial = false, last = false, id = '' } = frame;
    let open = this.#open.get(source);
    // Pieces of old engines have no id, and a whole frame is their end.
    if (open !== undefined && (partial ? open.id !== id : open.id !== '')) {
      this.#end(source, '');
      open = undefined;
    }
    const { timeNano } = frame;
    const began = { source, timeNano, text: '', isGap: false, fromLsn, toLsn };
    const line = open?.line ?? began;
    line.text += Buffer.from(frame.line).toString('latin1');
    line.toLsn = toLsn;
    this.#open.set(source, { id, line });
    if (!partial || last) this.#end(source, '\n');
  }

  cut(): void {
    for (const source of ['stdout', 'stderr']) this.#end(source, '');
  }

  #end(source: string, ending: string): void {
    const open = this.#open.get(source);
    this.#open.delete(source);
    const text = `${open?.line.text ?? ''}${ending}`;
    // Of a line without any byte whose end never came nothing is seen.
    if (open !== undefined && text !== '') this.all.push({ ...open.line, text });
  }
}
