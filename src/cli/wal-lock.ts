/** The lock of a WAL, for the commands that change something in it. */
import { errnoOf } from '../base/errors.ts';
import { version } from '../base/version.ts';
import { acquireLockFromHost, type WalLock } from '../wal/index.ts';
import { CliError, exitCode } from './exit-codes.ts';

/** Runs with the lock held. Throws `wal_locked`, naming the holder, when another has it. */
export async function withLock<T>(root: string, what: string, run: () => Promise<T>): Promise<T> {
  const lock = await take(root, `${what} ${version}, pid ${process.pid}`);
  try {
    return await run();
  } finally {
    await lock.release();
  }
}

async function take(root: string, holder: string): Promise<WalLock> {
  try {
    return await acquireLockFromHost(root, holder);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'EACCES' && errno !== 'EPERM' && errno !== 'EROFS') throw error;
    const text = `the lock of the WAL in ${root} cannot be taken (${errno}); run this as root`;
    throw new CliError(exitCode.error, text, { cause: error });
  }
}
