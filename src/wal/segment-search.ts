/** Finds the segment that holds a position, in logarithmic time, also between damaged files. */
import type { SegmentFile } from './segment-file.ts';

/**
 * The last of the segments that begins at or before `lsn`; undefined when none does.
 * `sequences` ascend; `open` gives undefined for what is no segment.
 */
export function findSegment(
  sequences: readonly number[],
  open: (sequence: number) => SegmentFile | undefined,
  lsn: number,
): SegmentFile | undefined {
  let low = 0;
  let high = sequences.length;
  let found: number | undefined;
  while (low < high) {
    const middle = (low + high) >>> 1;
    // From the middle upwards to the first that can be opened: one bad file hides no other.
    let at = middle;
    let file: SegmentFile | undefined;
    for (; at < high && file === undefined; at += 1) file = open(sequences[at] ?? 0);
    if (file === undefined) {
      high = middle;
    } else if (file.header.baseLsn <= lsn) {
      found = file.sequence;
      low = at;
    } else {
      high = middle;
    }
  }
  return found === undefined ? undefined : open(found);
}
