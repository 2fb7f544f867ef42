/**
 * Whether a line is blank: empty, or nothing but what Go's unicode.IsSpace calls white space (as
 * bytes.Fields sees it). Bytes that are not UTF-8 are not blank.
 */

/** Whether `bytes[start..end)` is blank. It looks no further than the first byte that is not. */
export function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const length = spaceLength(bytes, at, end);
    if (length === 0) return false;
    at += length;
  }
  return true;
}

/** Bytes of the white space at `at`; 0: there is none. */
function spaceLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return first === 0x20 || (first >= 0x09 && first <= 0x0d) ? 1 : 0;
  const second = at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
  // U+0085 and U+00A0.
  if (first === 0xc2) return second === 0x85 || second === 0xa0 ? 2 : 0;
  const third = at + 2 < end ? (bytes[at + 2] ?? 0) : 0;
  return isLongSpace(first, second, third) ? 3 : 0;
}

/** The white space of three bytes in UTF-8. */
function isLongSpace(first: number, second: number, third: number): boolean {
  // U+1680 and U+3000.
  if (first === 0xe1) return second === 0x9a && third === 0x80;
  if (first === 0xe3) return second === 0x80 && third === 0x80;
  if (first !== 0xe2) return false;
  // U+205F.
  if (second === 0x81) return third === 0x9f;
  // U+2000 to U+200A, U+2028, U+2029 and U+202F.
  if (second !== 0x80) return false;
  return (third >= 0x80 && third <= 0x8a) || third === 0xa8 || third === 0xa9 || third === 0xaf;
}
