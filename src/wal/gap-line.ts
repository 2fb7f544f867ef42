/**
 * What a reader of a log is told where lines are missing: one line of plain text and its time.
 * Pure, and the same on every call: who is told twice must see that it is the same loss.
 */

/** A loss as one reader sees it. What is undefined is not known. */
export interface GapFacts {
  /** A `GapReason`, the name that a newer version gave to one, or `let-go`. */
  reason: string;
  /** Bytes of the stream, heads of frames included. */
  bytes?: number | undefined;
  /** Frames: whole lines or pieces of long ones. */
  frames?: number | undefined;
  /** Whole lines. */
  lines?: number | undefined;
}

/** What is known of the time of a loss. */
export interface GapTime {
  /** Unix nanoseconds, in decimal, of the last frame before the loss. */
  afterNs?: string | undefined;
  /** Unix nanoseconds of the frame that this reader saw last. */
  lastFrameNs?: bigint | undefined;
  /** Unix milliseconds at which the loss was noticed. */
  atMs?: number | undefined;
}

const explanations = new Map([
  ['torn', 'holdfast was killed while it wrote to the WAL'],
  ['desync', 'what Docker sent could not be read'],
  ['cut', 'Docker closed the stream in the middle of a line'],
  ['disk', 'the WAL could not be written to disk'],
  ['full', 'the WAL was over its limit and dropped the newest'],
  ['evicted', 'the WAL was over its limit and dropped the oldest'],
  ['expired', 'they grew older than wal-max-age before they were delivered'],
  ['damage', 'the WAL is damaged on disk'],
  ['missing', 'a file of the WAL is gone'],
  // Not a loss of the log: a slow reader was overtaken.
  ['let-go', 'they were delivered, and history let go of them while they were being read'],
]);

/** The line that stands for a loss, without a newline. The reason's name comes last. */
export function gapLine(gap: GapFacts): string {
  const why = explanations.get(gap.reason) ?? 'the WAL gives a reason that is not known here';
  return `holdfast: ${amountOf(gap)} missing here: ${why} (${gap.reason})`;
}

/** Unix nanoseconds at which the line stands: those of the last frame before the loss, if known. */
export function gapTimeNs(time: GapTime, nowMs: number): bigint {
  if (time.afterNs !== undefined) return BigInt(time.afterNs);
  return time.lastFrameNs ?? BigInt(Math.trunc(time.atMs ?? nowMs)) * 1_000_000n;
}

function amountOf({ bytes, frames, lines }: GapFacts): string {
  const size = bytes === undefined ? 'size unknown' : counted(bytes, 'byte');
  if (lines === 0 || (lines === undefined && frames === 0)) return `part of a line (${size}) is`;
  if (lines !== undefined)
    return `${counted(lines, 'line')} (${size}) ${lines === 1 ? 'is' : 'are'}`;
  // A lost frame is a line or a piece of one, so there are no more lines than frames.
  if (frames !== undefined)
    return `up to ${counted(frames, 'line')} (${size}) ${frames === 1 ? 'is' : 'are'}`;
  return `an unknown number of lines (${size}) is`;
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}
