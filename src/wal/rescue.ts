/**
 * Brings a segment whose syncing has failed to safety: what the page cache still has of it goes
 * into a new file, and once that is durable it takes the place of the old one. The content is
 * the same to the byte, so readers of either go on as if nothing had been.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type FileSystem, syncDirectory, writeFully } from '../base/file-system.ts';
import { unlinkIfThere } from './catalog.ts';

/** What is copied at once: the thread that does it has FIFOs to read. */
const chunkBytes = 1 << 20;

/** Which file, and how long it is up to its last sound block. */
export interface Rescue {
  directory: string;
  path: string;
  bytes: number;
}

/**
 * Replaces the file by a durable copy. A file that is gone meanwhile, because it was sealed or
 * is not needed any more, is not brought back. Rejects with what the disk throws; the old file
 * is then still there.
 */
export async function rescueFile(
  disk: FileSystem,
  { directory, path, bytes }: Rescue,
): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await copyDurably(disk, path, temporary, bytes);
    // Nothing comes between this look and the renaming but the sealing thread.
    if (disk.statSync(path) === undefined) unlinkIfThere(disk, temporary);
    else disk.renameSync(temporary, path);
  } catch (error) {
    try {
      unlinkIfThere(disk, temporary);
    } catch {
      // It goes at the next start.
    }
    throw error;
  }
  await syncDirectory(disk, directory);
}

async function copyDurably(
  disk: FileSystem,
  from: string,
  to: string,
  bytes: number,
): Promise<void> {
  const source = disk.openSync(from, 'r');
  try {
    const target = disk.openSync(to, 'w', 0o600);
    try {
      await copyBytes(disk, source, target, bytes);
      await disk.fdatasync(target);
    } finally {
      disk.closeSync(target);
    }
  } finally {
    disk.closeSync(source);
  }
}

async function copyBytes(
  disk: FileSystem,
  source: number,
  target: number,
  bytes: number,
): Promise<void> {
  const chunk = Buffer.allocUnsafe(Math.min(bytes, chunkBytes));
  let at = 0;
  while (at < bytes) {
    const read = disk.readSync(source, chunk, 0, Math.min(chunk.length, bytes - at), at);
    if (read <= 0) throw new Error(`the file ends at ${at} instead of ${bytes}`);
    writeFully(disk, target, chunk.subarray(0, read), at);
    at += read;
    await nextTurn();
  }
}
