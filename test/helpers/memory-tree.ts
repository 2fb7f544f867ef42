/**
 * The directories of the memory disk. A change of an entry is seen at once and durable only
 * when its directory is synced; a loss of power keeps or takes each of the others.
 */
import type { Loss, MemoryFile } from './memory-file.ts';

/** A directory: its entries as programs see them, and those that are on the platter. */
export class MemoryDirectory {
  readonly kind = 'directory';
  entries = new Map<string, MemoryNode>();
  durable = new Map<string, MemoryNode>();
}

/** What a name stands for. */
export type MemoryNode = MemoryFile | MemoryDirectory;

interface Change {
  directory: MemoryDirectory;
  name: string;
  node: MemoryNode | undefined;
}

/** Makes an error as Node throws it. */
export function diskError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path });
}

/** See the module comment. Paths are absolute and
 * do not end with a slash; links there are none. */
export class MemoryTree {
  readonly root = new MemoryDirectory();
  /** What happened to entries and is not synced, in order; one item is one atomic step. */
  #pending: Change[][] = [];

  /** What is at a path. Throws `ENOENT` or `ENOTDIR`. */
  get(path: string, call: string): MemoryNode {
    const node = this.find(path, call);
    if (node === undefined) throw diskError('ENOENT', call, path);
    return node;
  }

  /** What is at a path, if its directory is there. */
  find(path: string, call: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.root;
    for (const [index, name] of partsOf(path).entries()) {
      if (node === undefined) throw diskError('ENOENT', call, path);
      if (node.kind !== 'directory') throw diskError('ENOTDIR', call, path);
      if (name.length > 255) throw diskError('ENAMETOOLONG', call, path);
      node = node.entries.get(name);
      if (node === undefined && index < partsOf(path).length - 1) {
        throw diskError('ENOENT', call, path);
      }
    }
    return node;
  }

  /** The directory that holds a path, and the name in it. */
  place(path: string, call: string): { directory: MemoryDirectory; name: string } {
    const parts = partsOf(path);
    const name = parts.pop() ?? '';
    const directory = this.get(`/${parts.join('/')}`, call);
    if (directory.kind !== 'directory') throw diskError('ENOTDIR', call, path);
    return { directory, name };
  }

  /** Changes entries in one atomic step. */
  apply(...changes: Change[]): void {
    for (const { directory, name, node } of changes) set(directory.entries, name, node);
    this.#pending.push(changes);
  }

  /** Makes the entries of a directory durable, and what cannot be told apart from that. */
  sync(directory: MemoryDirectory): void {
    const involved = new Set([directory]);
    const taken = new Set<Change[]>();
    for (const changes of this.#pending.toReversed()) {
      if (!changes.some((change) => involved.has(change.directory))) continue;
      for (const change of changes) involved.add(change.directory);
      taken.add(changes);
    }
    for (const changes of [...taken].toReversed()) persist(changes);
    this.#pending = this.#pending.filter((changes) => !taken.has(changes));
  }

  /** Makes all entries durable: a disk as a test finds it. */
  syncAll(): void {
    for (const changes of this.#pending) persist(changes);
    this.#pending = [];
  }

  /**
   * The power goes. What happened to a name after something of it that is lost is lost, too;
   * beyond that there is no order between names.
   */
  crash(loss: Loss): void {
    const lost = new Map<MemoryDirectory, Set<string>>();
    for (const changes of this.#pending) {
      const follows = changes.some(({ directory, name }) => lost.get(directory)?.has(name));
      if (!follows && !loss.isLost()) {
        persist(changes);
        continue;
      }
      for (const { directory, name } of changes) {
        const names = lost.get(directory) ?? new Set();
        lost.set(directory, names.add(name));
      }
    }
    this.#pending = [];
    crashNode(this.root, loss);
  }

  /** All files that have a name, with their paths. */
  files(): [string, MemoryFile][] {
    return filesUnder(this.root, '');
  }
}

function crashNode(node: MemoryNode, loss: Loss): void {
  if (node.kind === 'file') {
    node.crash(loss);
    return;
  }
  node.entries = new Map(node.durable);
  for (const child of node.entries.values()) crashNode(child, loss);
}

function filesUnder(directory: MemoryDirectory, path: string): [string, MemoryFile][] {
  return [...directory.entries].flatMap(([name, node]): [string, MemoryFile][] =>
    node.kind === 'file' ? [[`${path}/${name}`, node]] : filesUnder(node, `${path}/${name}`),
  );
}

function persist(changes: readonly Change[]): void {
  for (const { directory, name, node } of changes) set(directory.durable, name, node);
}

function set(entries: Map<string, MemoryNode>, name: string, node: MemoryNode | undefined): void {
  if (node === undefined) entries.delete(name);
  else entries.set(name, node);
}

/** The names of a path. */
export function partsOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
