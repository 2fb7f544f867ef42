/**
 * Puts one source's lines into the batch that is being filled, and says whether there is room.
 * This is the hot path: a line that is not too long costs no allocation here.
 */
import type { FillTarget } from './fill-target.ts';
import { type LineRule, splitLine, truncateLine } from './long-lines.ts';

/** Selectors of the two streams of lines. */
export interface StreamLabels {
  readonly stdout: string;
  readonly stderr: string;
}

/** Room for tags, lengths and a timestamp around one line. */
const entryOverheadBytes = 32;

/** See the module comment. */
export class EntryWriter {
  labels: StreamLabels;
  readonly #lines: LineRule;
  #target: FillTarget | undefined;
  #handles: [number, number] = [-1, -1];

  constructor(labels: StreamLabels, lines: LineRule) {
    this.labels = labels;
    this.#lines = lines;
  }

  /** A turn begins, which fills this. */
  begin(target: FillTarget): void {
    this.#target = target;
    this.#handles = [-1, -1];
  }

  end(): void {
    this.#target = undefined;
  }

  /** Whether a line fits. Into an empty batch any line does. */
  hasRoom(lineBytes: number): boolean {
    const target = this.#target;
    if (target === undefined) return true;
    const { push, refusedBytes, limitBytes } = target;
    if (push.entries === 0 && refusedBytes === 0) return true;
    const { longLines, maxLineBytes } = this.#lines;
    const bytes = longLines === 'truncate' ? Math.min(lineBytes, maxLineBytes) : lineBytes;
    return push.sizeBytes + refusedBytes + bytes + entryOverheadBytes <= limitBytes;
  }

  /** Appends the line `bytes[start..end)`, or what the rule for long lines makes of it. */
  append(
    isStderr: boolean,
    seconds: number,
    nanos: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const target = this.#target;
    if (target === undefined) throw new Error('a line came up outside of a turn');
    if (end - start > this.#lines.maxLineBytes) {
      this.#appendLong(target, isStderr, seconds, nanos, bytes.subarray(start, end));
      return;
    }
    const slot = isStderr ? 1 : 0;
    let handle = this.#handles[slot];
    if (handle < 0) {
      handle = target.push.stream(isStderr ? this.labels.stderr : this.labels.stdout);
      this.#handles[slot] = handle;
    }
    target.push.append(handle, seconds, nanos, bytes, start, end);
  }

  #appendLong(
    target: FillTarget,
    isStderr: boolean,
    seconds: number,
    nanos: number,
    line: Uint8Array,
  ): void {
    const { longLines, maxLineBytes } = this.#lines;
    const labels = isStderr ? this.labels.stderr : this.labels.stdout;
    if (longLines === 'reject') {
      target.refused.push({ labels, seconds, nanos, line: Buffer.from(line) });
      target.refusedBytes += line.length;
      return;
    }
    const handle = target.push.stream(labels);
    const cut = longLines === 'split' ? splitLine : truncateLine;
    cut(line, 0, line.length, maxLineBytes, (bytes, start, end, laterNs) => {
      const sum = nanos + laterNs;
      const carry = sum >= 1_000_000_000 ? 1 : 0;
      target.push.append(handle, seconds + carry, sum - carry * 1e9, bytes, start, end);
    });
  }
}
