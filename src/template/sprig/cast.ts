/**
 * How sprig turns any value into a number or text (spf13/cast and its own strval). What cannot be
 * turned is 0, and never an error: that is what its users rely on.
 */
import { spendOnElements } from '../budget.ts';
import { formatPlain } from '../format.ts';
import { parseFloat64, parseInteger } from '../literals.ts';
import type { TemplateValue } from '../value.ts';
import { isNil, Struct } from '../value.ts';

const int64Min = -(1n << 63n);
const int64Max = (1n << 63n) - 1n;

/** cast.ToInt64. */
export function toInt64(value: TemplateValue): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return truncated(value);
  if (typeof value !== 'string') return 0n;
  // "1.00" is an integer, "1.50" is none.
  const integer = parseInteger(value.replace(/\.0+$/, ''));
  if (integer === undefined || integer < int64Min || integer > int64Max) return 0n;
  return integer;
}

/** Go on amd64 gives the smallest integer for what does not fit. */
function truncated(value: number): bigint {
  if (!(Math.abs(value) < 2 ** 63)) return int64Min;
  return BigInt(Math.trunc(value));
}

/** cast.ToInt, as a number: it is used for indexes and counts only. */
export function toInt(value: TemplateValue): number {
  return Number(toInt64(value));
}

/** cast.ToFloat64. */
export function toFloat64(value: TemplateValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  return typeof value === 'string' ? (parseFloat64(value) ?? 0) : 0;
}

/** The text of a value. */
export function strval(value: TemplateValue): string {
  if (typeof value === 'string') return value;
  if (value instanceof Struct && value.text !== undefined) return value.text();
  return isNil(value) ? '<nil>' : formatPlain(value);
}

/** The texts of a list's elements without nil, or of the one value. */
export function strslice(value: TemplateValue): string[] {
  if (isNil(value)) return [];
  if (!Array.isArray(value)) return [strval(value)];
  spendOnElements(value.length);
  const texts: string[] = [];
  for (const item of value as readonly TemplateValue[]) {
    if (!isNil(item)) texts.push(strval(item));
  }
  return texts;
}
