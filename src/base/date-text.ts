/** Dates as RFC 3339 writes them, exact to the nanosecond. Pure; linear in the text's length. */

const datePattern =
  /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:\d\d)?$/i;

/**
 * Unix nanoseconds of a date, negative before 1970; undefined for what is none. Time, seconds,
 * fraction and zone may be left out: without a zone it is a time of this machine.
 */
export function parseDateNs(text: string): bigint | undefined {
  const date = datePattern.exec(text);
  return date === null ? undefined : dateNs(date);
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

/** The nanoseconds that the digits behind a decimal point stand for. */
export function nanosOf(fraction: string | undefined): bigint {
  return BigInt((fraction ?? '').padEnd(9, '0').slice(0, 9));
}
