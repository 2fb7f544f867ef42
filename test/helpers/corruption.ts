/**
 * A small log on a memory disk, written once and damaged many times, with what must still come
 * out of it: every sound block, and a gap of the exact length and number of frames for the rest.
 */
import assert from 'node:assert/strict';
import { FrameCounter } from '../../src/capture/frame-counter.ts';
import { createBlockHeader } from '../../src/wal/block.ts';
import { blockOverheadBytes, fileHeaderBytes } from '../../src/wal/format.ts';
import {
  blockFlag,
  blockType,
  CommittedLsn,
  decodeMetaRecord,
  recoverTail,
  SegmentFiles,
  StreamReader,
  StreamWriter,
  sealSegment,
} from '../../src/wal/index.ts';
import { SegmentFile } from '../../src/wal/segment-file.ts';
import { textFrame } from './frames.ts';
import { MemoryDisk } from './memory-disk.ts';

/** A block of a sound segment: where it lies, and what it stands for. */
export interface KnownBlock {
  name: string;
  sequence: number;
  type: number;
  /** Range in the file, header and trailer included. */
  from: number;
  to: number;
  lsn: number;
  lsnSpan: number;
  ordinal: number;
  frames: number;
  startsOnFrame: boolean;
  /** Undefined for remarks. */
  bytes: Buffer | undefined;
}

/** One thing that a reader met, as far as the tests compare it. */
export type Met =
  | { what: 'block'; lsn: number; lsnSpan: number; bytes: Buffer | undefined; text: string }
  | { what: 'gap'; fromLsn: number; toLsn: number; frames: number | undefined };

/** See the module comment. Segments 1 to 3; the second is the one to damage. */
export class DamagedLog {
  readonly disk = new MemoryDisk({ blockBytes: 64 });
  readonly containerId: string;
  readonly directory: string;
  readonly endLsn: number;
  /** All blocks of the sound log that take a position, in order. */
  readonly blocks: KnownBlock[] = [];
  /** The sound files, by name. */
  readonly sound = new Map<string, Buffer>();

  constructor(containerId: string, sealed: readonly number[] = []) {
    this.containerId = containerId;
    this.directory = `/wal/${containerId}`;
    this.disk.mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    this.endLsn = this.#write();
    const { directory } = this;
    for (const sequence of sealed) {
      sealSegment(this.disk, { directory, containerId, sequence, level: 3 });
    }
    for (const name of this.disk.readdirSync(directory).toSorted()) {
      this.sound.set(name, this.disk.readFileSync(`${directory}/${name}`));
      this.#learn(name);
    }
  }

  #write(): number {
    const { disk, directory, containerId } = this;
    const counter = new FrameCounter();
    const writer = new StreamWriter({
      disk,
      directory,
      containerId,
      tail: recoverTail(disk, directory, containerId),
      committed: new CommittedLsn(),
      now: () => 1,
      segmentBytesMax: 1 << 20,
      segmentAgeMsMax: 1 << 20,
    });
    const append = (bytes: Uint8Array): void => {
      counter.count(bytes, writer.endLsn);
      writer.appendRaw(bytes, counter.flags, counter.stats);
    };
    let count = 0;
    const frames = (length: number): Buffer =>
      Buffer.concat(
        Array.from({ length }, () => {
          count += 1;
          return textFrame(`line ${count} ${'ab'.repeat(count % 9)}`, count);
        }),
      );
    const attach = (fifo: string): void => {
      writer.appendAttach(fifo);
      counter.cut(writer.endLsn);
    };
    attach('first');
    append(frames(3));
    // A frame over three blocks and two segments.
    const long = textFrame(`long ${'xyz'.repeat(60)}`, 99);
    append(long.subarray(0, 70));
    writer.closeSegment();
    append(long.subarray(70, 100));
    append(Buffer.concat([long.subarray(100), frames(2)]));
    append(frames(1));
    writer.appendDetach('first');
    attach('second');
    append(frames(5));
    const fromLsn = writer.endLsn;
    const range = { fromLsn, toLsn: fromLsn + 500, atMs: 1, frames: 7 };
    writer.appendGap({ kind: 'gap', reason: 'disk', ...range }, 500);
    counter.restore(writer.endLsn, Buffer.alloc(0));
    // A container that prints this very file, which must never count as blocks.
    append(textFrame('own log', 1));
    append(disk.readFileSync(`${directory}/00000000000000000002.w`));
    counter.restore(writer.endLsn, Buffer.alloc(0));
    append(frames(4));
    writer.closeSegment();
    append(frames(2));
    writer.appendDetach('second');
    writer.closeSegment();
    return writer.endLsn;
  }

  #learn(name: string): void {
    const sequence = Number(name.slice(0, 20));
    const path = `${this.directory}/${name}`;
    const file = SegmentFile.openPath(this.disk, path, sequence, this.containerId);
    assert.ok(file !== undefined);
    const header = createBlockHeader();
    for (let from = fileHeaderBytes; from < file.size(); ) {
      const payload = file.readBlock(from, header);
      assert.ok(payload !== undefined, `${name} at ${from} is sound`);
      const to = from + blockOverheadBytes + header.storedBytes;
      const { type, lsn, lsnSpan, ordinal, frames, flags } = header;
      const bytes = type === blockType.raw ? Buffer.from(payload) : undefined;
      const startsOnFrame = (flags & blockFlag.startsOnFrame) !== 0;
      const place = { name, sequence, type, from, to };
      this.blocks.push({ ...place, lsn, lsnSpan, ordinal, frames, startsOnFrame, bytes });
      from = to;
    }
    file.close();
  }

  /** Puts the sound files back, and these instead of some; undefined takes one away. */
  plant(files: ReadonlyMap<string, Buffer | undefined>): void {
    const { disk, directory } = this;
    for (const name of disk.readdirSync(directory)) {
      disk.rmSync(`${directory}/${name}`, { recursive: true, force: true });
    }
    for (const [name, content] of new Map([...this.sound, ...files])) {
      if (content !== undefined) disk.plant(`${directory}/${name}`, content);
    }
  }

  /** Everything from `lsn` on, as delivery reads it. Fails if the reader throws or loops. */
  read(lsn = 0): Met[] {
    const { disk, directory, containerId, endLsn } = this;
    const files = new SegmentFiles(disk, 8);
    const reader = new StreamReader({ disk, directory, containerId, files });
    reader.seek(lsn);
    const met: Met[] = [];
    for (let steps = 0; ; steps += 1) {
      assert.ok(steps < 1000, 'the reader comes to an end');
      const result = reader.next(endLsn);
      if (result === 'idle') break;
      if (result === 'gap') {
        const { gap } = reader;
        assert.ok(gap !== undefined);
        met.push({ what: 'gap', fromLsn: gap.fromLsn, toLsn: gap.toLsn, frames: gap.frames });
        continue;
      }
      const { header, payload } = reader;
      const { lsn, lsnSpan } = header;
      const isRaw = header.type === blockType.raw;
      const bytes = isRaw ? Buffer.from(payload) : undefined;
      const text = isRaw ? '' : (decodeMetaRecord(payload)?.kind ?? 'unknown');
      met.push({ what: 'block', lsn, lsnSpan, bytes, text });
    }
    files.closeDirectory(directory);
    assert.deepEqual(disk.openPaths, [], 'no descriptor is left behind');
    return met;
  }

  /**
   * Reads from `lsn` on and checks that all that is lost is what the hit blocks held, and that
   * the gaps say so to the byte and to the frame.
   */
  checkLoss(isHit: (block: KnownBlock) => boolean, what: string, lsn = 0): void {
    const met = this.read(lsn);
    const stays = this.blocks.filter(
      (block) => block.lsnSpan > 0 && block.lsn + block.lsnSpan > lsn,
    );
    const expected = stays.map((block) => ({ block, isLost: isHit(block) }));
    const blocks = met.filter((each) => each.what === 'block' && each.lsnSpan > 0);
    const sound = expected.filter(({ isLost }) => !isLost).map(({ block }) => block);
    assert.deepEqual(
      blocks.map((each) => (each.what === 'block' ? [each.lsn, each.bytes] : [])),
      sound.map((block) => [block.lsn, block.bytes]),
      `${what}: exactly the sound blocks come out, in order`,
    );
    const gaps = met.filter((each) => each.what === 'gap');
    const ranges = rangesOf(expected, lsn);
    assert.deepEqual(
      gaps.map(({ fromLsn, toLsn }) => [fromLsn, toLsn]),
      ranges.map(({ fromLsn, toLsn }) => [fromLsn, toLsn]),
      `${what}: the gaps are what is missing`,
    );
    // Without a sound block before the cursor the reader counts from the last one that is sound.
    const before = this.blocks.find((block) => block.lsn + block.lsnSpan === lsn);
    const isFirstVague = before !== undefined && isHit(before);
    for (const [index, gap] of gaps.entries()) {
      if (gap.frames === undefined || (index === 0 && isFirstVague)) continue;
      assert.equal(gap.frames, ranges[index]?.frames, `${what}: lost frames are counted`);
    }
  }
}

interface LostRange {
  fromLsn: number;
  toLsn: number;
  frames: number;
}

/** What is lost, as ranges; a frame that is cut at the end of one counts to it. */
function rangesOf(
  expected: readonly { block: KnownBlock; isLost: boolean }[],
  lsn: number,
): LostRange[] {
  const ranges: LostRange[] = [];
  for (const { block, isLost } of expected) {
    const last = ranges.at(-1);
    const toLsn = block.lsn + block.lsnSpan;
    if (isLost) {
      if (last?.toLsn === block.lsn) {
        last.toLsn = toLsn;
        last.frames += block.frames;
      } else {
        ranges.push({ fromLsn: Math.max(lsn, block.lsn), toLsn, frames: block.frames });
      }
    } else if (last?.toLsn === block.lsn && block.type === blockType.raw && !block.startsOnFrame) {
      last.frames += 1;
    }
  }
  return ranges;
}
