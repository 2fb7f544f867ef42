/**
 * The bytes of one container's cursor file: a header, and two slots for each endpoint. The slots of
 * a pair lie far apart and none crosses a sector, so that what a loss of power tears is one of them.
 * Files of the first version, whose slots had no state, are still read. Pure.
 */
import { crc32 } from 'node:zlib';
import { readU64, writeU64 } from '../base/bytes.ts';
import { containerMarkOf } from './format.ts';
import type { StreamPlace } from './stream-reader.ts';

const slotMagic = 0x5c0a_7e11;
const headerBytes = 32;

/** How many endpoints one container's file has room for. */
export const cursorEndpointsMax = 31;

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
  /** What whoever reads on from there knew then, at most `cursorStateBytesMax`; undefined: nothing. */
  state?: Uint8Array | undefined;
}

/** A cursor with its turn. */
export interface CursorSlot {
  cursor: Cursor;
  generation: number;
}

/** How a version of the file lies. */
interface Layout {
  readonly magic: Buffer;
  readonly fileBytes: number;
  readonly slotBytes: number;
  /** Where a slot begins; `side` is 0 or 1. */
  placeOf(pair: number, side: number): number;
}

const slotBytes = 256;
const stateStart = 64;
const crcAt = slotBytes - 4;
/** The most bytes of state that a slot has room for. */
export const cursorStateBytesMax = crcAt - stateStart;

const first: Layout = {
  magic: Buffer.from('DLWALCU1', 'latin1'),
  fileBytes: headerBytes + cursorEndpointsMax * 2 * 64,
  slotBytes: 64,
  placeOf: (pair, side) => headerBytes + (pair * 2 + side) * 64,
};

const second: Layout = {
  magic: Buffer.from('DLWALCU2', 'latin1'),
  fileBytes: slotBytes + cursorEndpointsMax * 2 * slotBytes,
  slotBytes,
  placeOf: (pair, side) => slotBytes + (side * cursorEndpointsMax + pair) * slotBytes,
};

/** Where the slot of a pair is that this generation is written to. */
export function slotPlaceOf(pair: number, generation: number): number {
  return second.placeOf(pair, generation % 2);
}

/** A file with these cursors, by the places of their pairs. */
export function encodeCursorFile(
  containerId: string,
  slots: readonly (CursorSlot | undefined)[],
): Buffer {
  const content = Buffer.alloc(second.fileBytes);
  header(second, containerId).copy(content, 0);
  slots.forEach((slot, pair) => {
    if (slot !== undefined) encodeSlot(slot).copy(content, slotPlaceOf(pair, slot.generation));
  });
  return content;
}

/** The newest sound slot of each pair; undefined when the file is of another container, or none. */
export function decodeCursorFile(
  containerId: string,
  bytes: Buffer,
): { slots: (CursorSlot | undefined)[]; isCurrent: boolean } | undefined {
  const layout = layoutOf(containerId, bytes);
  if (layout === undefined) return undefined;
  const slots = Array.from({ length: cursorEndpointsMax }, (_, pair) => {
    const [a, b] = [0, 1].map((side) => {
      const at = layout.placeOf(pair, side);
      return decodeSlot(bytes.subarray(at, at + layout.slotBytes));
    });
    if (a === undefined || b === undefined) return a ?? b;
    return a.generation > b.generation ? a : b;
  });
  return { slots, isCurrent: layout === second };
}

/** One slot. A state that is too long is left out. */
export function encodeSlot({ cursor, generation }: CursorSlot): Buffer {
  const bytes = Buffer.alloc(slotBytes);
  bytes.writeUInt32LE(slotMagic, 0);
  bytes.writeUInt16LE(cursor.endpointId, 4);
  writeU64(bytes, generation, 8);
  writeU64(bytes, cursor.ackLsn, 16);
  writeU64(bytes, cursor.place.sequence, 24);
  writeU64(bytes, cursor.place.offset, 32);
  writeU64(bytes, cursor.ackedAtMs, 40);
  writeU64(bytes, cursor.ackOrdinal, 48);
  const { state } = cursor;
  if (state !== undefined && state.length <= cursorStateBytesMax) {
    bytes.writeUInt16LE(state.length, 56);
    bytes.set(state, stateStart);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, crcAt)), crcAt);
  return bytes;
}

/** A slot that is not sound. */
export interface SlotFault {
  readonly offset: number;
  readonly slotBytes: number;
  /** Whether the other slot of its pair is sound. */
  readonly hasOther: boolean;
}

/**
 * The slots of a file that are neither sound nor zeros, which were never written; undefined when the
 * file as a whole is none of this container.
 */
export function slotFaults(containerId: string, bytes: Buffer): SlotFault[] | undefined {
  const layout = layoutOf(containerId, bytes);
  if (layout === undefined) return undefined;
  const slotAt = (at: number): Buffer => bytes.subarray(at, at + layout.slotBytes);
  const faults: SlotFault[] = [];
  for (let pair = 0; pair < cursorEndpointsMax; pair += 1) {
    for (const side of [0, 1]) {
      const offset = layout.placeOf(pair, side);
      const slot = slotAt(offset);
      if (isSlotSound(slot) || slot.every((byte) => byte === 0)) continue;
      const hasOther = isSlotSound(slotAt(layout.placeOf(pair, 1 - side)));
      faults.push({ offset, slotBytes: layout.slotBytes, hasOther });
    }
  }
  return faults;
}

/** The checksum is in the last bytes of a slot, in both versions. */
function isSlotSound(bytes: Buffer): boolean {
  const end = bytes.length - 4;
  if (bytes.readUInt32LE(0) !== slotMagic) return false;
  return crc32(bytes.subarray(0, end)) === bytes.readUInt32LE(end);
}

function decodeSlot(bytes: Buffer): CursorSlot | undefined {
  if (!isSlotSound(bytes)) return undefined;
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
  if (!numbers.every(Number.isSafeInteger)) return undefined;
  const stateBytes = bytes.readUInt16LE(56);
  if (bytes.length === slotBytes && stateBytes > 0 && stateBytes <= cursorStateBytesMax) {
    cursor.state = Uint8Array.from(bytes.subarray(stateStart, stateStart + stateBytes));
  }
  return { cursor, generation };
}

function layoutOf(containerId: string, bytes: Buffer): Layout | undefined {
  return [second, first].find((each) => isOf(each, containerId, bytes));
}

function isOf(layout: Layout, containerId: string, bytes: Buffer): boolean {
  const { fileBytes } = layout;
  if (bytes.length !== fileBytes) return false;
  return bytes.subarray(0, headerBytes).equals(header(layout, containerId));
}

function header({ magic }: Layout, containerId: string): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  magic.copy(bytes, 0);
  containerMarkOf(containerId).copy(bytes, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}
