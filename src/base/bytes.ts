/**
 * 64-bit fields without BigInt. Positions stay exact up to 2^53 (9 PB of one container);
 * times are pairs of whole seconds and nanoseconds, exact over the whole range of an i64.
 */

const two32 = 2 ** 32;

/** Writes a non-negative integer below 2^53 as little-endian u64. */
export function writeU64(target: Buffer, value: number, at: number): void {
  target.writeUInt32LE(value % two32, at);
  target.writeUInt32LE(Math.floor(value / two32), at + 4);
}

/** Reads a little-endian u64. A value of 2^53 or more, which nothing here writes, is NaN. */
export function readU64(source: Buffer, at: number): number {
  const value = source.readUInt32LE(at + 4) * two32 + source.readUInt32LE(at);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Writes `seconds` and `nanos` as one little-endian i64 of Unix nanoseconds; not before 1970. */
export function writeTimeNs(target: Buffer, seconds: number, nanos: number, at: number): void {
  const low = (Math.imul(seconds % two32, 1_000_000_000) + nanos) >>> 0;
  const high = Math.round((seconds * 1e9 + nanos - low) / two32);
  target.writeUInt32LE(low, at);
  target.writeUInt32LE(high, at + 4);
}
