/**
 * Where bytes land when the kernel takes them out of a FIFO: memory that is a file. A kill
 * between reading a FIFO and writing the log finds them there, so no read is ever lost with
 * the process. A slot says at which position of the stream its bytes belong; once the log has
 * grown beyond that, they are in the log and the slot's content is void.
 *
 * File: slots of 4,096 + 65,536 bytes. Header: magic u32, unused u32, position u64 (all ones:
 * the FIFO is not in the stream yet), name length u16 at 16, name at 64. Data that has not
 * landed is 0xff: UTF-8 has no such byte, and the lengths between frames never begin with it.
 */
import fs from 'node:fs';
import { readU64, writeU64 } from '../base/bytes.ts';
import { messageOf } from '../base/errors.ts';
import { nodeFileSystem, writeFully } from '../base/file-system.ts';
import { fifoReadBytesMax } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { mapFile } from '../base/mapped-file.ts';

const headerBytes = 4096;
const slotBytes = headerBytes + fifoReadBytesMax;
/** The file grows by this many slots. */
const chunkSlots = 16;
const slotMagic = 0x4c61_6e64;
const nameAt = 64;
const nameBytesMax = 1024;
const emptyByte = 0xff;
const filePattern = /^landing\.(\d+)$/;

/** What a former process had read from a FIFO last. */
export interface Leftover {
  /** Where in the stream the bytes belong; undefined when the FIFO was not in it yet. */
  lsn: number | undefined;
  bytes: Buffer;
}

/** One FIFO's place. `read` and `drain` may be the same memory. */
export interface LandingSlot {
  /** The socket reads into this. */
  readonly readBuffer: Buffer;
  /** Draining reads into this; it may happen inside another FIFO's callback. */
  readonly drainBuffer: Buffer;
  /** The first `length` bytes are in the log, which now ends at `lsn`. */
  consumed(length: number, lsn: number): void;
  /** The FIFO is closed. */
  release(): void;
}

const emptySlot = Buffer.alloc(fifoReadBytesMax, emptyByte);
const sharedReadBuffer = Buffer.allocUnsafeSlow(fifoReadBytesMax);
const sharedDrainBuffer = Buffer.allocUnsafeSlow(fifoReadBytesMax);

/** Serves any number of FIFOs where memory cannot be mapped; a kill may then cost one read. */
const unmappedSlot: LandingSlot = {
  readBuffer: sharedReadBuffer,
  drainBuffer: sharedDrainBuffer,
  consumed: () => {},
  release: () => {},
};

/** See the module comment. One per process. */
export class LandingArea {
  readonly #directory: string;
  readonly #log: Log;
  readonly #leftovers = new Map<string, Leftover>();
  readonly #oldFiles: string[];
  readonly #free: Buffer[] = [];
  readonly #fd: number | undefined;
  #bytes = 0;

  /** Takes over what former processes left in `directory` and begins a file of its own. */
  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
    const files = fs.readdirSync(directory).filter((name) => filePattern.test(name));
    const numbers = files.map((name) => Number(filePattern.exec(name)?.[1]));
    this.#oldFiles = files.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
    for (const name of this.#oldFiles) this.#readLeftovers(`${directory}/${name}`);
    this.#fd = this.#createFile(`${directory}/landing.${Math.max(0, ...numbers) + 1}`);
  }

  /** What was read last from a FIFO of this name by a former process, if anything. */
  leftoverOf(fifoName: string): Leftover | undefined {
    return this.#leftovers.get(fifoName);
  }

  /** All leftovers are in the log: their files can go. */
  forgetLeftovers(): void {
    this.#leftovers.clear();
    for (const name of this.#oldFiles) fs.rmSync(`${this.#directory}/${name}`, { force: true });
    this.#oldFiles.length = 0;
  }

  /** A place for a FIFO whose next byte belongs at `lsn`; undefined while it has had none. */
  slot(fifoName: string, lsn: number | undefined): LandingSlot {
    if (Buffer.byteLength(fifoName) > nameBytesMax) return unmappedSlot;
    if (this.#free.length === 0) this.#grow();
    const memory = this.#free.pop();
    return memory === undefined ? unmappedSlot : new MappedSlot(memory, fifoName, lsn, this.#free);
  }

  #createFile(path: string): number | undefined {
    try {
      return fs.openSync(path, 'wx+', 0o600);
    } catch (error) {
      this.#log.warn({ cause: messageOf(error) }, 'no landing file: a kill may cost one read');
      return undefined;
    }
  }

  /** Adds slots. Their bytes are written first: a mapped hole on a full disk would be deadly. */
  #grow(): void {
    if (this.#fd === undefined) return;
    try {
      const empty = Buffer.alloc(chunkSlots * slotBytes, emptyByte);
      for (let at = 0; at < empty.length; at += slotBytes) empty.fill(0, at, at + headerBytes);
      writeFully(nodeFileSystem, this.#fd, empty, this.#bytes);
      const memory = mapFile(this.#fd, this.#bytes, empty.length);
      if (memory === undefined) return;
      this.#bytes += empty.length;
      for (let at = 0; at < memory.length; at += slotBytes) {
        this.#free.push(memory.subarray(at, at + slotBytes));
      }
    } catch (error) {
      this.#log.warn({ cause: messageOf(error) }, 'no room to land: a kill may cost one read');
    }
  }

  #readLeftovers(path: string): void {
    const content = fs.readFileSync(path);
    for (let at = 0; at + slotBytes <= content.length; at += slotBytes) {
      const slot = content.subarray(at, at + slotBytes);
      if (slot.readUInt32LE(0) !== slotMagic) continue;
      const length = landedBytes(slot.subarray(headerBytes));
      if (length === 0) continue;
      const nameEnd = nameAt + Math.min(nameBytesMax, slot.readUInt16LE(16));
      const lsn = readU64(slot, 8);
      this.#leftovers.set(slot.toString('utf8', nameAt, nameEnd), {
        lsn: Number.isNaN(lsn) ? undefined : lsn,
        bytes: Buffer.from(slot.subarray(headerBytes, headerBytes + length)),
      });
    }
  }
}

/** How many bytes have landed. A read that ended in 0xff comes out short, as a gap will tell. */
function landedBytes(data: Buffer): number {
  // Of a thousand slots nearly all are empty, and a FIFO is read only behind this.
  if (data.equals(emptySlot)) return 0;
  let end = data.length;
  while (end > 0 && data[end - 1] === emptyByte) end -= 1;
  return end;
}

/** A slot in mapped memory. */
class MappedSlot implements LandingSlot {
  readonly readBuffer: Buffer;
  readonly drainBuffer: Buffer;
  readonly #memory: Buffer;
  readonly #free: Buffer[];
  /** How much of the data was ever used: the rest is empty and stays untouched. */
  #usedBytes = 0;

  constructor(memory: Buffer, fifoName: string, lsn: number | undefined, free: Buffer[]) {
    this.#memory = memory;
    this.#free = free;
    this.readBuffer = memory.subarray(headerBytes);
    this.drainBuffer = this.readBuffer;
    if (lsn === undefined) memory.fill(0xff, 8, 16);
    else writeU64(memory, lsn, 8);
    memory.writeUInt16LE(memory.write(fifoName, nameAt, nameBytesMax), 16);
    memory.writeUInt32LE(slotMagic, 0);
  }

  consumed(length: number, lsn: number): void {
    // In this order: old bytes must never seem to belong at the new position.
    this.readBuffer.fill(emptyByte, 0, length);
    if (length > this.#usedBytes) this.#usedBytes = length;
    writeU64(this.#memory, lsn, 8);
  }

  release(): void {
    this.#memory.fill(0, 0, headerBytes);
    this.readBuffer.fill(emptyByte, 0, this.#usedBytes);
    this.#free.push(this.#memory);
  }
}
