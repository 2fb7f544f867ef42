/**
 * Sprig's arithmetic: integers of 64 bits that wrap as Go's do, floats by way of decimals.
 */
import { checkListLength } from '../budget.ts';
import { formatPlain } from '../format.ts';
import { define, defineRest } from '../function.ts';
import type { TemplateFunction, TemplateValue } from '../value.ts';
import { isTrue } from '../value.ts';
import { toFloat64, toInt64 } from './cast.ts';
import type { Decimal } from './decimal.ts';
import {
  addDecimals,
  decimalOf,
  decimalToFloat,
  divideDecimals,
  multiplyDecimals,
  subtractDecimals,
} from './decimal.ts';

/** Arithmetic, conversions and lists of integers. */
export const mathFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ['atoi', define(['string'], atoi)],
  ['int64', define(['any'], toInt64)],
  ['int', define(['any'], toInt64)],
  ['float64', define(['any'], toFloat64)],
  ['toDecimal', define(['any'], octal)],
  ['seq', defineRest([], 'int', seq)],
  ['until', define(['int'], (count) => integers(0, count, count < 0 ? -1 : 1))],
  ['untilStep', define(['int', 'int', 'int'], integers)],
  ['add1', define(['any'], (value) => wrap64(toInt64(value) + 1n))],
  ['add', defineRest([], 'any', (...values) => fold(0n, values, (a, b) => a + b))],
  ['sub', define(['any', 'any'], (a, b) => wrap64(toInt64(a) - toInt64(b)))],
  ['div', define(['any', 'any'], (a, b) => wrap64(toInt64(a) / divisor(b)))],
  ['mod', define(['any', 'any'], (a, b) => wrap64(toInt64(a) % divisor(b)))],
  ['mul', defineRest(['any'], 'any', (a, ...more) => fold(toInt64(a), more, (x, y) => x * y))],
  ['biggest', defineRest(['any'], 'any', biggest)],
  ['max', defineRest(['any'], 'any', biggest)],
  ['min', defineRest(['any'], 'any', smallest)],
  ['add1f', define(['any'], (value) => decimals(value, [1], addDecimals))],
  ['addf', defineRest([], 'any', (...values) => decimals(0, values, addDecimals))],
  ['subf', defineRest(['any'], 'any', (a, ...more) => decimals(a, more, subtractDecimals))],
  ['mulf', defineRest(['any'], 'any', (a, ...more) => decimals(a, more, multiplyDecimals))],
  ['divf', defineRest(['any'], 'any', (a, ...more) => decimals(a, more, divideDecimals))],
  ['maxf', defineRest(['any'], 'any', (...values) => Math.max(...values.map(toFloat64)))],
  ['minf', defineRest(['any'], 'any', (...values) => Math.min(...values.map(toFloat64)))],
  ['ceil', define(['any'], (value) => Math.ceil(toFloat64(value)))],
  ['floor', define(['any'], (value) => Math.floor(toFloat64(value)))],
  ['round', defineRest(['any', 'int'], 'float', round)],
  ['ternary', define(['any', 'any', 'bool'], (yes, no, choice) => (choice ? yes : no))],
  ['all', defineRest([], 'any', (...values) => values.every(isTrue))],
  ['any', defineRest([], 'any', (...values) => values.some(isTrue))],
];

function wrap64(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

function fold(
  start: bigint,
  values: readonly TemplateValue[],
  combine: (a: bigint, b: bigint) => bigint,
): bigint {
  let result = start;
  for (const value of values) result = wrap64(combine(result, toInt64(value)));
  return result;
}

function divisor(value: TemplateValue): bigint {
  const number = toInt64(value);
  if (number === 0n) throw new RangeError('runtime error: integer divide by zero');
  return number;
}

function biggest(first: TemplateValue, ...more: TemplateValue[]): bigint {
  return fold(toInt64(first), more, (a, b) => (b > a ? b : a));
}

function smallest(first: TemplateValue, ...more: TemplateValue[]): bigint {
  return fold(toInt64(first), more, (a, b) => (b < a ? b : a));
}

function decimals(
  first: TemplateValue,
  values: readonly TemplateValue[],
  combine: (a: Decimal, b: Decimal) => Decimal,
): number {
  let result = decimalOf(toFloat64(first));
  for (const value of values) result = combine(result, decimalOf(toFloat64(value)));
  return decimalToFloat(result);
}

/** strconv.Atoi, which knows no bases; 0 for what is no number. */
function atoi(text: string): bigint {
  if (!/^[+-]?[0-9]{1,19}$/.test(text)) return 0n;
  const value = BigInt(text.replace(/^\+/, ''));
  return value === wrap64(value) ? value : 0n;
}

/** An octal number, such as a file's mode, as an integer. */
function octal(value: TemplateValue): bigint {
  const text = formatPlain(value);
  if (!/^[+-]?[0-7]{1,21}$/.test(text)) return 0n;
  const size = BigInt(`0o${text.replace(/^[+-]/, '')}`);
  if (size !== wrap64(size)) return 0n;
  return text.startsWith('-') ? -size : size;
}

/** The integers from `start` up or down to `stop`, which is not one of them. */
function integers(start: number, stop: number, step: number): bigint[] {
  if (stop < start ? step >= 0 : step <= 0) return [];
  checkListLength(Math.ceil((stop - start) / step));
  const list: bigint[] = [];
  for (let at = start; step > 0 ? at < stop : at > stop; at += step) list.push(BigInt(at));
  return list;
}

/** As the command of that name: `seq 5`, `seq 2 5`, `seq 0 2 10`. */
function seq(...params: number[]): string {
  const [first = 0, second = 0, third = 0] = params;
  if (params.length === 1) return series(1, first, first < 1 ? -1 : 1);
  if (params.length === 2) return series(first, second, second < first ? -1 : 1);
  if (params.length !== 3 || (third < first && second > 0)) return '';
  return series(first, third, second);
}

/** The integers up to and with `last`. */
function series(first: number, last: number, step: number): string {
  return integers(first, last + (last < first ? -1 : 1), step).join(' ');
}

/** To so many places; the third argument says from which fraction on it goes up. */
function round(value: TemplateValue, places: number, ...from: number[]): number {
  const scale = 10 ** places;
  const digit = scale * toFloat64(value);
  const fraction = digit - Math.trunc(digit);
  return (fraction >= (from[0] ?? 0.5) ? Math.ceil(digit) : Math.floor(digit)) / scale;
}
