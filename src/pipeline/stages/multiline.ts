/**
 * `multiline`: joins lines that belong together, such as a stack trace, to one. A block begins
 * with a line that matches `firstline` and goes on until the next such line. Lines before the
 * first of those in a stream go through one by one; a line that comes after a block has ended
 * for another reason begins one of its own. A stream is what has the same labels and tenant.
 *
 * A block has time, labels and values of its first line. Its bytes stay as they were printed,
 * UTF-8 or not. It ends before the next first line, with `max_lines`, before it would have more
 * than 4 MiB, when no line of its stream was printed for `max_wait_time`, when more than 100
 * blocks are open (the oldest ends), or when the stream is over. Times are those at which lines
 * were printed, so that the same lines always give the same blocks.
 *
 * Options:
 *   firstline: a regular expression; has to be given
 *   max_lines: 128; lines of a block, up to 10,000
 *   max_wait_time: 3s; up to 1h
 *   trim_newlines: false; takes \r and \n from the end of each line (promtail never does, Alloy
 *     does)
 *
 *   - multiline: { firstline: '^\d{4}-\d{2}-\d{2}' }
 */

import type { GoRegex } from '../../regex/go-regex.ts';
import type { ConfigNode } from '../config-node.ts';
import type { Entry, LineStart } from '../entry.ts';
import { hash53 } from '../hash.ts';
import {
  type HoldingStage,
  lateLinesMs,
  type StageContext,
  type StageState,
  type StatefulStage,
} from '../stage.ts';

/** Longest block; longer lines than that are not joined elsewhere either. */
const blockBytesMax = 4 << 20;
/** Open blocks: labels may come from lines, and each holds memory. */
const blocksMax = 100;
/** Streams that are known to have had a first line; the oldest is forgotten. */
const seenMax = 1000;
/** Lines of a block: what is read again after a restart is bounded by it. */
const linesMax = 10_000;
/** A block keeps its lines in the log so long. */
const waitMsMax = 3_600_000;

interface Options {
  readonly firstLine: GoRegex;
  readonly linesMax: number;
  readonly waitMs: number;
  readonly trims: boolean;
}

/** See the module comment. */
export function compileMultiline(config: ConfigNode, context: StageContext): MultilineStage {
  const names = ['firstline', 'max_lines', 'max_wait_time', 'trim_newlines'] as const;
  const fields = config.fields('multiline', names, context.warn);
  const firstLine = fields.firstline?.regex('firstline');
  if (firstLine === undefined) {
    return config.fail('multiline needs firstline, a regular expression for the first lines');
  }
  return new MultilineStage({
    firstLine,
    linesMax: readLinesMax(fields.max_lines, context),
    waitMs: readWaitMs(fields.max_wait_time, context),
    trims: fields.trim_newlines?.flag('trim_newlines') ?? false,
  });
}

function readLinesMax(node: ConfigNode | undefined, { warn }: StageContext): number {
  if (node === undefined) return 128;
  const lines = node.number('max_lines', { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (!Number.isInteger(lines)) node.fail(`max_lines is "${lines}"; allowed is a whole number`);
  if (lines >= 1 && lines <= linesMax) return lines;
  // 0 is no bound in promtail.
  warn(node, `max_lines is ${lines}; a block has at most ${linesMax} lines here`);
  return linesMax;
}

function readWaitMs(node: ConfigNode | undefined, { warn }: StageContext): number {
  if (node === undefined) return 3000;
  const waitMs = node.durationMs('max_wait_time');
  if (waitMs > waitMsMax) warn(node, 'max_wait_time is more than 1h, which is the most here');
  return Math.min(waitMs, waitMsMax);
}

interface Block {
  /** A copy of the first line's. */
  readonly entry: Entry;
  /** The lines after the first. */
  readonly more: Buffer[];
  bytes: number;
  lastMs: number;
}

/** See the module comment. */
export class MultilineStage implements HoldingStage, StatefulStage {
  emit: (entry: Entry) => void = () => {};
  heldBytes = 0;
  readonly #options: Options;
  /** By stream, in the order in which they began. */
  readonly #blocks = new Map<string, Block>();
  /** Hashes of streams that had a first line. */
  #seen = new Set<number>();
  #state: StageState | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  process(entry: Entry): boolean {
    const stream = streamOf(entry);
    const open = this.#blocks.get(stream);
    const isFirst = this.#options.firstLine.test(entry.text);
    if (isFirst) this.#see(stream);
    else if (open === undefined && !this.#seen.has(hash53(stream))) return true;
    let block = open;
    if (open !== undefined && (isFirst || !this.#goesOn(open, entry))) {
      this.#end(stream, open);
      block = undefined;
    }
    block = block === undefined ? this.#begin(stream, entry) : this.#append(block, entry);
    if (block.more.length + 1 >= this.#options.linesMax) this.#end(stream, block);
    return false;
  }

  *held(): Iterable<LineStart> {
    for (const { entry } of this.#blocks.values()) {
      yield { lsn: entry.lsn, ordinal: entry.ordinal };
    }
  }

  get dueAtMs(): number | undefined {
    let dueAtMs: number | undefined;
    for (const block of this.#blocks.values()) {
      dueAtMs = Math.min(this.#dueAtMs(block), dueAtMs ?? Number.POSITIVE_INFINITY);
    }
    return dueAtMs;
  }

  /** In the order in which their last lines came, whether a clock says so or a later line. */
  flush(nowMs = Number.POSITIVE_INFINITY): void {
    const due = [...this.#blocks].filter(([, block]) => this.#dueAtMs(block) <= nowMs);
    due.sort(([, a], [, b]) => a.lastMs - b.lastMs || a.entry.lsn - b.entry.lsn);
    for (const [stream, block] of due) this.#end(stream, block);
  }

  discard(): void {
    this.#blocks.clear();
    this.heldBytes = 0;
  }

  snapshot(): StageState {
    this.#state ??= [...this.#seen];
    return this.#state;
  }

  restore(state: StageState | undefined): void {
    const isOurs = state?.every((hash) => Number.isSafeInteger(hash)) === true;
    this.#seen = new Set(isOurs ? state.slice(0, seenMax) : []);
    this.#state = undefined;
  }

  #dueAtMs({ lastMs }: Block): number {
    return lastMs + this.#options.waitMs + lateLinesMs;
  }

  #goesOn(block: Block, entry: Entry): boolean {
    const isInTime = entry.capturedMs <= block.lastMs + this.#options.waitMs;
    return isInTime && block.bytes + 1 + entry.lineBytes <= blockBytesMax;
  }

  #see(stream: string): void {
    const hash = hash53(stream);
    if (this.#seen.has(hash)) return;
    const [oldest] = this.#seen;
    if (this.#seen.size >= seenMax && oldest !== undefined) this.#seen.delete(oldest);
    this.#seen.add(hash);
    this.#state = undefined;
  }

  #begin(stream: string, entry: Entry): Block {
    const [oldest] = this.#blocks;
    if (this.#blocks.size >= blocksMax && oldest !== undefined) this.#end(...oldest);
    const block: Block = {
      entry: entry.copy(),
      more: [],
      bytes: entry.lineBytes,
      lastMs: entry.capturedMs,
    };
    this.#blocks.set(stream, block);
    this.heldBytes += block.bytes;
    return block;
  }

  #append(block: Block, entry: Entry): Block {
    const line = this.#bytesOf(entry);
    block.more.push(line);
    block.bytes += line.length + 1;
    block.lastMs = entry.capturedMs;
    this.heldBytes += line.length + 1;
    return block;
  }

  #end(stream: string, { entry, more, bytes }: Block): void {
    this.#blocks.delete(stream);
    this.heldBytes -= bytes;
    if (more.length > 0 || this.#options.trims) {
      const parts = [this.#bytesOf(entry)];
      for (const line of more) parts.push(newline, line);
      entry.setBytes(Buffer.concat(parts));
    }
    this.emit(entry);
  }

  /** A copy, because the bytes of an entry are there during the call only. */
  #bytesOf(entry: Entry): Buffer {
    let copy = noBytes;
    entry.takeLine((bytes, start, end) => {
      const last = this.#options.trims ? trimmedEnd(bytes, start, end) : end;
      copy = Buffer.from(bytes.subarray(start, last));
    });
    return copy;
  }
}

const newline = Buffer.from('\n');
const noBytes = Buffer.alloc(0);

function trimmedEnd(bytes: Uint8Array, start: number, end: number): number {
  let last = end;
  while (last > start && (bytes[last - 1] === 10 || bytes[last - 1] === 13)) last -= 1;
  return last;
}

function streamOf({ labels, tenantId }: Entry): string {
  return tenantId === undefined ? labels.selector : `${tenantId} ${labels.selector}`;
}
