/**
 * Go's time.Duration in nanoseconds: "1h2m3.5s". Pure.
 */

const units: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const int64Max = (1n << 63n) - 1n;

/** time.ParseDuration; undefined for what is none or does not fit. */
export function parseDuration(text: string): bigint | undefined {
  const isNegative = text.startsWith('-');
  const size = text.replace(/^[+-]/, '');
  if (size === '0') return 0n;
  const part = /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;
  let total = 0n;
  let at = 0;
  while (at < size.length) {
    part.lastIndex = at;
    const match = part.exec(size);
    const [, whole = '', fraction = '', unit = ''] = match ?? [];
    if (match === null || whole + fraction === '' || whole.length > 19) return undefined;
    total += partOf(whole, fraction.slice(0, 18), units[unit] ?? 0n);
    at = part.lastIndex;
  }
  if (size === '' || total > int64Max) return undefined;
  return isNegative ? -total : total;
}

function partOf(whole: string, fraction: string, unit: bigint): bigint {
  const ofFraction = (BigInt(`0${fraction}`) * unit) / 10n ** BigInt(fraction.length);
  return BigInt(`0${whole}`) * unit + ofFraction;
}

/** Duration.String. */
export function formatDuration(ns: bigint): string {
  if (ns === 0n) return '0s';
  const sign = ns < 0n ? '-' : '';
  const size = ns < 0n ? -ns : ns;
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${withFraction(size, 1_000n, 3)}µs`;
  if (size < 1_000_000_000n) return `${sign}${withFraction(size, 1_000_000n, 6)}ms`;
  const hours = size / 3_600_000_000_000n;
  const minutes = (size / 60_000_000_000n) % 60n;
  const seconds = withFraction(size % 60_000_000_000n, 1_000_000_000n, 9);
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

function withFraction(value: bigint, unit: bigint, places: number): string {
  const fraction = (value % unit).toString().padStart(places, '0').replace(/0+$/, '');
  return `${value / unit}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Sprig's durationRound: the greatest unit that the duration is longer than. */
export function roundDuration(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const hour = units['h'] ?? 0n;
  const steps: [string, bigint][] = [
    ['y', hour * 24n * 365n],
    ['mo', hour * 24n * 30n],
    ['d', hour * 24n],
    ['h', hour],
    ['m', units['m'] ?? 0n],
    ['s', units['s'] ?? 0n],
  ];
  for (const [name, unit] of steps) {
    if (size > unit) return `${size / unit}${name}`;
  }
  return '0s';
}
