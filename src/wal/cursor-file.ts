/**
 * How far each endpoint has acknowledged one container's stream, in one small file: two slots
 * an endpoint, written in turn, so that a torn write leaves the older one. A cursor may lag
 * behind what was acknowledged, never lead.
 */
import { errnoOf } from '../base/errors.ts';
import { type FileSystem, replaceFile, writeFully } from '../base/file-system.ts';
import {
  type Cursor,
  type CursorSlot,
  cursorEndpointsMax,
  decodeCursorFile,
  encodeCursorFile,
  encodeSlot,
  slotPlaceOf,
} from './cursor-slot.ts';

const fileName = 'cursors';

/** Reads the newest sound cursor of every endpoint; none when the file is missing or foreign. */
export function readCursors(disk: FileSystem, directory: string, containerId: string): Cursor[] {
  return readSlots(disk, directory, containerId)
    .slots.filter((slot) => slot !== undefined)
    .map((slot) => slot.cursor);
}

/** The newest sound slot of each pair, by the pair's place, and whether the file can be written to. */
function readSlots(
  disk: FileSystem,
  directory: string,
  containerId: string,
): { slots: (CursorSlot | undefined)[]; isCurrent: boolean } {
  let bytes: Buffer;
  try {
    bytes = disk.readFileSync(`${directory}/${fileName}`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { slots: [], isCurrent: false };
    throw error;
  }
  return decodeCursorFile(containerId, bytes) ?? { slots: [], isCurrent: false };
}

/** Reads and moves the cursors of one container. One writer at a time. */
export class CursorFile {
  readonly #disk: FileSystem;
  readonly #directory: string;
  readonly #containerId: string;
  readonly #slots: (CursorSlot | undefined)[];
  /** Whether there is a file of this version. */
  #exists: boolean;
  #isNameDurable = false;

  constructor(disk: FileSystem, directory: string, containerId: string) {
    this.#disk = disk;
    this.#directory = directory;
    this.#containerId = containerId;
    const { slots, isCurrent } = readSlots(disk, directory, containerId);
    this.#slots = slots;
    this.#exists = isCurrent;
  }

  /** The cursor of an endpoint, or undefined when it never acknowledged anything. */
  get(endpointId: number): Cursor | undefined {
    return this.#slots.find((slot) => slot?.cursor.endpointId === endpointId)?.cursor;
  }

  /**
   * Moves a cursor. With `durable` it is on the platter when this returns; without, it
   * survives the process but not the power. Throws what the disk throws.
   */
  set(cursor: Cursor, durable: boolean): void {
    if (!this.#exists) this.#create();
    const pair = this.#pairOf(cursor.endpointId);
    const generation = (this.#slots[pair]?.generation ?? 0) + 1;
    const slot: CursorSlot = { cursor, generation };
    const at = slotPlaceOf(pair, generation);
    const fd = this.#disk.openSync(`${this.#directory}/${fileName}`, 'r+');
    try {
      writeFully(this.#disk, fd, encodeSlot(slot), at);
      if (durable) this.#disk.fdatasyncSync(fd);
    } finally {
      this.#disk.closeSync(fd);
    }
    if (durable && !this.#isNameDurable) this.#syncDirectory();
    this.#slots[pair] = slot;
  }

  /** Makes the file's name durable as well: it may be new since the last loss of power. */
  #syncDirectory(): void {
    const fd = this.#disk.openSync(this.#directory, 'r');
    try {
      this.#disk.fdatasyncSync(fd);
    } finally {
      this.#disk.closeSync(fd);
    }
    this.#isNameDurable = true;
  }

  /** With what a file of an older version says, too. */
  #create(): void {
    const content = encodeCursorFile(this.#containerId, this.#slots);
    replaceFile(this.#disk, this.#directory, fileName, content);
    this.#exists = true;
  }

  /** The pair of slots of an endpoint: its own, a free one, or the one used longest ago. */
  #pairOf(endpointId: number): number {
    let free = 0;
    let freeAgeMs = Number.POSITIVE_INFINITY;
    for (let pair = 0; pair < cursorEndpointsMax; pair += 1) {
      const slot = this.#slots[pair];
      if (slot?.cursor.endpointId === endpointId) return pair;
      const ackedAtMs = slot?.cursor.ackedAtMs ?? Number.NEGATIVE_INFINITY;
      if (ackedAtMs < freeAgeMs) {
        free = pair;
        freeAgeMs = ackedAtMs;
      }
    }
    return free;
  }
}
