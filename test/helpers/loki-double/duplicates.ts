/**
 * Finds out whether a stream already has an entry with the same timestamp and line.
 * An open-addressing table over 32-bit hashes, always verified against the bytes.
 * It is filled lazily: an entry newer than all others of its stream cannot be a
 * duplicate, so streams that arrive in order never pay for it.
 */
import type { EntryTable } from './entry-table.ts';
import type { PushMessage } from './message.ts';

/** The index of one stream. */
export class DuplicateIndex {
  readonly #table: EntryTable;
  /** Entry number + 1 by slot; 0 is free. The length is a power of two. */
  #slots = new Uint32Array(32);
  #hashes = new Uint32Array(16);
  #indexed = 0;

  constructor(table: EntryTable) {
    this.#table = table;
  }

  /** Whether row `row` of `message` is in the stream. */
  has(message: PushMessage, row: number): boolean {
    this.#catchUp();
    const table = this.#table;
    const { bytes } = message;
    const start = message.lineStart[row] as number;
    const end = message.lineEnd[row] as number;
    const seconds = message.seconds[row] as number;
    const nanos = message.nanos[row] as number;
    const hash = hashEntry(bytes, start, end, seconds, nanos);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] as number) - 1;
      if (index < 0) return false;
      if (
        this.#hashes[index] === hash &&
        table.nanos[index] === nanos &&
        table.seconds[index] === seconds &&
        table.lineBytes[index] === end - start &&
        sameBytes(table, index, bytes, start, end)
      ) {
        return true;
      }
    }
  }

  #catchUp(): void {
    const { count } = this.#table;
    if (this.#indexed === count) return;
    if (count * 2 > this.#slots.length) this.#grow(count);
    for (; this.#indexed < count; this.#indexed++) this.#insert(this.#indexed);
  }

  #insert(index: number): void {
    const table = this.#table;
    const start = table.start[index] as number;
    const hash = hashEntry(
      table.chunkOf(index),
      start,
      start + (table.lineBytes[index] as number),
      table.seconds[index] as number,
      table.nanos[index] as number,
    );
    this.#hashes[index] = hash;
    this.#place(index, hash);
  }

  #place(index: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = index + 1;
  }

  #grow(count: number): void {
    let slots = this.#slots.length;
    while (slots < count * 4) slots *= 2;
    this.#slots = new Uint32Array(slots);
    const hashes = new Uint32Array(slots / 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    for (let index = 0; index < this.#indexed; index++) {
      this.#place(index, this.#hashes[index] as number);
    }
  }
}

function sameBytes(
  table: EntryTable,
  index: number,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  const from = table.start[index] as number;
  return table.chunkOf(index).compare(bytes, start, end, from, from + (end - start)) === 0;
}

/** Mixes timestamp and line, four bytes at a time. */
function hashEntry(
  bytes: Buffer,
  start: number,
  end: number,
  seconds: number,
  nanos: number,
): number {
  let hash = Math.imul(nanos ^ Math.imul(seconds | 0, 0x85ebca6b), 0xc2b2ae35);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    hash = Math.imul((hash ^ word) | 0, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
