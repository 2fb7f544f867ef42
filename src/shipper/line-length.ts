/**
 * Cuts a line that is longer than its endpoint takes and says how long it was. Pure. The result
 * is never longer than it may be, and ends between two characters.
 */

/** Where the line is cut, and what comes behind it. */
export interface LineCut {
  readonly end: number;
  readonly marker: Buffer;
}

/**
 * The beginning of `bytes[start..end)`, a longer line, that fits into `maxBytes` together with its
 * marker; `end` of the result is where it ends.
 */
export function cutLine(bytes: Uint8Array, start: number, end: number, maxBytes: number): LineCut {
  const whole = Buffer.from(` [holdfast: cut, ${end - start} bytes in all]`);
  // Where not even the marker fits, as much of it as does.
  const marker = whole.subarray(0, maxBytes);
  return { end: characterEnd(bytes, start, start + maxBytes - marker.length), marker };
}

/** The last edge of a character at or before `limit`; `limit` itself where the bytes are no UTF-8. */
function characterEnd(bytes: Uint8Array, start: number, limit: number): number {
  for (let at = limit; at >= start && at > limit - 4; at -= 1) {
    if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return at;
  }
  return limit;
}
