/**
 * The files of `rejected/` as whoever reads them sees them, with or without a running plugin: a
 * file may go at any time, because it is the oldest and there is too much. Only `replaceLines`
 * changes anything, and needs the lock of the WAL.
 */
import { errnoOf } from '../base/errors.ts';
import { type FileSystem, replaceFile } from '../base/file-system.ts';
import { decodeFile, fileHead, type StoredLine } from './format.ts';

/** One file of the store. */
export interface StoredFile {
  readonly number: number;
  readonly path: string;
  readonly bytes: number;
}

/** Where refused entries are kept, under the WAL directory. */
export function rejectedDirectory(root: string): string {
  return `${root}/rejected`;
}

/** What the file with this number is called. */
export function fileName(number: number): string {
  return `${String(number).padStart(12, '0')}.jsonl`;
}

/**
 * The files in the directory of a store, oldest first; none when there is no directory. Throws
 * what the disk throws.
 */
export function listFiles(disk: FileSystem, directory: string): StoredFile[] {
  let names: string[];
  try {
    names = disk.readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  return names
    .flatMap((name) => {
      const number = Number(/^(\d{12})\.jsonl$/.exec(name)?.[1]);
      const path = `${directory}/${name}`;
      if (Number.isNaN(number)) return [];
      const bytes = disk.statSync(path)?.size;
      return bytes === undefined ? [] : [{ number, path, bytes }];
    })
    .sort((a, b) => a.number - b.number);
}

/** Bytes of files together. */
export function sizeOf(files: readonly StoredFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * The lines of a file, oldest first; `unreadable` when another version wrote it, and none when it
 * is gone. Throws what the disk throws.
 */
export function readLines(disk: FileSystem, path: string): StoredLine[] | 'unreadable' {
  let content: Buffer;
  try {
    content = disk.readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  return decodeFile(content) ?? 'unreadable';
}

/**
 * Leaves these lines in a file, as they are, or removes it when there are none: after a crash it
 * holds what it held or this. Throws what the disk throws.
 */
export function replaceLines(
  disk: FileSystem,
  root: string,
  { number, path }: StoredFile,
  lines: readonly StoredLine[],
): void {
  if (lines.length === 0) removeFile(disk, path);
  else {
    const content = Buffer.concat([fileHead, ...lines.map(({ bytes }) => bytes)]);
    replaceFile(disk, rejectedDirectory(root), fileName(number), content);
  }
}

/** Removes a file that may be gone already. Throws what the disk throws. */
export function removeFile(disk: FileSystem, path: string): void {
  try {
    disk.unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
