/**
 * One container's log and sources that read it into batches, for tests of what an endpoint gets:
 * which entries, with which labels and times, and from where it would go on.
 */

import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import { PushBatch } from '../../src/encode/push-batch.ts';
import type { PipelineText } from '../../src/pipeline/plan.ts';
import type { FillTarget, ToldLoss } from '../../src/shipper/fill-target.ts';
import type { LineRule } from '../../src/shipper/long-lines.ts';
import {
  type SourceMark,
  type SourcePosition,
  StreamSource,
} from '../../src/shipper/stream-source.ts';
import {
  evictSegment,
  type GapRecord,
  SegmentFiles,
  type StreamWriter,
} from '../../src/wal/index.ts';
import { encodeFrame } from '../helpers/frames.ts';
import { decodePush } from '../helpers/logproto.ts';
import { plainPipeline, runsOf } from '../helpers/runs.ts';
import { StreamBench } from '../helpers/stream-bench.ts';

/** One entry as an endpoint gets it. */
export interface Got {
  labels: string;
  text: string;
  timeNs: bigint;
}

/** Where a source goes on; without a place it is new. */
export type Start = Pick<SourcePosition, 'lsn' | 'ordinal'> & Partial<SourcePosition>;

/** Time of the line that `line` makes with this number. */
export const timeOf = (number: number): bigint => 1_700_000_000_000_000_000n + BigInt(number);

/** The frame of the line `n NUMBER`. */
export function line(number: number): Buffer {
  return encodeFrame({
    source: 'stdout',
    timeNano: timeOf(number),
    line: Buffer.from(`n ${number}`),
  });
}

/** The frames of some lines, one behind the other. */
export function lines(from: number, to: number): Buffer {
  return Buffer.concat(Array.from({ length: to - from + 1 }, (_, index) => line(from + index)));
}

/** The texts of those lines. */
export function texts(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `n ${from + index}`);
}

/** See the module comment. */
export class SourceBench {
  readonly bench = new StreamBench();
  readonly writer: StreamWriter;
  readonly files = new SegmentFiles(disk);
  /** One stream for both, so that batches show the order of all entries. */
  labels = { stdout: '{all="1"}', stderr: '{all="1"}' };
  pipeline: PipelineText = plainPipeline;
  lines: LineRule = { maxLineBytes: 8 << 20, longLines: 'truncate' };

  constructor(segmentBytesMax = 1 << 20) {
    this.bench.limits.segmentBytesMax = segmentBytesMax;
    this.writer = this.bench.writer();
  }

  [Symbol.dispose](): void {
    this.files.closeDirectory(this.bench.directory);
    this.bench[Symbol.dispose]();
  }

  write(bytes: Buffer): void {
    this.bench.append(this.writer, bytes);
  }

  attach(fifo = 'fifo'): void {
    this.bench.attach(this.writer, fifo);
  }

  detach(fifo = 'fifo'): void {
    this.writer.appendDetach(fifo);
    this.bench.counter.cut(this.writer.endLsn);
  }

  /** Records a loss of `span` positions here, or with 0 a remark on what stands before. */
  gap(reason: GapRecord['reason'], span: number, more: Partial<GapRecord> = {}): GapRecord {
    const fromLsn = this.writer.endLsn;
    const range = { fromLsn, toLsn: fromLsn + span, atMs: this.bench.nowMs };
    const record: GapRecord = { kind: 'gap', reason, ...range, ...more };
    this.writer.appendGap(record, span);
    if (span > 0) this.bench.counter.restore(this.writer.endLsn, Buffer.alloc(0));
    return record;
  }

  /** Gives up a segment that is closed. */
  evict(sequence: number, reason: 'evicted' | 'expired' = 'evicted'): void {
    const { directory, containerId, nowMs: atMs } = this.bench;
    this.files.closeDirectory(directory);
    if (evictSegment(disk, { directory, containerId, sequence, reason, atMs }) === undefined) {
      throw new Error(`segment ${sequence} was not given up`);
    }
  }

  /** A source as a process makes it. */
  source(start: Start = { lsn: 0, ordinal: 0, place: { sequence: 0, offset: 0 } }): StreamSource {
    const { containerId, directory, committed } = this.bench;
    return new StreamSource({
      containerId,
      directory,
      reader: this.bench.reader(this.files),
      committed,
      runs: runsOf(this.labels),
      pipeline: this.pipeline,
      lines: this.lines,
      budget: { heldBytes: 0 },
      log: silentLog,
      start,
    });
  }
}

/** Entries of one batch, and where their source stood behind it. */
export interface Filled {
  got: Got[];
  position: SourceMark;
  /** The losses that it tells of. */
  losses: readonly ToldLoss[];
  /** Whether all that is written was read. */
  isDone: boolean;
}

/** An empty batch of at most so many bytes. */
export function targetOf(limitBytes: number): FillTarget {
  const push = new PushBatch();
  return {
    push,
    pushOf: () => push,
    get sizeBytes() {
      return push.sizeBytes;
    },
    get filledEntries() {
      return push.entries;
    },
    limitBytes,
    refused: [],
    refusedBytes: 0,
  };
}

/** Fills one batch of at most so many bytes. */
export function fillOnce(source: StreamSource, batchBytesMax: number): Filled {
  const target = targetOf(batchBytesMax);
  const isDone = source.fill(target, 512 * 1024, 0) === 'idle';
  const losses = source.takeNotes()?.told ?? [];
  return { got: gotOf(target.push), position: source.position, isDone, losses };
}

/** Reads all that there is, in batches of at most so many bytes. */
export function drainSource(source: StreamSource, batchBytesMax = 1 << 20): Filled[] {
  const filled: Filled[] = [];
  for (let turns = 0; turns < 10_000; turns += 1) {
    const next = fillOnce(source, batchBytesMax);
    filled.push(next);
    if (next.isDone) return filled;
  }
  throw new Error('the source never comes to an end');
}

/** All entries of those batches. */
export function allOf(filled: readonly Filled[]): Got[] {
  return filled.flatMap(({ got }) => got);
}

/** The entries of a batch. */
export function gotOf(batch: PushBatch): Got[] {
  if (batch.entries === 0) return [];
  return decodePush(batch.encode()).flatMap(({ labels, entries }) =>
    entries.map(({ line: bytes, seconds, nanos }) => ({
      labels,
      text: bytes.toString('utf8'),
      timeNs: BigInt(seconds) * 1_000_000_000n + BigInt(nanos),
    })),
  );
}
