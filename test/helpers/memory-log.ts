/** One container's log on a memory disk, for tests that tell a story of crashes and restarts. */
import { FrameCounter } from '../../src/capture/frame-counter.ts';
import { createFrameView, decodeFrame } from '../../src/frame/frame-decoder.ts';
import { FrameSplitter } from '../../src/frame/frame-splitter.ts';
import {
  blockType,
  CommittedLsn,
  decodeMetaRecord,
  recoverTail,
  SegmentFiles,
  StreamReader,
  StreamWriter,
} from '../../src/wal/index.ts';
import { textFrame } from './frames.ts';
import { MemoryDisk } from './memory-disk.ts';

/** What a reader got: lines in order, gaps as ranges with the frames they cost. */
export interface Delivered {
  lines: string[];
  gaps: { fromLsn: number; toLsn: number; frames: number | undefined }[];
  /** Positions behind each line. */
  ends: number[];
}

/** See the module comment. Each `open` is what a new process does. */
export class MemoryLog {
  readonly disk: MemoryDisk;
  readonly containerId = 'ab'.repeat(32);
  readonly directory = '/wal';
  readonly #segmentBytesMax: number;
  #writer: StreamWriter;
  #counter = new FrameCounter();
  #committed = new CommittedLsn();

  constructor(segmentBytesMax = 1 << 20, disk = new MemoryDisk({ blockBytes: 512 })) {
    this.disk = disk;
    this.#segmentBytesMax = segmentBytesMax;
    disk.mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    disk.syncAll();
    this.#writer = this.open();
  }

  get endLsn(): number {
    return this.#writer.endLsn;
  }

  /** Takes up what is on the disk. */
  open(): StreamWriter {
    const { disk, directory, containerId } = this;
    const tail = recoverTail(disk, directory, containerId);
    this.#committed = new CommittedLsn();
    this.#counter = new FrameCounter();
    this.#counter.restore(tail.openLsn, tail.openBytes);
    this.#writer = new StreamWriter({
      disk,
      directory,
      containerId,
      tail,
      committed: this.#committed,
      now: () => 1,
      segmentBytesMax: this.#segmentBytesMax,
      segmentAgeMsMax: 1 << 30,
    });
    return this.#writer;
  }

  attach(fifo: string): void {
    this.#writer.appendAttach(fifo);
    this.#counter.cut(this.#writer.endLsn);
  }

  append(bytes: Uint8Array): void {
    this.#counter.count(bytes, this.#writer.endLsn);
    this.#writer.appendRaw(bytes, this.#counter.flags, this.#counter.stats);
  }

  /** A block for each line. */
  lines(...texts: string[]): void {
    for (const text of texts) this.append(textFrame(text));
  }

  rotate(): void {
    this.#writer.closeSegment();
  }

  /** Everything from a position on, as delivery gets it. */
  deliver(fromLsn = 0): Delivered {
    const { disk, directory, containerId } = this;
    const delivered: Delivered = { lines: [], gaps: [], ends: [] };
    const view = createFrameView();
    const splitter = new FrameSplitter({
      onFrame: (bytes, start, end, endLsn) => {
        if (!decodeFrame(bytes, start, end, view)) return true;
        delivered.lines.push(Buffer.from(bytes.subarray(view.lineStart, view.lineEnd)).toString());
        delivered.ends.push(endLsn);
        return true;
      },
      onSkipped: () => {},
    });
    const files = new SegmentFiles(disk);
    const reader = new StreamReader({ disk, directory, containerId, files });
    const committedLsn = this.#committed.read();
    splitter.begin(fromLsn);
    reader.seek(fromLsn);
    for (let steps = 0; ; steps += 1) {
      if (steps > 10_000) throw new Error('the reader does not come to an end');
      const result = reader.next(committedLsn);
      if (result === 'idle') break;
      if (result === 'gap') {
        const { fromLsn, toLsn, frames } = reader.gap ?? { fromLsn: 0, toLsn: 0, frames: 0 };
        delivered.gaps.push({ fromLsn, toLsn, frames });
        splitter.cut(toLsn);
      } else {
        take(reader, splitter);
      }
    }
    files.closeDirectory(directory);
    return delivered;
  }
}

function take(reader: StreamReader, splitter: FrameSplitter): void {
  const { header, payload } = reader;
  if (header.type === blockType.raw) {
    const from = Math.max(0, splitter.nextLsn - header.lsn);
    splitter.feed(payload, from, payload.length);
    return;
  }
  const record = decodeMetaRecord(payload);
  const goesOn = record?.kind === 'attach' && record.continued;
  if (header.lsnSpan > 0 && !goesOn) splitter.cut(header.lsn + header.lsnSpan);
}
