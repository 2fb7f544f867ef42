/**
 * The only door to zstd: one compressing and one decompressing context a thread, made when
 * first needed and used again for every group. Output goes into buffers of the caller or of
 * this file, so nothing is allocated a call and no length of the input is believed.
 */
import { createRequire } from 'node:module';
import type zstd from 'zstd-napi/binding.js';
import { blockRawBytesMax } from '../base/limits.ts';

/** How hard to try: 1 under CPU pressure, 3 normally, 6 when the disk fills up. */
export type ZstdLevel = 1 | 3 | 6;

let binding: typeof zstd | undefined;
let compressing: zstd.CCtx | undefined;
let decompressing: zstd.DCtx | undefined;

/** The native module is loaded by the first who needs it: many threads and commands never do. */
function load(): typeof zstd {
  // Its CommonJS entry is built at run time, so that an import statement finds no names in it.
  binding ??= createRequire(import.meta.url)('zstd-napi/binding.js') as typeof zstd;
  return binding;
}

/** Room that a compressed form of so many bytes may need. */
export function compressedBytesMax(rawBytes: number): number {
  return load().compressBound(rawBytes);
}

/** Compresses `raw` into `target`, which has `compressedBytesMax` room. Returns the length. */
export function compress(target: Uint8Array, raw: Uint8Array, level: ZstdLevel): number {
  compressing ??= new (load().CCtx)();
  return compressing.compress(target, raw, level);
}

let inflated = Buffer.alloc(0);

/**
 * The bytes that `stored` was made of, valid until the next call in this thread. Undefined
 * when it is not zstd, or not exactly `rawBytes` long.
 */
export function decompress(stored: Uint8Array, rawBytes: number): Buffer | undefined {
  if (rawBytes > blockRawBytesMax) return undefined;
  if (inflated.length < rawBytes) inflated = Buffer.allocUnsafeSlow(growTo(rawBytes));
  decompressing ??= new (load().DCtx)();
  try {
    const length = decompressing.decompress(inflated.subarray(0, rawBytes), stored);
    return length === rawBytes ? inflated.subarray(0, rawBytes) : undefined;
  } catch {
    return undefined;
  }
}

/** The usual group fits from the start; a larger one gets what any block may have. */
function growTo(rawBytes: number): number {
  const usualBytes = 512 * 1024;
  return rawBytes <= usualBytes ? usualBytes : blockRawBytesMax;
}
