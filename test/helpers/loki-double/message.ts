/**
 * A decoded push request as columns: one row per entry, lines as ranges of `bytes`.
 * Every decoder fills one of these, so validation and store know nothing of HTTP,
 * protobuf or JSON. One instance is used again for every request, because an
 * object per line would cost more than all the checks together.
 */

/** One stream of a request: its labels as sent and its rows `first` to `end`. */
export interface StreamSpan {
  readonly labels: string;
  readonly first: number;
  readonly end: number;
}

/** Seconds of Go's zero time, which an entry without a timestamp has. */
export const zeroTimeSeconds = -62_135_596_800;

/** The rows of one push request. */
export class PushMessage {
  /** What the ranges point into. It belongs to the message and may be kept by the store. */
  bytes: Buffer = Buffer.alloc(0);
  readonly streams: StreamSpan[] = [];
  count = 0;
  seconds = new Float64Array(1024);
  nanos = new Uint32Array(1024);
  lineStart = new Uint32Array(1024);
  lineEnd = new Uint32Array(1024);
  /** The range that holds all structured metadata fields in protobuf form; may hold others too. */
  metaStart = new Uint32Array(1024);
  metaEnd = new Uint32Array(1024);
  metaPairs = new Uint32Array(1024);
  /** Sum of the names and values of the structured metadata in bytes. */
  metaBytes = new Uint32Array(1024);
  /** 1 for a row that validation took out. */
  refused = new Uint8Array(1024);

  /** Forgets all rows and streams and points at new bytes. */
  begin(bytes: Buffer): void {
    this.bytes = bytes;
    this.streams.length = 0;
    this.count = 0;
  }

  /** The number of a new row with the given values; metadata starts empty. */
  add(seconds: number, nanos: number, lineStart: number, lineEnd: number): number {
    const row = this.count++;
    if (row === this.seconds.length) this.#grow();
    this.seconds[row] = seconds;
    this.nanos[row] = nanos;
    this.lineStart[row] = lineStart;
    this.lineEnd[row] = lineEnd;
    this.metaStart[row] = 0;
    this.metaEnd[row] = 0;
    this.metaPairs[row] = 0;
    this.metaBytes[row] = 0;
    this.refused[row] = 0;
    return row;
  }

  /** Sets the structured metadata of a row. */
  setMetadata(row: number, start: number, end: number, pairs: number, bytes: number): void {
    this.metaStart[row] = start;
    this.metaEnd[row] = end;
    this.metaPairs[row] = pairs;
    this.metaBytes[row] = bytes;
  }

  #grow(): void {
    const rows = this.seconds.length * 2;
    this.seconds = copied(new Float64Array(rows), this.seconds);
    this.nanos = copied(new Uint32Array(rows), this.nanos);
    this.lineStart = copied(new Uint32Array(rows), this.lineStart);
    this.lineEnd = copied(new Uint32Array(rows), this.lineEnd);
    this.metaStart = copied(new Uint32Array(rows), this.metaStart);
    this.metaEnd = copied(new Uint32Array(rows), this.metaEnd);
    this.metaPairs = copied(new Uint32Array(rows), this.metaPairs);
    this.metaBytes = copied(new Uint32Array(rows), this.metaBytes);
    this.refused = copied(new Uint8Array(rows), this.refused);
  }
}

/** `target` with the values of `source` at its beginning; how columns grow. */
export function copied<T extends Float64Array | Uint32Array | Uint8Array>(target: T, source: T): T {
  target.set(source);
  return target;
}
