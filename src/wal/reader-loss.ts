/**
 * A loss as one reader sees it: what the log says of it, less what this reader has already. Pure.
 */
import type { BlockHeader } from './format.ts';
import { type GapFacts, gapLine } from './gap-line.ts';
import type { GapRecord } from './meta-record.ts';
import type { FoundGap } from './stream-reader.ts';

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

/** A place in the stream: this reader has everything before `lsn`. */
interface Reached {
  lsn: number;
  ordinal: number;
}

/** Losses whose frames were written once, and so were given numbers in the stream. */
const numberedReasons: readonly string[] = ['evicted', 'expired', 'damage', 'missing'];

/**
 * What a gap block with a range means for who has reached `reached`. Who had read a part of
 * a range before it was given up misses only the rest.
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
  // Gaps within the range that this reader has passed were told to it when it met them.
  const told = (record.inner ?? []).filter(([at]) => at < reached.lsn);
  const toldFrames = told.reduce((sum, [, count]) => sum + count, 0);
  const had = isInside ? Math.max(0, reached.ordinal - ordinal) + toldFrames : 0;
  const numbered = numberedReasons.includes(reason) ? (frames ?? 0) - innerFrames : 0;
  return {
    reason,
    bytes: Math.max(endLsn, record.toLsn) - fromLsn,
    frames: frames === undefined ? undefined : Math.max(0, frames - had),
    // How many of the lines are in the part that was read, nobody counted.
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

/**
 * What the reader found missing. What stood before may be given up by now, and its frames with
 * it: those that this reader has are not missing.
 */
export function lossOfFound(gap: Readonly<FoundGap>, ordinal: number): Loss {
  const { reason, fromLsn, toLsn, afterNs } = gap;
  const framesMax = Math.max(0, (gap.ordinalBehind ?? Number.POSITIVE_INFINITY) - ordinal);
  const frames = gap.frames === undefined ? undefined : Math.min(gap.frames, framesMax);
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
