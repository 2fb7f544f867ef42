/**
 * The formats of the `timestamp` stage: names of well-known ones, Unix times, and layouts of Go.
 * Pure: what a layout leaves out comes from the time at which the line was captured.
 */
import { dateOfDays } from '../calendar.ts';
import { cutLayout } from '../go-layout.ts';
import { readFields, TimeFields, unixSecondsOf } from '../go-time-parse.ts';
import type { TimeZone } from '../time-zone.ts';

/** A time that a format writes into: Unix seconds, and the nanoseconds within. */
export interface Stamp {
  seconds: number;
  nanos: number;
}

/** Reads a text. False: it is no such time, and `into` is as it was. */
export type StampReader = (text: string, capturedSeconds: number, into: Stamp) => boolean;

const namedLayouts = new Map([
  ['ANSIC', 'Mon Jan _2 15:04:05 2006'],
  ['UnixDate', 'Mon Jan _2 15:04:05 MST 2006'],
  ['RubyDate', 'Mon Jan 02 15:04:05 -0700 2006'],
  ['RFC822', '02 Jan 06 15:04 MST'],
  ['RFC822Z', '02 Jan 06 15:04 -0700'],
  ['RFC850', 'Monday, 02-Jan-06 15:04:05 MST'],
  ['RFC1123', 'Mon, 02 Jan 2006 15:04:05 MST'],
  ['RFC1123Z', 'Mon, 02 Jan 2006 15:04:05 -0700'],
  ['RFC3339', '2006-01-02T15:04:05Z07:00'],
  ['RFC3339Nano', '2006-01-02T15:04:05.999999999Z07:00'],
]);

/** How many of them are in a second. */
const unixUnits = new Map([
  ['UnixMs', 1000n],
  ['UnixUs', 1_000_000n],
  ['UnixNs', 1_000_000_000n],
]);

/** A reader of a format. A zone counts for layouts only, as in promtail, and not for names. */
export function stampReader(format: string, zone: TimeZone | undefined): StampReader {
  if (format === 'Unix') return readUnix;
  const perSecond = unixUnits.get(format);
  if (perSecond !== undefined) return unixReader(perSecond);
  const layout = namedLayouts.get(format);
  return layout === undefined ? layoutReader(format, zone) : layoutReader(layout, undefined);
}

const fields = new TimeFields();

function layoutReader(layout: string, zone: TimeZone | undefined): StampReader {
  const parts = cutLayout(layout);
  // promtail's own test: it looks at the text, not at the parts.
  const hasYear = layout.includes('06');
  return (text, capturedSeconds, into) => {
    if (!readFields(parts, text, fields)) return false;
    const year = hasYear ? fields.year : yearNear(fields.month, capturedSeconds);
    into.seconds = unixSecondsOf(fields, year, zone);
    into.nanos = fields.nanos;
    return true;
  };
}

/** The year of a month without one: around New Year it may be the one before, or the next. */
function yearNear(month: number, capturedSeconds: number): number {
  const now = dateOfDays(Math.floor(capturedSeconds / 86_400));
  if (month === 12 && now.month === 1) return now.year - 1;
  return month === 1 && now.month === 12 ? now.year + 1 : now.year;
}

const wholeNumber = /^[+-]?\d+$/;

/** Go's int64, or undefined. */
function parseInt64(text: string): bigint | undefined {
  // Longer ones cannot be: leading zeros are no one's habit.
  if (text.length > 100 || !wholeNumber.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function unixReader(perSecond: bigint): StampReader {
  const nanosEach = 1_000_000_000n / perSecond;
  return (text, _capturedSeconds, into) => {
    const value = parseInt64(text);
    if (value === undefined) return false;
    const nanos = value * nanosEach;
    // Go would go on with what is left of it in 64 bits, which is any time.
    if (BigInt.asIntN(64, nanos) !== nanos) return false;
    const rest = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    into.seconds = Number((nanos - rest) / 1_000_000_000n);
    into.nanos = Number(rest);
    return true;
  };
}

/** Seconds, with any fraction. */
function readUnix(text: string, _capturedSeconds: number, into: Stamp): boolean {
  const [whole = '', fraction, more] = text.split('.', 3);
  const seconds = parseInt64(whole);
  if (seconds === undefined || more !== undefined) return false;
  let nanos = 0;
  if (fraction !== undefined) {
    const digits = parseInt64(fraction);
    if (digits === undefined) return false;
    // The same arithmetic as promtail's, also where it rounds and with more than nine digits.
    nanos = Math.trunc(Number(digits) * 10 ** (9 - fraction.length));
  }
  const carry = Math.floor(nanos / 1e9);
  into.seconds = Number(seconds) + carry;
  into.nanos = nanos - carry * 1e9;
  return Number.isSafeInteger(into.seconds);
}
