/**
 * Go's encoding/json of template values: sorted keys, Go's escapes, Go's numbers. It must never
 * follow a value that holds itself for longer than the limits allow.
 */
import { checkTextLength, enter } from './budget.ts';
import { TemplateError } from './error.ts';
import { formatFloat } from './format-float.ts';
import type { TemplateValue } from './value.ts';
import { isList, isMap, isNil, Struct, sortedKeys } from './value.ts';

/** How JSON is written. */
export interface JsonOptions {
  /** Whether `<`, `>` and `&` are escaped, as json.Marshal does. */
  readonly escapeHtml: boolean;
  /** What a level is indented by; everything is in one line without. */
  readonly indent?: string;
}

/** The JSON of a value. Throws TemplateError on what Go cannot encode. */
export function encodeJson(value: TemplateValue, options: JsonOptions): string {
  return encode(value, options, 0);
}

function encode(value: TemplateValue, options: JsonOptions, depth: number): string {
  enter(depth);
  if (typeof value === 'string') return encodeText(value, options.escapeHtml);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return typeof value === 'number' ? encodeNumber(value) : encodeCompound(value, options, depth);
}

function encodeCompound(value: TemplateValue, options: JsonOptions, depth: number): string {
  if (isNil(value)) return 'null';
  const inner = (held: TemplateValue): string => encode(held, options, depth + 1);
  if (isList(value)) return enclose('[', value.map(inner), ']', options, depth);
  if (value instanceof Struct && value.text !== undefined) {
    return encodeText(value.text(), options.escapeHtml);
  }
  const colon = options.indent === undefined ? ':' : ': ';
  const pair = (key: string, held: TemplateValue): string =>
    encodeText(key, options.escapeHtml) + colon + inner(held);
  const pairs = isMap(value)
    ? sortedKeys(value).map((key) => pair(key, value.get(key)))
    : (value as Struct).fields().map(([key, held]) => pair(key, held));
  return enclose('{', pairs, '}', options, depth);
}

function enclose(
  open: string,
  items: readonly string[],
  close: string,
  { indent }: JsonOptions,
  depth: number,
): string {
  let length = 2;
  for (const item of items) length += item.length + 1;
  checkTextLength(length);
  if (indent === undefined || items.length === 0) return open + items.join(',') + close;
  const outer = `\n${indent.repeat(depth)}`;
  const separator = outer + indent;
  return `${open}${separator}${items.join(`,${separator}`)}${outer}${close}`;
}

function encodeNumber(value: number): string {
  if (!Number.isFinite(value)) {
    throw new TemplateError(`json: unsupported value: ${formatFloat(value, 'g', undefined)}`);
  }
  const size = Math.abs(value);
  const isFar = size !== 0 && (size < 1e-6 || size >= 1e21);
  if (!isFar) return formatFloat(value, 'f', undefined);
  // As ECMAScript writes it: e-09 is e-9.
  return formatFloat(value, 'e', undefined).replace(/e-0/, 'e-');
}

function encodeText(text: string, escapeHtml: boolean): string {
  let out = JSON.stringify(text.toWellFormed()).replaceAll(/[\u2028\u2029]/g, escapeUnit);
  // Go 1.22 and later write \b and \f as JavaScript does; older ones as \u0008 and \u000c.
  if (escapeHtml) out = out.replaceAll(/[<>&]/g, escapeUnit);
  return out;
}

function escapeUnit(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
