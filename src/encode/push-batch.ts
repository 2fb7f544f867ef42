/**
 * Loki's PushRequest, written by hand: entries are encoded as they come, each
 * into the buffer of its stream, and `encode` only strings the streams together.
 * This is the hot path of delivery: no allocation, no BigInt, no string per entry.
 * It must never invent or alter a byte of a line.
 *
 *   PushRequest  = ( 0a len Stream )*
 *   Stream       = 0a len labels ( 12 len Entry )*
 *   Entry        = 0a len Timestamp [ 12 len line ] metadata
 *   Timestamp    = [ 08 seconds ] [ 10 nanos ]        zero and empty are left out
 *   metadata     = what `encodeMetadata` made
 */
import { BufferPool, pooledBytesMax } from './buffer-pool.ts';
import { varint64Length, varintLength, writeVarint, writeVarint64 } from './varint.ts';

interface StreamSlot {
  /** The encoded labels, then the entries: the body of one Stream message. */
  buffer: Buffer;
  length: number;
  /** Where the entries begin; equal to `length` while the stream has none. */
  entriesStart: number;
}

// Below this a loop is quicker than the call of `copy` (measured: 16 bytes 21 ns against 27 ns).
const loopBytesMax = 16;
// Two fixed tags and three lengths of at most five bytes around a line and its timestamp.
const entryOverheadBytesMax = 1 + 5 + 1 + 1 + 11 + 6 + 1 + 5;
const noBytes = Buffer.alloc(0);
// A source is any Uint8Array; Node's `copy` works on those as well.
// oxlint-disable-next-line typescript/unbound-method -- it is only ever used with `call`.
const { copy: copyBytes } = noBytes;

/** Collects entries of many streams and encodes them as one push request. */
export class PushBatch {
  readonly #pool = new BufferPool();
  readonly #handles = new Map<string, number>();
  // Slots outlive a batch, so that a busy endpoint allocates none after its first batches.
  readonly #slots: StreamSlot[] = [];
  #output: Buffer = noBytes;
  #sizeBytes = 0;
  #entries = 0;

  /** The exact length in bytes of what `encode` would return now. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Entries appended since the last `reset`. */
  get entries(): number {
    return this.#entries;
  }

  /**
   * The handle of the stream with these labels (a Prometheus selector such as
   * `{a="b"}`). The same labels give the same handle; `reset` ends all handles.
   */
  stream(labels: string): number {
    const known = this.#handles.get(labels);
    if (known !== undefined) return known;
    const handle = this.#handles.size;
    const labelBytes = Buffer.byteLength(labels);
    const headerBytes = 1 + varintLength(labelBytes) + labelBytes;
    const buffer = this.#pool.take(headerBytes);
    buffer[0] = 0x0a;
    buffer.write(labels, writeVarint(buffer, 1, labelBytes), 'utf8');
    this.#handles.set(labels, handle);
    const slot = this.#slots[handle];
    if (slot === undefined) {
      this.#slots.push({ buffer, length: headerBytes, entriesStart: headerBytes });
    } else {
      slot.buffer = buffer;
      slot.length = headerBytes;
      slot.entriesStart = headerBytes;
    }
    return handle;
  }

  /**
   * Appends one entry: the line is the bytes `start` to `end` of `source`, copied. `metadata` is
   * what `encodeMetadata` made of its structured metadata, copied as well.
   * `seconds` is a safe integer (may be negative), `nanos` is 0 to 999,999,999.
   * Throws RangeError, and leaves the batch as it was, on anything else.
   */
  append(
    stream: number,
    seconds: number,
    nanos: number,
    source: Uint8Array,
    start: number,
    end: number,
    metadata: Uint8Array = noBytes,
  ): void {
    const slot = this.#slots[stream];
    if (slot === undefined || stream >= this.#handles.size) throw badStream(stream);
    // Negated, so that NaN fails too.
    if (!(start >= 0 && start <= end && end <= source.length)) throw badRange(start, end, source);
    if (nanos >>> 0 !== nanos || nanos > 999_999_999 || !Number.isSafeInteger(seconds)) {
      throw new RangeError(`the timestamp ${seconds} s ${nanos} ns is not one`);
    }
    const before = slot.length;
    const needed = before + entryOverheadBytesMax + (end - start) + metadata.length;
    if (needed > slot.buffer.length) this.#grow(slot, needed);
    const after = writeEntry(slot.buffer, before, seconds, nanos, source, start, end, metadata);
    slot.length = after;
    this.#entries += 1;
    this.#sizeBytes +=
      before === slot.entriesStart
        ? 1 + varintLength(after) + after
        : after - before + varintLength(after) - varintLength(before);
  }

  /**
   * The push request, uncompressed; streams without entries are left out. The
   * bytes are this batch's own memory: they stay as they are over `append` and
   * `reset`, and the next `encode` overwrites them. Copy what must live longer.
   */
  encode(): Buffer {
    if (this.#output.length < this.#sizeBytes) {
      this.#output = Buffer.allocUnsafeSlow(roundUp(this.#sizeBytes));
    }
    return this.#output.subarray(0, this.encodeInto(this.#output));
  }

  /**
   * Writes the push request to the beginning of `output`, which must have `sizeBytes`. Returns
   * its length.
   */
  encodeInto(output: Buffer): number {
    let at = 0;
    for (let handle = 0; handle < this.#handles.size; handle++) {
      const slot = this.#slots[handle];
      if (slot === undefined || slot.length === slot.entriesStart) continue;
      output[at] = 0x0a;
      at = writeVarint(output, at + 1, slot.length);
      at += slot.buffer.copy(output, at, 0, slot.length);
    }
    if (at !== this.#sizeBytes) throw new Error(`encoded ${at} bytes of ${this.#sizeBytes}`);
    return at;
  }

  /** Forgets all entries and handles and keeps a bounded part of the memory. */
  reset(): void {
    for (let handle = 0; handle < this.#handles.size; handle++) {
      const slot = this.#slots[handle];
      if (slot === undefined) continue;
      this.#pool.give(slot.buffer);
      slot.buffer = noBytes;
      slot.length = 0;
      slot.entriesStart = 0;
    }
    this.#handles.clear();
    this.#sizeBytes = 0;
    this.#entries = 0;
    if (this.#output.length > pooledBytesMax) this.#output = noBytes;
  }

  #grow(slot: StreamSlot, bytes: number): void {
    // The pool rounds up to a power of two, so this at least doubles.
    const larger = this.#pool.take(bytes);
    slot.buffer.copy(larger, 0, 0, slot.length);
    this.#pool.give(slot.buffer);
    slot.buffer = larger;
  }
}

/** Writes field 2 of a Stream at `position` and returns the position after it. */
function writeEntry(
  target: Buffer,
  position: number,
  seconds: number,
  nanos: number,
  source: Uint8Array,
  start: number,
  end: number,
  metadata: Uint8Array,
): number {
  const lineBytes = end - start;
  let timeBytes = 0;
  if (seconds !== 0) timeBytes += 1 + varint64Length(seconds);
  if (nanos !== 0) timeBytes += 1 + varintLength(nanos);
  const lineFieldBytes = lineBytes === 0 ? 0 : 1 + varintLength(lineBytes) + lineBytes;
  target[position] = 0x12;
  let at = writeVarint(target, position + 1, 2 + timeBytes + lineFieldBytes + metadata.length);
  target[at++] = 0x0a;
  target[at++] = timeBytes;
  if (seconds !== 0) {
    target[at++] = 0x08;
    at = writeVarint64(target, at, seconds);
  }
  if (nanos !== 0) {
    target[at++] = 0x10;
    at = writeVarint(target, at, nanos);
  }
  if (lineBytes > 0) {
    target[at++] = 0x12;
    at = writeVarint(target, at, lineBytes);
    at = writeBytes(target, at, source, start, end);
  }
  return metadata.length === 0 ? at : writeBytes(target, at, metadata, 0, metadata.length);
}

/** Copies `source[start..end)` to `position` and returns the position after it. */
function writeBytes(
  target: Buffer,
  position: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  if (end - start > loopBytesMax) {
    copyBytes.call(source, target, position, start, end);
    return position + end - start;
  }
  let at = position;
  for (let from = start; from < end; from++) target[at++] = source[from] as number;
  return at;
}

/** The next power of two, so that batches that grow slowly do not allocate each time. */
function roundUp(bytes: number): number {
  return 2 ** (32 - Math.clz32(Math.max(1, bytes) - 1));
}

function badStream(stream: number): RangeError {
  return new RangeError(`stream ${stream} is not a handle of this batch`);
}

function badRange(start: number, end: number, source: Uint8Array): RangeError {
  return new RangeError(`the line ${start} to ${end} is outside of ${source.length} bytes`);
}
