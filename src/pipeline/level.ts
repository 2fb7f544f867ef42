/**
 * The level of a log line, by the names that Loki's detected_level has. Looks for it, in this
 * order, in the fields of a JSON object, in a prefix of klog, in fields of logfmt, and for a word
 * near the beginning. Works on bytes in one pass over the first of them and makes no garbage: it
 * is done for every line.
 */

/** `unknown`: nothing says what it is. */
export type Level =
  | 'trace'
  | 'debug'
  | 'info'
  | 'warn'
  | 'error'
  | 'critical'
  | 'fatal'
  | 'unknown';

/** Fields are looked for in so many bytes. */
const lookAheadBytes = 1024;
/** Words in so many: further behind they are part of a message. */
const textBytes = 100;

const wordsByLevel: readonly (readonly [Level, string])[] = [
  ['trace', 'trace trc'],
  ['debug', 'debug dbg'],
  ['info', 'info inf information informational notice'],
  ['warn', 'warn wrn warning'],
  ['error', 'error err eror severe'],
  ['critical', 'critical crit alert'],
  ['fatal', 'fatal ftl panic dpanic emerg emergency'],
];
/** Longest of the words. */
const wordLengthMax = 13;

/** By `keyOf`. */
const levels = new Map<number, Level>();
for (const [level, words] of wordsByLevel) {
  for (const word of words.split(' ')) levels.set(keyOf(Buffer.from(word), 0, word.length), level);
}

const fieldNames = ['level', 'lvl', 'severity', 'loglevel', 'log.level'];
const fieldKeys = new Set(fieldNames.map((name) => keyOf(Buffer.from(name), 0, name.length)));

/** Finds the level of the line `bytes[start..end)`. */
export function detectLevel(bytes: Uint8Array, start: number, end: number): Level {
  const last = Math.min(end, start + lookAheadBytes);
  const first = skipSpaces(bytes, start, last);
  if (bytes[first] === 0x7b && bytes[skipSpaces(bytes, first + 1, last)] === 0x22) {
    return levelOfJson(bytes, first + 1, last) ?? 'unknown';
  }
  return (
    levelOfKlog(bytes, first, last) ??
    levelOfLogfmt(bytes, first, last) ??
    levelOfText(bytes, first, Math.min(last, first + textBytes), last) ??
    'unknown'
  );
}

/** A number for a word of up to 13 letters and dots, whatever its case; NaN for anything else. */
function keyOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length < 3 || length > wordLengthMax) return Number.NaN;
  let key = length;
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] ?? 0;
    const letter = byte === 0x2e ? 27 : letterOf(byte);
    if (letter === 0) return Number.NaN;
    // Eight letters and the length tell all words apart, and still make a whole number.
    if (at - from < 8) key = key * 32 + letter;
  }
  return key;
}

/** 1 to 26, or 0. */
function letterOf(byte: number): number {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a && byte >= 0x41 ? lower - 0x60 : 0;
}

/** A word or a number: pino and bunyan have 10 for trace to 60 for fatal. */
function levelOfValue(bytes: Uint8Array, from: number, to: number): Level | undefined {
  const isNumber = to - from === 2 && isDigit(bytes[from]) && isDigit(bytes[from + 1]);
  if (!isNumber) return levels.get(keyOf(bytes, from, to));
  return numbers[(bytes[from] ?? 0) - 0x30];
}

const numbers: readonly (Level | undefined)[] = [
  ...[undefined, 'trace', 'debug', 'info', 'warn', 'error', 'fatal'],
] as const;

/** Looks at the fields of the outermost object; `from` is behind its brace. */
function levelOfJson(bytes: Uint8Array, from: number, end: number): Level | undefined {
  let depth = 1;
  let at = from;
  while (at < end && depth > 0) {
    const byte = bytes[at];
    if (byte === 0x7b || byte === 0x5b) depth += 1;
    if (byte === 0x7d || byte === 0x5d) depth -= 1;
    if (byte !== 0x22) {
      at += 1;
      continue;
    }
    const close = closingQuote(bytes, at + 1, end);
    const colon = skipSpaces(bytes, close + 1, end);
    const isField = depth === 1 && bytes[colon] === 0x3a && colon < end;
    if (isField && fieldKeys.has(keyOf(bytes, at + 1, close))) {
      const level = levelAt(bytes, skipSpaces(bytes, colon + 1, end), end);
      if (level !== undefined) return level;
    }
    at = close + 1;
  }
  return undefined;
}

/** The level of a value that begins here, in quotes or without. */
function levelAt(bytes: Uint8Array, from: number, end: number): Level | undefined {
  const isQuoted = bytes[from] === 0x22;
  const start = isQuoted ? from + 1 : from;
  let to = start;
  while (to < end && to - start <= wordLengthMax && isWordByte(bytes[to])) to += 1;
  if (isQuoted && bytes[to] !== 0x22) return undefined;
  return levelOfValue(bytes, start, to);
}

/** `I1129 07:03:00.1 main.go:7] text` */
function levelOfKlog(bytes: Uint8Array, from: number, end: number): Level | undefined {
  if (end - from < 6 || bytes[from + 5] !== 0x20) return undefined;
  for (let at = from + 1; at < from + 5; at += 1) if (!isDigit(bytes[at])) return undefined;
  return klogLevels.get(bytes[from] ?? 0);
}

const klogLevels = new Map<number, Level>([
  [0x49, 'info'],
  [0x57, 'warn'],
  [0x45, 'error'],
  [0x46, 'fatal'],
  [0x44, 'debug'],
]);

/** Looks at `name=value`; what stands in quotes is a value as a whole. */
function levelOfLogfmt(bytes: Uint8Array, from: number, end: number): Level | undefined {
  let nameStart = from;
  for (let at = from; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte !== 0x3d) {
      // A name goes back to the last byte that no name has.
      if (!isWordByte(byte) && byte !== 0x2e) nameStart = at + 1;
      continue;
    }
    const isField = nameStart === from || beginsField(bytes[nameStart - 1]);
    if (isField && fieldKeys.has(keyOf(bytes, nameStart, at))) {
      const level = levelAt(bytes, at + 1, end);
      if (level !== undefined) return level;
    }
    if (bytes[at + 1] === 0x22 && at + 1 < end) at = closingQuote(bytes, at + 2, end);
    nameStart = at + 1;
  }
  return undefined;
}

/** White space or ( , [ {: what stands before a field, and not inside an address. */
function beginsField(byte = 0): boolean {
  return byte <= 0x20 || byte === 0x28 || byte === 0x2c || byte === 0x5b || byte === 0x7b;
}

/**
 * The first word that is a level: in capitals, or in brackets, or before a colon. Words begin
 * before `end` and may go on until `last`.
 */
function levelOfText(
  bytes: Uint8Array,
  from: number,
  end: number,
  last: number,
): Level | undefined {
  let at = from;
  while (at < end) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x1b && bytes[at + 1] === 0x5b) {
      at = escapeEnd(bytes, at + 2, end);
      continue;
    }
    if (!isWordByte(byte)) {
      at += 1;
      continue;
    }
    let to = at + 1;
    while (to < last && isWordByte(bytes[to])) to += 1;
    const level = levels.get(keyOf(bytes, at, to));
    if (level !== undefined && isMarked(bytes, at, to, from, last)) return level;
    at = to;
  }
  return undefined;
}

/** Whether a word is meant as a level, and is not just part of a sentence. */
function isMarked(bytes: Uint8Array, at: number, to: number, from: number, last: number): boolean {
  const behind = to < last ? bytes[to] : 0;
  if (behind === 0x3a) return true;
  const before = at > from ? bytes[at - 1] : 0;
  if ((before === 0x5b && behind === 0x5d) || (before === 0x3c && behind === 0x3e)) return true;
  if (before === 0x28 && behind === 0x29) return true;
  for (let index = at; index < to; index += 1) if (((bytes[index] ?? 0) & 0x20) !== 0) return false;
  return true;
}

/** Behind an ANSI escape sequence. */
function escapeEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && !((bytes[at] ?? 0) >= 0x40 && (bytes[at] ?? 0) <= 0x7e)) at += 1;
  return at + 1;
}

/** Where the quote is that ends a text which began before `from`; `end` if there is none. */
function closingQuote(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== 0x22) at += bytes[at] === 0x5c ? 2 : 1;
  return Math.min(at, end);
}

function skipSpaces(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] === 0x20 || ((bytes[at] ?? 0) - 9 <= 4 && (bytes[at] ?? 0) >= 9)))
    at += 1;
  return at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Letters, digits, the underscore, and what is not ASCII. */
function isWordByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return byte >= 0x80 || byte === 0x5f || letterOf(byte) !== 0 || isDigit(byte);
}
