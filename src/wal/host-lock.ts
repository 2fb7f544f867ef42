/**
 * Takes the lock of a WAL from the host, where the path of a plugin's directory is longer than a
 * socket's name may be: the way then leads through an open descriptor of the directory. It is the
 * same lock as in the plugin; it must never be one beside it.
 */
import fs from 'node:fs';
import { DriverError } from '../base/errors.ts';
import { acquireLock, type WalLock } from './lock.ts';

/** As `acquireLock`, for a path of any length. */
export async function acquireLockFromHost(root: string, holder: string): Promise<WalLock> {
  const fd = fs.openSync(root, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  const short = `/proc/self/fd/${fd}`;
  try {
    const lock = await acquireLock(short, holder);
    return {
      release: async () => {
        await lock.release();
        fs.closeSync(fd);
      },
    };
  } catch (error) {
    fs.closeSync(fd);
    if (!(error instanceof DriverError)) throw error;
    // Nobody knows the directory by the name that it has in here.
    throw new DriverError(error.code, error.message.replaceAll(short, root), { cause: error });
  }
}
