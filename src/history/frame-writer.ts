/**
 * Writes lines as dockerd wants them back from `ReadLogs`: frames of its own format, each line
 * with its newline, because dockerd prints what it gets and adds nothing. This is the hot path of
 * `docker logs`: one copy a line, no allocation. It must never alter a byte of a line.
 */
import { frameOutBytesMax } from '../base/limits.ts';
import type { FrameView } from '../frame/frame-decoder.ts';

const stdout = Buffer.from('stdout', 'latin1');
const stderr = Buffer.from('stderr', 'latin1');
/** A source that dockerd knows nothing of: it drops such a line, but sees who has gone. */
const heartbeatSource = Buffer.from('holdfast', 'latin1');
/** Room for length, source, time and the head of a line. */
const headBytesMax = 64;
const newline = Buffer.from('\n', 'latin1');
const noBytes = Buffer.alloc(0);
// A body is any Uint8Array; Node's `copy` works on those as well.
// oxlint-disable-next-line typescript/unbound-method -- it is only ever used with `call`.
const { copy: copyBytes } = noBytes;

/** See the module comment. */
export class FrameWriter {
  #buffer: Buffer<ArrayBuffer>;
  #length = 0;

  /** Writes into this buffer, and into a larger one of its own when that is full. */
  constructor(buffer: Buffer<ArrayBuffer>) {
    this.#buffer = buffer;
  }

  /** How many bytes were written since the last `take`. */
  get length(): number {
    return this.#length;
  }

  /** What was written. The memory is the caller's from now on; what comes next goes into `next`. */
  take(next: Buffer<ArrayBuffer>): Buffer<ArrayBuffer> {
    const taken = this.#buffer.subarray(0, this.#length);
    this.#buffer = next;
    this.#length = 0;
    return taken;
  }

  /** A copy of what was written, in memory of its own. */
  takeCopy(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  /** A line that came in one frame: its body is `bytes[start..end)`, decoded into `view`. */
  whole(bytes: Uint8Array, start: number, end: number, view: Readonly<FrameView>): void {
    const { lineStart, lineEnd } = view;
    const lineBytes = lineEnd - lineStart;
    if (lineBytes === 0 && end - start <= frameOutBytesMax) return this.#blank(bytes, start, end);
    const varintBytes = varintLength(lineBytes);
    // The line is the body's last field, and one byte more leaves its length as long as it was.
    const isPlain =
      lineEnd === end &&
      end - start <= frameOutBytesMax &&
      varintLength(lineBytes + 1) === varintBytes &&
      bytes[lineStart - varintBytes - 1] === 0x1a;
    if (!isPlain) {
      const { isStderr, seconds, nanos } = view;
      this.line(isStderr, seconds, nanos, bytes, lineStart, lineEnd, true);
      return;
    }
    const bodyBytes = end - start;
    const at = this.#room(bodyBytes + 5);
    const buffer = this.#buffer;
    writeLength(buffer, at, bodyBytes + 1);
    copyBytes.call(bytes, buffer, at + 4, start, end);
    writeVarint(buffer, at + 4 + lineStart - varintBytes - start, lineBytes + 1);
    buffer[at + 4 + bodyBytes] = 0x0a;
    this.#length = at + 5 + bodyBytes;
  }

  /** A blank line has no line field: one with the newline is put behind what there is. */
  #blank(bytes: Uint8Array, start: number, end: number): void {
    const bodyBytes = end - start;
    const at = this.#room(bodyBytes + 7);
    const buffer = this.#buffer;
    writeLength(buffer, at, bodyBytes + 3);
    copyBytes.call(bytes, buffer, at + 4, start, end);
    const lineAt = at + 4 + bodyBytes;
    buffer[lineAt] = 0x1a;
    buffer[lineAt + 1] = 1;
    buffer[lineAt + 2] = 0x0a;
    this.#length = lineAt + 3;
  }

  /**
   * A line from its parts, in several frames if it is long: newer engines refuse frames of over
   * 1,000,000 bytes. `isEnded`: a newline comes behind it.
   */
  line(
    isStderr: boolean,
    seconds: number,
    nanos: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    isEnded: boolean,
  ): void {
    const source = isStderr ? stderr : stdout;
    let from = start;
    for (; end - from > frameOutBytesMax; from += frameOutBytesMax) {
      this.#frame(source, seconds, nanos, bytes, from, from + frameOutBytesMax, noBytes);
    }
    this.#frame(source, seconds, nanos, bytes, from, end, isEnded ? newline : noBytes);
  }

  /** A frame that prints nothing; dockerd notices with it that nobody listens any more. */
  heartbeat(nowMs: number): void {
    const nanos = (nowMs % 1000) * 1_000_000;
    this.#frame(heartbeatSource, Math.floor(nowMs / 1000), nanos, noBytes, 0, 0, noBytes);
  }

  #frame(
    source: Buffer,
    seconds: number,
    nanos: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    ending: Buffer,
  ): void {
    const lineBytes = end - start + ending.length;
    const frameAt = this.#room(headBytesMax + lineBytes);
    const buffer = this.#buffer;
    let at = frameAt + 4;
    buffer[at++] = 0x0a;
    buffer[at++] = source.length;
    at += source.copy(buffer, at);
    buffer[at++] = 0x10;
    at = writeTime(buffer, at, seconds, nanos);
    if (lineBytes > 0) {
      buffer[at++] = 0x1a;
      at = writeVarint(buffer, at, lineBytes);
      at += copyBytes.call(bytes, buffer, at, start, end);
      at += ending.copy(buffer, at);
    }
    writeLength(buffer, frameAt, at - frameAt - 4);
    this.#length = at;
  }

  /** Makes room behind what is there and returns where that is. */
  #room(bytes: number): number {
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    return this.#length;
  }
}

function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

function writeVarint(target: Buffer, position: number, value: number): number {
  let at = position;
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
  target[at++] = rest;
  return at;
}

/** Big-endian, as the frame's head has it. */
function writeLength(target: Buffer, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

/** Nanoseconds need 61 bits: rare enough here to be left to BigInt. */
function writeTime(target: Buffer, position: number, seconds: number, nanos: number): number {
  let at = position;
  let rest = BigInt(seconds) * 1_000_000_000n + BigInt(Math.trunc(nanos));
  for (; rest >= 0x80n; rest >>= 7n) target[at++] = Number(rest & 0x7fn) | 0x80;
  target[at++] = Number(rest);
  return at;
}
