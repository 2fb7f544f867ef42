/**
 * Strings and characters in Go's notation, as `%q` prints them. Pure.
 */
import { spendOnChars } from './budget.ts';

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const plainAscii = /^[ !#-[\]-~]*$/;
const escapes: Record<string, string> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

/** Whether Go's unicode.IsPrint takes the character for a visible one. */
export function isPrintable(char: string): boolean {
  return printable.test(char);
}

/** A string in double quotes; with `asciiOnly` everything beyond ASCII is escaped. */
export function quote(text: string, asciiOnly = false): string {
  if (plainAscii.test(text)) return `"${text}"`;
  spendOnChars(text);
  let out = '"';
  for (const char of text) out += escapeChar(char, '"', asciiOnly);
  return `${out}"`;
}

/** A character in single quotes. */
export function quoteRune(code: number, asciiOnly = false): string {
  const isValid = code >= 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  const char = isValid ? String.fromCodePoint(code) : '\ufffd';
  return `'${escapeChar(char, "'", asciiOnly)}'`;
}

/** Whether a string can stand between backticks as it is. */
export function canBackquote(text: string): boolean {
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (code === 0x60 || code === 0x7f || code === 0xfeff) return false;
    if (code < 0x20 && code !== 9) return false;
  }
  return true;
}

function escapeChar(char: string, mark: string, asciiOnly: boolean): string {
  if (char === mark) return `\\${char}`;
  const known = escapes[char];
  if (known !== undefined) return known;
  const code = char.codePointAt(0) ?? 0;
  // Half of a surrogate pair is what Go has as an invalid character.
  if (code >= 0xd800 && code <= 0xdfff) return asciiOnly ? '\\ufffd' : '\ufffd';
  if (asciiOnly ? code < 0x7f && code >= 0x20 : isPrintable(char)) return char;
  const hex = code.toString(16);
  if (code < 0x20 || code === 0x7f) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
