/**
 * What is known of each segment of a container without reading it: how large it is, where in
 * the stream it begins. And the cleaning up behind a crash that must come before that.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { listSegments, sealedName, segmentName, unlinkIfThere } from './catalog.ts';
import { decodeSegmentHeader, fileHeaderBytes } from './format.ts';
import type { Quarantine } from './quarantine.ts';
import { readAtLeast } from './read-window.ts';
import { SegmentFile } from './segment-file.ts';
import { isTombstone } from './tombstone.ts';

const temporaryPattern = /^\d{20}\.[wz]\.tmp$/;

/** One segment; it ends in the stream where the next one begins. */
export interface SegmentFact {
  sequence: number;
  /** `gap`: it was given up and holds nothing but the word of it. */
  kind: 'raw' | 'sealed' | 'gap';
  /** Length of the file. */
  storedBytes: number;
  baseLsn: number;
  baseOrdinal: number;
  /** Observed time at which it was begun, in milliseconds. */
  createdMs: number;
}

/** The facts of all sound segments in a directory, ascending. */
export function listSegmentFacts(
  disk: FileSystem,
  directory: string,
  containerId: string,
): SegmentFact[] {
  const facts: SegmentFact[] = [];
  for (const sequence of listSegments(disk, directory)) {
    const fact = segmentFactOf(disk, directory, containerId, sequence);
    if (fact !== undefined) facts.push(fact);
  }
  return facts;
}

/** The facts of one segment; undefined when it is gone or is none. */
function segmentFactOf(
  disk: FileSystem,
  directory: string,
  containerId: string,
  sequence: number,
): SegmentFact | undefined {
  const file = SegmentFile.open(disk, directory, sequence, containerId);
  if (file === undefined) return undefined;
  try {
    const { baseLsn, baseOrdinal, createdMs } = file.header;
    const storedBytes = file.size();
    return { sequence, kind: kindOf(file), storedBytes, baseLsn, baseOrdinal, createdMs };
  } finally {
    file.close();
  }
}

function kindOf(file: SegmentFile): SegmentFact['kind'] {
  if (!file.isSealed) return 'raw';
  return isTombstone(file) ? 'gap' : 'sealed';
}

/**
 * Ends what a crash left half done in a container's directory: temporary files go, of a raw
 * file and its sealed form one stays, and what is named like a segment and is none goes to the
 * quarantine. A segment of a newer version is left alone. Returns the names that went there.
 */
export function tidySegments(
  disk: FileSystem,
  directory: string,
  containerId: string,
  quarantine: Quarantine,
): string[] {
  for (const name of namesIn(disk, directory)) {
    // Those of records are somebody's who is writing them at this moment.
    if (temporaryPattern.test(name)) unlinkIfThere(disk, `${directory}/${name}`);
  }
  const taken: string[] = [];
  for (const sequence of listSegments(disk, directory)) {
    for (const name of [sealedName(sequence), segmentName(sequence)]) {
      const verdict = judge(disk, `${directory}/${name}`, sequence, containerId);
      if (verdict === 'empty') unlinkIfThere(disk, `${directory}/${name}`);
      else if (verdict === 'foreign' && quarantine.take(directory, name)) taken.push(name);
    }
    keepOne(disk, directory, sequence, containerId);
  }
  return taken;
}

function namesIn(disk: FileSystem, directory: string): string[] {
  try {
    return disk.readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** What a file that is named like this segment is. `empty`: a crash came before its header. */
function judge(
  disk: FileSystem,
  path: string,
  sequence: number,
  containerId: string,
): 'absent' | 'sound' | 'empty' | 'foreign' | 'newer' {
  let fd: number;
  try {
    fd = disk.openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'absent';
    throw error;
  }
  try {
    const head = Buffer.alloc(fileHeaderBytes);
    const length = readAtLeast(disk, fd, head, 0, head.length, head.length);
    if (disk.fstatSync(fd).size === 0) return 'empty';
    const header = decodeSegmentHeader(head.subarray(0, length), containerId);
    if (header === 'version') return 'newer';
    return typeof header === 'string' || header.sequence !== sequence ? 'foreign' : 'sound';
  } finally {
    disk.closeSync(fd);
  }
}

/** Of a raw and a sealed file of one segment, the sealed one stays if it is whole. */
function keepOne(disk: FileSystem, directory: string, sequence: number, containerId: string): void {
  const rawPath = `${directory}/${segmentName(sequence)}`;
  const sealedPath = `${directory}/${sealedName(sequence)}`;
  if (disk.statSync(rawPath) === undefined || disk.statSync(sealedPath) === undefined) return;
  const kept = SegmentFile.open(disk, directory, sequence, containerId);
  kept?.close();
  if (kept !== undefined) unlinkIfThere(disk, kept.isSealed ? rawPath : sealedPath);
}
