/** A disk on which other things happen in front of a reader's calls, as other threads do them. */
import type { FileSystem } from '../../src/base/file-system.ts';

/**
 * The same disk. `meddle` runs in front of each call, with its number from 0 on; what it does
 * itself to `disk` is not a call.
 */
export function meddledDisk(disk: FileSystem, meddle: (call: number) => void): FileSystem {
  let calls = 0;
  return new Proxy(disk, {
    get(target, name: keyof FileSystem) {
      const value: unknown = target[name];
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        meddle(calls++);
        return value.apply(target, args);
      };
    },
  });
}
