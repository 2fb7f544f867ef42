/**
 * Checks numbered lines: `<prefix>1` to `<prefix>N`, each once and in order. It works on
 * the stored bytes, so that a million lines take a moment, and reports what is wrong.
 */
import type { EntryView } from './view.ts';

/** How often something was wrong, and the first cases of it. */
export interface Finding<T> {
  count: number;
  readonly examples: T[];
}

/** What a check found. `ok` means exactly 1 to count, in order, once each, nothing else. */
export interface CheckReport {
  readonly ok: boolean;
  readonly lines: number;
  /** Numbers that are not there; the examples are ranges such as `3` or `5-9`. */
  readonly missing: Finding<string>;
  /** Numbers seen again. */
  readonly doubled: Finding<number>;
  /** Numbers that came after a higher one. */
  readonly outOfOrder: Finding<number>;
  /** Lines that do not fit the pattern or whose number is not within 1 to count. */
  readonly unexpected: Finding<string>;
  /** All of it in one line, for the message of an assertion. */
  readonly summary: string;
}

const examplesMax = 10;
const exampleBytesMax = 80;

/**
 * Checks all lines of a view. The pattern is the text before the number, or has `%d`
 * where the number stands; what follows the number (and the text after `%d`) is free.
 */
export function checkNumbered(view: EntryView, pattern: string, count: number): CheckReport {
  const split = pattern.indexOf('%d');
  const prefix = Buffer.from(split < 0 ? pattern : pattern.slice(0, split));
  const suffix = Buffer.from(split < 0 ? '' : pattern.slice(split + 2));
  const seen = new Uint8Array(count + 1);
  const doubled: Finding<number> = { count: 0, examples: [] };
  const outOfOrder: Finding<number> = { count: 0, examples: [] };
  const unexpected: Finding<string> = { count: 0, examples: [] };
  let highest = 0;
  for (let place = 0; place < view.length; place++) {
    const number = numberAt(view, place, prefix, suffix);
    if (number < 1 || number > count) {
      note(unexpected, () => exampleOf(view, place));
    } else if (seen[number] === 1) {
      note(doubled, () => number);
    } else {
      seen[number] = 1;
      if (number < highest) note(outOfOrder, () => number);
      else highest = number;
    }
  }
  const missing = findMissing(seen);
  const ok = missing.count + doubled.count + outOfOrder.count + unexpected.count === 0;
  const parts = { missing, doubled, 'out of order': outOfOrder, unexpected };
  const summary = summarise(ok, view.length, count, parts);
  return { ok, lines: view.length, missing, doubled, outOfOrder, unexpected, summary };
}

/** The number in a line, or -1 when the line does not fit. */
function numberAt(view: EntryView, place: number, prefix: Buffer, suffix: Buffer): number {
  const table = view.tableAt(place);
  const index = view.indexAt(place);
  const bytes = table.chunkOf(index);
  const start = table.start[index] as number;
  const end = start + (table.lineBytes[index] as number);
  let at = startsWith(bytes, start, end, prefix);
  if (at < 0) return -1;
  const digits = at;
  let number = 0;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  return at === digits || startsWith(bytes, at, end, suffix) < 0 ? -1 : number;
}

function startsWith(bytes: Buffer, start: number, end: number, expected: Buffer): number {
  const { length } = expected;
  if (start + length > end) return -1;
  for (let offset = 0; offset < length; offset++) {
    if (bytes[start + offset] !== expected[offset]) return -1;
  }
  return start + length;
}

function findMissing(seen: Uint8Array): Finding<string> {
  const missing: Finding<string> = { count: 0, examples: [] };
  for (let number = 1; number < seen.length; number++) {
    if (seen[number] === 1) continue;
    const first = number;
    while (number + 1 < seen.length && seen[number + 1] === 0) number += 1;
    missing.count += number - first + 1;
    if (missing.examples.length < examplesMax) {
      missing.examples.push(first === number ? `${first}` : `${first}-${number}`);
    }
  }
  return missing;
}

function note<T>(finding: Finding<T>, example: () => T): void {
  finding.count += 1;
  if (finding.examples.length < examplesMax) finding.examples.push(example());
}

function exampleOf(view: EntryView, place: number): string {
  return view.lineAt(place).line.toString('utf8', 0, exampleBytesMax);
}

function summarise(
  ok: boolean,
  lines: number,
  count: number,
  parts: Readonly<Record<string, Finding<unknown>>>,
): string {
  if (ok) return `${count} lines, all there once and in order`;
  const found = Object.entries(parts)
    .filter(([, finding]) => finding.count > 0)
    .map(([name, { count, examples }]) => `${count} ${name} (${examples.join(', ')})`);
  return `${lines} lines for the numbers 1 to ${count}: ${found.join('; ')}`;
}
