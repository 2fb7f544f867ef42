/**
 * Upper and lower case as Go has them: character by character, where JavaScript knows contexts and
 * makes several characters of one. Pure.
 */
import { spendOnChars } from './budget.ts';
import { isAscii } from './bytes.ts';

const letterOrDigit = /^[\p{L}\p{Nd}_]$/u;
const space = /^[\t\n\v\f\r \u0085\p{Z}]$/u;
const asciiWord = /^[A-Za-z0-9_]$/;

/** strings.ToUpper. */
export function toUpper(text: string): string {
  return isAscii(text) ? text.toUpperCase() : mapChars(text, upperChar);
}

/** strings.ToLower. */
export function toLower(text: string): string {
  return isAscii(text) ? text.toLowerCase() : mapChars(text, lowerChar);
}

/** unicode.ToUpper: what would become several characters stays as it is. */
export function upperChar(char: string): string {
  const upper = char.toUpperCase();
  return Array.from(upper).length === 1 ? upper : char;
}

/** unicode.ToLower. */
export function lowerChar(char: string): string {
  if (char === '\u0130') return 'i';
  const lower = char.toLowerCase();
  return Array.from(lower).length === 1 ? lower : char;
}

/** strings.Title: each letter that begins a word in upper case, the others as they are. */
export function title(text: string): string {
  let before = ' ';
  return mapChars(text, (char) => {
    const begins = isSeparator(before);
    before = char;
    return begins ? upperChar(char) : char;
  });
}

/** unicode.IsSpace. */
export function isSpace(char: string): boolean {
  return space.test(char);
}

function isSeparator(char: string): boolean {
  if (char < '\x80') return !asciiWord.test(char);
  return !letterOrDigit.test(char) && isSpace(char);
}

function mapChars(text: string, change: (char: string) => string): string {
  spendOnChars(text);
  let out = '';
  for (const char of text) out += change(char);
  return out;
}
