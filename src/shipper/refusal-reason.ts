/**
 * What Loki's words of a refusal mean: one of few reasons, and which entries they are about, as
 * far as they say so. Pure. What is read here only guides a search; a text that lies must never
 * make an entry count as delivered.
 */
import type { PushEntry } from '../encode/push-reader.ts';
import type { RejectReason } from '../rejected/entry.ts';

/** Loki's texts (`pkg/validation/validate.go`, ingester's `stream.go`); the first that fits counts. */
const texts: readonly (readonly [RegExp, RejectReason])[] = [
  [/timestamp too old/i, 'too_old'],
  [/timestamp too new/i, 'too_new'],
  [/entry too far behind|out of order/i, 'too_far_behind'],
  [/max entry size/i, 'line_too_long'],
  [/label names; limit|label (?:name|value) too long|label name\/value too long/i, 'label_limit'],
  [/couldn't parse labels|error parsing labels|duplicate label name/i, 'invalid_labels'],
];

/** The reason behind an answer's text. */
export function refusalReason(text: string): RejectReason {
  return texts.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}

/** Whether a reason is about the labels of a stream, and so about all of its entries. */
export function isOfLabels(reason: RejectReason): boolean {
  return reason === 'label_limit' || reason === 'invalid_labels';
}

/**
 * Whether an endpoint refuses all structured metadata (`allow_structured_metadata: false`, which
 * is the default before Loki 3).
 */
export function isMetadataDisallowed(text: string): boolean {
  return /structured metadata,? but this feature is disallowed/i.test(text);
}

/** Says of an entry whether it is one that an answer is about. */
export type Suspect = (entry: PushEntry) => boolean;

// Up to 40 characters of a time: `2026-01-02T03:04:05Z`, or with a fraction or an offset.
const tooOld =
  /timestamp too old: [^,;]{1,40}, oldest acceptable timestamp is: ([-+:.\dTZ]{10,40})/;
const tooNew = /timestamp too new: ([-+:.\dTZ]{10,40})/;
const tooFarBehind = /too far behind[^;]{0,80}?oldest acceptable timestamp is: ([-+:.\dTZ]{10,40})/;
const tooLong = /Max entry size '(\d{1,15})' bytes exceeded/;

/**
 * The entries that an answer is about; undefined where it does not say. `isOneStream`: the
 * answer is to entries of one stream only, and so are its words of that stream's newest entry.
 */
export function suspectsOf(text: string, isOneStream: boolean): Suspect | undefined {
  const oldest = secondsOf(tooOld.exec(text)?.[1]);
  const oldestOfStream = isOneStream ? secondsOf(tooFarBehind.exec(text)?.[1]) : undefined;
  const newest = secondsOf(tooNew.exec(text)?.[1]);
  const bytes = tooLong.exec(text)?.[1];
  const checks: Suspect[] = [];
  // These times are cut to whole seconds: an entry of that very second may be either.
  for (const limit of [oldest, oldestOfStream]) {
    if (limit !== undefined) checks.push(({ seconds }) => seconds <= limit);
  }
  if (newest !== undefined) checks.push(({ seconds }) => seconds >= newest);
  if (bytes !== undefined) {
    const limit = Number(bytes);
    checks.push(({ lineStart, lineEnd }) => lineEnd - lineStart > limit);
  }
  if (checks.length === 0) return undefined;
  return (entry) => checks.some((check) => check(entry));
}

function secondsOf(time: string | undefined): number | undefined {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}
