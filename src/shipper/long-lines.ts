/**
 * A line that is longer than its endpoint takes: cut short with a mark, in pieces, or set aside.
 * Only lines over the limit come here, so this may allocate. No byte is altered.
 */
import type { EndpointOptions } from './endpoint-options.ts';
import { cutLine } from './line-length.ts';

/** How long lines may be, and what becomes of longer ones. */
export type LineRule = Pick<EndpointOptions, 'maxLineBytes' | 'longLines'>;

/** Gets one entry in place of the line: `bytes[start..end)`. */
export type OnPiece = (bytes: Uint8Array, start: number, end: number) => void;

/** A character of UTF-8 has at most so many bytes behind its first. */
const tailBytesMax = 3;

/** Hands out the beginning of the line and the mark that says how long it was. */
export function truncateLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxBytes: number,
  onPiece: OnPiece,
): void {
  const cut = cutLine(bytes, start, end, maxBytes);
  const kept = Buffer.concat([bytes.subarray(start, cut.end), cut.marker]);
  onPiece(kept, 0, kept.length);
}

/** Hands out the line in pieces, in order. */
export function splitLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxBytes: number,
  onPiece: OnPiece,
): void {
  for (let at = start; at < end; ) {
    const to = pieceEnd(bytes, at, end, maxBytes);
    onPiece(bytes, at, to);
    at = to;
  }
}

/** Where a piece ends: between two characters, if what stands there is UTF-8. */
function pieceEnd(bytes: Uint8Array, at: number, end: number, maxBytes: number): number {
  const limit = at + Math.max(1, maxBytes);
  if (limit >= end) return end;
  for (let to = limit; to > at && to >= limit - tailBytesMax; to -= 1) {
    if (((bytes[to] ?? 0) & 0xc0) !== 0x80) return to;
  }
  return limit;
}
