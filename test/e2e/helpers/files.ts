/**
 * Files that a running plugin may rename or delete between their listing and their reading.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';

/** Paths of all that is in a directory and below; what goes meanwhile may be among them. */
export function namesUnder(root: string): string[] {
  return orIfGone([], () => {
    const names = fs.readdirSync(root, { withFileTypes: true });
    return names.flatMap((entry) => {
      const { name } = entry;
      if (!entry.isDirectory()) return [name];
      return namesUnder(`${root}/${name}`).map((below) => `${name}/${below}`);
    });
  });
}

/** Names in a directory; none when it is gone. */
export function namesIn(directory: string): string[] {
  return orIfGone([], () => fs.readdirSync(directory));
}

/** What is in a file; undefined when it went since it was listed. */
export function readIfThere(path: string): Buffer | undefined {
  return orIfGone(undefined, () => fs.readFileSync(path));
}

/** Every file of a directory, by content: equal when nothing has changed in it. */
export function pictureOf(directory: string): string[] {
  return fs
    .readdirSync(directory)
    .sort()
    .map((file) => {
      const bytes = readIfThere(`${directory}/${file}`);
      if (bytes === undefined) return `${file} is gone`;
      return `${file} ${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
    });
}

function orIfGone<T>(none: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return none;
    throw error;
  }
}
