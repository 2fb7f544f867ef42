/**
 * The functions that every template of Go knows: and, or, not, the comparisons, index, slice, len,
 * print, printf, println, html, js, urlquery and call. `and` and `or` stand here for their names
 * and arguments only; the caller evaluates them, because they may stop early.
 */
import { byteLength, byteSlice } from './bytes.ts';
import { equalsAny, isLess, isLessOrEqual } from './compare.ts';
import { TemplateError } from './error.ts';
import { escapeHtml, escapeJs, escapeQuery } from './escape.ts';
import { sprint, sprintf, sprintln } from './format.ts';
import { define, defineRest } from './function.ts';
import type { TemplateFunctions, TemplateValue } from './value.ts';
import { isList, isMap, isNil, isTrue, StringMap, Struct, typeName } from './value.ts';

/** Go's own functions by name. A function map may replace any of them, as sprig does `slice`. */
export const builtins: TemplateFunctions = new Map([
  ['and', defineRest(['any'], 'any', (first) => first)],
  ['or', defineRest(['any'], 'any', (first) => first)],
  ['not', define(['any'], (value) => !isTrue(value))],
  ['eq', defineRest(['any'], 'any', (first, ...others) => equalsAny(first, others))],
  ['ne', define(['any', 'any'], (first, second) => !equalsAny(first, [second]))],
  ['lt', define(['any', 'any'], isLess)],
  ['le', define(['any', 'any'], isLessOrEqual)],
  ['gt', define(['any', 'any'], (first, second) => !isLessOrEqual(first, second))],
  ['ge', define(['any', 'any'], (first, second) => !isLess(first, second))],
  ['index', defineRest(['any'], 'any', index)],
  ['slice', defineRest(['any'], 'any', slice)],
  ['len', define(['any'], length)],
  ['print', defineRest([], 'any', (...values) => sprint(values))],
  ['printf', defineRest(['string'], 'any', (format, ...values) => sprintf(format, values))],
  ['println', defineRest([], 'any', (...values) => sprintln(values))],
  ['html', defineRest([], 'any', (...values) => escapeHtml(textOf(values)))],
  ['js', defineRest([], 'any', (...values) => escapeJs(textOf(values)))],
  ['urlquery', defineRest([], 'any', (...values) => escapeQuery(textOf(values)))],
  ['call', defineRest(['any'], 'any', call)],
]);

/** The text that an escaper works on: the arguments as `print` shows them, nil as in an action. */
function textOf(values: readonly TemplateValue[]): string {
  return sprint(values.map((value) => (isNil(value) ? '<no value>' : value)));
}

/** There are no values that are functions, so calling one always fails as in Go. */
function call(value: TemplateValue): TemplateValue {
  if (isNil(value)) throw new TemplateError('call of nil');
  throw new TemplateError(`non-function of type ${typeName(value)}`);
}

function length(value: TemplateValue): bigint {
  if (typeof value === 'string') return BigInt(byteLength(value));
  if (isList(value)) return BigInt(value.length);
  if (isMap(value)) return BigInt(value.size);
  throw new TemplateError(isNil(value) ? 'len of nil pointer' : `len of type ${typeName(value)}`);
}

function index(item: TemplateValue, ...keys: TemplateValue[]): TemplateValue {
  if (isNil(item)) throw new TemplateError('index of untyped nil');
  let held: TemplateValue = item;
  for (const key of keys) held = indexOnce(held, key);
  return held;
}

function indexOnce(item: TemplateValue, key: TemplateValue): TemplateValue {
  if (isNil(item)) throw new TemplateError('index of nil pointer');
  if (isMap(item)) {
    if (isNil(key)) throw new TemplateError('value is nil; should be of type string');
    if (typeof key !== 'string') {
      throw new TemplateError(`value has type ${typeName(key)}; should be string`);
    }
    return item.get(key) ?? (item instanceof StringMap ? '' : null);
  }
  if (isList(item)) {
    const place = indexIn(key, item.length);
    if (place === item.length) throw new TemplateError('reflect: slice index out of range');
    return item[place] ?? null;
  }
  if (typeof item !== 'string') {
    throw new TemplateError(`can't index item of type ${typeName(item)}`);
  }
  const bytes = Buffer.from(item);
  const place = indexIn(key, bytes.length);
  const byte = bytes[place];
  if (byte === undefined) throw new TemplateError('reflect: string index out of range');
  return BigInt(byte);
}

/** An index that is at most `cap`; as in Go, the caller looks after the end itself. */
function indexIn(key: TemplateValue, cap: number): number {
  if (isNil(key)) throw new TemplateError('cannot index slice/array with nil');
  if (typeof key !== 'bigint') {
    throw new TemplateError(`cannot index slice/array with type ${typeName(key)}`);
  }
  if (key < 0n || key > BigInt(cap)) throw new TemplateError(`index out of range: ${key}`);
  return Number(key);
}

function slice(item: TemplateValue, ...indexes: TemplateValue[]): TemplateValue {
  if (isNil(item)) throw new TemplateError('slice of untyped nil');
  if (indexes.length > 3) throw new TemplateError(`too many slice indexes: ${indexes.length}`);
  const isText = typeof item === 'string';
  if (isText && indexes.length === 3) throw new TemplateError('cannot 3-index slice a string');
  if (!isText && !isList(item)) {
    const kind = item instanceof Struct ? item.typeName : typeName(item);
    throw new TemplateError(`can't slice item of type ${kind}`);
  }
  const cap = isText ? byteLength(item) : item.length;
  const bounds = indexes.map((key) => indexIn(key, cap));
  const [start = 0, end = cap, limit = cap] = bounds;
  if (start > end) throw new TemplateError(`invalid slice index: ${start} > ${end}`);
  if (end > limit) throw new TemplateError(`invalid slice index: ${end} > ${limit}`);
  return isText ? byteSlice(item, start, end) : item.slice(start, end);
}
