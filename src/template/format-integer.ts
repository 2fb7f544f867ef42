/**
 * Integers and characters under the verbs of Go's fmt. Pure.
 */

import type { Spec } from './format-spec.ts';
import { pad } from './format-spec.ts';
import { isPrintable } from './quote.ts';

/** An integer in a base, with sign, prefix, precision and zeros as Go puts them. */
export function formatInteger(
  spec: Spec,
  value: bigint,
  base: 2 | 8 | 10 | 16,
  verb: string,
): string {
  const isNegative = value < 0n;
  let precision = 0;
  if (spec.precision !== undefined) {
    precision = spec.precision;
    if (precision === 0 && value === 0n) return ' '.repeat(spec.width ?? 0);
  } else if (spec.zero && !spec.minus && spec.width !== undefined) {
    precision = spec.width;
    if (isNegative || spec.plus || spec.space) precision -= 1;
  }
  let digits = (isNegative ? -value : value).toString(base).padStart(precision, '0');
  if (spec.sharp) digits = prefixed(digits, base);
  if (verb === 'O') digits = `0o${digits}`;
  if (verb === 'X') digits = digits.toUpperCase();
  return pad(spec, signOf(spec, isNegative) + digits, false);
}

function prefixed(digits: string, base: 2 | 8 | 10 | 16): string {
  if (base === 2) return `0b${digits}`;
  if (base === 16) return `0x${digits}`;
  return base === 8 && !digits.startsWith('0') ? `0${digits}` : digits;
}

function signOf(spec: Spec, isNegative: boolean): string {
  if (isNegative) return '-';
  if (spec.plus) return '+';
  return spec.space ? ' ' : '';
}

/** The character of a code. */
export function formatRune(value: bigint): string {
  const isValid = value >= 0n && value <= 0x10ffffn && (value < 0xd800n || value > 0xdfffn);
  return isValid ? String.fromCodePoint(Number(value)) : '\ufffd';
}

/** `U+0041`, with `#` and a visible character `U+0041 'A'`. */
export function formatUnicode(spec: Spec, value: bigint): string {
  const unsigned = BigInt.asUintN(64, value);
  const digits = unsigned
    .toString(16)
    .toUpperCase()
    .padStart(Math.max(4, spec.precision ?? 4), '0');
  const char = formatRune(value);
  const shows = spec.sharp && value >= 0n && value <= 0x10ffffn && isPrintable(char);
  return `U+${digits}${shows ? ` '${char}'` : ''}`;
}
