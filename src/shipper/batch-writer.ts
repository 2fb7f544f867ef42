/**
 * Writes finished lines into the batch that is being filled, each at a time that no other line of
 * its source has, and lines that are too long as the rule for those says. A line that is not too
 * long costs no allocation here.
 */
import type { PushBatch } from '../encode/push-batch.ts';
import type { FillTarget } from './fill-target.ts';
import { type LineRule, splitLine, truncateLine } from './long-lines.ts';
import { TimeChain } from './time-chain.ts';

/** Where and when a line goes. */
export interface LinePlace {
  readonly seconds: number;
  readonly nanos: number;
  /** The number of its first frame. */
  readonly ordinal: number;
  /** The selector of its stream. */
  readonly labels: string;
  /** Encoded structured metadata. */
  readonly metadata: Uint8Array;
  /** Undefined: the endpoint's own. */
  readonly tenantId: string | undefined;
}

/** What lines are written under that nothing is done with. */
export interface PlainLabels {
  /** Selectors of the two streams. */
  readonly stdout: string;
  readonly stderr: string;
  /** Encoded structured metadata. */
  readonly metadata: Uint8Array;
}

const noLabels: PlainLabels = { stdout: '{}', stderr: '{}', metadata: new Uint8Array(0) };

/** Room for tags, lengths and a timestamp around one line. */
const entryOverheadBytes = 32;

/** See the module comment. */
export class BatchWriter {
  /** Times given out. Standard output and error share it: they may have the same labels. */
  readonly times = new TimeChain();
  readonly #lines: LineRule;
  #target: FillTarget | undefined;
  /** The streams of the plain lines in this batch; below zero while they are not in it. */
  #stdout = -1;
  #stderr = -1;
  /** Labels and metadata of plain lines. */
  #plainLabels: PlainLabels = noLabels;
  /** So many bytes fit at least: asking the batch for each line takes longer. */
  #freeBytes = 0;

  constructor(lines: LineRule) {
    this.#lines = lines;
  }

  /** A turn begins, which fills this; undefined: it ends. */
  set target(target: FillTarget | undefined) {
    this.#target = target;
    this.#stdout = -1;
    this.#stderr = -1;
    this.#freeBytes = 0;
  }

  /** What plain lines are written under from now on. */
  set plainLabels(labels: PlainLabels) {
    this.#plainLabels = labels;
    this.#stdout = -1;
    this.#stderr = -1;
  }

  /** Whether a line fits, with so many bytes beside it. Into an empty batch any line does. */
  hasRoom(lineBytes: number, besideBytes: number): boolean {
    if (lineBytes + besideBytes + entryOverheadBytes <= this.#freeBytes) return true;
    const target = this.#target;
    if (target === undefined) return true;
    const { refusedBytes, limitBytes } = target;
    this.#freeBytes = limitBytes - target.sizeBytes - refusedBytes;
    if (target.filledEntries === 0 && refusedBytes === 0) return true;
    const { longLines, maxLineBytes } = this.#lines;
    const bytes = longLines === 'truncate' ? Math.min(lineBytes, maxLineBytes) : lineBytes;
    return bytes + besideBytes + entryOverheadBytes <= this.#freeBytes;
  }

  /** Writes `bytes[start..end)` as it was printed. */
  plain(
    isStderr: boolean,
    seconds: number,
    nanos: number,
    ordinal: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { metadata } = this.#plainLabels;
    if (end - start > this.#lines.maxLineBytes) {
      const labels = isStderr ? this.#plainLabels.stderr : this.#plainLabels.stdout;
      const place = { seconds, nanos, ordinal, labels, metadata, tenantId: undefined };
      this.#long(place, bytes.subarray(start, end));
      return;
    }
    const { push } = this.#filling();
    let handle = isStderr ? this.#stderr : this.#stdout;
    if (handle < 0) handle = this.#plainStream(push, isStderr);
    const chain = this.times;
    chain.next(seconds, nanos, ordinal);
    push.append(handle, chain.seconds, chain.nanos, bytes, start, end, metadata);
    this.#freeBytes -= end - start + metadata.length + entryOverheadBytes;
  }

  #plainStream(push: PushBatch, isStderr: boolean): number {
    const { stdout, stderr } = this.#plainLabels;
    const handle = push.stream(isStderr ? stderr : stdout);
    if (isStderr) this.#stderr = handle;
    else this.#stdout = handle;
    // The labels of a stream take room, too.
    this.#freeBytes = 0;
    return handle;
  }

  /**
   * Writes a line of the driver's own as standard error at this very time: one about a loss may
   * come again after a restart, and has to be the same then.
   */
  own(seconds: number, nanos: number, line: Buffer, tenantId: string | undefined): void {
    const push = this.#pushOf(tenantId);
    const { stderr, metadata } = this.#plainLabels;
    push.append(push.stream(stderr), seconds, nanos, line, 0, line.length, metadata);
    this.#freeBytes = 0;
  }

  /** Writes `bytes[start..end)` under labels of its own. */
  write(place: LinePlace, bytes: Uint8Array, start: number, end: number): void {
    if (end - start > this.#lines.maxLineBytes) this.#long(place, bytes.subarray(start, end));
    else this.#append(place, bytes, start, end);
  }

  #append(place: LinePlace, bytes: Uint8Array, start: number, end: number): void {
    const { seconds, nanos, ordinal, labels, metadata, tenantId } = place;
    const push = this.#pushOf(tenantId);
    const chain = this.times;
    chain.next(seconds, nanos, ordinal);
    push.append(push.stream(labels), chain.seconds, chain.nanos, bytes, start, end, metadata);
    // It may have begun a stream, or a request for another tenant.
    this.#freeBytes = 0;
  }

  #long(place: LinePlace, line: Uint8Array): void {
    const { longLines, maxLineBytes } = this.#lines;
    if (longLines === 'reject') {
      this.#refuse(place, line);
      return;
    }
    const cut = longLines === 'split' ? splitLine : truncateLine;
    cut(line, 0, line.length, maxLineBytes, (bytes, start, end) =>
      this.#append(place, bytes, start, end),
    );
  }

  #refuse({ labels, metadata, tenantId, ...at }: LinePlace, line: Uint8Array): void {
    const target = this.#filling();
    const chain = this.times;
    chain.next(at.seconds, at.nanos, at.ordinal);
    const { seconds, nanos } = chain;
    const kept = { labels, metadata, tenantId, line: Buffer.from(line) };
    target.refused.push({ ...kept, seconds, nanos });
    target.refusedBytes += line.length;
    this.#freeBytes = 0;
  }

  #pushOf(tenantId: string | undefined): PushBatch {
    const target = this.#filling();
    return tenantId === undefined ? target.push : target.pushOf(tenantId);
  }

  #filling(): FillTarget {
    if (this.#target === undefined) throw new Error('a line came up outside of a turn');
    return this.#target;
  }
}
