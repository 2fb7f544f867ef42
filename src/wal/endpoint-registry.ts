/**
 * Gives every endpoint a small number for its cursors and keeps it (`endpoints.json`): the
 * same name, URL and tenant get the same number for ever, and no number is used twice: it
 * would put one endpoint's cursor where another one's stood. It also remembers since when a
 * container's settings name an endpoint no more that has a cursor there.
 */
import * as z from 'zod';
import { errnoOf } from '../base/errors.ts';
import { type FileSystem, replaceFileDurably } from '../base/file-system.ts';
import { readCursors } from './cursor-file.ts';
import { containerDirectory, isContainerId, listContainers } from './store.ts';

/** Observed milliseconds by the number of an endpoint, by container. */
type UnnamedSince = Map<string, Map<number, number>>;

const fileName = 'endpoints.json';
const endpointIdMax = 0xffff;

const idSchema = z.number().int().min(1).max(endpointIdMax);
const fileSchema = z.object({
  version: z.literal(1),
  // Two endpoints with one number would share their cursors: such a file is damaged.
  endpoints: z
    .record(z.string(), idSchema)
    .refine((ids) => new Set(Object.values(ids)).size === Object.keys(ids).length),
  // Damage to it makes a grace period begin anew; the numbers must not go for that.
  unnamedSinceMs: z
    .record(z.string(), z.record(z.string(), z.number().nonnegative()))
    .optional()
    .catch(undefined),
});

type RegistryFile = z.infer<typeof fileSchema>;

/** Who may have left what behind, and when. */
export interface PinsRequest {
  readonly containerId: string;
  /** Numbers of the endpoints that the container's settings name now. */
  readonly namedIds: readonly number[];
  /** Observed time. */
  readonly nowMs: number;
  /** How long data is held for an endpoint that is named no more; 0: not at all. */
  readonly graceMs: number;
}

/** Endpoints whose cursors hold a container's data although nothing names them. */
export interface Pins {
  readonly ids: number[];
  /** Observed time at which the first of them lets go; undefined when there is none. */
  readonly endAtMs: number | undefined;
}

/** See the module comment. One per WAL directory. */
export class EndpointRegistry {
  readonly #disk: FileSystem;
  readonly #root: string;
  readonly #ids: Map<string, number>;
  /** The highest number that was ever given out. */
  #lastId: number;
  readonly #unnamedSince: UnnamedSince;
  #writing = Promise.resolve();
  #isSaving = false;

  /**
   * A file that is damaged or gone is started anew, with numbers that no cursor on disk has:
   * endpoints then see lines again, none is lost.
   */
  constructor(disk: FileSystem, root: string) {
    this.#disk = disk;
    this.#root = root;
    const file = readFile(disk, root);
    const ids = file?.endpoints;
    this.#ids = new Map(Object.entries(ids ?? {}));
    this.#unnamedSince = unnamedIn(file, disk, root);
    this.#lastId = ids === undefined ? lastIdInCursors(disk, root) : 0;
    for (const id of this.#ids.values()) this.#lastId = Math.max(this.#lastId, id);
  }

  /**
   * The number of the endpoint with this key, made and written down if it is new. It may be
   * used in a cursor only after this resolves: a number that power loss takes back and gives
   * to another endpoint would put that one's cursor in front of its data.
   */
  async idOf(key: string): Promise<number> {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const adding = this.#writing.then(() => this.#add(key));
    // One that fails must not fail those that come after it.
    this.#writing = adding.catch(() => {});
    await adding;
    return this.idOf(key);
  }

  async #add(key: string): Promise<void> {
    if (this.#ids.has(key)) return;
    const id = this.#lastId + 1;
    if (id > endpointIdMax) throw new Error(`more than ${endpointIdMax} endpoints were ever used`);
    await this.#write([...this.#ids, [key, id]]);
    this.#ids.set(key, id);
    this.#lastId = id;
  }

  /**
   * Which endpoints have a cursor in the container and are not named now, and not for longer than
   * the grace period. The first call that finds one so begins its period; being named ends it.
   * Throws what the disk throws.
   */
  pinsOf({ containerId, namedIds, nowMs, graceMs }: PinsRequest): Pins {
    const directory = containerDirectory(this.#root, containerId);
    const former = this.#unnamedSince.get(containerId);
    const since = new Map<number, number>();
    for (const { endpointId } of readCursors(this.#disk, directory, containerId)) {
      if (namedIds.includes(endpointId)) continue;
      // A clock that was begun anew may be behind; nobody waits longer than a whole period.
      since.set(endpointId, Math.min(former?.get(endpointId) ?? nowMs, nowMs));
    }
    if (!areSame(since, former)) {
      if (since.size === 0) this.#unnamedSince.delete(containerId);
      else this.#unnamedSince.set(containerId, since);
      this.#save();
    }
    const pinned = [...since].filter(([, sinceMs]) => nowMs - sinceMs < graceMs);
    const ends = pinned.map(([, sinceMs]) => sinceMs + graceMs);
    const endAtMs = ends.length === 0 ? undefined : Math.min(...ends);
    return { ids: pinned.map(([id]) => id), endAtMs };
  }

  /** The container is gone, and what was remembered of it. */
  forget(containerId: string): void {
    if (this.#unnamedSince.delete(containerId)) this.#save();
  }

  /** Resolves when all that was to be written is written, or has failed. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Writes soon; a failure is made up for by the next write, or a period begins anew. */
  #save(): void {
    if (this.#isSaving) return;
    this.#isSaving = true;
    const saving = this.#writing.then(() => {
      this.#isSaving = false;
      return this.#write([...this.#ids]);
    });
    this.#writing = saving.catch(() => {});
  }

  async #write(ids: readonly (readonly [string, number])[]): Promise<void> {
    const unnamed = [...this.#unnamedSince].map(
      ([containerId, since]) => [containerId, Object.fromEntries(since)] as const,
    );
    const file: RegistryFile = { version: 1, endpoints: Object.fromEntries(ids) };
    if (unnamed.length > 0) file.unnamedSinceMs = Object.fromEntries(unnamed);
    const content = Buffer.from(`${JSON.stringify(file, null, 1)}\n`);
    await replaceFileDurably(this.#disk, this.#root, fileName, content);
  }
}

function areSame(
  a: ReadonlyMap<number, number>,
  b: ReadonlyMap<number, number> | undefined,
): boolean {
  if (b === undefined) return a.size === 0;
  return a.size === b.size && [...a].every(([id, sinceMs]) => b.get(id) === sinceMs);
}

/** What the file remembers of containers that there are. */
function unnamedIn(file: RegistryFile | undefined, disk: FileSystem, root: string): UnnamedSince {
  const remembered: UnnamedSince = new Map();
  for (const [containerId, since] of Object.entries(file?.unnamedSinceMs ?? {})) {
    if (!isContainerId(containerId)) continue;
    if (disk.statSync(containerDirectory(root, containerId)) === undefined) continue;
    const ids = Object.entries(since).map(([id, sinceMs]) => [Number(id), sinceMs] as const);
    remembered.set(containerId, new Map(ids));
  }
  return remembered;
}

/** The numbers in `endpoints.json` by key; undefined when it is not there or not readable. */
export function readEndpointIds(
  disk: FileSystem,
  root: string,
): Record<string, number> | undefined {
  return readFile(disk, root)?.endpoints;
}

function readFile(disk: FileSystem, root: string): RegistryFile | undefined {
  try {
    const text = disk.readFileSync(`${root}/${fileName}`).toString('utf8');
    return fileSchema.parse(JSON.parse(text));
  } catch (error) {
    const isNew = errnoOf(error) === 'ENOENT';
    if (isNew || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

function lastIdInCursors(disk: FileSystem, root: string): number {
  let last = 0;
  for (const containerId of listContainers(disk, root)) {
    const directory = containerDirectory(root, containerId);
    for (const { endpointId } of readCursors(disk, directory, containerId)) {
      last = Math.max(last, endpointId);
    }
  }
  return last;
}
