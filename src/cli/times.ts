/**
 * Times as `docker logs` takes them: RFC 3339, Unix seconds with a fraction, or a Go duration
 * before now. Exact to the nanosecond. Pure; what is not wholly understood is undefined.
 */
import { nanosOf, parseDateNs } from '../base/date-text.ts';
import { parseDurationMs } from '../base/values.ts';

const unixPattern = /^(\d{1,11})(?:\.(\d{1,9}))?$/;

/** Unix nanoseconds of a time; `nowMs` is what durations count back from. */
export function parseTimeNs(text: string, nowMs: number): bigint | undefined {
  const unix = unixPattern.exec(text);
  if (unix !== null) return BigInt(unix[1] ?? 0) * 1_000_000_000n + nanosOf(unix[2]);
  const dateNs = parseDateNs(text);
  if (dateNs !== undefined) return dateNs;
  const durationMs = parseDurationMs(text);
  return durationMs === undefined
    ? undefined
    : BigInt(Math.round((nowMs - durationMs) * 1e3)) * 1000n;
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
