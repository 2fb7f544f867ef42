/**
 * Go's package strings, as far as functions of templates need it. Pure; whatever could make a text
 * much longer than its input asks for leave first.
 */
import { checkListLength, checkTextLength, spendOnChars, spendOnElements } from './budget.ts';
import { isSpace } from './case.ts';

/** strings.Repeat. Throws on a negative count, as Go panics. */
export function repeat(text: string, count: number): string {
  if (count < 0) throw new RangeError('strings: negative Repeat count');
  checkTextLength(text.length * count);
  return text.repeat(count);
}

/** strings.SplitN with no bound if `count` is negative. */
export function splitN(text: string, separator: string, count: number): string[] {
  if (count === 0) return [];
  if (separator === '') checkListLength(text.length >> 1);
  const pieces = separator === '' ? Array.from(text) : text.split(separator);
  checkListLength(pieces.length);
  spendOnElements(pieces.length);
  if (count < 0 || pieces.length <= count) return pieces;
  const head = pieces.slice(0, count - 1);
  return [...head, pieces.slice(count - 1).join(separator)];
}

/** strings.Join. */
export function join(pieces: readonly string[], separator: string): string {
  let length = separator.length * Math.max(0, pieces.length - 1);
  for (const piece of pieces) length += piece.length;
  checkTextLength(length);
  return pieces.join(separator);
}

/** strings.Replace: the first `count` occurrences, all if it is negative. */
export function replace(text: string, old: string, by: string, count = -1): string {
  if (count === 0 || old === by) return text;
  if (old === '') return insertBetween(text, by, count);
  const pieces = splitBounded(text, old, count);
  spendOnElements(2 * pieces.length);
  checkTextLength(text.length + (pieces.length - 1) * Math.max(0, by.length - old.length));
  return pieces.join(by);
}

/** `text` cut at the first `count` occurrences. */
function splitBounded(text: string, separator: string, count: number): string[] {
  return count < 0 ? text.split(separator) : splitFirst(text, separator, count);
}

function splitFirst(text: string, separator: string, count: number): string[] {
  const pieces: string[] = [];
  let at = 0;
  while (pieces.length < count) {
    const found = text.indexOf(separator, at);
    if (found < 0) break;
    pieces.push(text.slice(at, found));
    at = found + separator.length;
  }
  pieces.push(text.slice(at));
  return pieces;
}

/** Go takes an empty string to occur in front of every character and at the end. */
function insertBetween(text: string, by: string, count: number): string {
  spendOnChars(text);
  const chars = Array.from(text);
  const places = count < 0 ? chars.length + 1 : Math.min(count, chars.length + 1);
  checkTextLength(text.length + places * by.length);
  let out = '';
  for (const [index, char] of chars.entries()) out += index < places ? by + char : char;
  return places > chars.length ? out + by : out;
}

/** strings.TrimLeft: without the characters of the set at the start. */
export function trimLeft(text: string, set: string): string {
  return trimStartWhile(text, isIn(set));
}

/** strings.TrimRight. */
export function trimRight(text: string, set: string): string {
  return trimEndWhile(text, isIn(set));
}

/** strings.Trim. */
export function trim(text: string, set: string): string {
  return trimRight(trimLeft(text, set), set);
}

/** strings.TrimSpace; a JavaScript trim would take U+FEFF as well. */
export function trimSpace(text: string): string {
  return trimEndWhile(trimStartWhile(text, isSpace), isSpace);
}

function isIn(set: string): (char: string) => boolean {
  const chars = new Set(set);
  return (char) => chars.has(char);
}

function trimStartWhile(text: string, test: (char: string) => boolean): string {
  let at = 0;
  for (const char of text) {
    if (!test(char)) break;
    at += char.length;
  }
  return text.slice(at);
}

function trimEndWhile(text: string, test: (char: string) => boolean): string {
  let end = text.length;
  while (end > 0) {
    const code = text.charCodeAt(end - 1);
    const isLowHalf = code >= 0xdc00 && code <= 0xdfff && end > 1;
    const char = text.slice(end - (isLowHalf ? 2 : 1), end);
    if (!test(char)) break;
    end -= char.length;
  }
  return text.slice(0, end);
}

/** strings.TrimPrefix. */
export function trimPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

/** strings.TrimSuffix. */
export function trimSuffix(text: string, suffix: string): string {
  return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
}
