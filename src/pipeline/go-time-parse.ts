/**
 * Reads a text as a layout says, as Go's time.Parse does: what is read goes into fields that are
 * used again for each line. It must never throw, and never guess: a text that does not fit wholly
 * is no time.
 */
import { dateOfYearDay, daysOfMonth, daysSinceEpoch } from './calendar.ts';
import type { Layout, LayoutPart } from './go-layout.ts';
import { dayNames, monthNames } from './go-names.ts';
import type { TimeZone } from './time-zone.ts';

/** What a text says. */
export class TimeFields {
  year = 0;
  month = 1;
  day = 1;
  hour = 0;
  minute = 0;
  second = 0;
  nanos = 0;
  /** Seconds east of UTC, where the text says them. */
  offset: number | undefined;
  /** Short name of a zone, where the text has one; never UTC, which is an offset. */
  zoneName = '';
  // How far the reading is.
  text = '';
  at = 0;
  hasMonth = false;
  hasDay = false;
  yearDay = -1;
  isUtc = false;
  half: 'am' | 'pm' | undefined;

  /** Begins anew: what a layout leaves out is the first of January of the year 0, midnight. */
  reset(text: string): void {
    this.year = 0;
    this.month = 1;
    this.day = 1;
    this.hour = 0;
    this.minute = 0;
    this.second = 0;
    this.nanos = 0;
    this.offset = undefined;
    this.zoneName = '';
    this.text = text;
    this.at = 0;
    this.hasMonth = false;
    this.hasDay = false;
    this.yearDay = -1;
    this.isUtc = false;
    this.half = undefined;
  }
}

/** Reads the whole text. False: it is not as the layout says. */
export function readFields(layout: Layout, text: string, fields: TimeFields): boolean {
  fields.reset(text);
  for (const part of layout) if (!readers[part.kind](fields, part)) return false;
  if (fields.at !== text.length) return false;
  if (fields.half === 'pm' && fields.hour < 12) fields.hour += 12;
  if (fields.half === 'am' && fields.hour === 12) fields.hour = 0;
  if (fields.yearDay >= 0 && !takeYearDay(fields)) return false;
  return fields.day >= 1 && fields.day <= daysOfMonth(fields.year, fields.month);
}

/**
 * The Unix time of what was read, in another year if one is given. An offset in the text counts,
 * then a short name, as the zone or GMT+1 has it, then the zone. Without a zone it is UTC.
 */
export function unixSecondsOf(
  { month, day, hour, minute, second, offset, zoneName }: TimeFields,
  year: number,
  zone: TimeZone | undefined,
): number {
  const days = daysSinceEpoch(year, month, day);
  const local = days * 86_400 + hour * 3600 + minute * 60 + second;
  if (offset !== undefined) return local - offset;
  if (zoneName === '') return zone?.toUnix(local) ?? local;
  const known = zone?.offsetOfName(zoneName, local);
  if (known !== undefined) return local - known;
  const isGmt = zoneName.startsWith('GMT') && zoneName.length > 3;
  return isGmt ? local - Number(zoneName.slice(3)) * 3600 : local;
}

type Reader = (fields: TimeFields, part: LayoutPart) => boolean;

const readers: Record<LayoutPart['kind'], Reader> = {
  text: (fields, { text }) => skip(fields, text),
  year: (fields) => {
    if (!isDigit(fields, 0)) return false;
    fields.year = signed(fields, 4);
    return !Number.isNaN(fields.year);
  },
  shortYear: (fields) => {
    const year = signed(fields, 2);
    fields.year = year + (year >= 69 ? 1900 : 2000);
    return !Number.isNaN(year);
  },
  month: (fields) => takeMonth(fields, number(fields, 1, 2)),
  zeroMonth: (fields) => takeMonth(fields, number(fields, 2, 2)),
  monthName: (fields) => takeMonth(fields, nameIndex(fields, shortMonthNames) + 1),
  longMonthName: (fields) => takeMonth(fields, nameIndex(fields, monthNames) + 1),
  weekday: (fields) => nameIndex(fields, shortDayNames) >= 0,
  longWeekday: (fields) => nameIndex(fields, dayNames) >= 0,
  day: (fields) => takeDay(fields, number(fields, 1, 2)),
  spaceDay: (fields) => {
    if (fields.text[fields.at] === ' ') fields.at += 1;
    return takeDay(fields, number(fields, 1, 2));
  },
  zeroDay: (fields) => takeDay(fields, number(fields, 2, 2)),
  spaceYearDay: (fields) => {
    for (let count = 0; count < 2 && fields.text[fields.at] === ' '; count += 1) fields.at += 1;
    fields.yearDay = number(fields, 1, 3);
    return fields.yearDay >= 0;
  },
  zeroYearDay: (fields) => {
    fields.yearDay = number(fields, 3, 3);
    return fields.yearDay >= 0;
  },
  hour: (fields) => takeHour(fields, number(fields, 1, 2), 23),
  hour12: (fields) => takeHour(fields, number(fields, 1, 2), 12),
  zeroHour12: (fields) => takeHour(fields, number(fields, 2, 2), 12),
  minute: (fields) => takeMinute(fields, number(fields, 1, 2)),
  zeroMinute: (fields) => takeMinute(fields, number(fields, 2, 2)),
  second: (fields, part) => takeSecond(fields, number(fields, 1, 2), part),
  zeroSecond: (fields, part) => takeSecond(fields, number(fields, 2, 2), part),
  upperHalf: (fields) => takeHalf(fields, 'AM', 'PM'),
  lowerHalf: (fields) => takeHalf(fields, 'am', 'pm'),
  fraction: (fields, { text }) => takeFraction(fields, text.length - 1),
  // May be left out; more digits than the layout has are fine.
  shortFraction: (fields) => !hasFraction(fields) || takeFraction(fields, digitsAt(fields, 1)),
  offset: (fields, { text }) => takeOffset(fields, text),
  zoneName: takeZoneName,
};

const shortMonthNames = monthNames.map((name) => name.slice(0, 3));
const shortDayNames = dayNames.map((name) => name.slice(0, 3));

/** Text that stands for itself; any number of spaces is as good as another, if there is one. */
function skip(fields: TimeFields, expected: string): boolean {
  const { text } = fields;
  for (let index = 0; index < expected.length; index += 1) {
    const wanted = expected[index];
    if (wanted !== ' ') {
      if (text[fields.at] !== wanted) return false;
      fields.at += 1;
      continue;
    }
    if (fields.at < text.length && text[fields.at] !== ' ') return false;
    while (text[fields.at] === ' ') fields.at += 1;
    while (expected[index + 1] === ' ') index += 1;
  }
  return true;
}

function isDigit({ text, at }: TimeFields, ahead: number): boolean {
  const code = text.charCodeAt(at + ahead);
  return code >= 48 && code <= 57;
}

/** How many digits stand so far ahead. */
function digitsAt(fields: TimeFields, ahead: number): number {
  let count = 0;
  while (isDigit(fields, ahead + count)) count += 1;
  return count;
}

/** A number without sign of so many digits; -1: there is none. */
function number(fields: TimeFields, digitsMin: number, digitsMax: number): number {
  let value = 0;
  let count = 0;
  for (; count < digitsMax && isDigit(fields, count); count += 1) {
    value = value * 10 + fields.text.charCodeAt(fields.at + count) - 48;
  }
  if (count < digitsMin) return -1;
  fields.at += count;
  return value;
}

const signedNumber = /^[+-]?\d*$/;

/** Exactly so many characters that are a number, which Go lets have a sign; else not a number. */
function signed(fields: TimeFields, length: number): number {
  const text = fields.text.slice(fields.at, fields.at + length);
  fields.at += length;
  if (text.length < length || !signedNumber.test(text)) return Number.NaN;
  return Number(text.length === 1 && !isDigit(fields, -1) ? 0 : text);
}

/** Which of the names stands there, in any case of letters; -1: none. */
function nameIndex(fields: TimeFields, names: readonly string[]): number {
  const { text, at } = fields;
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index] ?? '';
    if (!isSameName(text, at, name)) continue;
    fields.at += name.length;
    return index;
  }
  return -1;
}

function isSameName(text: string, at: number, name: string): boolean {
  for (let index = 0; index < name.length; index += 1) {
    const code = text.charCodeAt(at + index);
    const wanted = name.charCodeAt(index);
    // The two cases of a letter differ in one bit; names have letters only.
    if (code !== wanted && code !== (wanted ^ 32)) return false;
  }
  return true;
}

function takeMonth(fields: TimeFields, month: number): boolean {
  fields.month = month;
  fields.hasMonth = true;
  return month >= 1 && month <= 12;
}

/** Whether the month has that day shows at the end. */
function takeDay(fields: TimeFields, day: number): boolean {
  fields.day = day;
  fields.hasDay = true;
  return day >= 0;
}

function takeHour(fields: TimeFields, hour: number, hourMax: number): boolean {
  fields.hour = hour;
  return hour >= 0 && hour <= hourMax;
}

function takeMinute(fields: TimeFields, minute: number): boolean {
  fields.minute = minute;
  return minute >= 0 && minute <= 59;
}

/** Behind seconds, a fraction may stand that the layout does not have. */
function takeSecond(fields: TimeFields, second: number, part: LayoutPart): boolean {
  fields.second = second;
  if (second < 0 || second > 59) return false;
  if (part.isBeforeFraction || !hasFraction(fields)) return true;
  return takeFraction(fields, digitsAt(fields, 1));
}

function hasFraction(fields: TimeFields): boolean {
  return isPoint(fields.text[fields.at]) && isDigit(fields, 1);
}

function isPoint(character: string | undefined): boolean {
  return character === '.' || character === ',';
}

/** A point and exactly so many digits; what is less than a nanosecond is cut off. */
function takeFraction(fields: TimeFields, digits: number): boolean {
  if (!isPoint(fields.text[fields.at])) return false;
  fields.at += 1;
  const kept = Math.min(digits, 9);
  const value = signed(fields, kept);
  fields.at += digits - kept;
  if (!(value >= 0) || fields.at > fields.text.length) return false;
  fields.nanos = value * 10 ** (9 - kept);
  return true;
}

function takeHalf(fields: TimeFields, am: string, pm: string): boolean {
  const text = fields.text.slice(fields.at, fields.at + 2);
  fields.at += 2;
  if (text !== am && text !== pm) return false;
  fields.half = text === pm ? 'pm' : 'am';
  return true;
}

/** Z where the part has it, or a sign and hours, minutes and seconds as far as the part has them. */
function takeOffset(fields: TimeFields, part: string): boolean {
  const sign = fields.text[fields.at];
  fields.at += 1;
  if (sign === 'Z' && part.startsWith('Z')) return takeUtc(fields);
  if (sign !== '+' && sign !== '-') return false;
  let offset = 0;
  let unitSeconds = 3600;
  for (let index = 1; index < part.length; index += 2) {
    if (part[index] === ':') {
      if (fields.text[fields.at] !== ':') return false;
      fields.at += 1;
      index += 1;
    }
    const value = number(fields, 2, 2);
    // As in Go: some people do write 24 hours, or 60 minutes.
    if (value < 0 || value > (unitSeconds === 3600 ? 24 : 60)) return false;
    offset += value * unitSeconds;
    unitSeconds /= 60;
  }
  // Who says Z or UTC elsewhere means it.
  if (!fields.isUtc) fields.offset = sign === '-' ? -offset : offset;
  return true;
}

function takeUtc(fields: TimeFields): true {
  fields.isUtc = true;
  fields.offset = 0;
  return true;
}

/** As Go tells them: three or four or five capital letters, and a few that are not so. */
const zoneNames = /ChST|MeST|GMT(?:[+-]\d+)?|[+-]\d+|(?:[A-Z]{3,4}T|WITA|[A-Z]{3})(?![A-Z])/y;

function takeZoneName(fields: TimeFields): boolean {
  if (fields.text.startsWith('UTC', fields.at)) {
    fields.at += 3;
    return takeUtc(fields);
  }
  zoneNames.lastIndex = fields.at;
  const name = zoneNames.exec(fields.text)?.[0];
  if (name === undefined) return false;
  const hours = /\d+$/.exec(name)?.[0];
  const isTooFar = hours !== undefined && Number(hours) > 23;
  // GMT+24 is GMT, and something behind it.
  if (isTooFar && !name.startsWith('GMT')) return false;
  fields.zoneName = isTooFar ? 'GMT' : name;
  fields.at += fields.zoneName.length;
  return true;
}

/** Month and day by the day of the year; they have to be the same where the text has both. */
function takeYearDay(fields: TimeFields): boolean {
  const date = dateOfYearDay(fields.year, fields.yearDay);
  if (date === undefined) return false;
  if (fields.hasMonth && date.month !== fields.month) return false;
  if (fields.hasDay && date.day !== fields.day) return false;
  fields.month = date.month;
  fields.day = date.day;
  return true;
}
