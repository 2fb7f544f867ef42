/**
 * The layout of a WAL directory: where each container's stream lives, which containers there
 * are, and how one goes away. `<root>/c/<id[0:2]>/<id>/`; directories 0700, files 0600.
 */
import { dirname } from 'node:path';
import { DriverError, errnoOf } from '../base/errors.ts';
import { type FileSystem, replaceFileDurably, syncDirectory } from '../base/file-system.ts';
import { listSegments, unlinkSegment } from './catalog.ts';
import { readCursors } from './cursor-file.ts';
import type { Cursor } from './cursor-slot.ts';
import { SegmentFile } from './segment-file.ts';
import { readStreamTail, type StreamTail } from './stream-tail.ts';

const containerIdPattern = /^[0-9a-f]{64}$/;
const removedPrefix = 'removed.';
const formatName = 'FORMAT';
const formatText = 'holdfast-wal 1\n';

/** Whether a text is a container id as Docker makes them. Only such ones become paths. */
export function isContainerId(text: string): boolean {
  return containerIdPattern.test(text);
}

/** Creates the WAL directory if need be and checks that this version can read what is there. */
export async function openWalRoot(disk: FileSystem, root: string): Promise<void> {
  disk.mkdirSync(`${root}/c`, { recursive: true, mode: 0o700 });
  finishRemovals(disk, root);
  let found: string;
  try {
    found = disk.readFileSync(`${root}/${formatName}`).toString('utf8');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await replaceFileDurably(disk, root, formatName, Buffer.from(formatText));
    return;
  }
  if (found !== formatText) {
    throw new DriverError(
      'wal_version',
      `the WAL in ${root} has format '${found.trim().slice(0, 60)}'; this version reads ` +
        `'${formatText.trim()}': install the version that wrote it, or move that directory away`,
    );
  }
}

/** Directory of one container. */
export function containerDirectory(root: string, containerId: string): string {
  return `${root}/c/${containerId.slice(0, 2)}/${containerId}`;
}

/** Creates the directory of one container, durably. */
export async function createContainerDirectory(
  disk: FileSystem,
  root: string,
  containerId: string,
): Promise<void> {
  const directory = containerDirectory(root, containerId);
  disk.mkdirSync(directory, { recursive: true, mode: 0o700 });
  await syncDirectory(disk, `${root}/c/${containerId.slice(0, 2)}`);
  await syncDirectory(disk, `${root}/c`);
}

/** Whether any bytes of a container's stream are on disk. */
export function hasSegments(disk: FileSystem, root: string, containerId: string): boolean {
  return listSegments(disk, containerDirectory(root, containerId)).length > 0;
}

/** Ids of all containers that have a directory, in no order. */
export function listContainers(disk: FileSystem, root: string): string[] {
  const ids: string[] = [];
  for (const prefix of namesIn(disk, `${root}/c`)) {
    if (!/^[0-9a-f]{2}$/.test(prefix)) continue;
    ids.push(...namesIn(disk, `${root}/c/${prefix}`).filter((name) => isContainerId(name)));
  }
  return ids;
}

/** What is in a directory; nothing in what is none, or is gone by now. */
function namesIn(disk: FileSystem, path: string): string[] {
  try {
    return disk.readdirSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOTDIR' || errno === 'ENOENT') return [];
    throw error;
  }
}

/**
 * The end of a container's stream as a new writer must know it: never before a position that
 * an endpoint has acknowledged, which after a power loss may lie behind the last byte on disk.
 */
export function recoverTail(disk: FileSystem, directory: string, containerId: string): StreamTail {
  const tail = readStreamTail(disk, directory, containerId);
  const cursors = readCursors(disk, directory, containerId);
  const furthest = cursors.reduce<Cursor | undefined>(
    (far, cursor) => (far !== undefined && far.ackLsn >= cursor.ackLsn ? far : cursor),
    undefined,
  );
  if (furthest === undefined || furthest.ackLsn <= tail.endLsn) return tail;
  const { ackLsn: ackedEnd, ackOrdinal } = furthest;
  const nothing = Buffer.alloc(0);
  return {
    ...tail,
    endLsn: ackedEnd,
    // Other endpoints miss what this one has: the frames between are counted for them.
    endOrdinal: Math.max(tail.endOrdinal, ackOrdinal),
    attach: undefined,
    isAttachLast: false,
    openLsn: ackedEnd,
    openBytes: nothing,
  };
}

/**
 * Removes segments that end at or before `lsn`, but never the newest. Returns how many went.
 * The caller has made sure that every cursor that counts is durably behind them.
 */
export function removeSegmentsBefore(
  disk: FileSystem,
  directory: string,
  containerId: string,
  lsn: number,
): number {
  let removed = 0;
  // A segment ends where the next sound one begins.
  let waiting: number[] = [];
  for (const sequence of listSegments(disk, directory)) {
    const file = SegmentFile.open(disk, directory, sequence, containerId);
    file?.close();
    if (file !== undefined) {
      if (file.header.baseLsn > lsn) break;
      for (const done of waiting) unlinkSegment(disk, directory, done);
      removed += waiting.length;
      waiting = [];
    }
    waiting.push(sequence);
  }
  return removed;
}

/** Removes all that is kept of a container. */
export function removeContainer(disk: FileSystem, root: string, containerId: string): void {
  const directory = containerDirectory(root, containerId);
  const removed = `${root}/${removedPrefix}${containerId}`;
  try {
    // At once and as a whole: half a directory would be taken for a damaged one.
    disk.renameSync(directory, removed);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  disk.rmSync(removed, { recursive: true, force: true });
  try {
    disk.rmdirSync(dirname(directory));
  } catch {
    // Other containers live there too.
  }
}

/** Ends what a crash interrupted in `removeContainer`. */
function finishRemovals(disk: FileSystem, root: string): void {
  for (const name of disk.readdirSync(root)) {
    if (name.startsWith(removedPrefix)) {
      disk.rmSync(`${root}/${name}`, { recursive: true, force: true });
    }
  }
}
