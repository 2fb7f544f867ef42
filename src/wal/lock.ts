/**
 * Makes sure that one process at a time owns a WAL directory. The lock is a unix socket at
 * `LOCK`: the kernel lets go of it with the process, it works across pid and network
 * namespaces, and who connects is told who holds it. It is bound under a name of its own and
 * then linked to `LOCK`: closing a socket unlinks the name it was bound to, and that must never
 * be the lock of another process.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, statSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { DriverError, errnoOf } from '../base/errors.ts';

const fileName = 'LOCK';
const answerTimeoutMs = 1000;
const attemptsMax = 5;
/** Longer than another starter can need between finding a lock stale and unlinking it. */
const settleMs = 25;

/** A lock that is held until `release`. */
export interface WalLock {
  release(): Promise<void>;
}

/**
 * Takes the lock of the WAL in `root`. Throws `wal_locked`, naming the holder, when a living
 * process has it. `holder` is what others are told, for instance name and process id.
 */
export async function acquireLock(root: string, holder: string): Promise<WalLock> {
  const path = `${root}/${fileName}`;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    // Not by process id: in namespaces of their own, many have the same.
    const ownPath = `${path}.${randomBytes(4).toString('hex')}`;
    const server = await listen(ownPath, holder);
    const inode = inodeOf(ownPath);
    if (linked(ownPath, path) && inode !== undefined) {
      removeStale(ownPath);
      if (await staysOurs(path, inode)) return { release: () => release(path, inode, server) };
      await close(server);
      continue;
    }
    await close(server);
    const other = await askHolder(path);
    if (other !== undefined) {
      throw new DriverError(
        'wal_locked',
        `the WAL in ${root} is in use by ${other}; stop that one first`,
      );
    }
    removeStale(path);
  }
  throw new DriverError('wal_locked', `the lock ${path} changes hands too fast to take it`);
}

function listen(path: string, holder: string): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.end(holder);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(server.unref()));
  });
}

/** Gives the socket its second name. Returns false when that is taken. */
function linked(ownPath: string, path: string): boolean {
  try {
    linkSync(ownPath, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Whether the path still is our socket when whoever started with us has had its turn. */
async function staysOurs(path: string, inode: number): Promise<boolean> {
  await setTimeout(settleMs);
  return inodeOf(path) === inode;
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** Who holds the lock, or undefined when nobody answers at that path. */
function askHolder(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    let answer = '';
    socket.setTimeout(answerTimeoutMs, () => {
      socket.destroy();
      resolve('a process that does not answer');
    });
    socket.on('data', (chunk) => {
      answer = (answer + chunk.toString('utf8')).slice(0, 200);
    });
    socket.on('error', (error) => {
      const errno = errnoOf(error) ?? '';
      const isGone = ['ECONNREFUSED', 'ECONNRESET', 'ENOENT'].includes(errno);
      resolve(isGone ? undefined : `a process that cannot be asked (${errno})`);
    });
    socket.on('end', () => resolve(answer || 'an unnamed process'));
  });
}

function removeStale(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

async function release(path: string, inode: number, server: net.Server): Promise<void> {
  if (inodeOf(path) === inode) removeStale(path);
  await close(server);
}

async function close(server: net.Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}
