/**
 * Memory that is a file: what the kernel or the program puts there survives the process. The
 * only door to Node's foreign functions, which are experimental: where they are missing there
 * is no mapping, and callers must do without.
 */
import type ffi from 'node:ffi';

const protReadWrite = 3;
const mapShared = 1;
/** mmap answers with this address, -1, when it fails. */
const mapFailed = 0xffff_ffff_ffff_ffffn;

type Mapper = (fd: number, offset: number, length: number) => Buffer | undefined;

let mapper: Mapper | undefined;

/**
 * Maps `length` bytes of the open file at `offset` (a multiple of 4,096) for as long as the
 * process lives: an unmapped buffer that somebody still holds would end it. The bytes must be
 * there and written, because touching a hole on a full disk ends the process too. Undefined
 * when it cannot be had.
 */
export function mapFile(fd: number, offset: number, length: number): Buffer | undefined {
  mapper ??= createMapper();
  return mapper(fd, offset, length);
}

function createMapper(): Mapper {
  const module = loadFfi();
  if (module === undefined) return () => undefined;
  const { functions } = module.dlopen(null, {
    mmap: { arguments: ['pointer', 'u64', 'i32', 'i32', 'i32', 'i64'], return: 'pointer' },
  });
  return (fd, offset, length) => {
    const flags = [protReadWrite, mapShared] as const;
    const address = functions.mmap(0n, BigInt(length), ...flags, fd, BigInt(offset));
    if (address === null || address === mapFailed) return undefined;
    return Buffer.from(module.toArrayBuffer(address, length, false));
  };
}

/** Node's module, or undefined where this Node has none. */
function loadFfi(): typeof ffi | undefined {
  try {
    return process.getBuiltinModule('node:ffi') as typeof ffi | undefined;
  } catch {
    return undefined;
  }
}
