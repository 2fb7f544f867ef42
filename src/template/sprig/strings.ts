/**
 * Sprig's functions of strings. The argument that a pipe brings is the last one.
 */
import { checkTextLength, spendOnChars } from '../budget.ts';
import { byteLength, byteSlice } from '../bytes.ts';
import { isSpace, lowerChar, title, toLower, toUpper, upperChar } from '../case.ts';
import { formatPlain } from '../format.ts';
import { define, defineRest } from '../function.ts';
import { quote } from '../quote.ts';
import * as strings from '../strings.ts';
import type { TemplateFunction, TemplateValue } from '../value.ts';
import { compareText, isList, isNil, StringMap } from '../value.ts';
import { toByteText } from './byte-text.ts';
import { strslice, strval } from './cast.ts';
import { abbreviate, wrap } from './wrap.ts';

/** Functions of strings and lists of strings. */
export const stringFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ['hello', define([], () => 'Hello!')],
  ['abbrev', define(['int', 'string'], (width, text) => abbreviate(text, 0, width))],
  ['abbrevboth', define(['int', 'int', 'string'], abbrevBoth)],
  ['trunc', define(['int', 'string'], trunc)],
  ['trim', define(['string'], strings.trimSpace)],
  ['upper', define(['string'], toUpper)],
  ['lower', define(['string'], toLower)],
  ['title', define(['string'], title)],
  ['untitle', define(['string'], untitle)],
  ['substr', define(['int', 'int', 'string'], substr)],
  ['repeat', define(['int', 'string'], (count, text) => strings.repeat(text, count))],
  ['trimall', define(['string', 'string'], (set, text) => strings.trim(text, set))],
  ['trimAll', define(['string', 'string'], (set, text) => strings.trim(text, set))],
  ['trimSuffix', define(['string', 'string'], (end, text) => strings.trimSuffix(text, end))],
  ['trimPrefix', define(['string', 'string'], (start, text) => strings.trimPrefix(text, start))],
  ['nospace', define(['string'], noSpace)],
  ['initials', define(['string'], initials)],
  ['swapcase', define(['string'], swapCase)],
  ['wrap', define(['int', 'string'], (width, text) => wrap(text, width, '\n', false))],
  [
    'wrapWith',
    define(['int', 'string', 'string'], (width, end, text) => wrap(text, width, end, true)),
  ],
  ['contains', define(['string', 'string'], (part, text) => text.includes(part))],
  ['hasPrefix', define(['string', 'string'], (part, text) => text.startsWith(part))],
  ['hasSuffix', define(['string', 'string'], (part, text) => text.endsWith(part))],
  ['quote', defineRest([], 'any', (...values) => present(values).map(quoted).join(' '))],
  ['squote', defineRest([], 'any', (...values) => present(values).map(singleQuoted).join(' '))],
  ['cat', defineRest([], 'any', (...values) => present(values).map(formatPlain).join(' '))],
  ['indent', define(['int', 'string'], indent)],
  ['nindent', define(['int', 'string'], (spaces, text) => `\n${indent(spaces, text)}`)],
  [
    'replace',
    define(['string', 'string', 'string'], (old, by, text) => strings.replace(text, old, by)),
  ],
  ['plural', define(['string', 'string', 'int'], (one, many, count) => (count === 1 ? one : many))],
  ['toString', define(['any'], strval)],
  ['split', define(['string', 'string'], (by, text) => numbered(strings.splitN(text, by, -1)))],
  [
    'splitn',
    define(['string', 'int', 'string'], (by, n, text) => numbered(strings.splitN(text, by, n))),
  ],
  ['splitList', define(['string', 'string'], (by, text) => strings.splitN(text, by, -1))],
  ['toStrings', define(['any'], strslice)],
  ['join', define(['string', 'any'], (by, list) => strings.join(strslice(list), by))],
  ['sortAlpha', define(['any'], sortAlpha)],
];

function present(values: readonly TemplateValue[]): TemplateValue[] {
  return values.filter((value) => !isNil(value));
}

function quoted(value: TemplateValue): string {
  return quote(strval(value));
}

function singleQuoted(value: TemplateValue): string {
  return `'${formatPlain(value)}'`;
}

function abbrevBoth(left: number, right: number, text: string): string {
  if (right < 4 || (left > 0 && right < 7)) return text;
  return abbreviate(text, left, right);
}

/** The first bytes, with a negative count the last ones. */
function trunc(count: number, text: string): string {
  const length = byteLength(text);
  if (count < 0) return length + count > 0 ? byteSlice(text, length + count) : text;
  return length > count ? byteSlice(text, 0, count) : text;
}

function substr(start: number, end: number, text: string): string {
  if (start < 0) return byteSlice(text, 0, end);
  const isOpen = end < 0 || end > byteLength(text);
  return isOpen ? byteSlice(text, start) : byteSlice(text, start, end);
}

/** The first letter of each word in lower case. */
function untitle(text: string): string {
  spendOnChars(text);
  return text.replaceAll(
    /(^|[\s\u0085])([^\s\u0085])/gu,
    (_whole, before: string, char: string) => {
      return before + lowerChar(char);
    },
  );
}

function isSpaceByte(byte: string): boolean {
  return isSpace(byte);
}

/** Go takes each byte for a character here, so that what has spaces and umlauts is mangled. */
function noSpace(text: string): string {
  spendOnChars(text);
  const bytes = toByteText(text);
  const kept = Array.from(bytes).filter((byte) => !isSpaceByte(byte));
  return kept.length === bytes.length ? text : kept.join('');
}

function initials(text: string): string {
  spendOnChars(text);
  let isGap = true;
  let out = '';
  for (const byte of toByteText(text)) {
    if (isSpaceByte(byte)) isGap = true;
    else if (isGap) {
      out += byte;
      isGap = false;
    }
  }
  return out;
}

function swapCase(text: string): string {
  spendOnChars(text);
  let out = '';
  for (const char of text) {
    const lower = lowerChar(char);
    out += lower === char ? upperChar(char) : lower;
  }
  return out;
}

function indent(spaces: number, text: string): string {
  const padding = strings.repeat(' ', spaces);
  const indented = padding + strings.replace(text, '\n', `\n${padding}`);
  checkTextLength(indented.length);
  return indented;
}

/** `_0`, `_1`, … as keys: a list that a template can reach into with a dot. */
function numbered(pieces: readonly string[]): StringMap {
  return new StringMap(pieces.map((piece, index) => [`_${index}`, piece]));
}

function sortAlpha(list: TemplateValue): TemplateValue {
  return isList(list) ? strslice(list).sort(compareText) : [strval(list)];
}
