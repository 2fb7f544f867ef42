/**
 * Which segments a container's directory holds, in order. Foreign files are passed over:
 * what is not named like a segment is never read, moved or removed here.
 */
import { errnoOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';

const rawName = /^\d{20}\.w$/;

/** File name of an active or rotated raw segment. */
export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(20, '0')}.w`;
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
  return names
    .filter((name) => rawName.test(name))
    .map((name) => Number(name.slice(0, 20)))
    .filter((sequence) => Number.isSafeInteger(sequence))
    .sort((a, b) => a - b);
}
