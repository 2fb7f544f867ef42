/**
 * Times as Go's package time writes and reads them: a layout and a text to Unix seconds and
 * nanoseconds, and back. It knows no clock. Reading is in `go-time-parse.ts`, writing in
 * `go-time-format.ts`.
 */
import { cutLayout } from './go-layout.ts';
import { formatParts } from './go-time-format.ts';
import { readFields, TimeFields, unixSecondsOf } from './go-time-parse.ts';
import { TimeZone } from './time-zone.ts';

/** A time: Unix seconds, and the nanoseconds within, 0 to 999,999,999. */
export interface GoTime {
  readonly seconds: number;
  readonly nanos: number;
}

const fields = new TimeFields();

/**
 * Go's time.ParseInLocation; without a zone its time.Parse, where the local zone is UTC.
 * Undefined: the text is not as the layout says, or there is no such zone.
 */
export function parseGoTime(layout: string, text: string, zone?: string): GoTime | undefined {
  const timeZone = zone === undefined ? undefined : TimeZone.of(zone);
  if (zone !== undefined && timeZone === undefined) return undefined;
  if (!readFields(cutLayout(layout), text, fields)) return undefined;
  return { seconds: unixSecondsOf(fields, fields.year, timeZone), nanos: fields.nanos };
}

/** Go's Time.Format in a zone; in UTC without one, and in one that there is not. */
export function formatGoTime(layout: string, seconds: number, nanos: number, zone = 'UTC'): string {
  const timeZone = TimeZone.of(zone) ?? TimeZone.of('UTC');
  const offset = timeZone?.offsetAt(seconds) ?? 0;
  const name = (): string => timeZone?.nameAt(seconds) ?? 'UTC';
  return formatParts(cutLayout(layout), { seconds, nanos, offset, name });
}
