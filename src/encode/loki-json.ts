/**
 * A push request in Loki's JSON form, made from its protobuf form. Timestamps keep their
 * nanoseconds. JSON can carry text only, so bytes of a line that are not UTF-8 become U+FFFD;
 * nothing else of a line may change.
 *
 *   {"streams":[{"stream":{"a":"1"},"values":[["<ns>","line"],["<ns>","line",{"meta":"data"}]]}]}
 */
import { labelsToJson } from './label-object.ts';

/**
 * The JSON text, as UTF-8. Throws RangeError on bytes that are not a push request; what this
 * program encodes always is one.
 */
export function encodeLokiJson(request: Buffer): Buffer {
  const streams: string[] = [];
  const reader = new FieldReader(request, 0, request.length);
  while (reader.next()) {
    if (reader.field === 1) streams.push(streamText(reader.message()));
  }
  return Buffer.from(`{"streams":[${streams.join(',')}]}`);
}

/** The fields of one message, one after the other. It never reads behind the message's end. */
class FieldReader {
  readonly bytes: Buffer;
  /** The number of the field that `next` has found. */
  field = 0;
  /** Where its content is: bytes of a length-delimited field. */
  start = 0;
  end = 0;
  /** The value of a varint field. */
  value = 0;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Goes to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#at === this.#end) return false;
    const tag = this.#varint();
    this.field = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === 0) {
      this.value = this.#varint();
    } else if (wireType === 2) {
      const length = this.#varint();
      this.start = this.#at;
      this.end = this.#at + length;
      this.#at = this.end;
    } else {
      throw new RangeError(`a push request has no field of wire type ${wireType}`);
    }
    if (this.#at > this.#end) throw new RangeError('the push request is cut off');
    return true;
  }

  /** A reader of the field's content. */
  message(): FieldReader {
    return new FieldReader(this.bytes, this.start, this.end);
  }

  /** The field's content as text. */
  text(): string {
    return this.bytes.toString('utf8', this.start, this.end);
  }

  /** A varint as a number; int64 in two's complement, exact for safe integers. */
  #varint(): number {
    let low = 0;
    let high = 0;
    for (let length = 0; length < 10; length += 1) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) break;
      const group = byte & 0x7f;
      if (length < 4) low += group * 128 ** length;
      else if (length < 9) high += group * 128 ** (length - 4);
      // Only negative numbers have ten groups: the last is the sign.
      else return low + (high - 2 ** 35) * 2 ** 28;
      if (byte < 0x80) return low + high * 2 ** 28;
    }
    throw new RangeError('the push request is cut off');
  }
}

function streamText(stream: FieldReader): string {
  let labels = '{}';
  const values: string[] = [];
  while (stream.next()) {
    if (stream.field === 1) labels = labelsToJson(stream.text());
    else if (stream.field === 2) values.push(entryText(stream.message()));
  }
  return `{"stream":${labels},"values":[${values.join(',')}]}`;
}

function entryText(entry: FieldReader): string {
  let timestamp = '0';
  let line = '""';
  const metadata: string[] = [];
  while (entry.next()) {
    if (entry.field === 1) timestamp = timestampText(entry.message());
    else if (entry.field === 2) line = JSON.stringify(entry.text());
    else if (entry.field === 3) metadata.push(pairText(entry.message()));
  }
  const last = metadata.length === 0 ? '' : `,{${metadata.join(',')}}`;
  return `["${timestamp}",${line}${last}]`;
}

/** Nanoseconds since 1970. */
function timestampText(timestamp: FieldReader): string {
  let seconds = 0;
  let nanos = 0;
  while (timestamp.next()) {
    if (timestamp.field === 1) seconds = timestamp.value;
    else if (timestamp.field === 2) nanos = timestamp.value;
  }
  if (seconds > 0) return `${seconds}${String(nanos).padStart(9, '0')}`;
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
}

function pairText(pair: FieldReader): string {
  let name = '';
  let value = '';
  while (pair.next()) {
    if (pair.field === 1) name = pair.text();
    else if (pair.field === 2) value = pair.text();
  }
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}
