/**
 * Sprig's dates. Layouts and zones come in from outside. Nothing here looks at the clock: where Go
 * would take the time of now, because it was given no time, the action fails.
 */
import { TemplateError } from '../error.ts';
import { define, refuse } from '../function.ts';
import type { TemplateFunction, TemplateValue } from '../value.ts';
import { Struct, typeName } from '../value.ts';
import { formatDuration, parseDuration, roundDuration } from './duration.ts';

/** Go's time layouts. Zones are IANA names, "UTC" or "Local". */
export interface TemplateTime {
  /** Throws when the zone is unknown. */
  format(layout: string, unixNs: bigint, zone: string): string;
  /** Undefined for a text that does not fit the layout. */
  parse(layout: string, text: string, zone: string): bigint | undefined;
}

const second = 1_000_000_000n;
/** Go's zero time, the first day of year 1. */
const zeroNs = -62_135_596_800n * second;
const clock = 'it reads the clock, and a line must give the same text whenever it is worked on';
const nanos = new WeakMap<Struct, bigint>();

/** Functions of dates and durations. */
export function dateFunctions(
  time: TemplateTime,
): readonly (readonly [string, TemplateFunction])[] {
  const inZone = (layout: string, date: TemplateValue, zone: string): string =>
    formatIn(time, layout, date, zone);
  const modify = define(['string', 'time'], (text, date) => {
    return timeValue(time, nsOf(date) + (parseDuration(text) ?? 0n));
  });
  const mustModify = define(['string', 'time'], (text, date) => {
    const change = parseDuration(text);
    if (change === undefined) throw new TemplateError(`time: invalid duration "${text}"`);
    return timeValue(time, nsOf(date) + change);
  });
  return [
    ['date', define(['string', 'any'], (layout, date) => inZone(layout, date, 'Local'))],
    ['dateInZone', define(['string', 'any', 'string'], inZone)],
    ['date_in_zone', define(['string', 'any', 'string'], inZone)],
    ['htmlDate', define(['any'], (date) => inZone('2006-01-02', date, 'Local'))],
    ['htmlDateInZone', define(['any', 'string'], (date, zone) => inZone('2006-01-02', date, zone))],
    ['dateModify', modify],
    ['date_modify', modify],
    ['mustDateModify', mustModify],
    ['must_date_modify', mustModify],
    ['toDate', define(['string', 'string'], (layout, text) => toDate(time, layout, text))],
    ['mustToDate', define(['string', 'string'], (layout, text) => mustToDate(time, layout, text))],
    ['unixEpoch', define(['time'], (date) => String(floorSeconds(nsOf(date))))],
    ['duration', define(['any'], (value) => formatDuration(secondsOf(value) * second))],
    ['durationRound', define(['any'], durationRound)],
    ['now', refuse(clock)],
    ['ago', refuse(clock)],
  ];
}

function floorSeconds(ns: bigint): bigint {
  return (ns - (((ns % second) + second) % second)) / second;
}

function nsOf(date: Struct): bigint {
  return nanos.get(date) ?? zeroNs;
}

/** A time.Time with the methods that take a template somewhere. */
function timeValue(time: TemplateTime, ns: bigint, zone = 'Local'): Struct {
  const part = (layout: string) => (): string => time.format(layout, ns, zone);
  const integer = (layout: string) => (): bigint => BigInt(time.format(layout, ns, zone).trim());
  const text = part('2006-01-02 15:04:05.999999999 -0700 MST');
  const value = new Struct(
    {
      Unix: () => floorSeconds(ns),
      UnixMilli: () => floorSeconds(ns * 1000n),
      UnixNano: () => ns,
      Year: integer('2006'),
      Month: part('January'),
      Day: integer('2'),
      Hour: integer('15'),
      Minute: integer('4'),
      Second: integer('5'),
      Weekday: part('Monday'),
      IsZero: () => ns === zeroNs,
      UTC: () => timeValue(time, ns, 'UTC'),
      Local: () => timeValue(time, ns),
      String: text,
    },
    {
      typeName: 'time.Time',
      text,
      methods: new Map([['Format', define(['string'], (layout) => time.format(layout, ns, zone))]]),
    },
  );
  nanos.set(value, ns);
  return value;
}

function formatIn(time: TemplateTime, layout: string, date: TemplateValue, zone: string): string {
  const ns = dateNs(date);
  try {
    return time.format(layout, ns, zone);
  } catch {
    // As sprig: an unknown zone is UTC.
    return time.format(layout, ns, 'UTC');
  }
}

function dateNs(date: TemplateValue): bigint {
  if (typeof date === 'bigint') return date * second;
  const ns = date instanceof Struct ? nanos.get(date) : undefined;
  if (ns !== undefined) return ns;
  throw new TemplateError(`a date of type ${typeName(date)}, for which Go takes now: ${clock}`);
}

function toDate(time: TemplateTime, layout: string, text: string): Struct {
  const ns = time.parse(layout, text, 'Local');
  return ns === undefined ? timeValue(time, zeroNs, 'UTC') : timeValue(time, ns);
}

function mustToDate(time: TemplateTime, layout: string, text: string): Struct {
  const ns = time.parse(layout, text, 'Local');
  if (ns === undefined) {
    throw new TemplateError(`parsing time "${text}" as "${layout}": cannot parse`);
  }
  return timeValue(time, ns);
}

/** Go takes an int64 and no int here; they are one type in this room, so both count. */
function secondsOf(value: TemplateValue): bigint {
  if (typeof value === 'bigint') return value;
  return typeof value === 'string' && /^[+-]?\d{1,18}$/.test(value) ? BigInt(value) : 0n;
}

function durationRound(value: TemplateValue): string {
  if (typeof value === 'bigint') return roundDuration(value);
  if (typeof value === 'string') return roundDuration(parseDuration(value) ?? 0n);
  if (value instanceof Struct) throw new TemplateError(`durationRound of a time: ${clock}`);
  return '0s';
}
