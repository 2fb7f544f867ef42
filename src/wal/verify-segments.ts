/**
 * Reads every block of every segment of a container and says what is not sound, to the byte
 * where that can be known. It believes nothing that a reader of the stream would not believe,
 * changes nothing, and works beside a process that writes.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { createBlockHeader } from './block.ts';
import { listSegments, sealedName, segmentName } from './catalog.ts';
import type { Finding } from './finding.ts';
import {
  type BlockHeader,
  blockHeaderBytes,
  blockOverheadBytes,
  blockType,
  decodeSegmentHeader,
  fileHeaderBytes,
} from './format.ts';
import { framesCutAt } from './look-around.ts';
import type { Quarantine } from './quarantine.ts';
import { readAtLeast } from './read-window.ts';
import { SegmentFile } from './segment-file.ts';
import { containerDirectory } from './store.ts';

/** What was read. */
export interface VerifyTotals {
  segments: number;
  blocks: number;
  storedBytes: number;
  /** Gaps that the log itself tells of; they are no damage. */
  gaps: number;
}

/** Where and how to look. */
export interface VerifyOptions {
  disk: FileSystem;
  root: string;
  containerId: string;
  totals: VerifyTotals;
  /** Gets a copy of what is not sound. */
  quarantine?: Quarantine | undefined;
}

/** Goes through the segments in order. */
export function* verifySegments(options: VerifyOptions): Generator<Finding> {
  yield* new SegmentCheck(options).run();
}

class SegmentCheck {
  readonly #options: VerifyOptions;
  readonly #directory: string;
  readonly #header = createBlockHeader();
  /** Where the stream goes on; undefined before the first sound segment. */
  #lsn: number | undefined;
  /** How many frames end before that; undefined where the last block does not tell. */
  #ordinal: number | undefined;
  #sequence = 0;
  /** Found at the end of a file: only the next one tells what is lost. */
  readonly #pending: Finding[] = [];

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#directory = containerDirectory(options.root, options.containerId);
  }

  *run(): Generator<Finding> {
    const { disk, containerId } = this.#options;
    const sequences = listSegments(disk, this.#directory);
    for (const sequence of sequences) {
      yield* this.#judgeFiles(sequence);
      const file = SegmentFile.open(disk, this.#directory, sequence, containerId);
      if (file === undefined) {
        // Removed since it was listed: a hole before the next one says nothing.
        if (this.#isGone(sequence)) this.#lsn = undefined;
        continue;
      }
      try {
        yield* this.#enter(file);
        yield* this.#readFile(file, sequence === sequences.at(-1));
      } finally {
        file.close();
      }
    }
    yield* this.#pending;
  }

  #isGone(sequence: number): boolean {
    const { disk } = this.#options;
    return [sealedName(sequence), segmentName(sequence)].every(
      (name) => disk.statSync(`${this.#directory}/${name}`) === undefined,
    );
  }

  #path(name: string): string {
    const { containerId } = this.#options;
    return `c/${containerId.slice(0, 2)}/${containerId}/${name}`;
  }

  #nameOf(file: SegmentFile): string {
    return (file.isSealed ? sealedName : segmentName)(file.sequence);
  }

  #finding(
    kind: Finding['kind'],
    reason: Finding['reason'],
    name: string,
    rest: Partial<Finding> & { detail: string },
  ): Finding {
    const { containerId } = this.#options;
    return { kind, reason, file: this.#path(name), containerId, ...rest };
  }

  /** Says what of a segment's two files is none, and when there are two. */
  *#judgeFiles(sequence: number): Generator<Finding> {
    const names = [sealedName(sequence), segmentName(sequence)];
    const sound = names.filter((name) => {
      const verdict = this.#judge(name, sequence);
      if (verdict === 'sound') return true;
      if (verdict !== 'absent') this.#pending.push(verdict);
      return false;
    });
    if (sound.length < 2) return;
    const detail = 'a raw and a sealed file of one segment; the raw one is to go';
    yield this.#finding('note', 'double', segmentName(sequence), { lostBytes: 0, detail });
  }

  #judge(name: string, sequence: number): 'absent' | 'sound' | Finding {
    const { disk, containerId } = this.#options;
    const path = `${this.#directory}/${name}`;
    // Between listing and looking it may have been sealed or removed.
    const size = disk.statSync(path)?.size;
    if (size === undefined) return 'absent';
    const head = readHead(disk, path);
    if (head === undefined) return 'absent';
    const header = decodeSegmentHeader(head, containerId);
    if (typeof header !== 'string' && header.sequence === sequence) return 'sound';
    if (size === 0) {
      const detail = 'empty: a crash came before its first byte';
      return this.#finding('note', 'leftover', name, { fileBytes: 0, lostBytes: 0, detail });
    }
    const isNewer = header === 'version';
    const why = typeof header === 'string' ? header : 'sequence';
    const detail = isNewer
      ? 'written by a newer version, which alone can read it'
      : `no segment of this container: its header does not fit (${why})`;
    const place = { offset: 0, fileBytes: size };
    return this.#finding('damage', isNewer ? 'newer' : 'foreign', name, { ...place, detail });
  }

  /** The next sound file tells what of the stream is missing before it. */
  *#enter(file: SegmentFile): Generator<Finding> {
    const { baseLsn, baseOrdinal } = file.header;
    const lsn = this.#lsn ?? (this.#pending.length > 0 ? undefined : baseLsn);
    const lostBytes = lsn === undefined ? undefined : Math.max(0, baseLsn - lsn);
    const lostFrames = this.#framesBefore(file, fileHeaderBytes, baseOrdinal, lostBytes);
    // Of several that lie side by side, the first is told with the loss of all.
    const cause =
      this.#pending.find(({ kind }) => kind === 'damage') ??
      this.#pending.find(({ reason }) => reason === 'torn');
    if (cause === undefined && lostBytes !== undefined && lostBytes > 0) {
      yield this.#missing(file, fileHeaderBytes, { lostBytes, lostFrames });
    }
    for (const finding of this.#pending) {
      if (finding !== cause) yield { ...finding, lostBytes: 0, lostFrames: 0 };
      else if (lostBytes === 0) yield { ...finding, lostBytes, lostFrames };
      else yield { ...finding, kind: 'damage', lostBytes, lostFrames };
    }
    this.#pending.length = 0;
    this.#lsn = Math.max(this.#lsn ?? 0, baseLsn);
    this.#ordinal = baseOrdinal;
    this.#sequence = file.sequence;
  }

  #missing(file: SegmentFile, offset: number, loss: Partial<Finding>): Finding {
    const isWhole = offset === fileHeaderBytes && file.sequence > this.#sequence + 1;
    const between = `${this.#sequence + 1} to ${file.sequence - 1}`;
    const detail = isWhole
      ? `the stream has a hole before this: segments ${between} are gone`
      : 'the stream has a hole before this place';
    return this.#finding('damage', 'missing', this.#nameOf(file), { offset, ...loss, detail });
  }

  #framesBefore(
    file: SegmentFile,
    offset: number,
    ordinal: number,
    lostBytes: number | undefined,
  ): number | undefined {
    if (lostBytes === 0) return 0;
    if (this.#ordinal === undefined || lostBytes === undefined) return undefined;
    return Math.max(0, ordinal - this.#ordinal) + framesCutAt(file, offset).cut;
  }

  *#readFile(file: SegmentFile, isNewest: boolean): Generator<Finding> {
    const { totals } = this.#options;
    const header = this.#header;
    totals.segments += 1;
    totals.storedBytes += file.size();
    let offset = fileHeaderBytes;
    while (offset < file.size()) {
      if (file.readBlock(offset, header) !== undefined) {
        yield* this.#takeBlock(file, offset);
      } else {
        const next = file.findBlock(offset + 1, header);
        // It may have been written to its end meanwhile.
        if (file.readBlock(offset, header) !== undefined) continue;
        if (next === undefined) {
          this.#endUnsound(file, offset, isNewest);
          return;
        }
        if (file.readBlock(next, header) === undefined) continue;
        yield this.#unsound(file, offset, next);
        offset = next;
        this.#goBehind(header);
      }
      offset += blockOverheadBytes + header.storedBytes;
      totals.blocks += 1;
    }
    if (file.isSealed && !file.isWhole) {
      const detail = 'a sealed segment without an index at its end: its end may be missing';
      this.#pending.push(
        this.#finding('damage', 'index', this.#nameOf(file), { offset, fileBytes: 0, detail }),
      );
    }
  }

  *#takeBlock(file: SegmentFile, offset: number): Generator<Finding> {
    const header = this.#header;
    const { lsn, ordinal } = header;
    const lostBytes = lsn - (this.#lsn ?? lsn);
    if (lostBytes > 0) {
      const lostFrames = this.#framesBefore(file, offset, ordinal, lostBytes);
      yield this.#missing(file, offset, { lostBytes, lostFrames });
    }
    this.#goBehind(header);
  }

  #goBehind(header: Readonly<BlockHeader>): void {
    this.#lsn = Math.max(this.#lsn ?? 0, header.lsn + header.lsnSpan);
    const isGap = header.type === blockType.gap;
    if (isGap) this.#options.totals.gaps += 1;
    // The frames of a gap may be numbered: only the next block tells.
    this.#ordinal = isGap && header.lsnSpan > 0 ? undefined : header.ordinal + header.frames;
  }

  /** Bytes that are no block, with a sound block behind them, whose header is in hand. */
  #unsound(file: SegmentFile, from: number, to: number): Finding {
    const { lsn, ordinal } = this.#header;
    const lostBytes = Math.max(0, lsn - (this.#lsn ?? lsn));
    const lostFrames = this.#framesBefore(file, to, ordinal, lostBytes);
    this.#options.quarantine?.keep(file, from, to);
    const place = { offset: from, fileBytes: to - from };
    const detail = 'bytes that are no sound block';
    return this.#finding('damage', 'block', this.#nameOf(file), {
      ...place,
      lostBytes,
      lostFrames,
      detail,
    });
  }

  /** The rest of a file has no sound block. */
  #endUnsound(file: SegmentFile, offset: number, isNewest: boolean): void {
    const name = this.#nameOf(file);
    const rest = file.size() - offset;
    const place = { offset, fileBytes: rest };
    if (!file.isSealed && this.#isTorn(file, offset, rest)) {
      const detail = isNewest
        ? 'the last write is under way, or was cut short'
        : 'a write was cut short here; the log goes on in the next segment';
      this.#pending.push(this.#finding('note', 'torn', name, { ...place, lostBytes: 0, detail }));
      return;
    }
    this.#options.quarantine?.keep(file, offset, offset + rest);
    const detail = 'bytes that are no sound block, up to the end of the file';
    this.#pending.push(this.#finding('damage', 'block', name, { ...place, detail }));
  }

  /** Whether a file ends before the block that begins at `offset` could end. */
  #isTorn(file: SegmentFile, offset: number, rest: number): boolean {
    if (rest < blockHeaderBytes) return true;
    const header = createBlockHeader();
    const hasHeader = file.readHeader(offset, header);
    return hasHeader && rest < blockOverheadBytes + header.storedBytes;
  }
}

/** Undefined when the file is gone by now. */
function readHead(disk: FileSystem, path: string): Buffer | undefined {
  const head = Buffer.alloc(fileHeaderBytes);
  let fd: number;
  try {
    fd = disk.openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return head.subarray(0, readAtLeast(disk, fd, head, 0, head.length, head.length));
  } finally {
    disk.closeSync(fd);
  }
}
