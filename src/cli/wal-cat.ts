/**
 * `holdfast wal cat`: prints the lines of one container, byte for byte. Reads only, also beside
 * a plugin that writes; it ends where the log ended when it began. Memory does not depend on
 * how much there is, nor on how slowly the output is taken.
 */
import { isUtf8 } from 'node:buffer';
import { nodeFileSystem as disk } from '../base/file-system.ts';
import type { FrameView } from '../frame/frame-decoder.ts';
import type { LineEnd, OpenLine } from '../frame/partial-joiner.ts';
import { type LineHandler, LineScan } from '../history/line-scan.ts';
import { findReadStart, type ReadFrom, recoverTail, SegmentFiles } from '../wal/index.ts';
import { CliError, type ExitCode, exitCode } from './exit-codes.ts';
import { chooseContainer, type KnownContainer, listKnownContainers } from './known-containers.ts';
import type { Output } from './output.ts';
import { showText } from './text.ts';
import { parseTimeNs, showTime } from './times.ts';
import type { WalLocation } from './wal-location.ts';

/** Which lines, and in which form. */
export interface CatChoice {
  container: string;
  since?: string | undefined;
  until?: string | undefined;
  tail?: string | undefined;
  source?: 'stdout' | 'stderr' | undefined;
  timestamps: boolean;
  json: boolean;
}

interface Moment {
  seconds: number;
  nanos: number;
}

/** Lines that are wanted; both bounds of time belong to it. */
interface Filter {
  since?: Moment | undefined;
  until?: Moment | undefined;
  isStderr?: boolean | undefined;
}

interface Range {
  startLsn: number;
  endLsn: number;
}

/** So much is collected before it is written. */
const writeBytes = 64 * 1024;

/** Prints the lines. */
export async function catWal(
  { root }: WalLocation,
  output: Output,
  choice: CatChoice,
): Promise<ExitCode> {
  const sinceNs = timeOf('--since', choice.since);
  const untilNs = timeOf('--until', choice.until);
  const tail = tailOf(choice.tail);
  const container = chooseContainer(listKnownContainers(root), choice.container);
  const isStderr = choice.source && choice.source === 'stderr';
  const filter = { since: momentOf(sinceNs), until: momentOf(untilNs), isStderr };
  const { endLsn } = recoverTail(disk, container.directory, container.id);
  // A tail of some lines only says nothing of how far back they are.
  const lines = untilNs === undefined && isStderr === undefined ? tail : undefined;
  const from = { lines, sinceNs, endLsn };
  let range: Range = { startLsn: startOf(container, from), endLsn };
  let skip = 0;
  if (tail !== undefined) {
    let found = findTail(container, range, filter, tail);
    if (found.counted < tail && lines !== undefined) {
      // Damage: the headers promised more lines than there are.
      range = { startLsn: startOf(container, { sinceNs, endLsn }), endLsn };
      found = findTail(container, range, filter, tail);
    }
    range = { startLsn: found.startLsn, endLsn };
    skip = found.skip;
  }
  const printer = new Printer(filter, skip, choice);
  await print(container, range, printer, output);
  return exitCode.ok;
}

/** What is written meanwhile comes after the question, and must not be counted as the last lines. */
function startOf({ directory, id }: KnownContainer, from: ReadFrom): number {
  return findReadStart(disk, directory, id, from);
}

function timeOf(option: string, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const timeNs = parseTimeNs(text, Date.now());
  if (timeNs !== undefined) return timeNs;
  throw new CliError(
    exitCode.error,
    `${option} '${showText(text)}' is no time; allowed is RFC 3339 (2026-01-02T15:04:05Z), ` +
      'Unix seconds (1767366245.5), or a duration before now (10m, 1h30m)',
  );
}

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined || text === 'all') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CliError(exitCode.error, `--tail '${showText(text)}' is no number of lines, nor 'all'`);
}

function momentOf(timeNs: bigint | undefined): Moment | undefined {
  if (timeNs === undefined) return undefined;
  const seconds = timeNs / 1_000_000_000n;
  return { seconds: Number(seconds), nanos: Number(timeNs - seconds * 1_000_000_000n) };
}

function isWanted(filter: Filter, seconds: number, nanos: number): boolean {
  const { since, until } = filter;
  if (since && (seconds < since.seconds || (seconds === since.seconds && nanos < since.nanos))) {
    return false;
  }
  return !(
    until &&
    (seconds > until.seconds || (seconds === until.seconds && nanos > until.nanos))
  );
}

/** Where the last lines begin: a position, and how many lines behind it are to be left out. */
interface TailStart {
  counted: number;
  startLsn: number;
  skip: number;
}

/**
 * Counts all lines of a range that are wanted, without keeping any, and remembers the last place
 * that has enough of them behind it.
 */
function findTail(
  container: KnownContainer,
  range: Range,
  filter: Filter,
  tail: number,
): TailStart {
  let counted = 0;
  const count = ({ isStderr, seconds, nanos }: Moment & { isStderr: boolean }): true => {
    const isSource = filter.isStderr === undefined || filter.isStderr === isStderr;
    if (isSource && isWanted(filter, seconds, nanos)) counted += 1;
    return true;
  };
  const handler: LineHandler = {
    onWhole: (_bytes, _start, _end, view) => count(view),
    onJoined: (line) => void count(line),
    onGap: () => {},
  };
  const places = [{ lsn: range.startLsn, before: 0 }];
  scanRange(container, range, handler, (edgeLsn) => {
    if (edgeLsn !== undefined) places.push({ lsn: edgeLsn, before: counted });
    while ((places[1]?.before ?? Number.POSITIVE_INFINITY) <= counted - tail) places.shift();
  });
  const { lsn: startLsn, before } = places[0] ?? { lsn: range.startLsn, before: 0 };
  return { counted, startLsn, skip: Math.max(0, counted - tail - before) };
}

/** Reads a range to its end, calling back after each step with the place it has come to. */
function scanRange(
  container: KnownContainer,
  range: Range,
  handler: LineHandler,
  onStep: (edgeLsn: number | undefined) => void,
): void {
  const { scan, close } = openScan(container, range, handler);
  try {
    while (scan.step(range.endLsn, 0) === 'more') onStep(scan.edgeLsn);
    scan.finish(range.endLsn);
  } finally {
    close();
  }
}

function openScan(
  { directory, id }: KnownContainer,
  { startLsn }: Range,
  handler: LineHandler,
): { scan: LineScan; close: () => void } {
  const files = new SegmentFiles(disk, 4);
  const budget = { heldBytes: 0 };
  const at = { directory, containerId: id, startLsn };
  const scan = new LineScan({ disk, files, budget, handler, ...at });
  const close = (): void => {
    scan.close();
    files.closeDirectory(directory);
  };
  return { scan, close };
}

async function print(
  container: KnownContainer,
  range: Range,
  printer: Printer,
  output: Output,
): Promise<void> {
  const { scan, close } = openScan(container, range, printer);
  try {
    for (let more = true; more; ) {
      more = scan.step(range.endLsn, 0) === 'more';
      if (!more) scan.finish(range.endLsn);
      if (printer.length < writeBytes && printer.gaps.length === 0 && more) continue;
      await output.write(printer.take());
      // A gap is a step of its own: its line comes behind the lines before it.
      for (const text of printer.gaps.splice(0)) await output.tell(text);
    }
  } finally {
    close();
  }
}

/** Puts wanted lines into a buffer, in the form that was asked for. */
class Printer implements LineHandler {
  /** Lines about what is missing. */
  readonly gaps: string[] = [];
  readonly #filter: Filter;
  readonly #choice: CatChoice;
  #skip: number;
  #buffer = Buffer.allocUnsafeSlow(4 * writeBytes);
  length = 0;

  constructor(filter: Filter, skip: number, choice: CatChoice) {
    this.#filter = filter;
    this.#skip = skip;
    this.#choice = choice;
  }

  /** What was collected; valid until the next line. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.length);
    this.length = 0;
    return taken;
  }

  onWhole(bytes: Uint8Array, _start: number, _end: number, view: Readonly<FrameView>): true {
    this.#line(view, bytes, view.lineStart, view.lineEnd);
    return true;
  }

  onJoined(line: Readonly<OpenLine>, _end: LineEnd): void {
    this.#line(line, line.bytes, 0, line.length);
  }

  #line(
    { isStderr, seconds, nanos }: Readonly<Moment & { isStderr: boolean }>,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const filter = this.#filter;
    if (filter.isStderr !== undefined && filter.isStderr !== isStderr) return;
    if (!isWanted(filter, seconds, nanos)) return;
    if (this.#skip > 0) {
      this.#skip -= 1;
      return;
    }
    if (this.#choice.json) {
      const line = Buffer.from(bytes.subarray(start, end));
      this.#putText(jsonOf(isStderr, showTime(seconds, nanos), line));
      return;
    }
    if (this.#choice.timestamps) this.#putText(`${showTime(seconds, nanos)} `);
    const at = this.#room(end - start + 1);
    this.#buffer.set(bytes.subarray(start, end), at);
    this.#buffer[at + end - start] = 0x0a;
    this.length = at + end - start + 1;
  }

  onGap(seconds: number, nanos: number, text: string): void {
    if (this.#skip > 0 || !isWanted(this.#filter, seconds, nanos)) return;
    this.gaps.push(this.#choice.timestamps ? `${showTime(seconds, nanos)} ${text}` : text);
  }

  #putText(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    const at = this.#room(bytes.length);
    bytes.copy(this.#buffer, at);
    this.length = at + bytes.length;
  }

  /** Makes room behind what is there. One step brings a block's worth of lines at most. */
  #room(bytes: number): number {
    const needed = this.length + bytes;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, this.length);
      this.#buffer = grown;
    }
    return this.length;
  }
}

function jsonOf(isStderr: boolean, time: string, line: Buffer): string {
  const source = isStderr ? 'stderr' : 'stdout';
  const text = isUtf8(line)
    ? { line: line.toString('utf8') }
    : { lineBase64: line.toString('base64') };
  return `${JSON.stringify({ time, source, ...text })}\n`;
}
