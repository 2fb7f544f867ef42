/**
 * Which segments a container's directory holds, in order. A segment is one file: `.w` as it
 * was written, or `.z` when it is sealed; for a moment, or after a crash, both. Foreign files
 * are passed over: what is not named like a segment is never read, moved or removed here.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';

const segmentPattern = /^(\d{20})\.[wz]$/;

/** File name of an active or rotated raw segment. */
export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(20, '0')}.w`;
}

/** File name of a sealed segment. */
export function sealedName(sequence: number): string {
  return `${String(sequence).padStart(20, '0')}.z`;
}

/** The sequence numbers of all segments in a directory, ascending; none when it is not there. */
export function listSegments(disk: FileSystem, directory: string): number[] {
  let names: string[];
  try {
    names = disk.readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  const sequences = new Set<number>();
  for (const name of names) {
    const sequence = Number(segmentPattern.exec(name)?.[1]);
    if (Number.isSafeInteger(sequence)) sequences.add(sequence);
  }
  return [...sequences].sort((a, b) => a - b);
}

/** Whether a directory holds a segment older than this one. */
export function hasSegmentBefore(disk: FileSystem, directory: string, sequence: number): boolean {
  const [oldest] = listSegments(disk, directory);
  return oldest !== undefined && oldest < sequence;
}

/** Unlinks a segment, whichever files it has. Throws what the disk throws. */
export function unlinkSegment(disk: FileSystem, directory: string, sequence: number): void {
  unlinkIfThere(disk, `${directory}/${segmentName(sequence)}`);
  unlinkIfThere(disk, `${directory}/${sealedName(sequence)}`);
}

/** Unlinks a file; one that is not there is no error. */
export function unlinkIfThere(disk: FileSystem, path: string): void {
  try {
    disk.unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
