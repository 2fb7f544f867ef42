/**
 * Writes one container's stream: raw bytes as they come, remarks between them, segment after
 * segment. It waits for nothing but the local disk and publishes each position only after its
 * bytes are in the file.
 */
import type { FileSystem } from '../base/file-system.ts';
import { type NewBlock, noStats } from './block.ts';
import type { CommittedLsn } from './committed-lsn.ts';
import { type BlockStats, blockOverheadBytes, blockType } from './format.ts';
import { type AttachRecord, encodeMetaRecord, type GapRecord } from './meta-record.ts';
import type { SegmentFact } from './segment-facts.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { StreamTail } from './stream-tail.ts';

/** How large and how old a segment gets before the next one begins. */
export interface SegmentLimits {
  segmentBytesMax: number;
  segmentAgeMsMax: number;
}

/** What a writer needs; `now` is in milliseconds. */
export interface StreamWriterOptions extends SegmentLimits {
  disk: FileSystem;
  directory: string;
  containerId: string;
  tail: StreamTail;
  committed: CommittedLsn;
  now: () => number;
  /** A segment that holds something is closed for writing. It must not throw. */
  onSegmentClosed?: (fact: SegmentFact) => void;
}

/** The segment that is being written. */
export interface ActiveSegment {
  sequence: number;
  bytes: number;
  baseLsn: number;
  baseOrdinal: number;
  createdMs: number;
}

/** Who makes closed files durable; without one they are closed as they are. */
export interface SyncKeeper {
  /** Whether a file that is being closed is to be kept open until it is synced. */
  readonly keepsClosed: boolean;
  /** There is one more such file. */
  onClosed(): void;
}

/** So many closed files are kept open until they are synced; others are opened again for it. */
const keptOpenMax = 4;

/** See the module comment. */
export class StreamWriter {
  readonly #options: StreamWriterOptions;
  #segment: SegmentWriter | undefined;
  #sequence: number;
  #endLsn: number;
  #ordinal: number;
  /** Bytes that belong behind the last byte are lost, and no gap tells of them yet. */
  isLossDue = false;
  /** Where the stream was cut amid a frame that a given-up segment has told of as lost. */
  cutToldLsn: number | undefined;
  #attach: AttachRecord | undefined;
  #attachOffset = 0;
  #writtenBytes = 0;
  #limits: SegmentLimits;
  #keeper: SyncKeeper | undefined;
  /** Closed and not durable yet, oldest first. */
  readonly #unsynced: SegmentWriter[] = [];

  constructor(options: StreamWriterOptions) {
    this.#options = options;
    const { segmentBytesMax, segmentAgeMsMax } = options;
    this.#limits = { segmentBytesMax, segmentAgeMsMax };
    this.#sequence = options.tail.nextSequence - 1;
    this.#endLsn = options.tail.endLsn;
    this.#ordinal = options.tail.endOrdinal;
    this.#attach = options.tail.attach;
    options.committed.publish(this.#endLsn, this.#ordinal);
  }

  /** Position behind the last byte. */
  get endLsn(): number {
    return this.#endLsn;
  }

  /** How many frames of the stream end before that. */
  get endOrdinal(): number {
    return this.#ordinal;
  }

  /** The directory of the stream's segments. */
  get directory(): string {
    return this.#options.directory;
  }

  /** What was put into files so far, headers and trailers included. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** The segment that is being written; undefined when the next append begins one. */
  get activeSegment(): ActiveSegment | undefined {
    const segment = this.#segment;
    if (segment === undefined) return undefined;
    const { sequence, bytes, baseLsn, baseOrdinal, createdMs } = segment;
    return { sequence, bytes, baseLsn, baseOrdinal, createdMs };
  }

  /** The file that is being written; for who syncs it. */
  get activeFile(): SegmentWriter | undefined {
    return this.#segment;
  }

  /** Closed files that are not durable yet, oldest first; for who syncs them. */
  get unsyncedFiles(): readonly SegmentWriter[] {
    return this.#unsynced;
  }

  /**
   * The stream up to here would survive a loss of power, as far as the files of this process
   * are concerned and somebody syncs them.
   */
  get syncedLsn(): number {
    return (this.#unsynced[0] ?? this.#segment)?.syncedLsn ?? this.#endLsn;
  }

  /** The FIFO whose bytes stand last in the stream and may go on, if any. */
  get attachedFifo(): string | undefined {
    return this.#attach?.fifo;
  }

  /** Sequence of the segment that is or was written last. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether the segment `sequence` is closed for writing. */
  isComplete(sequence: number): boolean {
    return sequence < this.#sequence || this.#segment === undefined;
  }

  /** Appends stream bytes. Throws what the disk threw; the stream then is as before. */
  appendRaw(payload: Uint8Array, flags: number, stats: Readonly<BlockStats>): void {
    this.#append(blockType.raw, flags, payload.length, payload, stats);
  }

  /** The bytes that follow come from another FIFO. */
  appendAttach(fifo: string): void {
    const record: AttachRecord = { kind: 'attach', fifo, continued: false };
    const previous = this.#attach;
    this.#attach = undefined;
    try {
      this.#attachOffset = this.#append(blockType.meta, 0, 1, encodeMetaRecord(record));
      this.#attach = record;
    } catch (error) {
      this.#attach = previous;
      // It may have begun a segment that does not say whose bytes follow: not if they go on.
      if (previous !== undefined) this.closeSegment();
      throw error;
    }
  }

  /** The FIFO that stands last has ended: no frame goes on behind this. */
  appendDetach(fifo: string): void {
    this.#append(blockType.meta, 0, 1, encodeMetaRecord({ kind: 'detach', fifo }));
    this.#attach = undefined;
    this.#attachOffset = 0;
  }

  /** Records a loss. `lsnSpan` is how many positions of the stream it takes here; 0 for a remark. */
  appendGap(gap: GapRecord, lsnSpan: number): void {
    this.#append(blockType.gap, 0, lsnSpan, encodeMetaRecord(gap));
  }

  /** Sets how large and how old a segment gets from now on. */
  configure({ segmentBytesMax, segmentAgeMsMax }: SegmentLimits): void {
    this.#limits = { segmentBytesMax, segmentAgeMsMax };
  }

  /** From now on `keeper` syncs what is closed; without one, what was kept for it is let go. */
  setKeeper(keeper: SyncKeeper | undefined): void {
    this.#keeper = keeper;
    if (keeper !== undefined) return;
    for (const file of this.#unsynced.splice(0)) file.letGo();
  }

  /** A closed file is durable, or nobody will try any more. */
  settled(file: SegmentWriter): void {
    const at = this.#unsynced.indexOf(file);
    if (at >= 0) this.#unsynced.splice(at, 1);
    file.letGo();
  }

  /** Closes the file if it holds anything; the next append begins a new one. */
  rotate(): void {
    if (this.#segment?.isEmpty === false) this.closeSegment();
  }

  /** Closes the file; the next append begins a new one. */
  closeSegment(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#segment = undefined;
    if (segment.isEmpty) {
      // Retries on a full disk leave no empty files behind.
      segment.discard();
      return;
    }
    const isKept = segment.isDirty && this.#keeper?.keepsClosed === true;
    segment.close(isKept);
    if (isKept) {
      this.#unsynced.push(segment);
      if (this.#unsynced.length > keptOpenMax) segment.park();
    }
    const { sequence, bytes: storedBytes, baseLsn, baseOrdinal, createdMs } = segment;
    const place = { sequence, storedBytes, baseLsn, baseOrdinal, createdMs };
    this.#options.onSegmentClosed?.({ ...place, kind: 'raw' });
    if (isKept) this.#keeper?.onClosed();
  }

  /** Appends a block to a segment that has room. Returns the block's offset in the file. */
  #append(
    type: number,
    flags: number,
    lsnSpan: number,
    payload: Uint8Array,
    stats: Readonly<BlockStats> = noStats,
  ): number {
    const segment = this.#segmentWithRoom();
    const offset = segment.bytes;
    const attachOffset = this.#attachOffset;
    const block: NewBlock = {
      type,
      flags,
      lsn: this.#endLsn,
      lsnSpan,
      ordinal: this.#ordinal,
      attachOffset,
      stats,
    };
    segment.append(block, payload);
    this.#writtenBytes += blockOverheadBytes + payload.length;
    this.#endLsn += lsnSpan;
    this.#ordinal += stats.frames;
    this.#options.committed.publish(this.#endLsn, this.#ordinal);
    return offset;
  }

  #segmentWithRoom(): SegmentWriter {
    const open = this.#segment;
    if (open !== undefined) {
      const { segmentBytesMax, segmentAgeMsMax } = this.#limits;
      const tooOld = this.#options.now() - open.createdMs >= segmentAgeMsMax;
      if (open.bytes < segmentBytesMax && !tooOld) return open;
      this.closeSegment();
    }
    return this.#beginSegment();
  }

  #beginSegment(): SegmentWriter {
    const { disk, directory, containerId, now } = this.#options;
    // A number is used once, even if this fails: the file may be there and refuse to go.
    this.#sequence += 1;
    const segment = new SegmentWriter(disk, {
      directory,
      containerId,
      sequence: this.#sequence,
      baseLsn: this.#endLsn,
      baseOrdinal: this.#ordinal,
      createdMs: now(),
    });
    try {
      this.#attachOffset = this.#continueAttach(segment);
    } catch (error) {
      segment.discard();
      throw error;
    }
    this.#writtenBytes += segment.bytes;
    this.#segment = segment;
    return segment;
  }

  /** Repeats in a new segment whose bytes these are. Returns the remark's offset, 0 for none. */
  #continueAttach(segment: SegmentWriter): number {
    if (this.#attach === undefined) return 0;
    const offset = segment.bytes;
    const block: NewBlock = {
      type: blockType.meta,
      flags: 0,
      lsn: this.#endLsn,
      lsnSpan: 0,
      ordinal: this.#ordinal,
      attachOffset: 0,
      stats: noStats,
    };
    segment.append(block, encodeMetaRecord({ ...this.#attach, continued: true }));
    return offset;
  }
}
