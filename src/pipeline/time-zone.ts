/**
 * Time zones of the IANA data base, as they are in Node: offsets from UTC at a time, and short
 * names. What was looked up once is kept, because lines that follow each other are close in time.
 */
/// <reference lib="esnext.temporal" />

/** Offsets that are kept of one zone. */
const keptMax = 4096;
/** Zones change their offset at whole quarters of an hour, in UTC, since they all have one. */
const quarterSeconds = 900;

/** See the module comment. */
export class TimeZone {
  /** As it was asked for. */
  readonly name: string;
  readonly #offsets = new Map<number, number>();
  readonly #names = new Map<string, string>();

  private constructor(name: string) {
    this.name = name;
  }

  /** A zone by its name; UTC for the empty one and `Local`. Undefined: there is no such zone. */
  static of(name: string): TimeZone | undefined {
    const known = zones.get(name);
    if (known !== undefined) return known;
    try {
      const zone = new TimeZone(name === '' || name === 'Local' ? 'UTC' : name);
      zone.offsetAt(0);
      if (zones.size >= zonesMax) zones.clear();
      zones.set(name, zone);
      return zone;
    } catch {
      return undefined;
    }
  }

  /** Seconds east of UTC at a Unix time. */
  offsetAt(seconds: number): number {
    if (this.name === 'UTC') return 0;
    const quarter = Math.floor(seconds / quarterSeconds);
    const known = this.#offsets.get(quarter);
    if (known !== undefined) return known;
    const start = quarter * quarterSeconds;
    const offset = this.#lookUp(start);
    // Long ago, a zone could change at any second.
    if (offset !== this.#lookUp(start + quarterSeconds - 1)) return this.#lookUp(seconds);
    if (this.#offsets.size >= keptMax) this.#offsets.clear();
    this.#offsets.set(quarter, offset);
    return offset;
  }

  /**
   * The Unix time at which clocks show a local time, given as if it were UTC. As Go does it: of a
   * time that is twice, and of one that never is, the offset before or after counts, as it comes.
   */
  toUnix(localSeconds: number): number {
    const guess = this.offsetAt(localSeconds);
    return guess === 0 ? localSeconds : localSeconds - this.offsetAt(localSeconds - guess);
  }

  /** The short name in use at a Unix time, as CET; as +03 where there is none. */
  nameAt(seconds: number): string {
    if (this.name === 'UTC') return 'UTC';
    const offset = this.offsetAt(seconds);
    const year = new Date(seconds * 1000).getUTCFullYear();
    const key = `${year} ${offset}`;
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = shortName(this.name, seconds, offset) ?? numericName(offset);
    if (this.#names.size >= keptMax) this.#names.clear();
    this.#names.set(key, name);
    return name;
  }

  /**
   * The offset that a short name stands for at a local time, given as if it were UTC, preferring
   * one that is in use then. Undefined: the zone has no such name.
   */
  offsetOfName(name: string, localSeconds: number): number | undefined {
    const days = [0, -182, 182, -20_000, -19_818].map((each) => localSeconds + each * 86_400);
    let other: number | undefined;
    for (const seconds of [...days, ...sampleSeconds]) {
      if (this.nameAt(seconds) !== name) continue;
      const offset = this.offsetAt(seconds);
      if (this.nameAt(localSeconds - offset) === name) return this.offsetAt(localSeconds - offset);
      other ??= offset;
    }
    return other;
  }

  #lookUp(seconds: number): number {
    const instant = Temporal.Instant.fromEpochMilliseconds(seconds * 1000);
    return instant.toZonedDateTimeISO(this.name).offsetNanoseconds / 1e9;
  }
}

const zones = new Map<string, TimeZone>();
const zonesMax = 64;

/** A winter and a summer whose names are the ones of today: January and July 2024. */
const sampleSeconds = [1_705_000_000, 1_720_500_000];

/** Each knows the short names of the zones at home. */
const locales = ['en-US', 'en-GB', 'en-AU', 'en-CA', 'en-IN', 'en-ZA', 'en-NZ'];

/** Names in no English locale, of zones that have one offset all the year. */
const otherNames = new Map([
  ['Asia/Tokyo', 'JST'],
  ['Asia/Seoul', 'KST'],
  ['Asia/Shanghai', 'CST'],
  ['Asia/Taipei', 'CST'],
  ['Asia/Hong_Kong', 'HKT'],
  ['Asia/Karachi', 'PKT'],
  ['Asia/Jakarta', 'WIB'],
  ['Europe/Moscow', 'MSK'],
]);

function shortName(timeZone: string, seconds: number, offset: number): string | undefined {
  // Local mean time, from before there were zones, is at no quarter of an hour.
  if (offset % quarterSeconds !== 0) return 'LMT';
  for (const locale of locales) {
    const format = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: 'short' });
    const parts = format.formatToParts(seconds * 1000);
    const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
    // Intl has names of its own for a few zones, as LHST.
    if (/^(?!LH)[A-Z]+$/.test(name)) return name;
  }
  return otherNames.get(timeZone);
}

/** As the data base names what has no name. */
function numericName(offset: number): string {
  const minutes = Math.floor(Math.abs(offset) / 60);
  const hour = String(Math.floor(minutes / 60)).padStart(2, '0');
  const rest = minutes % 60 === 0 ? '' : String(minutes % 60).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${hour}${rest}`;
}
