/** Writes a time in a layout, as Go's Time.Format does. Pure. */
import { dateOfDays, daysSinceEpoch } from './calendar.ts';
import type { Layout, LayoutPart } from './go-layout.ts';
import { dayNames, monthNames } from './go-names.ts';

/** The time that is written. */
export interface WrittenTime {
  readonly seconds: number;
  readonly nanos: number;
  /** Seconds east of UTC. */
  readonly offset: number;
  /** The short name of the zone; asked for only where it is wanted. */
  readonly name: () => string;
}

/** What clocks and calendars show. */
interface Shown extends WrittenTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly yearDay: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** The text. */
export function formatParts(layout: Layout, time: WrittenTime): string {
  const local = time.seconds + time.offset;
  const days = Math.floor(local / 86_400);
  const ofDay = local - days * 86_400;
  const date = dateOfDays(days);
  const shown: Shown = {
    ...time,
    ...date,
    // 1970-01-01 was a Thursday.
    weekday: (((days + 4) % 7) + 7) % 7,
    yearDay: days - daysSinceEpoch(date.year, 1, 1) + 1,
    hour: Math.floor(ofDay / 3600),
    minute: Math.floor(ofDay / 60) % 60,
    second: ofDay % 60,
  };
  return layout.map((part) => writers[part.kind](shown, part)).join('');
}

type Writer = (time: Shown, part: LayoutPart) => string;

const writers: Record<LayoutPart['kind'], Writer> = {
  text: (_, { text }) => text,
  year: ({ year }) => padded(year, 4),
  shortYear: ({ year }) => padded(Math.max(year, 0) % 100, 2),
  month: ({ month }) => String(month),
  zeroMonth: ({ month }) => padded(month, 2),
  monthName: ({ month }) => (monthNames[month - 1] ?? '').slice(0, 3),
  longMonthName: ({ month }) => monthNames[month - 1] ?? '',
  weekday: ({ weekday }) => (dayNames[weekday] ?? '').slice(0, 3),
  longWeekday: ({ weekday }) => dayNames[weekday] ?? '',
  day: ({ day }) => String(day),
  spaceDay: ({ day }) => String(day).padStart(2),
  zeroDay: ({ day }) => padded(day, 2),
  spaceYearDay: ({ yearDay }) => String(yearDay).padStart(3),
  zeroYearDay: ({ yearDay }) => padded(yearDay, 3),
  hour: ({ hour }) => padded(hour, 2),
  hour12: ({ hour }) => String(hour % 12 || 12),
  zeroHour12: ({ hour }) => padded(hour % 12 || 12, 2),
  minute: ({ minute }) => String(minute),
  zeroMinute: ({ minute }) => padded(minute, 2),
  second: ({ second }) => String(second),
  zeroSecond: ({ second }) => padded(second, 2),
  upperHalf: ({ hour }) => (hour >= 12 ? 'PM' : 'AM'),
  lowerHalf: ({ hour }) => (hour >= 12 ? 'pm' : 'am'),
  fraction: ({ nanos }, { text }) => text.slice(0, 1) + fractionDigits(nanos, text),
  shortFraction: ({ nanos }, { text }) => {
    const digits = fractionDigits(nanos, text).replace(/0+$/, '');
    return digits === '' ? '' : text.slice(0, 1) + digits;
  },
  offset: ({ offset }, { text }) =>
    offset === 0 && text.startsWith('Z') ? 'Z' : signed(offset, text),
  zoneName: ({ name }) => name(),
};

function padded(value: number, width: number): string {
  return (value < 0 ? '-' : '') + String(Math.abs(value)).padStart(width, '0');
}

/** As many digits as the part has behind its point, and at most nine. */
function fractionDigits(nanos: number, text: string): string {
  return padded(nanos, 9).slice(0, text.length - 1);
}

/** The digits that the part shows: hours, and then minutes and seconds if it has them. */
function signed(offset: number, text: string): string {
  const seconds = Math.abs(offset);
  const colon = text.includes(':') ? ':' : '';
  const fields = [seconds / 3600, (seconds / 60) % 60, seconds % 60];
  const shown = fields.slice(0, text.replaceAll(':', '').length >> 1);
  // As in Go, an offset of less than a minute has no sign.
  return (offset <= -60 ? '-' : '+') + shown.map((each) => padded(Math.floor(each), 2)).join(colon);
}
