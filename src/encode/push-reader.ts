/**
 * Walks an encoded `PushRequest`: streams, their labels, and entries as ranges of bytes. Whatever
 * the bytes are, nothing here throws, reads outside of them or takes long: `readPush` says
 * undefined. It must never say of an entry what is not in its bytes.
 */

/** One entry: `request[start..end)` is its whole field, tag and length included. */
export interface PushEntry {
  readonly start: number;
  readonly end: number;
  readonly seconds: number;
  readonly nanos: number;
  readonly lineStart: number;
  readonly lineEnd: number;
}

/** One stream: its labels' text, the range of the labels' field, and its entries in order. */
export interface PushStream {
  readonly labels: string;
  readonly labelsStart: number;
  readonly labelsEnd: number;
  readonly entries: readonly PushEntry[];
}

/** The bytes are no push request. */
class Malformed extends Error {}

/** Tags of the fields that matter: number 1 or 2 with a length before them, or as a varint. */
const tag = { first: 0x0a, second: 0x12, third: 0x1a, firstNumber: 0x08, secondNumber: 0x10 };

/** The streams of a request, those without entries too; undefined when it is none. */
export function readPush(request: Buffer): PushStream[] | undefined {
  try {
    const streams: PushStream[] = [];
    const fields = new Fields(request, 0, request.length);
    while (fields.next()) {
      if (fields.tag === tag.first) streams.push(readStream(fields));
    }
    return streams;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** One name and value beside a line. */
export interface MetadataPair {
  readonly name: string;
  readonly value: string;
}

/** How many entries a request has; 0 where it is none. */
export function countEntries(request: Buffer): number {
  return (readPush(request) ?? []).reduce((sum, { entries }) => sum + entries.length, 0);
}

/** The structured metadata of an entry that `readPush` found in these bytes, in order. */
export function readMetadata(request: Buffer, entry: PushEntry): MetadataPair[] {
  const outer = new Fields(request, entry.start, entry.end);
  outer.next();
  return readPairs(outer.inner());
}

/** The pairs that `encodeMetadata` made these bytes of. */
export function decodeMetadata(metadata: Uint8Array): MetadataPair[] {
  const { buffer, byteOffset, length } = metadata;
  return readPairs(new Fields(Buffer.from(buffer, byteOffset, length), 0, length));
}

function readPairs(fields: Fields): MetadataPair[] {
  const pairs: MetadataPair[] = [];
  try {
    while (fields.next()) {
      if (fields.tag !== tag.third) continue;
      const pair = { name: '', value: '' };
      const parts = fields.inner();
      while (parts.next()) {
        if (parts.tag === tag.first) pair.name = parts.text();
        else if (parts.tag === tag.second) pair.value = parts.text();
      }
      pairs.push(pair);
    }
  } catch (error) {
    // `readPush` does not look into pairs.
    if (!(error instanceof Malformed)) throw error;
  }
  return pairs;
}

function readStream(stream: Fields): PushStream {
  let labels = '';
  let labelsStart = stream.valueStart;
  let labelsEnd = stream.valueStart;
  const entries: PushEntry[] = [];
  const fields = stream.inner();
  while (fields.next()) {
    if (fields.tag === tag.first) {
      labels = fields.text();
      labelsStart = fields.start;
      labelsEnd = fields.end;
    } else if (fields.tag === tag.second) {
      entries.push(readEntry(fields));
    }
  }
  return { labels, labelsStart, labelsEnd, entries };
}

function readEntry(entry: Fields): PushEntry {
  const { start, end } = entry;
  const read = { start, end, seconds: 0, nanos: 0, lineStart: start, lineEnd: start };
  const fields = entry.inner();
  while (fields.next()) {
    if (fields.tag === tag.second) {
      read.lineStart = fields.valueStart;
      read.lineEnd = fields.end;
    } else if (fields.tag === tag.first) {
      const parts = fields.inner();
      while (parts.next()) {
        if (parts.tag === tag.firstNumber) read.seconds = parts.value;
        else if (parts.tag === tag.secondNumber) read.nanos = parts.value;
      }
    }
  }
  return read;
}

/** The fields of one message, one after the other. */
class Fields {
  tag = 0;
  /** Where the field begins, and where the bytes of its value do. */
  start = 0;
  valueStart = 0;
  end = 0;
  /** Of a varint: as int64, a safe integer. */
  value = 0;
  readonly #bytes: Buffer;
  readonly #last: number;

  constructor(bytes: Buffer, from: number, last: number) {
    this.#bytes = bytes;
    this.#last = last;
    this.end = from;
  }

  /** Goes to the next field; false behind the last one. Throws Malformed. */
  next(): boolean {
    this.start = this.end;
    if (this.start === this.#last) return false;
    this.#varint(this.start);
    this.tag = this.value;
    const wireType = this.tag & 7;
    // Field numbers above 31 and numbers of fixed length are in no message of Loki's.
    const isKnown = this.tag >= 8 && this.tag < 256 && (wireType === 2 || wireType === 0);
    if (!isKnown) throw new Malformed();
    this.#varint(this.end);
    this.valueStart = this.end;
    if (wireType === 2) {
      // Of what is left, so that no length can make the sum wrong.
      if (!(this.value >= 0 && this.value <= this.#last - this.end)) throw new Malformed();
      this.end += this.value;
    }
    return true;
  }

  /** The message that the field's value is. */
  inner(): Fields {
    return new Fields(this.#bytes, this.valueStart, this.end);
  }

  text(): string {
    return this.#bytes.toString('utf8', this.valueStart, this.end);
  }

  /** Reads a number into `value`, and sets `end` behind it. */
  #varint(from: number): void {
    let value = 0;
    let scale = 1;
    for (let at = from; at < this.#last; at += 1) {
      const byte = this.#bytes[at] ?? 0;
      // Ten bytes are a negative number in two's complement: the last one is its sign.
      if (at === from + 9) {
        if (byte !== 1) throw new Malformed();
        this.value = negative(this.#bytes, from);
        this.end = at + 1;
        return;
      }
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new Malformed();
        this.value = value;
        this.end = at + 1;
        return;
      }
      scale *= 128;
    }
    throw new Malformed();
  }
}

/** A negative int64 whose first nine bytes are at `from`. */
function negative(bytes: Buffer, from: number): number {
  let low = 0;
  let high = 0;
  for (let index = 0; index < 4; index += 1)
    low += ((bytes[from + index] ?? 0) & 0x7f) * 128 ** index;
  for (let index = 4; index < 9; index += 1) {
    high += ((bytes[from + index] ?? 0) & 0x7f) * 128 ** (index - 4);
  }
  const value = (high - 2 ** 35) * 2 ** 28 + low;
  if (!Number.isSafeInteger(value)) throw new Malformed();
  return value;
}
