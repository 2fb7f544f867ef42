/**
 * Readers for the kinds of value that options have: durations, Docker sizes,
 * whole numbers and percentages. Pure. They must never guess: text that is not wholly
 * understood gives undefined, and the caller says what is allowed.
 */

const unitMs = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3], // U+00B5, the micro sign
  ['μs', 1e-3], // U+03BC, the Greek letter; Go takes both
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000], // not Go's; ages of days are what people mean here
]);

const durationPart = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h|d)/y;

/** A Go duration (`1h2m3.5s`, `500ms`, `0`), or one in days (`6d`), in milliseconds, possibly with a fraction. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  let totalMs = 0;
  durationPart.lastIndex = 0;
  do {
    const part = durationPart.exec(text);
    if (part === null) return undefined;
    totalMs += Number(part[1]) * (unitMs.get(part[2] ?? '') ?? Number.NaN);
  } while (durationPart.lastIndex < text.length);
  return totalMs;
}

const sizePattern = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i;

/** A size as Docker writes it (`1048576`, `512k`, `1.5m`, `1MiB`) in bytes; units are of 1,024. */
export function parseByteSize(text: string): number | undefined {
  const match = sizePattern.exec(text);
  if (match === null) return undefined;
  const unit = (match[2] ?? '').toLowerCase();
  return Math.floor(Number(match[1]) * 1024 ** (unit === '' ? 0 : 'kmgtp'.indexOf(unit) + 1));
}

/** A whole number without sign. */
export function parseCount(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** A number before a percent sign (`5%`, `2.5 %`). */
export function parsePercent(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?%$/.exec(text);
  return match === null ? undefined : Number(match[1]);
}
