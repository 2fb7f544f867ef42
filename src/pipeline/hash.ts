/** Hashes that are the same for ever: what a stage decides by them has to come out again. */

/** Spreads the bits of a 32-bit number over all of them (the finalizer of MurmurHash3). */
export function mix32(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** 53 bits of a text, so that equal texts are told from others without being kept. */
export function hash53(text: string): number {
  let low = 0x9e3779b9 ^ text.length;
  let high = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x85ebca77);
    high = Math.imul(high ^ unit, 0xc2b2ae3d);
  }
  return (mix32(high ^ (low >>> 16)) & 0x1fffff) * 2 ** 32 + mix32(low ^ (high >>> 13));
}
