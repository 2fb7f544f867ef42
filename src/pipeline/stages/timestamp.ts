/**
 * `timestamp`: ships the line with a time that a stage before has found in it. A time without a
 * year is of the year in which the line was captured; around New Year of the one before or after.
 *
 *   timestamp:
 *     source: time                     required; name of the value
 *     format: RFC3339Nano              required; one of the names below, or a layout of Go
 *     fallback_formats: [UnixMs]       default: none; tried in order when the format does not fit
 *     location: Europe/Berlin          default: UTC; for layouts (not names) without an offset
 *     action_on_failure: fudge         default: the last known time of the same labels and a
 *                                      nanosecond more; `skip`: the time at which it was captured
 *
 * Of 20 sets of labels the last times are known.
 *
 * Names: ANSIC, UnixDate, RubyDate, RFC822, RFC822Z, RFC850, RFC1123, RFC1123Z, RFC3339,
 * RFC3339Nano, Unix (seconds, with or without a fraction), UnixMs, UnixUs, UnixNs.
 */
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Stage, StageContext, StageState, StatefulStage } from '../stage.ts';
import { TimeZone } from '../time-zone.ts';
import { LastTimes } from './last-times.ts';
import { readRequiredSource } from './source.ts';
import { type Stamp, type StampReader, stampReader } from './timestamp-formats.ts';

/** Formats that are tried for one line. */
const fallbacksMax = 50;

/** See the module comment. */
export function compileTimestamp(config: ConfigNode, { warn }: StageContext): Stage {
  const fields = config.fields(
    'timestamp',
    ['source', 'format', 'fallback_formats', 'location', 'action_on_failure'],
    warn,
  );
  const source = readRequiredSource(config, fields.source);
  const format = fields.format?.text('format') ?? '';
  if (format === '') config.fail('format is missing; it says how the time is written');
  const zone = fields.location === undefined ? undefined : readLocation(fields.location);
  const fallbacks = fields.fallback_formats?.items('fallback_formats') ?? [];
  if (fallbacks.length > fallbacksMax) {
    config.fail(`fallback_formats has ${fallbacks.length} formats; allowed are ${fallbacksMax}`);
  }
  const formats = [format, ...fallbacks.map((node) => node.text('a format of fallback_formats'))];
  const readers = formats.map((each) => stampReader(each, zone));
  const action = fields.action_on_failure?.choice('action_on_failure', ['fudge', 'skip']);
  return action === 'skip' ? skipping(source, readers) : new FudgingTimestamp(source, readers);
}

function readLocation(node: ConfigNode): TimeZone {
  const name = node.text('location');
  const zone = TimeZone.of(name);
  return (
    zone ??
    node.fail(`location is "${name}"; allowed is a name of the IANA database, as Europe/Berlin`)
  );
}

/** Without memory: what cannot be read changes nothing. */
function skipping(source: string, readers: readonly StampReader[]): Stage {
  const stamp: Stamp = { seconds: 0, nanos: 0 };
  return {
    process(entry: Entry): boolean {
      if (readStamp(entry, source, readers, stamp)) setTime(entry, stamp);
      return true;
    },
  };
}

/** Remembers the last time of each stream. Used by `docker` and `cri`, too. */
export class FudgingTimestamp implements StatefulStage {
  readonly #source: string;
  readonly #readers: readonly StampReader[];
  readonly #lastTimes = new LastTimes();
  readonly #stamp: Stamp = { seconds: 0, nanos: 0 };

  constructor(source: string, readers: readonly StampReader[]) {
    this.#source = source;
    this.#readers = readers;
  }

  process(entry: Entry): boolean {
    if (readStamp(entry, this.#source, this.#readers, this.#stamp)) {
      setTime(entry, this.#stamp);
      this.#lastTimes.set(entry.labels, this.#stamp);
      return true;
    }
    const last = this.#lastTimes.get(entry.labels);
    if (last === undefined) return true;
    const isCarried = last.nanos === 999_999_999;
    this.#stamp.seconds = isCarried ? last.seconds + 1 : last.seconds;
    this.#stamp.nanos = isCarried ? 0 : last.nanos + 1;
    this.#lastTimes.set(entry.labels, this.#stamp);
    setTime(entry, this.#stamp);
    return true;
  }

  snapshot(): StageState {
    return this.#lastTimes.snapshot();
  }

  restore(state: StageState | undefined): void {
    this.#lastTimes.restore(state);
  }
}

function readStamp(
  entry: Entry,
  source: string,
  readers: readonly StampReader[],
  into: Stamp,
): boolean {
  const text = entry.extracted.text(source);
  if (text === undefined) return false;
  for (const read of readers) if (read(text, entry.capturedSeconds, into)) return true;
  return false;
}

function setTime(entry: Entry, { seconds, nanos }: Stamp): void {
  entry.seconds = seconds;
  entry.nanos = nanos;
}
