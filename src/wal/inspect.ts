/**
 * What can be told of a WAL from outside the process that writes it: sizes, ages and ends of
 * streams, and where to begin to read. It needs no lock and changes nothing; files that are
 * sealed, removed or grow meanwhile make a figure old, never wrong by more than that.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { blocksOf } from './block-walk.ts';
import { readCursors } from './cursor-file.ts';
import type { Cursor } from './cursor-slot.ts';
import { formatVersion } from './format.ts';
import { listSegmentFacts, type SegmentFact } from './segment-facts.ts';
import { SegmentFile } from './segment-file.ts';
import { containerDirectory, recoverTail } from './store.ts';

/** What the file FORMAT of a WAL directory says. `none`: the directory is no WAL at all. */
export type WalFormat = 'sound' | 'missing' | 'newer' | 'damaged' | 'none';

/** Whether a directory is a WAL that this version can read. Creates nothing. */
export function walFormatOf(disk: FileSystem, root: string): WalFormat {
  try {
    const text = disk.readFileSync(`${root}/FORMAT`).subarray(0, 100).toString('latin1');
    if (text === `holdfast-wal ${formatVersion}\n`) return 'sound';
    return /^holdfast-wal \d+\n$/.test(text) ? 'newer' : 'damaged';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw error;
    return disk.statSync(`${root}/c`) === undefined ? 'none' : 'missing';
  }
}

/** One container's stream as it lies on disk. */
export interface StreamSummary {
  segments: number;
  /** Length of all segment files. */
  storedBytes: number;
  /** How many positions of the stream the segments hold; given up ranges are not held. */
  heldBytes: number;
  /** Where the oldest segment begins. */
  firstLsn: number;
  firstOrdinal: number;
  endLsn: number;
  endOrdinal: number;
  /** Unix nanoseconds of the oldest frame that is held; undefined when there is none. */
  oldestNs: bigint | undefined;
  cursors: Cursor[];
  /** How many held positions and frames lie behind a place. */
  behind(lsn: number, ordinal: number): { bytes: number; frames: number };
}

/** Sums up the stream of one container. Throws what the disk throws. */
export function summarizeStream(
  disk: FileSystem,
  root: string,
  containerId: string,
): StreamSummary {
  const directory = containerDirectory(root, containerId);
  const facts = listSegmentFacts(disk, directory, containerId);
  const { endLsn, endOrdinal } = recoverTail(disk, directory, containerId);
  const first = facts[0];
  const firstLsn = first?.baseLsn ?? endLsn;
  const firstOrdinal = first?.baseOrdinal ?? endOrdinal;
  const heldFrom = (lsn: number): number => heldBytesFrom(facts, lsn, endLsn);
  return {
    segments: facts.length,
    storedBytes: facts.reduce((sum, fact) => sum + fact.storedBytes, 0),
    heldBytes: heldFrom(firstLsn),
    firstLsn,
    firstOrdinal,
    endLsn,
    endOrdinal,
    oldestNs: oldestTimeIn(disk, directory, containerId, facts),
    cursors: readCursors(disk, directory, containerId),
    behind: (lsn, ordinal) => ({
      bytes: heldFrom(lsn),
      frames: Math.max(0, endOrdinal - Math.max(ordinal, firstOrdinal)),
    }),
  };
}

function heldBytesFrom(facts: readonly SegmentFact[], lsn: number, endLsn: number): number {
  let bytes = 0;
  facts.forEach((fact, at) => {
    const end = facts[at + 1]?.baseLsn ?? endLsn;
    if (fact.kind !== 'gap') bytes += Math.max(0, end - Math.max(lsn, fact.baseLsn));
  });
  return bytes;
}

function oldestTimeIn(
  disk: FileSystem,
  directory: string,
  containerId: string,
  facts: readonly SegmentFact[],
): bigint | undefined {
  for (const { sequence, kind } of facts) {
    if (kind === 'gap') continue;
    const file = SegmentFile.open(disk, directory, sequence, containerId);
    if (file === undefined) continue;
    try {
      for (const { header } of blocksOf(file)) if (header.frames > 0) return header.minNs;
    } finally {
      file.close();
    }
  }
  return undefined;
}
