/**
 * `cri`: unwraps a line of the Kubernetes container runtimes, `TIME stdout F TEXT`: the text
 * becomes the line, the stream a label, and the time its time. A long line comes in parts, marked
 * P, up to one that is marked F; parts of the same labels are joined, with time and values of the
 * last one.
 *
 *   cri:
 *     max_partial_lines: 100                  default: 100; labels whose parts are held at a time;
 *                                             when another part comes, all that are held go on as
 *                                             they are
 *     max_partial_line_size: 1MiB             default: none
 *     max_partial_line_size_truncate: true    default: false; cuts joined lines to that size
 *
 * Unlike promtail's, it waits for the next part for 10 seconds, by the times of the lines
 * themselves, and joins 4 MiB at most; then the parts go on as they are.
 */
import { joinedLineBytesMax, openPartialAgeMsMax } from '../../base/limits.ts';
import { parseByteSize } from '../../base/values.ts';
import type { ConfigNode } from '../config-node.ts';
import type { Entry, LineStart } from '../entry.ts';
import {
  type HoldingStage,
  lateLinesMs,
  type StageContext,
  type StageState,
  type StatefulStage,
} from '../stage.ts';
import { extractLabels } from './source.ts';
import { FudgingTimestamp } from './timestamp.ts';
import { stampReader } from './timestamp-formats.ts';

const partialLinesDefault = 100;
const partialLinesMax = 10_000;

/** Parts of all labels together; above it, all go on as they are. */
const heldBytesMax = 4 * joinedLineBytesMax;

// promtail's pattern, in a form whose parts cannot take each other's characters: it is linear.
const criLine = /^([^\t\n\f\r ]+) (stdout|stderr) ([^\t\n\f\r ]+) (.*)$/s;

/** What the options say. */
interface CriOptions {
  readonly partialLinesMax: number;
  /** Undefined: joined lines are not cut. */
  readonly bytesMax: number | undefined;
}

/** The parts of a line so far. */
interface HeldLine {
  readonly start: LineStart;
  readonly dueAtMs: number;
  /** The last part, with a text that is joined when the line goes on. */
  readonly entry: Entry;
  readonly text: string;
  readonly bytes: number;
}

/** See the module comment. */
export function compileCri(config: ConfigNode, { warn }: StageContext): HoldingStage {
  const fields = config.fields(
    'cri',
    ['max_partial_lines', 'max_partial_line_size', 'max_partial_line_size_truncate'],
    warn,
  );
  const limits = { min: 0, max: partialLinesMax };
  const lines = fields.max_partial_lines?.number('max_partial_lines', limits) ?? 0;
  const sizeNode = fields.max_partial_line_size;
  const size = sizeNode === undefined ? 0 : readSize(sizeNode);
  const cutNode = fields.max_partial_line_size_truncate;
  const isCutting = cutNode?.flag('max_partial_line_size_truncate') ?? false;
  if (cutNode !== undefined && isCutting && size === 0) {
    warn(cutNode, 'max_partial_line_size_truncate needs max_partial_line_size; nothing is cut');
  }
  return new CriStage({
    partialLinesMax: lines === 0 ? partialLinesDefault : lines,
    bytesMax: isCutting && size > 0 ? size : undefined,
  });
}

function readSize(node: ConfigNode): number {
  const text = node.text('max_partial_line_size');
  const problem = `max_partial_line_size is "${text}"; allowed is a size such as 16384 or 256KB`;
  return parseByteSize(text) ?? node.fail(problem);
}

class CriStage implements HoldingStage, StatefulStage {
  emit: (entry: Entry) => void = () => {};
  readonly #options: CriOptions;
  readonly #timestamp = new FudgingTimestamp('time', [stampReader('RFC3339Nano', undefined)]);
  /** By labels and tenant. */
  readonly #lines = new Map<string, HeldLine>();
  #heldBytes = 0;

  constructor(options: CriOptions) {
    this.#options = options;
  }

  process(entry: Entry): boolean {
    unwrap(entry, this.#timestamp);
    const isPart = entry.extracted.get('flags') === 'P';
    if (isPart && this.#lines.size >= this.#options.partialLinesMax) this.flush();
    if (this.#lines.size > 0) this.#join(entry);
    if (!isPart) return true;
    this.#hold(entry);
    return false;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  *held(): Iterable<LineStart> {
    for (const { start } of this.#lines.values()) yield start;
  }

  get dueAtMs(): number | undefined {
    if (this.#lines.size === 0) return undefined;
    return Math.min(...[...this.#lines.values()].map(({ dueAtMs }) => dueAtMs));
  }

  flush(nowMs = Number.POSITIVE_INFINITY): void {
    const due = [...this.#lines].filter(([, { dueAtMs }]) => dueAtMs <= nowMs);
    due.sort(([, one], [, other]) => one.start.lsn - other.start.lsn);
    for (const [stream, line] of due) this.#handOut(stream, line);
  }

  discard(): void {
    this.#lines.clear();
    this.#heldBytes = 0;
  }

  snapshot(): StageState {
    return this.#timestamp.snapshot();
  }

  restore(state: StageState | undefined): void {
    this.#timestamp.restore(state);
  }

  /** Puts the parts before into the entry, which begins then where the first of them does. */
  #join(entry: Entry): void {
    const stream = streamOf(entry);
    const line = this.#lines.get(stream);
    if (line === undefined) return;
    if (line.bytes + entry.lineBytes > joinedLineBytesMax) {
      this.#handOut(stream, line);
      return;
    }
    this.#forget(stream, line);
    entry.text = this.#cut(line.text + entry.text);
    entry.lsn = line.start.lsn;
    entry.ordinal = line.start.ordinal;
  }

  #hold(entry: Entry): void {
    const { lsn, ordinal, capturedMs } = entry;
    const text = this.#cut(entry.text);
    const bytes = Buffer.byteLength(text);
    if (this.#heldBytes + bytes > heldBytesMax) this.flush();
    this.#heldBytes += bytes;
    this.#lines.set(streamOf(entry), {
      start: { lsn, ordinal },
      dueAtMs: capturedMs + openPartialAgeMsMax + lateLinesMs,
      entry: entry.copy(),
      text,
      bytes,
    });
  }

  #handOut(stream: string, line: HeldLine): void {
    this.#forget(stream, line);
    line.entry.text = line.text;
    this.emit(line.entry);
  }

  #forget(stream: string, { bytes }: HeldLine): void {
    this.#lines.delete(stream);
    this.#heldBytes -= bytes;
  }

  /** The longest beginning within the size, in whole characters. */
  #cut(text: string): string {
    const { bytesMax } = this.#options;
    if (bytesMax === undefined || Buffer.byteLength(text) <= bytesMax) return text;
    const bytes = Buffer.from(text);
    let end = bytesMax;
    while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    return bytes.toString('utf8', 0, end);
  }
}

function streamOf({ labels, tenantId }: Entry): string {
  return tenantId === undefined ? labels.selector : `${tenantId} ${labels.selector}`;
}

/** What promtail does with stages of its own: regex, labels, timestamp and output. */
function unwrap(entry: Entry, timestamp: FudgingTimestamp): void {
  const { extracted } = entry;
  extractLabels(entry);
  const match = criLine.exec(entry.text);
  if (match !== null) {
    const [, time = '', stream = '', flags = '', content = ''] = match;
    extracted.set('time', time);
    extracted.set('stream', stream);
    extracted.set('flags', flags);
    extracted.set('content', content);
  }
  const stream = extracted.text('stream');
  if (stream !== undefined) entry.labels = entry.labels.with('stream', stream);
  timestamp.process(entry);
  const content = extracted.text('content');
  if (content !== undefined) entry.text = content;
}
