/**
 * Floats under the verbs of Go's fmt: which notation and precision, and where sign and zeros go.
 * Pure.
 */
import { formatFloat } from './format-float.ts';
import type { Spec } from './format-spec.ts';
import { pad } from './format-spec.ts';

/** Undefined if the verb does not fit a float. */
export function formatNumber(spec: Spec, value: number, verb: string): string | undefined {
  if (!'veEfFgGbxX'.includes(verb)) return undefined;
  const written = digitsOf(spec, value, verb);
  const isSigned = written.startsWith('-') || written.startsWith('+');
  const sign = isSigned ? written.slice(0, 1) : '+';
  const size = isSigned ? written.slice(1) : written;
  const shownSign = sign === '+' && spec.space && !spec.plus ? ' ' : sign;
  if (!Number.isFinite(value)) return infinite(spec, size, shownSign);
  if (shownSign === '+' && !spec.plus) return pad(spec, size);
  const missing = (spec.width ?? 0) - size.length - 1;
  if (spec.zero && missing > 0) return shownSign + '0'.repeat(missing) + size;
  return pad(spec, shownSign + size, false);
}

function digitsOf(spec: Spec, value: number, verb: string): string {
  const notation = verb === 'v' ? 'g' : verb;
  const precision = spec.precision ?? ('eEfF'.includes(verb) ? 6 : undefined);
  const text = formatFloat(value, notation, precision);
  return spec.sharp && verb !== 'b' && Number.isFinite(value) ? sharpen(spec, text, verb) : text;
}

/** With `#` there is a decimal point in any case, and `g` keeps the zeros at its end. */
function sharpen({ precision }: Spec, text: string, verb: string): string {
  const isHex = verb === 'x' || verb === 'X';
  const tailAt = text.search(isHex ? /[pP]/ : /[eE]/);
  const head = tailAt < 0 ? text : text.slice(0, tailAt);
  const tail = tailAt < 0 ? '' : text.slice(tailAt);
  const digits = head.replace(/^-/, '').replace('.', '');
  // Go counts what is behind leading zeros, and for `x` its prefix with it.
  let missing = 'vgGx'.includes(verb) ? (precision ?? 6) - digits.replace(/^0+/, '').length : 0;
  const dot = head.includes('.') ? '' : '.';
  if (dot !== '' && digits === '0') missing -= 1;
  return head + dot + '0'.repeat(Math.max(0, missing)) + tail;
}

/** What is no number is never padded with zeros; only NaN goes without a sign. */
function infinite(spec: Spec, size: string, sign: string): string {
  if (size === 'NaN' && !spec.space && !spec.plus) return pad(spec, size, false);
  return pad(spec, sign + size, false);
}
