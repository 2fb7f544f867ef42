/**
 * A process that takes the lock of the WAL directory in its first argument, says `held` or why
 * not, and keeps it until it is killed or its input ends.
 */
import { acquireLock } from '../../src/wal/index.ts';

const [root = '', name = ''] = process.argv.slice(2);
try {
  const lock = await acquireLock(root, name);
  process.stdout.write('held\n');
  for await (const _ of process.stdin);
  await lock.release();
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
}
