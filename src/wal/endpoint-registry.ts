/**
 * Gives every endpoint a small number for its cursors and keeps it (`endpoints.json`): the
 * same name, URL and tenant get the same number for ever, and no number is used twice: it
 * would put one endpoint's cursor where another one's stood.
 */
import * as z from 'zod';
import { errnoOf } from '../base/errors.ts';
import { type FileSystem, replaceFileDurably } from '../base/file-system.ts';
import { readCursors } from './cursor-file.ts';
import { containerDirectory, listContainers } from './store.ts';

const fileName = 'endpoints.json';
const endpointIdMax = 0xffff;

const idSchema = z.number().int().min(1).max(endpointIdMax);
const fileSchema = z.object({
  version: z.literal(1),
  // Two endpoints with one number would share their cursors: such a file is damaged.
  endpoints: z
    .record(z.string(), idSchema)
    .refine((ids) => new Set(Object.values(ids)).size === Object.keys(ids).length),
});

/** See the module comment. One per WAL directory. */
export class EndpointRegistry {
  readonly #disk: FileSystem;
  readonly #root: string;
  readonly #ids: Map<string, number>;
  /** The highest number that was ever given out. */
  #lastId: number;
  #writing = Promise.resolve();

  /**
   * A file that is damaged or gone is started anew, with numbers that no cursor on disk has:
   * endpoints then see lines again, none is lost.
   */
  constructor(disk: FileSystem, root: string) {
    this.#disk = disk;
    this.#root = root;
    const ids = readEndpointIds(disk, root);
    this.#ids = new Map(Object.entries(ids ?? {}));
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
    const endpoints = Object.fromEntries([...this.#ids, [key, id]]);
    const content = Buffer.from(`${JSON.stringify({ version: 1, endpoints }, null, 1)}\n`);
    await replaceFileDurably(this.#disk, this.#root, fileName, content);
    this.#ids.set(key, id);
    this.#lastId = id;
  }
}

/** The numbers in `endpoints.json` by key; undefined when it is not there or not readable. */
export function readEndpointIds(
  disk: FileSystem,
  root: string,
): Record<string, number> | undefined {
  try {
    const text = disk.readFileSync(`${root}/${fileName}`).toString('utf8');
    return fileSchema.parse(JSON.parse(text)).endpoints;
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
