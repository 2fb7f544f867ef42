/**
 * Decodes the body of one frame, a `LogEntry` protobuf message, into a view that is reused:
 * no allocation per line. Pure; any bytes are answered with true or false, never with a throw.
 *
 * `LogEntry { string source = 1; int64 time_nano = 2; bytes line = 3; bool partial = 4;
 * PartialLogEntryMetadata { bool last = 1; string id = 2; int32 ordinal = 3 } = 5 }`
 * (moby api/types/plugins/logdriver/entry.proto).
 */

import { frameFieldsMax } from '../base/limits.ts';

/** One decoded frame: offsets point into the buffer that was decoded. */
export interface FrameView {
  /** Whether the source is `stderr`; everything else counts as `stdout`. */
  isStderr: boolean;
  /** Unix time, whole seconds and the nanoseconds within. */
  seconds: number;
  nanos: number;
  /** The line is `bytes[lineStart..lineEnd)`, without newline; both 0 for an empty line. */
  lineStart: number;
  lineEnd: number;
  /** A piece of a line; `last` tells the final one. */
  partial: boolean;
  last: boolean;
  /** The piece's line id is `bytes[idStart..idEnd)`; empty on engines before 19.03. */
  idStart: number;
  idEnd: number;
}

/** A view to decode into, again and again. */
export function createFrameView(): FrameView {
  return {
    isStderr: false,
    seconds: 0,
    nanos: 0,
    lineStart: 0,
    lineEnd: 0,
    partial: false,
    last: false,
    idStart: 0,
    idEnd: 0,
  };
}

/** Where a varint ended; the decoder's only state, so that no call allocates. */
let cursor = 0;

/** Reads a varint up to 2^53; larger ones (negative numbers) come out as NaN. */
function readVarint(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  let scale = 1;
  for (let index = at; index < end && index < at + 10; index += 1) {
    const byte = bytes[index] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      cursor = index + 1;
      return value <= Number.MAX_SAFE_INTEGER ? value : Number.NaN;
    }
    scale *= 128;
  }
  cursor = end + 1;
  return Number.NaN;
}

const digit = 1 << 21;

/**
 * Reads `time_nano` exactly without BigInt: a long division by 10^9 over digits of 21 bits.
 * A negative time (before 1970) is not decoded. Returns false when it is not a varint.
 */
function readTime(bytes: Uint8Array, at: number, end: number, view: FrameView): boolean {
  let low = 0;
  let middle = 0;
  let high = 0;
  let index = at;
  for (; index < end; index += 1) {
    const byte = bytes[index] ?? 0;
    const group = index - at;
    if (group < 3) low |= (byte & 0x7f) << (7 * group);
    else if (group < 6) middle |= (byte & 0x7f) << (7 * (group - 3));
    else if (group < 9) high |= (byte & 0x7f) << (7 * (group - 6));
    else return false;
    if (byte < 0x80) break;
  }
  if (index >= end) return false;
  cursor = index + 1;
  const upper = high * digit + middle;
  const upperSeconds = Math.floor(upper / 1e9);
  const lower = (upper - upperSeconds * 1e9) * digit + low;
  const lowerSeconds = Math.floor(lower / 1e9);
  view.seconds = upperSeconds * digit + lowerSeconds;
  view.nanos = lower - lowerSeconds * 1e9;
  return true;
}

function resetView(view: FrameView): void {
  view.isStderr = false;
  view.seconds = 0;
  view.nanos = 0;
  view.lineStart = 0;
  view.lineEnd = 0;
  view.partial = false;
  view.last = false;
  view.idStart = 0;
  view.idEnd = 0;
}

/**
 * Decodes `bytes[start..end)` into `view`. Returns false when that is not one whole message
 * that ends exactly at `end`; the view is then undefined.
 */
export function decodeFrame(
  bytes: Uint8Array,
  start: number,
  end: number,
  view: FrameView,
): boolean {
  resetView(view);
  let at = start;
  for (let fields = 0; at < end; fields += 1) {
    if (fields >= frameFieldsMax) return false;
    const tag = bytes[at] ?? 0;
    at += 1;
    if (tag === 0x10) {
      if (!readTime(bytes, at, end, view)) return false;
      at = cursor;
    } else if (tag === 0x20) {
      const value = readVarint(bytes, at, end);
      at = cursor;
      view.partial = value !== 0;
    } else if ((tag & 7) === 2 && tag !== 2 && tag < 0x80) {
      const length = readVarint(bytes, at, end);
      at = cursor;
      if (!(length <= end - at)) return false;
      if (!takeBytes(bytes, tag, at, at + length, view)) return false;
      at += length;
    } else {
      at = skipUnknown(bytes, tag, at, end);
    }
    if (at > end) return false;
  }
  return true;
}

/** A length-delimited field: source, line, metadata, or one that this version ignores. */
function takeBytes(
  bytes: Uint8Array,
  tag: number,
  start: number,
  end: number,
  view: FrameView,
): boolean {
  if (tag === 0x0a) {
    // "stdout" and "stderr" first differ in their fourth letter.
    view.isStderr = end - start === 6 && bytes[start + 3] === 0x65;
  } else if (tag === 0x1a) {
    view.lineStart = start;
    view.lineEnd = end;
  } else if (tag === 0x2a) {
    return decodePartialMetadata(bytes, start, end, view);
  }
  return true;
}

function decodePartialMetadata(
  bytes: Uint8Array,
  start: number,
  end: number,
  view: FrameView,
): boolean {
  let at = start;
  for (let fields = 0; at < end; fields += 1) {
    if (fields >= frameFieldsMax) return false;
    const tag = bytes[at] ?? 0;
    at += 1;
    if (tag === 0x08) {
      view.last = readVarint(bytes, at, end) !== 0;
      at = cursor;
    } else if (tag === 0x12) {
      const length = readVarint(bytes, at, end);
      at = cursor;
      if (!(length <= end - at)) return false;
      view.idStart = at;
      view.idEnd = at + length;
      at += length;
    } else {
      at = skipUnknown(bytes, tag, at, end);
    }
    if (at > end) return false;
  }
  return true;
}

/** Skips a field that is not known here. Returns a value beyond `end` when it does not fit. */
function skipUnknown(bytes: Uint8Array, tag: number, at: number, end: number): number {
  if (tag < 8) return end + 1;
  let valueAt = at;
  if (tag >= 0x80) {
    readVarint(bytes, at, end);
    valueAt = cursor;
  }
  switch (tag & 7) {
    case 0:
      readVarint(bytes, valueAt, end);
      return cursor;
    case 1:
      return valueAt + 8;
    case 2: {
      const length = readVarint(bytes, valueAt, end);
      return length <= end ? cursor + length : end + 1;
    }
    case 5:
      return valueAt + 4;
    default:
      return end + 1;
  }
}
