/**
 * One value under one verb of Go's fmt, with flags, width and precision; slices, maps and structs
 * by their elements. Values may hold themselves, so every element counts against the limits.
 */
import { checkTextLength, enter } from './budget.ts';
import { formatInteger, formatRune, formatUnicode } from './format-integer.ts';
import { formatNumber } from './format-number.ts';
import type { Spec } from './format-spec.ts';
import { pad } from './format-spec.ts';
import { canBackquote, quote, quoteRune } from './quote.ts';
import type { TemplateValue } from './value.ts';
import { isList, isMap, isNil, Struct, sortedKeys, typeName } from './value.ts';

/** The text of a value; `depth` says how deep it stands in another one. */
export function formatValue(spec: Spec, value: TemplateValue, verb: string, depth: number): string {
  enter(depth);
  if (isNil(value)) return formatNil(spec, verb, depth);
  if (depth === 0 && verb === 'T')
    return formatText({ ...spec, sharp: false }, typeName(value), 's');
  // Go knows `%w` only where it makes errors; here it fits nothing as a whole.
  const known = verb === 'w' ? undefined : formatKind(spec, value, verb, depth);
  const text = known ?? badVerb(spec, value, verb, depth);
  checkTextLength(text.length);
  return text;
}

function formatNil(spec: Spec, verb: string, depth: number): string {
  if (depth > 0) return spec.sharpV ? 'interface {}(nil)' : '<nil>';
  return verb === 'v' || verb === 'T' ? pad(spec, '<nil>') : `%!${verb}(<nil>)`;
}

function badVerb(spec: Spec, value: TemplateValue, verb: string, depth: number): string {
  return `%!${verb}(${typeName(value)}=${formatKind(spec, value, 'v', depth) ?? ''})`;
}

/** Undefined if the verb does not fit the value. */
function formatKind(
  spec: Spec,
  value: TemplateValue,
  verb: string,
  depth: number,
): string | undefined {
  if (typeof value === 'string') return formatString(spec, value, verb);
  if (typeof value === 'bigint') return formatInt(spec, value, verb);
  if (typeof value === 'number') return formatNumber(spec, value, verb);
  if (typeof value !== 'boolean') return formatCompound(spec, value, verb, depth);
  return verb === 't' || verb === 'v' ? pad(spec, String(value)) : undefined;
}

function formatString(spec: Spec, text: string, verb: string): string | undefined {
  switch (verb) {
    case 'v':
      return spec.sharpV ? formatText(spec, text, 'q') : formatText(spec, text, verb);
    case 's':
    case 'q':
      return formatText(spec, text, verb);
    case 'x':
    case 'X':
      return pad(spec, hexOf(spec, text, verb));
    default:
      return undefined;
  }
}

function formatText(spec: Spec, text: string, verb: string): string {
  const shown = truncate(spec, text);
  if (verb !== 'q') return pad(spec, shown);
  if (spec.sharp && canBackquote(shown)) return pad(spec, `\`${shown}\``);
  return pad(spec, quote(shown, spec.plus));
}

/** The precision of a string is the most characters of it. */
function truncate({ precision }: Spec, text: string): string {
  if (precision === undefined || text.length <= precision) return text;
  return Array.from(text).slice(0, precision).join('');
}

/** The bytes in hexadecimal; the precision counts bytes. */
function hexOf(spec: Spec, text: string, verb: string): string {
  const bytes = Buffer.from(text);
  const shown = spec.precision === undefined ? bytes : bytes.subarray(0, spec.precision);
  let hex = shown.toString('hex');
  const prefix = spec.sharp && hex !== '' ? '0x' : '';
  if (spec.space) hex = hex.replaceAll(/..(?=.)/g, `$& ${prefix}`);
  const all = prefix + hex;
  return verb === 'X' ? all.toUpperCase() : all;
}

function formatInt(spec: Spec, value: bigint, verb: string): string | undefined {
  switch (verb) {
    case 'v':
    case 'd':
      return formatInteger(spec, value, 10, verb);
    case 'b':
      return formatInteger(spec, value, 2, verb);
    case 'o':
    case 'O':
      return formatInteger(spec, value, 8, verb);
    case 'x':
    case 'X':
      return formatInteger(spec, value, 16, verb);
    case 'c':
      return pad(spec, formatRune(value));
    case 'q':
      return pad(spec, quoteRune(Number(value), spec.plus));
    case 'U':
      return pad(spec, formatUnicode(spec, value), false);
    default:
      return undefined;
  }
}

function formatCompound(
  spec: Spec,
  value: TemplateValue,
  verb: string,
  depth: number,
): string | undefined {
  const isSyntax = spec.sharpV;
  const inner = (element: TemplateValue): string => formatValue(spec, element, verb, depth + 1);
  if (isList(value)) {
    if (isSyntax) return `${typeName(value)}{${joinBounded(value, inner, ', ')}}`;
    return `[${joinBounded(value, inner, ' ')}]`;
  }
  if (isMap(value)) {
    const pair = (key: string): string => `${inner(key)}:${inner(value.get(key))}`;
    const keys = sortedKeys(value);
    if (isSyntax) return `${typeName(value)}{${joinBounded(keys, pair, ', ')}}`;
    return `map[${joinBounded(keys, pair, ' ')}]`;
  }
  if (!(value instanceof Struct)) return undefined;
  if (value.text !== undefined && 'vsxXq'.includes(verb) && !isSyntax) {
    return formatString(spec, value.text(), verb);
  }
  const names = spec.plusV || isSyntax;
  const field = ([name, held]: [string, TemplateValue]): string =>
    names ? `${name}:${inner(held)}` : inner(held);
  const fields = joinBounded(value.fields(), field, isSyntax ? ', ' : ' ');
  return `${isSyntax ? value.typeName : ''}{${fields}}`;
}

/** Joins the texts of elements and stops as soon as they are too long. */
function joinBounded<T>(
  elements: readonly T[],
  show: (element: T) => string,
  separator: string,
): string {
  let out = '';
  for (const [index, element] of elements.entries()) {
    out += index === 0 ? show(element) : separator + show(element);
    checkTextLength(out.length);
  }
  return out;
}
