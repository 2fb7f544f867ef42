/**
 * How far each endpoint has acknowledged one container's stream, in one small file: two slots
 * an endpoint, written in turn, so that a torn write leaves the older one. A cursor may lag
 * behind what was acknowledged, never lead.
 */
import { crc32 } from 'node:zlib';
import { readU64, writeU64 } from '../base/bytes.ts';
import { errnoOf } from '../base/errors.ts';
import { type FileSystem, replaceFile, writeFully } from '../base/file-system.ts';
import { containerMarkOf } from './format.ts';
import type { StreamPlace } from './stream-reader.ts';

const fileName = 'cursors';
const fileMagic = Buffer.from('DLWALCU1', 'latin1');
const headerBytes = 32;
const slotBytes = 64;
const slotMagic = 0x5c0a_7e11;
/** How many endpoints one container's file has room for. */
export const cursorEndpointsMax = 31;
const fileBytes = headerBytes + cursorEndpointsMax * 2 * slotBytes;

/** One endpoint's position. */
export interface Cursor {
  endpointId: number;
  /** Everything before this position is acknowledged. */
  ackLsn: number;
  /** How many frames of the stream end before `ackLsn`. */
  ackOrdinal: number;
  /** Where `ackLsn` lies in the files. */
  place: StreamPlace;
  /** Unix milliseconds of the last acknowledgement. */
  ackedAtMs: number;
}

interface Slot {
  cursor: Cursor;
  generation: number;
}

function encodeSlot(slot: Slot): Buffer {
  const bytes = Buffer.alloc(slotBytes);
  const { cursor } = slot;
  bytes.writeUInt32LE(slotMagic, 0);
  bytes.writeUInt16LE(cursor.endpointId, 4);
  writeU64(bytes, slot.generation, 8);
  writeU64(bytes, cursor.ackLsn, 16);
  writeU64(bytes, cursor.place.sequence, 24);
  writeU64(bytes, cursor.place.offset, 32);
  writeU64(bytes, cursor.ackedAtMs, 40);
  writeU64(bytes, cursor.ackOrdinal, 48);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

function decodeSlot(bytes: Buffer): Slot | undefined {
  if (bytes.readUInt32LE(0) !== slotMagic) return undefined;
  if (crc32(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60)) return undefined;
  const cursor: Cursor = {
    endpointId: bytes.readUInt16LE(4),
    ackLsn: readU64(bytes, 16),
    ackOrdinal: readU64(bytes, 48),
    place: { sequence: readU64(bytes, 24), offset: readU64(bytes, 32) },
    ackedAtMs: readU64(bytes, 40),
  };
  const generation = readU64(bytes, 8);
  const { ackLsn, ackOrdinal, place, ackedAtMs } = cursor;
  const numbers = [generation, ackLsn, ackOrdinal, place.sequence, place.offset, ackedAtMs];
  return numbers.every(Number.isSafeInteger) ? { cursor, generation } : undefined;
}

/** Reads the newest sound cursor of every endpoint; none when the file is missing or foreign. */
export function readCursors(disk: FileSystem, directory: string, containerId: string): Cursor[] {
  return [...readSlots(disk, directory, containerId)]
    .filter((slot) => slot !== undefined)
    .map((slot) => slot.cursor);
}

/** The newest sound slot of each pair, by the pair's place in the file. */
function readSlots(disk: FileSystem, directory: string, containerId: string): (Slot | undefined)[] {
  let bytes: Buffer;
  try {
    bytes = disk.readFileSync(`${directory}/${fileName}`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  if (bytes.length !== fileBytes || !bytes.subarray(0, headerBytes).equals(header(containerId))) {
    return [];
  }
  return Array.from({ length: cursorEndpointsMax }, (_, pair) => {
    const at = headerBytes + pair * 2 * slotBytes;
    const a = decodeSlot(bytes.subarray(at, at + slotBytes));
    const b = decodeSlot(bytes.subarray(at + slotBytes, at + 2 * slotBytes));
    if (a === undefined || b === undefined) return a ?? b;
    return a.generation > b.generation ? a : b;
  });
}

function header(containerId: string): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  fileMagic.copy(bytes, 0);
  containerMarkOf(containerId).copy(bytes, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

/** Reads and moves the cursors of one container. One writer at a time. */
export class CursorFile {
  readonly #disk: FileSystem;
  readonly #directory: string;
  readonly #containerId: string;
  readonly #slots: (Slot | undefined)[];
  #exists: boolean;
  #isNameDurable = false;

  constructor(disk: FileSystem, directory: string, containerId: string) {
    this.#disk = disk;
    this.#directory = directory;
    this.#containerId = containerId;
    this.#slots = readSlots(disk, directory, containerId);
    this.#exists = this.#slots.length > 0;
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
    const slot: Slot = { cursor, generation };
    const at = headerBytes + (pair * 2 + (generation % 2)) * slotBytes;
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

  #create(): void {
    const content = Buffer.alloc(fileBytes);
    header(this.#containerId).copy(content, 0);
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
