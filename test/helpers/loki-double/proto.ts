/**
 * logproto.PushRequest, decoded by hand straight into the columns of a message.
 * protobufjs makes several objects per line and is an order of magnitude slower;
 * the tests check this decoder against it. Whatever the bytes are, it returns or
 * throws ProtoError, and it never points outside of them.
 */
import { type PushMessage, zeroTimeSeconds } from './message.ts';

/** The bytes are not a PushRequest. The message is the body of Loki's 400. */
export class ProtoError extends Error {
  constructor(what: string) {
    super(`proto: ${what}`);
    this.name = 'ProtoError';
  }
}

// Bounds of google.protobuf.Timestamp: the years 1 to 9999.
const secondsEnd = 253_402_300_800;

/** Decodes a PushRequest; `bytes` then belongs to `message`. */
export function decodePushRequest(bytes: Buffer, message: PushMessage): void {
  message.begin(bytes);
  new Decoder(bytes, message).request();
}

/** The pairs of a metadata range of a message that was decoded before. */
export function decodeMetadata(bytes: Buffer, start: number, end: number): [string, string][] {
  return new MetadataReader(bytes, start).pairs(end);
}

class WireReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** An unsigned varint; exact up to 2^53, which is far above any valid length or tag. */
  varint(): number {
    const bytes = this.bytes;
    let byte = bytes[this.at++];
    if (byte === undefined) throw new ProtoError('unexpected EOF');
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 128;
    for (let length = 1; length < 10; length++) {
      byte = bytes[this.at++];
      if (byte === undefined) throw new ProtoError('unexpected EOF');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new ProtoError('integer overflow');
  }

  /** A varint as int64. The parts are added so that small negative values stay exact. */
  int64(): number {
    const start = this.at;
    const value = this.varint();
    if (this.at - start < 8) return value;
    let low = 0;
    let middle = 0;
    let high = 0;
    for (let index = 0; index < this.at - start; index++) {
      const group = (this.bytes[start + index] as number) & 0x7f;
      if (index < 4) low += group * 128 ** index;
      else if (index < 8) middle += group * 128 ** (index - 4);
      else high += group * 128 ** (index - 8);
    }
    high &= 0xff;
    return (high < 128 ? high : high - 256) * 2 ** 56 + middle * 2 ** 28 + low;
  }

  /** The end of a length-delimited field that starts here and must end before `end`. */
  fieldEnd(end: number): number {
    const length = this.varint();
    const fieldEnd = this.at + length;
    if (fieldEnd > end) throw new ProtoError('unexpected EOF');
    return fieldEnd;
  }

  /** Passes over the value of an unknown field. */
  skip(tag: number, end: number): void {
    if (tag < 8) throw new ProtoError(`illegal tag 0 (wire type ${tag})`);
    switch (tag % 8) {
      case 0:
        this.varint();
        break;
      case 1:
        this.at += 8;
        break;
      case 2:
        this.at = this.fieldEnd(end);
        break;
      case 5:
        this.at += 4;
        break;
      default:
        throw new ProtoError(`illegal wireType ${tag % 8}`);
    }
    if (this.at > end) throw new ProtoError('unexpected EOF');
  }

  /** Like `skip`, for fields of which the schema knows the first `known` as length-delimited. */
  skipUnknown(tag: number, end: number, known: number): void {
    const field = Math.floor(tag / 8);
    if (field >= 1 && field <= known) {
      throw new ProtoError(`wrong wireType = ${tag % 8} for field ${field}`);
    }
    this.skip(tag, end);
  }

  /** Checks that a message ended exactly where its length said. */
  finish(end: number): void {
    if (this.at !== end) throw new ProtoError('unexpected EOF');
  }
}

class Decoder extends WireReader {
  readonly #message: PushMessage;
  #seconds = 0;
  #nanos = 0;
  #pairBytes = 0;

  constructor(bytes: Buffer, message: PushMessage) {
    super(bytes, 0);
    this.#message = message;
  }

  request(): void {
    const end = this.bytes.length;
    while (this.at < end) {
      const tag = this.varint();
      if (tag === 0x0a) this.#stream(this.fieldEnd(end));
      else this.skipUnknown(tag, end, 1);
    }
    this.finish(end);
  }

  #stream(end: number): void {
    const message = this.#message;
    const first = message.count;
    let labels = '';
    while (this.at < end) {
      const tag = this.varint();
      if (tag === 0x12) {
        this.#entry(this.fieldEnd(end));
      } else if (tag === 0x0a) {
        const labelsEnd = this.fieldEnd(end);
        labels = this.bytes.toString('utf8', this.at, labelsEnd);
        this.at = labelsEnd;
      } else {
        this.skipUnknown(tag, end, 2);
      }
    }
    this.finish(end);
    message.streams.push({ labels, first, end: message.count });
  }

  #entry(end: number): void {
    let lineStart = 0;
    let lineEnd = 0;
    let metaStart = 0;
    let metaEnd = 0;
    let pairs = 0;
    this.#seconds = zeroTimeSeconds;
    this.#nanos = 0;
    this.#pairBytes = 0;
    while (this.at < end) {
      const fieldStart = this.at;
      const tag = this.varint();
      if (tag === 0x0a) {
        this.#timestamp(this.fieldEnd(end));
      } else if (tag === 0x12) {
        lineEnd = this.fieldEnd(end);
        lineStart = this.at;
        this.at = lineEnd;
      } else if (tag === 0x1a) {
        metaEnd = this.fieldEnd(end);
        if (pairs++ === 0) metaStart = fieldStart;
        this.#pair(metaEnd);
      } else {
        this.skipUnknown(tag, end, 3);
      }
    }
    this.finish(end);
    const row = this.#message.add(this.#seconds, this.#nanos, lineStart, lineEnd);
    if (pairs > 0) this.#message.setMetadata(row, metaStart, metaEnd, pairs, this.#pairBytes);
  }

  #timestamp(end: number): void {
    let seconds = 0;
    let nanos = 0;
    while (this.at < end) {
      const tag = this.varint();
      if (tag === 0x08) seconds = this.int64();
      else if (tag === 0x10) nanos = this.int64();
      else this.skip(tag, end);
    }
    this.finish(end);
    if (seconds < zeroTimeSeconds || seconds >= secondsEnd) {
      throw new ProtoError(`timestamp: ${seconds} s is not within the years 1 to 9999`);
    }
    if (nanos < 0 || nanos > 999_999_999) {
      throw new ProtoError(`timestamp: ${nanos} nanos not in range [0, 1e9)`);
    }
    this.#seconds = seconds;
    this.#nanos = nanos;
  }

  #pair(end: number): void {
    while (this.at < end) {
      const tag = this.varint();
      if (tag !== 0x0a && tag !== 0x12) {
        this.skipUnknown(tag, end, 2);
        continue;
      }
      const valueEnd = this.fieldEnd(end);
      this.#pairBytes += valueEnd - this.at;
      this.at = valueEnd;
    }
    this.finish(end);
  }
}

class MetadataReader extends WireReader {
  /** The pairs between here and `end`; other fields of the entry may lie among them. */
  pairs(end: number): [string, string][] {
    const pairs: [string, string][] = [];
    while (this.at < end) {
      const tag = this.varint();
      if (tag === 0x1a) pairs.push(this.#pair(this.fieldEnd(end)));
      else this.skip(tag, end);
    }
    return pairs;
  }

  #pair(end: number): [string, string] {
    const pair: [string, string] = ['', ''];
    while (this.at < end) {
      const tag = this.varint();
      if (tag !== 0x0a && tag !== 0x12) {
        this.skip(tag, end);
        continue;
      }
      const valueEnd = this.fieldEnd(end);
      pair[tag === 0x0a ? 0 : 1] = this.bytes.toString('utf8', this.at, valueEnd);
      this.at = valueEnd;
    }
    return pair;
  }
}
