/**
 * Constants as Go's strconv reads them: strings, runes and numbers. They answer undefined for what
 * is no constant; they must never guess.
 */

/** A number as a template has it. */
export interface NumberValue {
  /** Undefined when it is no integer in the range of int64. */
  readonly int: bigint | undefined;
  readonly float: number;
  readonly isFloat: boolean;
  readonly overflows: boolean;
}

const simpleEscapes: Record<string, number> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 0x5c,
};
const hexLengths: Record<string, number> = { x: 2, u: 4, U: 8 };
const int64Max = (1n << 63n) - 1n;
const uint64Max = (1n << 64n) - 1n;

/** The text of a quoted string, with its quotes: `"a\n"` or with backticks. */
export function unquote(literal: string): string | undefined {
  const inner = literal.slice(1, -1);
  if (literal.startsWith('`')) return inner.replaceAll('\r', '');
  if (!inner.includes('\\')) return inner;
  const bytes: Buffer[] = [];
  let at = 0;
  while (at < inner.length) {
    const next = inner.indexOf('\\', at);
    const end = next < 0 ? inner.length : next;
    bytes.push(Buffer.from(inner.slice(at, end)));
    if (next < 0) break;
    const escape = readEscape(inner, end, '"');
    if (escape === undefined) return undefined;
    // An escape of one byte may be a part of a character; the whole is decoded at the end.
    bytes.push(
      escape.isByte ? Buffer.of(escape.code) : Buffer.from(String.fromCodePoint(escape.code)),
    );
    at = escape.end;
  }
  return Buffer.concat(bytes).toString();
}

/** The code of a character constant, with its quotes. */
export function unquoteRune(literal: string): number | undefined {
  const inner = literal.slice(1, -1);
  if (inner.startsWith('\\')) {
    const escape = readEscape(inner, 0, "'");
    return escape?.end === inner.length ? escape.code : undefined;
  }
  const code = inner.codePointAt(0);
  if (code === undefined) return undefined;
  return inner.length === String.fromCodePoint(code).length ? code : undefined;
}

function readEscape(
  text: string,
  at: number,
  quote: string,
): { code: number; end: number; isByte: boolean } | undefined {
  const name = text[at + 1] ?? '';
  const simple = name === quote ? quote.charCodeAt(0) : simpleEscapes[name];
  if (simple !== undefined) return { code: simple, end: at + 2, isByte: false };
  const hexLength = hexLengths[name];
  const isOctal = hexLength === undefined;
  const start = isOctal ? at + 1 : at + 2;
  const end = start + (hexLength ?? 3);
  const digits = text.slice(start, end);
  if (digits.length !== end - start) return undefined;
  if (!(isOctal ? /^[0-7]+$/ : /^[0-9a-fA-F]+$/).test(digits)) return undefined;
  const code = Number.parseInt(digits, isOctal ? 8 : 16);
  const isByte = isOctal || name === 'x';
  if (isByte ? code > 255 : code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  return { code, end, isByte };
}

const integerBases: readonly { prefix: RegExp; digits: RegExp; mark: string }[] = [
  { prefix: /^0[xX]/, digits: /^(_?[0-9a-fA-F])+$/, mark: '0x' },
  { prefix: /^0[bB]/, digits: /^(_?[01])+$/, mark: '0b' },
  { prefix: /^0[oO]/, digits: /^(_?[0-7])+$/, mark: '0o' },
  { prefix: /^0(?=.)/, digits: /^(_?[0-7])+$/, mark: '0o' },
  { prefix: /^/, digits: /^[0-9](_?[0-9])*$/, mark: '' },
];

/** An integer as strconv.ParseInt reads it with base 0, of any size: 0x, 0o, 0b, 0 and `_`. */
export function parseInteger(text: string): bigint | undefined {
  const unsigned = text.replace(/^[+-]/, '');
  const base = integerBases.find(({ prefix }) => prefix.test(unsigned));
  if (base === undefined) return undefined;
  const digits = unsigned.replace(base.prefix, '');
  // The regular expressions are linear: each turn of the group eats a digit. 64 bits need 64 of them.
  if (digits.length > 128 || !base.digits.test(digits)) return undefined;
  const value = BigInt(base.mark + digits.replaceAll('_', ''));
  return text.startsWith('-') ? -value : value;
}

/** A float as strconv.ParseFloat reads it; undefined also when it is out of range. */
export function parseFloat64(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const named = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (named !== null) {
    if (named[2]?.toLowerCase() === 'nan') return Number.NaN;
    return named[1] === '-' ? -Infinity : Infinity;
  }
  return parseHexFloat(text);
}

function parseHexFloat(text: string): number | undefined {
  const match = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = ''] = match;
  const digits = whole + fraction;
  // More digits than a float64 can tell apart would need Go's rounding; nobody writes them.
  if (digits === '' || digits.length > 13) return undefined;
  const scale = Number(exponent) - 4 * fraction.length;
  const value = Number.parseInt(digits, 16) * 2 ** scale;
  if (!Number.isFinite(value)) return undefined;
  return sign === '-' ? -value : value;
}

/** A number constant of a template. Undefined for what is none, as in Go, and for complex ones. */
export function parseNumber(text: string): NumberValue | undefined {
  const integer = parseInteger(text);
  if (integer !== undefined && integer >= -int64Max - 1n && integer <= uint64Max) {
    const overflows = integer > int64Max;
    const float = Number(integer);
    return { int: overflows ? undefined : integer, float, isFloat: false, overflows };
  }
  // What looks like an integer and is none that fits is not taken for a float.
  if (integer !== undefined || !/[.eEpP]/.test(text)) return undefined;
  const float = parseFloat64(withoutUnderscores(text));
  if (float === undefined) return undefined;
  const isWhole = Number.isInteger(float) && Math.abs(float) < 2 ** 63;
  return { int: isWhole ? BigInt(float) : undefined, float, isFloat: true, overflows: false };
}

/** Underscores may stand between digits only. */
function withoutUnderscores(text: string): string {
  const isMisplaced = /__|_(?![0-9a-fA-F])|(?<![0-9a-fA-FxX])_/.test(text);
  return isMisplaced ? text : text.replaceAll('_', '');
}
