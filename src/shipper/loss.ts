/**
 * A loss as one endpoint sees it: what the log says of it, less what this endpoint has already.
 * Pure, but for the memory of what was told.
 */
import {
  type BlockHeader,
  type FoundGap,
  type GapFacts,
  type GapRecord,
  gapLine,
} from '../wal/index.ts';

/** One loss, ready to be told. */
export interface Loss extends GapFacts {
  afterNs: string | undefined;
  atMs: number | undefined;
  /** How many frames of the stream end before the place behind it, as far as is known. */
  ordinalBehind: number;
}

/** The line that tells of it. */
export function lineOfLoss(loss: Loss): Buffer {
  return Buffer.from(gapLine(loss), 'utf8');
}

/** A place in the stream: everything before `lsn` is delivered or in a batch. */
interface Reached {
  lsn: number;
  ordinal: number;
}

/** Losses whose frames were written once, and so were given numbers in the stream. */
const numberedReasons: readonly string[] = ['evicted', 'expired', 'damage', 'missing'];

/**
 * What a gap block with a range means for who has reached `reached`. An endpoint that had
 * acknowledged a part of a range before it was given up misses only the rest.
 */
export function lossOfRange(
  header: Readonly<BlockHeader>,
  record: GapRecord | undefined,
  reached: Reached,
): Loss {
  const { lsn, lsnSpan, ordinal } = header;
  const endLsn = lsn + lsnSpan;
  const fromLsn = Math.max(lsn, reached.lsn);
  if (record === undefined) {
    return {
      reason: 'unknown',
      bytes: endLsn - fromLsn,
      afterNs: undefined,
      atMs: undefined,
      ordinalBehind: Math.max(reached.ordinal, ordinal),
    };
  }
  const { reason, frames, innerFrames = 0, lines, afterNs, atMs } = record;
  const isInside = reached.lsn > lsn;
  // Gaps within the range that this endpoint has passed were told to it when it met them.
  const told = (record.inner ?? []).filter(([at]) => at < reached.lsn);
  const toldFrames = told.reduce((sum, [, count]) => sum + count, 0);
  const had = isInside ? Math.max(0, reached.ordinal - ordinal) + toldFrames : 0;
  const numbered = numberedReasons.includes(reason) ? (frames ?? 0) - innerFrames : 0;
  return {
    reason,
    bytes: Math.max(endLsn, record.toLsn) - fromLsn,
    frames: frames === undefined ? undefined : Math.max(0, frames - had),
    // How many of the lines are in the part that was delivered, nobody counted.
    lines: isInside ? undefined : lines,
    afterNs,
    atMs,
    ordinalBehind: Math.max(reached.ordinal, ordinal + numbered),
  };
}

/** What a remark without a range of its own tells of: bytes that stand before it. */
export function lossOfRemark(record: GapRecord, ordinal: number): Loss {
  const { reason, fromLsn, toLsn, frames, lines, afterNs, atMs } = record;
  // An empty range is one whose size is unknown.
  const bytes = toLsn > fromLsn ? toLsn - fromLsn : undefined;
  return { reason, bytes, frames, lines, afterNs, atMs, ordinalBehind: ordinal };
}

/** What the reader found missing. */
export function lossOfFound(gap: Readonly<FoundGap>, ordinal: number): Loss {
  const { reason, fromLsn, toLsn, frames, afterNs } = gap;
  return {
    reason,
    bytes: toLsn - fromLsn,
    frames,
    lines: undefined,
    afterNs,
    atMs: undefined,
    ordinalBehind: ordinal + (frames ?? 0),
  };
}

/** A remark that was told: where it stands, and what it says. */
export interface ToldRemark {
  readonly lsn: number;
  readonly payload: string;
}

/**
 * The remarks that were told and that a reader may meet again in this process, because it goes
 * back to the start of a frame that stands around them.
 */
export class ToldRemarks {
  #told: readonly ToldRemark[] = [];

  /** What was told so far; it never changes, so that `restore` can go back to it. */
  get list(): readonly ToldRemark[] {
    return this.#told;
  }

  has(lsn: number, payload: Buffer): boolean {
    const text = payload.toString('latin1');
    return this.#told.some((remark) => remark.lsn === lsn && remark.payload === text);
  }

  add(lsn: number, payload: Buffer): void {
    this.#told = [...this.#told, { lsn, payload: payload.toString('latin1') }];
  }

  /** The reader never comes back to what stands before `lsn`. */
  forgetBefore(lsn: number): void {
    if (this.#told.length > 0) this.#told = this.#told.filter((remark) => remark.lsn >= lsn);
  }

  /** What was told after `list` was read, was told to nobody. */
  restore(list: readonly ToldRemark[]): void {
    this.#told = list;
  }
}
