/**
 * One stream with a StreamAppender on it, on a disk that fails as told, and a reader that takes
 * its frames apart as delivery does: what comes out, and what the gaps in it tell of.
 */
import { silentLog } from '../../src/base/log.ts';
import { WalCounters } from '../../src/base/wal-counters.ts';
import { type CapturePolicy, StreamAppender } from '../../src/capture/stream-appender.ts';
import { createFrameView, decodeFrame } from '../../src/frame/frame-decoder.ts';
import { FrameSplitter } from '../../src/frame/frame-splitter.ts';
import {
  blockType,
  decodeMetaRecord,
  type GapRecord,
  SegmentFiles,
  type StreamWriter,
} from '../../src/wal/index.ts';
import { FaultyDisk } from './faulty-disk.ts';
import { StreamBench } from './stream-bench.ts';

/** What a reader makes of a stream. */
export interface Delivered {
  lines: string[];
  gaps: GapRecord[];
  /** Stream bytes of blocks that hold bytes. */
  rawBytes: number;
}

/** See the module comment. */
export class CaptureBench {
  readonly disk = new FaultyDisk();
  readonly stream = new StreamBench(this.disk);
  readonly counters = new WalCounters([]);
  readonly writer: StreamWriter;
  readonly appender: StreamAppender;
  policy: CapturePolicy = { full: 'drop-newest', blockTimeoutMs: 0, sync: 'off' };
  /** What `admit` answers. */
  isAdmitted = true;
  /** What is done to make room; nothing by default. */
  makeRoom: () => boolean = () => false;

  constructor(segmentBytesMax = 1 << 20) {
    this.stream.limits.segmentBytesMax = segmentBytesMax;
    this.writer = this.stream.writer();
    this.appender = new StreamAppender({
      writer: this.writer,
      tail: this.stream.tail(),
      log: silentLog,
      now: () => this.stream.nowMs,
      policy: () => this.policy,
      counters: this.counters,
      admit: () => this.isAdmitted,
      reliefs: { makeRoom: () => this.makeRoom() },
    });
  }

  [Symbol.dispose](): void {
    this.stream[Symbol.dispose]();
  }

  /** Offers bytes; what is refused is dropped. */
  offer(bytes: Uint8Array): void {
    const reason = this.appender.offer(bytes);
    if (reason !== undefined) this.appender.drop(reason);
  }

  /** Reads the whole stream. */
  delivered(): Delivered {
    return deliveredOf(this.stream);
  }
}

/** Reads a whole stream as delivery does. */
export function deliveredOf(stream: StreamBench): Delivered {
  const found: Delivered = { lines: [], gaps: [], rawBytes: 0 };
  const view = createFrameView();
  const splitter = new FrameSplitter({
    onFrame: (bytes, start, end) => {
      const isSound = decodeFrame(bytes, start, end, view);
      const line = Buffer.from(bytes.subarray(view.lineStart, view.lineEnd)).toString();
      found.lines.push(isSound ? line : 'malformed');
      return true;
    },
    onSkipped: () => {},
  });
  const files = new SegmentFiles(stream.disk, 4);
  const reader = stream.reader(files);
  reader.seek(0);
  for (;;) {
    const next = reader.next(stream.committed.read());
    if (next === 'idle') break;
    if (next === 'gap') {
      found.lines.push('damage');
      continue;
    }
    const { header, payload } = reader;
    if (header.type === blockType.raw) {
      found.rawBytes += payload.length;
      splitter.feed(payload, 0, payload.length);
      continue;
    }
    const record = decodeMetaRecord(payload);
    if (record?.kind === 'gap') found.gaps.push(record);
    if (header.lsnSpan > 0) splitter.cut(header.lsn + header.lsnSpan);
  }
  files.closeDirectory(stream.directory);
  return found;
}
