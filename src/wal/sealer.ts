/**
 * Seals a segment: the same stream in a file of compressed groups with an index. The raw file
 * goes only after the sealed one was read back and compared. It runs in a thread of its own:
 * compressing, syncing and reading back take long.
 */
import { crc32 } from 'node:zlib';
import type { FileSystem } from '../base/file-system.ts';
import { createBlockHeader, type NewBlock, noStats } from './block.ts';
import { segmentName } from './catalog.ts';
import { type BlockHeader, blockOverheadBytes, blockType, fileHeaderBytes } from './format.ts';
import { GroupBuilder } from './group-builder.ts';
import { framesCutAt } from './look-around.ts';
import { decodeMetaRecord, encodeMetaRecord, type GapRecord } from './meta-record.ts';
import type { Quarantine } from './quarantine.ts';
import { SealedWriter } from './sealed-writer.ts';
import { SegmentFile } from './segment-file.ts';
import type { ZstdLevel } from './zstd.ts';

/** Which segment, and how hard to compress. */
export interface SealRequest {
  directory: string;
  containerId: string;
  sequence: number;
  level: ZstdLevel;
}

/** What sealing came to; bytes are those of whole files. */
export interface SealResult {
  rawBytes: number;
  storedBytes: number;
  /** Ranges that could not be read and are gaps now. */
  damaged: GapRecord[];
}

/**
 * Seals one complete raw segment. Returns undefined when there is nothing to seal: it is gone,
 * sealed already, or has no sound block. Throws what the disk throws, and `Error` when what was
 * written does not read back the same; the raw file stays then.
 */
export function sealSegment(
  disk: FileSystem,
  request: SealRequest,
  quarantine?: Quarantine,
): SealResult | undefined {
  const { directory, containerId, sequence } = request;
  const rawPath = `${directory}/${segmentName(sequence)}`;
  const raw = SegmentFile.openPath(disk, rawPath, sequence, containerId);
  if (raw === undefined) return undefined;
  const copy = new SegmentCopy(disk, request, raw, quarantine);
  try {
    const rawBytes = raw.size();
    if (!copy.run()) return undefined;
    const storedBytes = copy.publish();
    disk.unlinkSync(rawPath);
    return { rawBytes, storedBytes, damaged: copy.damaged };
  } catch (error) {
    copy.discard();
    throw error;
  } finally {
    raw.close();
  }
}

/** One pass over a raw file. */
class SegmentCopy {
  readonly damaged: GapRecord[] = [];
  readonly #disk: FileSystem;
  readonly #request: SealRequest;
  readonly #raw: SegmentFile;
  readonly #quarantine: Quarantine | undefined;
  readonly #header = createBlockHeader();
  readonly #group: GroupBuilder;
  #writer: SealedWriter | undefined;
  #lsn: number;
  #ordinal: number;
  #maxNs = 0n;
  /** Where an attach block of the raw file stands in the sealed one. */
  #attach = { rawOffset: 0, offset: 0 };
  #digest = 0;

  constructor(
    disk: FileSystem,
    request: SealRequest,
    raw: SegmentFile,
    quarantine: Quarantine | undefined,
  ) {
    this.#disk = disk;
    this.#request = request;
    this.#raw = raw;
    this.#quarantine = quarantine;
    this.#group = new GroupBuilder(request.level);
    this.#lsn = raw.header.baseLsn;
    this.#ordinal = raw.header.baseOrdinal;
  }

  /** Copies all sound blocks. Returns false when there is none. */
  run(): boolean {
    const { directory, containerId } = this.#request;
    let offset = this.#nextSound(fileHeaderBytes);
    if (offset === undefined) return false;
    const { header } = this.#raw;
    const place = { directory, containerId, header, isDurable: true };
    this.#writer = new SealedWriter(this.#disk, place);
    while (offset !== undefined) {
      this.#take(offset, this.#read(offset));
      offset = this.#nextSound(offset + blockOverheadBytes + this.#header.storedBytes);
    }
    this.#endGroup();
    this.#writer.finish(this.#lsn, this.#ordinal, this.#attach.offset);
    return true;
  }

  /** Compares and puts the sealed file in its place. Returns its length. */
  publish(): number {
    const writer = this.#writer;
    if (writer === undefined) throw new Error('nothing was sealed');
    const { containerId, sequence } = this.#request;
    const path = writer.temporaryPath;
    const sealed = SegmentFile.openPath(this.#disk, path, sequence, containerId);
    if (this.#digestOf(sealed) !== this.#digest) {
      throw new Error(`segment ${sequence} did not read back as it was sealed`);
    }
    writer.publish();
    return writer.bytes;
  }

  /** Removes what was written and has not got its name. */
  discard(): void {
    this.#writer?.discard();
  }

  #digestOf(sealed: SegmentFile | undefined): number | undefined {
    try {
      return sealed && digestOf(sealed, this.#lsn);
    } finally {
      sealed?.close();
    }
  }

  /** Offset of the next sound block at or behind `offset`. */
  #nextSound(offset: number): number | undefined {
    if (this.#raw.readBlock(offset, this.#header) !== undefined) return offset;
    const found = this.#raw.findBlock(offset + 1, this.#header);
    if (found !== undefined) this.#quarantine?.keep(this.#raw, offset, found);
    return found;
  }

  /** The block's payload, `#header` filled. It was sound a moment ago, or the disk fails now. */
  #read(offset: number): Buffer {
    const payload = this.#raw.readBlock(offset, this.#header);
    if (payload === undefined) throw new Error(`a block at ${offset} cannot be read again`);
    return payload;
  }

  #take(offset: number, found: Buffer): void {
    const header = this.#header;
    let payload = found;
    if (header.lsn > this.#lsn) {
      this.#recordDamage({ ...header }, offset);
      // To count what is lost, the blocks behind were looked at: what was read is void.
      payload = this.#read(offset);
    }
    // A failed write that came again: the same bytes at the same place, once is enough.
    if (header.lsn < this.#lsn) return;
    this.#digest = digestStep(this.#digest, header, payload);
    this.#lsn = header.lsn + header.lsnSpan;
    this.#ordinal = header.ordinal + header.frames;
    if (header.maxNs > 0n) this.#maxNs = header.maxNs;
    if (header.type === blockType.raw) {
      if (!this.#group.fits(header, payload)) this.#endGroup();
      this.#group.add(header, payload);
      if (this.#group.isDone) this.#endGroup();
    } else {
      this.#endGroup();
      this.#copyRemark(offset, header, payload);
    }
  }

  #copyRemark(rawOffset: number, header: BlockHeader, payload: Buffer): void {
    const { type, flags, lsn, lsnSpan, ordinal } = header;
    const record = decodeMetaRecord(payload);
    const attachOffset = this.#attachOffsetOf(header);
    const block: NewBlock = { type, flags, lsn, lsnSpan, ordinal, attachOffset, stats: noStats };
    const offset = this.#append(block, payload);
    if (record?.kind === 'attach') this.#attach = { rawOffset, offset };
    if (record?.kind === 'detach') this.#attach = { rawOffset: 0, offset: 0 };
    if (record?.kind === 'gap') this.#writer?.addLostFrames(record.frames ?? 0);
  }

  /** A hole in the file is a loss like any other, told where it stands. */
  #recordDamage(next: BlockHeader, offset: number): void {
    this.#endGroup();
    const fromLsn = this.#lsn;
    const { cut } = framesCutAt(this.#raw, offset);
    const frames = Math.max(0, next.ordinal - this.#ordinal) + cut;
    const range = { fromLsn, toLsn: next.lsn, atMs: Date.now(), frames };
    const after = this.#maxNs > 0n ? { afterNs: this.#maxNs.toString() } : {};
    const record: GapRecord = { kind: 'gap', reason: 'damage', ...range, ...after };
    const lsnSpan = next.lsn - fromLsn;
    const place = { lsn: fromLsn, lsnSpan, ordinal: this.#ordinal, attachOffset: 0 };
    const payload = encodeMetaRecord(record);
    this.#append({ type: blockType.gap, flags: 0, ...place, stats: noStats }, payload);
    this.damaged.push(record);
    this.#digest = digestStep(this.#digest, { lsn: fromLsn, lsnSpan }, payload);
  }

  #endGroup(): void {
    const group = this.#group;
    if (group.length === 0) return;
    const { block, payload } = group.take(this.#attachOffsetOf(group.first));
    this.#append(block, payload);
  }

  #attachOffsetOf(header: { attachOffset: number }): number {
    return header.attachOffset === this.#attach.rawOffset ? this.#attach.offset : 0;
  }

  #append(block: NewBlock, payload: Uint8Array): number {
    if (this.#writer === undefined) throw new Error('no file to seal into');
    return this.#writer.append(block, payload);
  }
}

/**
 * A running checksum of what a reader gets: raw bytes without regard to how they are cut,
 * remarks with their places.
 */
function digestStep(
  digest: number,
  header: { lsn: number; lsnSpan: number; type?: number },
  payload: Uint8Array,
): number {
  if (header.type === blockType.raw) return crc32(payload, digest);
  return crc32(payload, crc32(Buffer.from(`${header.lsn}+${header.lsnSpan}`), digest));
}

/** The checksum of a sealed file; undefined when any of it cannot be read. */
function digestOf(sealed: SegmentFile, endLsn: number): number | undefined {
  const header = createBlockHeader();
  let digest = 0;
  let lsn = sealed.header.baseLsn;
  for (let at = fileHeaderBytes; ; at += blockOverheadBytes + header.storedBytes) {
    const payload = sealed.readBlock(at, header);
    if (payload === undefined || header.lsn !== lsn) return undefined;
    if (header.type === blockType.index) {
      return header.lsn === endLsn && sealed.isWhole ? digest : undefined;
    }
    digest = digestStep(digest, header, payload);
    lsn += header.lsnSpan;
  }
}
