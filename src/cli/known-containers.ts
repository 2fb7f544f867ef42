/**
 * The containers of a WAL and what their records say, and which one a user means by a name or
 * the beginning of an id. A record that cannot be read leaves a container without a name.
 */
import { messageOf } from '../base/errors.ts';
import { nodeFileSystem as disk } from '../base/file-system.ts';
import {
  type ContainerRecord,
  containerDirectory,
  listContainers,
  readContainerRecord,
} from '../wal/index.ts';
import { CliError, exitCode } from './exit-codes.ts';
import { showText } from './text.ts';

/** One container that has a directory in the WAL. */
export interface KnownContainer {
  id: string;
  directory: string;
  /** Absent when it is gone or cannot be read. */
  record?: ContainerRecord;
  /** Why it cannot be read. */
  problem?: string;
}

/** All containers, by name and then by id. */
export function listKnownContainers(root: string): KnownContainer[] {
  const known = listContainers(disk, root).map((id) => readKnown(root, id));
  return known.sort((a, b) => nameOf(a).localeCompare(nameOf(b)) || (a.id < b.id ? -1 : 1));
}

function readKnown(root: string, id: string): KnownContainer {
  const directory = containerDirectory(root, id);
  try {
    const record = readContainerRecord(disk, directory);
    return record === undefined
      ? { id, directory, problem: 'its meta.json is gone' }
      : { id, directory, record };
  } catch (error) {
    return { id, directory, problem: messageOf(error) };
  }
}

/** The name to show; `?` when it is not known. */
export function nameOf({ record }: KnownContainer): string {
  return record === undefined ? '?' : showText(record.containerName);
}

/** As Docker shows an id. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

/** Whether the plugin holds a FIFO of it. */
export function stateOf({ record }: KnownContainer): 'running' | 'ended' | 'unknown' {
  if (record === undefined) return 'unknown';
  return record.fifos.length > 0 ? 'running' : 'ended';
}

/** The one container that is meant, in Docker's order: whole id, name, beginning of an id. */
export function chooseContainer(all: readonly KnownContainer[], text: string): KnownContainer {
  const name = text.startsWith('/') ? text.slice(1) : text;
  const exact = all.filter(({ id }) => id === text);
  const named = all.filter(({ record }) => record?.containerName === name);
  const begun = /^[0-9a-f]+$/.test(text) ? all.filter(({ id }) => id.startsWith(text)) : [];
  const found = [exact, named, begun].find((matches) => matches.length > 0) ?? [];
  const [one, ...others] = found;
  if (one === undefined) {
    const shown = showText(text);
    throw new CliError(
      exitCode.error,
      `no container '${shown}' in this WAL; 'holdfast wal ls' lists what there is`,
    );
  }
  if (others.length === 0) return one;
  const list = found.map((each) => `  ${each.id}  ${nameOf(each)} (${stateOf(each)})`).join('\n');
  throw new CliError(
    exitCode.error,
    `'${showText(text)}' may be each of these; use an id:\n${list}`,
  );
}
