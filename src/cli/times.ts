/**
 * Times as `docker logs` takes them: RFC 3339, Unix seconds with a fraction, or a Go duration
 * before now. Exact to the nanosecond. Pure; what is not wholly understood is undefined.
 */
import { parseDurationMs } from '../config/values.ts';

const datePattern =
  /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:\d\d)?$/i;
const unixPattern = /^(\d{1,11})(?:\.(\d{1,9}))?$/;

/** Unix nanoseconds of a time; `nowMs` is what durations count back from. */
export function parseTimeNs(text: string, nowMs: number): bigint | undefined {
  const unix = unixPattern.exec(text);
  if (unix !== null) return BigInt(unix[1] ?? 0) * 1_000_000_000n + nanosOf(unix[2]);
  const date = datePattern.exec(text);
  if (date !== null) return dateNs(date);
  const durationMs = parseDurationMs(text);
  return durationMs === undefined
    ? undefined
    : BigInt(Math.round((nowMs - durationMs) * 1e3)) * 1000n;
}

function dateNs([, day, minutes, seconds, fraction, zone]: RegExpExecArray): bigint | undefined {
  // Without a zone it is a time of this machine; a day alone begins at its midnight.
  const text = `${day}T${minutes ?? '00:00'}:${seconds ?? '00'}${zone?.toUpperCase() ?? ''}`;
  const ms = Date.parse(text);
  // Of a day that no month has, Date makes one of the next month.
  const isDay = Date.parse(`${day}T00:00:00Z`) % 86_400_000 === 0 && isRealDay(day ?? '');
  if (Number.isNaN(ms) || !isDay) return undefined;
  return BigInt(ms) * 1_000_000n + nanosOf(fraction);
}

function isRealDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}

function nanosOf(fraction: string | undefined): bigint {
  return BigInt((fraction ?? '').padEnd(9, '0').slice(0, 9));
}

/** A time as RFC 3339 in UTC with nine digits, as `docker logs --timestamps` shows it. */
export function showTime(seconds: number, nanos: number): string {
  const milliseconds = seconds * 1000;
  // Frames may hold times that no calendar of Node has.
  if (!(milliseconds <= 8.64e15)) return `${seconds}.${String(nanos).padStart(9, '0')}`;
  const iso = new Date(milliseconds).toISOString();
  return `${iso.slice(0, iso.indexOf('.'))}.${String(nanos).padStart(9, '0')}Z`;
}

/** The same, of Unix nanoseconds. */
export function showTimeNs(timeNs: bigint): string {
  return showTime(Number(timeNs / 1_000_000_000n), Number(timeNs % 1_000_000_000n));
}
