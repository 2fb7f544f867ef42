/**
 * Protobuf varints, written into a buffer that the caller has made large enough.
 * Only numbers, no BigInt: these run several times per log line. They must
 * never write past the length that their twin `…Length` function announces.
 */

/** Bytes that `writeVarint` writes for an unsigned 32-bit value. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

/** Writes an unsigned 32-bit value and returns the position after it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value;
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Bytes that `writeVarint64` writes for a safe integer; 10 for negative ones. */
export function varint64Length(value: number): number {
  if (value < 0) return 10;
  if (value <= 0xffffffff) return varintLength(value);
  let length = 5;
  for (let rest = Math.floor(value / 2 ** 35); rest > 0; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

/** Writes a safe integer as an int64 (two's complement) and returns the position after it. */
export function writeVarint64(target: Uint8Array, position: number, value: number): number {
  if (value >= 0 && value <= 0xffffffff) return writeVarint(target, position, value);
  let at = position;
  let low = value >>> 0;
  let high = Math.floor(value / 2 ** 32) >>> 0;
  while (high !== 0) {
    target[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  return writeVarint(target, at, low);
}
