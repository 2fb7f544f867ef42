/**
 * What Loki's distributor checks before anything is stored: labels, age, sizes.
 * It marks bad rows of a message as refused and says why; good rows of the same
 * message go on. It knows nothing of HTTP and nothing of what is stored.
 */
import type { LabelRefusal, StreamLabels } from './labels.ts';
import type { Limits } from './limits.ts';
import type { PushMessage, StreamSpan } from './message.ts';

/** Collects refused entries by reason and the text that Loki answers with. */
export class Refusals {
  readonly byReason = new Map<string, number>();
  readonly #messages: string[] = [];

  /** Notes `entries` refused entries. Only the first message of a reason is kept. */
  add(reason: string, entries: number, message: () => string): void {
    const known = this.byReason.get(reason);
    if (known === undefined) this.#messages.push(message());
    this.byReason.set(reason, (known ?? 0) + entries);
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /** The body of the answer. */
  get text(): string {
    return this.#messages.join('; ');
  }
}

/** A point in time as the columns hold it. */
export interface SplitTime {
  readonly seconds: number;
  readonly nanos: number;
}

/** The oldest and the newest timestamp that are taken at a moment. */
export interface TimeWindow {
  readonly oldest: SplitTime;
  readonly newest: SplitTime;
}

/** The window of `limits` at `nowMs`. */
export function timeWindow(limits: Limits, nowMs: number): TimeWindow {
  const oldestMs = limits.oldMsMax === 0 ? -62_135_596_800_000 : nowMs - limits.oldMsMax;
  return { oldest: splitTime(oldestMs), newest: splitTime(nowMs + limits.futureMsMax) };
}

/** What is wrong with the labels of a stream that did parse, or undefined. */
export function refuseLabels(
  labels: StreamLabels,
  sent: string,
  limits: Limits,
): LabelRefusal | undefined {
  // Loki does not count the label that it may have added itself.
  const count = labels.map.size - (labels.map.has('service_name') ? 1 : 0);
  if (count > limits.labelsMax) {
    const message = `entry for stream '${sent}' has ${count} label names; limit ${limits.labelsMax}`;
    return { reason: 'max_label_names_per_series', message };
  }
  for (const [name, value] of labels.map) {
    if (Buffer.byteLength(name) > limits.labelNameBytesMax) {
      const message = `stream '${sent}' has label name too long: '${name}'`;
      return { reason: 'label_name_too_long', message };
    }
    if (Buffer.byteLength(value) > limits.labelValueBytesMax) {
      const message = `stream '${sent}' has label value too long: '${value}'`;
      return { reason: 'label_value_too_long', message };
    }
  }
  return undefined;
}

/** Marks the bad rows of one stream and returns the bytes of the good ones. */
export function validateEntries(
  message: PushMessage,
  span: StreamSpan,
  labels: StreamLabels,
  limits: Limits,
  window: TimeWindow,
  refusals: Refusals,
): number {
  const lineBytesMax = limits.lineBytesMax === 0 ? Number.POSITIVE_INFINITY : limits.lineBytesMax;
  const { seconds, lineStart, lineEnd, metaPairs, metaBytes } = message;
  const { oldest, newest } = window;
  let goodBytes = 0;
  for (let row = span.first; row < span.end; row++) {
    const second = seconds[row] as number;
    const bytes = (lineEnd[row] as number) - (lineStart[row] as number);
    // The common row passes on four comparisons; only a suspect is looked at closely.
    if (
      second > oldest.seconds &&
      second < newest.seconds &&
      bytes <= lineBytesMax &&
      metaPairs[row] === 0
    ) {
      goodBytes += bytes;
    } else if (refuseEntry(message, row, labels, limits, window, refusals)) {
      message.refused[row] = 1;
    } else {
      goodBytes += bytes + (metaBytes[row] as number);
    }
  }
  return goodBytes;
}

function refuseEntry(
  message: PushMessage,
  row: number,
  labels: StreamLabels,
  limits: Limits,
  window: TimeWindow,
  refusals: Refusals,
): boolean {
  const time = timeOf(message, row);
  const bytes = (message.lineEnd[row] as number) - (message.lineStart[row] as number);
  const stream = labels.text;
  const refuse = (reason: string, text: () => string) => refusals.add(reason, 1, text);
  if (isBefore(time, window.oldest)) {
    const oldest = formatTime(window.oldest);
    refuse(
      'greater_than_max_sample_age',
      () =>
        `entry for stream '${stream}' has timestamp too old: ${formatTime(time)}, oldest acceptable timestamp is: ${oldest}`,
    );
  } else if (isBefore(window.newest, time)) {
    refuse(
      'too_far_in_future',
      () => `entry for stream '${stream}' has timestamp too new: ${formatTime(time)}`,
    );
  } else if (limits.lineBytesMax !== 0 && bytes > limits.lineBytesMax) {
    refuse(
      'line_too_long',
      () =>
        `Max entry size '${limits.lineBytesMax}' bytes exceeded for stream '${stream}' while adding an entry with length '${bytes}' bytes`,
    );
  } else {
    return refuseMetadata(message, row, stream, limits, refuse);
  }
  return true;
}

function refuseMetadata(
  message: PushMessage,
  row: number,
  stream: string,
  limits: Limits,
  refuse: (reason: string, text: () => string) => void,
): boolean {
  const bytes = message.metaBytes[row] as number;
  const pairs = message.metaPairs[row] as number;
  if (bytes > limits.metadataBytesMax) {
    refuse(
      'structured_metadata_too_large',
      () =>
        `stream '${stream}' has structured metadata too large: '${bytes}' bytes, limit: '${limits.metadataBytesMax}' bytes.`,
    );
    return true;
  }
  if (pairs > limits.metadataPairsMax) {
    refuse(
      'structured_metadata_too_many',
      () =>
        `stream '${stream}' has too many structured metadata labels: '${pairs}', limit: '${limits.metadataPairsMax}'.`,
    );
    return true;
  }
  return false;
}

/** The timestamp of a row. */
export function timeOf(message: PushMessage, row: number): SplitTime {
  return { seconds: message.seconds[row] as number, nanos: message.nanos[row] as number };
}

/** Whether `a` is strictly earlier than `b`. */
export function isBefore(a: SplitTime, b: SplitTime): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanos < b.nanos);
}

/** The time `ms` milliseconds before `time`. */
export function minusMs(time: SplitTime, ms: number): SplitTime {
  const shift = splitTime(ms);
  const nanos = time.nanos - shift.nanos;
  const seconds = time.seconds - shift.seconds;
  return nanos < 0 ? { seconds: seconds - 1, nanos: nanos + 1e9 } : { seconds, nanos };
}

/** RFC 3339 in whole seconds, as Loki's messages have it. */
export function formatTime(time: SplitTime): string {
  return new Date(time.seconds * 1000).toISOString().replace('.000Z', 'Z');
}

function splitTime(ms: number): SplitTime {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
