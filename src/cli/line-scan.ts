/**
 * Reads the lines of one container's stream, block by block: takes frames apart, joins the
 * pieces of long lines, and tells of what is missing. It holds one block and the open lines, so
 * whoever reads may stop between two steps for as long as the output takes.
 */
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { createFrameView, decodeFrame } from '../frame/frame-decoder.ts';
import { type FrameHandler, FrameSplitter } from '../frame/frame-splitter.ts';
import { PartialJoiner } from '../frame/partial-joiner.ts';
import {
  blockType,
  decodeMetaRecord,
  type GapFacts,
  gapLine,
  gapTimeNs,
  SegmentFiles,
  StreamReader,
} from '../wal/index.ts';

/** Gets what is found; bytes are valid only during the call. */
export interface LineHandler {
  onLine(
    isStderr: boolean,
    seconds: number,
    nanos: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void;
  /** A line that stands for lost ones. */
  onGap(seconds: number, nanos: number, text: string): void;
}

/** What to read. */
export interface LineScanOptions {
  directory: string;
  containerId: string;
  /** The edge of a frame. */
  startLsn: number;
  endLsn: number;
  handler: LineHandler;
}

/** See the module comment. */
export class LineScan implements FrameHandler {
  readonly #options: LineScanOptions;
  readonly #files = new SegmentFiles(disk, 4);
  readonly #reader: StreamReader;
  readonly #splitter = new FrameSplitter(this);
  readonly #joiner: PartialJoiner;
  readonly #view = createFrameView();
  #lastSeconds = 0;
  #lastNanos = 0;

  constructor(options: LineScanOptions) {
    const { directory, containerId, startLsn, handler } = options;
    this.#options = options;
    this.#reader = new StreamReader({ disk, directory, containerId, files: this.#files });
    this.#joiner = new PartialJoiner({ heldBytes: 0 }, (line) => {
      const { isStderr, seconds, nanos, bytes, length } = line;
      handler.onLine(isStderr, seconds, nanos, bytes, 0, length);
    });
    this.#splitter.begin(startLsn);
    this.#reader.seek(startLsn);
  }

  /** Reads one block or gap. Returns false at the end, when open lines have come out too. */
  step(): boolean {
    const { endLsn } = this.#options;
    const found = this.#reader.next(endLsn);
    if (found === 'gap') this.#takeFoundGap(endLsn);
    else if (found === 'block') this.#takeBlock();
    else this.#cut(endLsn);
    return found !== 'idle';
  }

  /** Where another scan may begin to get the lines that come next; undefined amid a line. */
  get edgeLsn(): number | undefined {
    return this.#joiner.isOpen || this.#splitter.isLost ? undefined : this.#splitter.edgeLsn;
  }

  /** Gives back the files. */
  close(): void {
    this.#joiner.discard();
    this.#files.closeDirectory(this.#options.directory);
  }

  #takeFoundGap(endLsn: number): void {
    const { gap } = this.#reader;
    this.#cut(gap?.toLsn ?? endLsn);
    if (gap === undefined) return;
    const { reason, fromLsn, toLsn, frames, afterNs } = gap;
    this.#tellGap({ reason, bytes: toLsn - fromLsn, frames }, afterNs, undefined);
  }

  #takeBlock(): void {
    const { header, payload } = this.#reader;
    const endLsn = header.lsn + header.lsnSpan;
    if (header.type === blockType.raw) {
      const from = Math.max(0, this.#splitter.nextLsn - header.lsn);
      this.#splitter.feed(payload, from, payload.length);
    } else if (header.type === blockType.gap) {
      this.#takeGapBlock(endLsn);
    } else if (header.lsnSpan > 0) {
      // An attach or a detach: no frame and no line goes on behind it.
      const record = decodeMetaRecord(payload);
      if (record?.kind !== 'attach' || !record.continued) this.#cut(endLsn);
    }
  }

  #takeGapBlock(endLsn: number): void {
    const { header, payload } = this.#reader;
    const record = decodeMetaRecord(payload);
    const isRange = header.lsnSpan > 0;
    if (isRange) this.#cut(endLsn);
    if (record?.kind !== 'gap') return;
    const { reason, fromLsn, toLsn, frames, lines, afterNs, atMs } = record;
    // An empty range is one whose size is unknown.
    const bytes = toLsn > fromLsn ? toLsn - fromLsn : undefined;
    this.#tellGap({ reason, bytes, frames, lines }, afterNs, atMs);
  }

  #tellGap(facts: GapFacts, afterNs: string | undefined, atMs: number | undefined): void {
    const hasLast = this.#lastSeconds > 0 || this.#lastNanos > 0;
    const lastFrameNs = hasLast
      ? BigInt(this.#lastSeconds) * 1_000_000_000n + BigInt(this.#lastNanos)
      : undefined;
    const timeNs = gapTimeNs({ afterNs, lastFrameNs, atMs }, Date.now());
    const seconds = Number(timeNs / 1_000_000_000n);
    this.#options.handler.onGap(seconds, Number(timeNs % 1_000_000_000n), gapLine(facts));
  }

  #cut(lsn: number): void {
    this.#splitter.cut(lsn);
    this.#joiner.flush();
  }

  onFrame(bytes: Uint8Array, start: number, end: number, endLsn: number): boolean {
    const view = this.#view;
    if (!decodeFrame(bytes, start, end, view)) return true;
    const { isStderr, seconds, nanos, lineStart, lineEnd } = view;
    this.#lastSeconds = seconds;
    this.#lastNanos = nanos;
    const joiner = this.#joiner;
    if (view.partial) {
      joiner.add(bytes, view, { lsn: endLsn - (end - start) - 4, ordinal: 0 }, 0);
    } else if (!joiner.isOpen || !joiner.endOpenLine(bytes, view)) {
      this.#options.handler.onLine(isStderr, seconds, nanos, bytes, lineStart, lineEnd);
    }
    return true;
  }

  onSkipped(): void {
    // What the writer saw of it has a gap block of its own; the rest belongs to one.
    this.#joiner.flush();
  }
}
