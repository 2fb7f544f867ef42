/**
 * One log line on its way through the stages of a pipeline. An entry is used again for the next
 * line: whoever keeps one over a line keeps a copy. The line stays the bytes that were printed
 * until a stage changes it.
 */
import { Extracted } from './extracted.ts';
import { LabelSet } from './label-set.ts';

/** Where a line begins in the stream: from here all can be read and done again. */
export interface LineStart {
  /** Position of its first frame. */
  readonly lsn: number;
  /** How many frames of the stream end before that. */
  readonly ordinal: number;
}

const noBytes = new Uint8Array(0);
const noLabels = LabelSet.of([]);

/** See the module comment. */
export class Entry {
  isStderr = false;
  /** Where the line begins. The same for each time that it is read. */
  lsn = 0;
  ordinal = 0;
  /** When dockerd read it: Unix seconds, and the nanoseconds within. Stages never change these. */
  capturedSeconds = 0;
  capturedNanos = 0;
  /** The time it is shipped with, which a stage may change; nanos are 0 to 999,999,999. */
  seconds = 0;
  nanos = 0;
  labels: LabelSet = noLabels;
  readonly extracted: Extracted;
  /** Structured metadata from stages, by name; undefined while there is none. */
  metadata: Map<string, string> | undefined;
  /** The tenant that a stage chose; undefined: the endpoint's own. */
  tenantId: string | undefined;
  #bytes: Uint8Array = noBytes;
  #start = 0;
  #end = 0;
  #text: string | undefined;
  #isChanged = false;

  constructor(extracted = new Extracted(noLabels)) {
    this.extracted = extracted;
  }

  /** Says where the next line comes from: its source, when it was read, where it begins. */
  place(isStderr: boolean, seconds: number, nanos: number, lsn: number, ordinal: number): void {
    this.isStderr = isStderr;
    this.capturedSeconds = seconds;
    this.capturedNanos = nanos;
    this.seconds = seconds;
    this.nanos = nanos;
    this.lsn = lsn;
    this.ordinal = ordinal;
  }

  /** Begins anew with the line `bytes[start..end)`, which stays where it is, and these labels. */
  reset(labels: LabelSet, bytes: Uint8Array, start: number, end: number): void {
    this.labels = labels;
    this.extracted.reset(labels);
    this.metadata = undefined;
    this.tenantId = undefined;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#text = undefined;
    this.#isChanged = false;
  }

  /** When dockerd read it, in Unix milliseconds. */
  get capturedMs(): number {
    return this.capturedSeconds * 1000 + this.capturedNanos / 1_000_000;
  }

  /** The line as text; what is not UTF-8 is U+FFFD here, and stays as it is in the line. */
  get text(): string {
    this.#text ??= decode(this.#bytes, this.#start, this.#end);
    return this.#text;
  }

  /** Replaces the line. */
  set text(text: string) {
    if (!this.#isChanged && text === this.text) return;
    this.#text = text;
    this.#isChanged = true;
  }

  /** Replaces the line by bytes, which nobody changes any more. */
  setBytes(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = bytes.length;
    this.#text = undefined;
    this.#isChanged = false;
  }

  /** Bytes of the line, or about as many. */
  get lineBytes(): number {
    return this.#isChanged ? Buffer.byteLength(this.text) : this.#end - this.#start;
  }

  /** Hands the line's bytes to `take`: they are valid during the call only. */
  takeLine(take: (bytes: Uint8Array, start: number, end: number) => void): void {
    if (!this.#isChanged) {
      take(this.#bytes, this.#start, this.#end);
      return;
    }
    const bytes = Buffer.from(this.text, 'utf8');
    take(bytes, 0, bytes.length);
  }

  /** An independent copy, with its own bytes. */
  copy(): Entry {
    const copy = new Entry(this.extracted.copy());
    copy.isStderr = this.isStderr;
    copy.lsn = this.lsn;
    copy.ordinal = this.ordinal;
    copy.capturedSeconds = this.capturedSeconds;
    copy.capturedNanos = this.capturedNanos;
    copy.seconds = this.seconds;
    copy.nanos = this.nanos;
    copy.labels = this.labels;
    copy.metadata = this.metadata && new Map(this.metadata);
    copy.tenantId = this.tenantId;
    copy.#text = this.#text;
    copy.#isChanged = this.#isChanged;
    if (!this.#isChanged) copy.#bytes = Buffer.from(this.#bytes.slice(this.#start, this.#end));
    copy.#end = copy.#bytes.length;
    return copy;
  }
}

function decode(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
