/**
 * What a WAL holds of refused entries, file by file, as far as a user asks for it. It reads only;
 * a plugin may be adding to the files and removing the oldest all the time.
 */
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { type RejectedEntry, type RejectReason, rejectReasons } from '../rejected/entry.ts';
import { listFiles, readLines, rejectedDirectory, type StoredFile } from '../rejected/files.ts';
import type { StoredLine } from '../rejected/format.ts';
import { CliError, exitCode } from './exit-codes.ts';
import type { Output } from './output.ts';
import { showCount, showText } from './text.ts';

/** Which entries are meant; undefined for all. */
export interface RejectedChoice {
  /** The name of an endpoint, as `rejected ls` shows it. */
  endpoint?: string | undefined;
  reason?: string | undefined;
}

/** One file with its lines. */
export interface RejectedFile {
  readonly file: StoredFile;
  readonly lines: readonly StoredLine[];
}

/** Says of an entry whether it is meant. Throws a CliError for a reason that is none. */
export function chooser({ endpoint, reason }: RejectedChoice): (entry: RejectedEntry) => boolean {
  const known: readonly string[] = rejectReasons;
  if (reason !== undefined && !known.includes(reason)) {
    const text = `--reason '${showText(reason)}' is none; there are ${rejectReasons.join(', ')}`;
    throw new CliError(exitCode.error, text);
  }
  return (entry) =>
    (endpoint === undefined || entry.endpoint === endpoint) &&
    (reason === undefined || entry.reason === reason);
}

/**
 * The files, oldest first, one at a time. What cannot be read is told, and is no error: it says
 * nothing of the others.
 */
export async function* readRejected(root: string, output: Output): AsyncGenerator<RejectedFile> {
  for (const file of listFiles(disk, rejectedDirectory(root))) {
    const lines = readLines(disk, file.path);
    if (lines === 'unreadable') {
      await output.tell(`${file.path} was written by another version, or is damaged`);
      continue;
    }
    const damaged = lines.filter(({ entry }) => entry === undefined).length;
    if (damaged > 0) await output.tell(`${file.path}: ${showCount(damaged, 'damaged line')}`);
    yield { file, lines };
  }
}

/** One endpoint and reason, and what there is of them. */
export interface RejectedGroup {
  readonly endpoint: string;
  readonly reason: RejectReason;
  entries: number;
  /** Of the lines themselves. */
  bytes: number;
  /** Unix milliseconds at which the first and the last of them were refused. */
  oldestMs: number;
  newestMs: number;
}

/** Counts entries by endpoint and reason; in the order of endpoint and reason. */
export class RejectedGroups {
  readonly #groups = new Map<string, RejectedGroup>();

  add({ endpoint, reason, line, atMs }: RejectedEntry): void {
    const key = JSON.stringify([endpoint, reason]);
    const group = this.#groups.get(key);
    if (group === undefined) {
      const times = { oldestMs: atMs, newestMs: atMs };
      this.#groups.set(key, { endpoint, reason, entries: 1, bytes: line.length, ...times });
      return;
    }
    group.entries += 1;
    group.bytes += line.length;
    group.oldestMs = Math.min(group.oldestMs, atMs);
    group.newestMs = Math.max(group.newestMs, atMs);
  }

  all(): RejectedGroup[] {
    return [...this.#groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  }
}
