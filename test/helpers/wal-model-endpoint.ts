/**
 * One reader of the modelled log: it takes the stream apart into frames as delivery does and
 * keeps what it got, so that it can be held against the reference.
 */
import assert from 'node:assert/strict';
import { FrameSplitter } from '../../src/frame/frame-splitter.ts';
import {
  blockType,
  decodeMetaRecord,
  type SegmentFiles,
  type StreamPlace,
  StreamReader,
} from '../../src/wal/index.ts';
import type { MemoryDisk } from './memory-disk.ts';
import type { Seen } from './stream-bench.ts';
import type { Range, StreamReference } from './wal-model-reference.ts';

/** A gap as it was met; `frames` is undefined where nobody knows. */
export interface MetGap extends Range {
  frames: number | undefined;
  reason: string;
}

/** Whose log. */
export interface LogPlace {
  disk: MemoryDisk;
  directory: string;
  containerId: string;
}

/** See the module comment. */
export class ModelReader {
  readonly frames = new Set<number>();
  readonly gaps: MetGap[] = [];
  readonly #reader: StreamReader;
  readonly #reference: StreamReference;
  readonly #who: string;
  readonly #splitter: FrameSplitter;
  #place: StreamPlace = { sequence: 0, offset: 0 };
  /** Position behind everything read. */
  lsn: number;
  #lastFrameLsn = 0;
  /** Where to begin when the first block is read. */
  #start: { lsn: number; place?: StreamPlace } | undefined;

  constructor(
    log: LogPlace,
    files: SegmentFiles,
    reference: StreamReference,
    who: string,
    start: { lsn: number; place?: StreamPlace },
  ) {
    this.#reader = new StreamReader({ ...log, files });
    this.#reference = reference;
    this.#who = who;
    this.lsn = start.lsn;
    this.#lastFrameLsn = start.lsn;
    this.#splitter = new FrameSplitter({
      onFrame: (bytes, from, to, endLsn) => {
        this.#takeFrame(Buffer.from(bytes.subarray(from - 4, to)), endLsn);
        return true;
      },
      onSkipped: () => {},
    });
    this.#splitter.begin(start.lsn);
    this.#start = start;
  }

  /** Position behind the last whole frame: what may be acknowledged. */
  get edgeLsn(): number {
    return this.#splitter.edgeLsn;
  }

  /** Where `edgeLsn` lies in the files, as a hint. */
  get place(): StreamPlace {
    if (this.#start?.place !== undefined) return this.#start.place;
    return this.edgeLsn >= this.lsn ? { ...this.#reader.nextPlace } : this.#place;
  }

  /** Reads one block or gap. Returns false when there is no more. Throws what the disk throws. */
  step(committedLsn: number): boolean {
    if (this.#start !== undefined) this.#reader.seek(this.#start.lsn, this.#start.place);
    this.#start = undefined;
    const result = this.#reader.next(committedLsn);
    if (result === 'idle') {
      assert.ok(this.lsn >= committedLsn, `I1: ${this.#who} stops at ${this.lsn}`);
      return false;
    }
    if (result === 'gap') this.#takeGap();
    else this.#takeBlock();
    assert.ok(this.lsn <= committedLsn, `I3: ${this.#who} reads beyond the committed position`);
    return true;
  }

  #takeGap(): void {
    const { gap } = this.#reader;
    assert.ok(gap !== undefined, 'a gap has a range');
    const { fromLsn, toLsn, reason } = gap;
    assert.equal(fromLsn, this.lsn, `I5: ${this.#who} leaves something out before a gap`);
    assert.ok(toLsn > fromLsn, `I1: ${this.#who} hears of an empty gap`);
    this.#reference.check({ what: 'gap', fromLsn, toLsn, reason }, this.#who);
    this.gaps.push({ fromLsn, toLsn, reason, frames: gap.frames });
    this.#moveTo(toLsn, true);
  }

  #takeBlock(): void {
    const { header, payload } = this.#reader;
    const { lsn, lsnSpan, type } = header;
    const toLsn = lsn + lsnSpan;
    assert.ok(lsn <= this.lsn, `I5: ${this.#who} leaves out ${this.lsn} to ${lsn}`);
    assert.ok(toLsn >= this.lsn, `I5: ${this.#who} goes back to ${toLsn}`);
    if (type === blockType.raw) {
      assert.equal(payload.length, lsnSpan, `I2: ${this.#who} gets a block of another length`);
      const seen: Seen = { what: 'raw', fromLsn: lsn, bytes: payload, place: this.place };
      this.#reference.check(seen, this.#who);
      if (this.edgeLsn <= this.lsn) this.#place = { ...this.#reader.blockPlace };
      const from = this.#splitter.nextLsn - lsn;
      if (from < payload.length) this.#splitter.feed(payload, Math.max(0, from), payload.length);
      this.#moveTo(toLsn, false);
      return;
    }
    const record = decodeMetaRecord(payload);
    assert.ok(record !== undefined, `I2: ${this.#who} meets a remark that says nothing`);
    this.#reference.check({ what: 'meta', fromLsn: lsn, toLsn, kind: record.kind }, this.#who);
    const goesOn = lsnSpan === 0 || (record.kind === 'attach' && record.continued);
    if (record.kind === 'gap' && lsnSpan > 0) {
      assert.equal(record.toLsn - record.fromLsn, lsnSpan, 'I1: a gap says how long it is');
      const { reason, frames } = record;
      this.gaps.push({ fromLsn: lsn, toLsn, reason, frames });
    }
    this.#moveTo(toLsn, !goesOn);
  }

  #moveTo(lsn: number, cuts: boolean): void {
    if (cuts) this.#splitter.cut(lsn);
    this.lsn = Math.max(this.lsn, lsn);
  }

  #takeFrame(bytes: Buffer, endLsn: number): void {
    const frame = this.#reference.frames.find((each) => each.endLsn === endLsn);
    assert.ok(frame !== undefined, `I2: ${this.#who} gets a frame at ${endLsn} that none is`);
    assert.deepEqual(bytes, frame.bytes, `I2: ${this.#who} gets another frame at ${endLsn}`);
    assert.ok(endLsn > this.#lastFrameLsn, `I5: ${this.#who} gets ${endLsn} twice or late`);
    this.#lastFrameLsn = endLsn;
    this.frames.add(endLsn);
  }
}
