/**
 * Strings by bytes, as Go counts, measures and cuts them: their UTF-8. Where a cut goes through a
 * character, its bytes become U+FFFD, for a string here cannot hold half a character.
 */

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const ascii = /^[\x00-\x7f]*$/;

/** Whether a text has a byte for each character, so that no bytes need be looked at. */
export function isAscii(text: string): boolean {
  return ascii.test(text);
}

/** Go's len of a string. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

/** Go's `text[start:end]`. Throws RangeError, as Go panics, when that is not inside. */
export function byteSlice(text: string, start: number, end = byteLength(text)): string {
  const length = byteLength(text);
  if (start < 0 || end > length || start > end) {
    throw new RangeError(
      `runtime error: slice bounds out of range [${start}:${end}] with length ${length}`,
    );
  }
  if (length === text.length) return text.slice(start, end);
  return Buffer.from(text).toString('utf8', start, end);
}
