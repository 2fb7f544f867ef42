/** The number of a value that a stage found, for `metrics`, as promtail takes it. */
import { parseDurationMs } from '../../base/values.ts';
import type { ExtractedValue } from '../extracted.ts';

const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Undefined for what is no finite number. Durations are in seconds. */
export function numberOf(value: ExtractedValue): number | undefined {
  if (value === null) return undefined;
  const number = typeof value === 'string' ? textNumber(value) : Number(value);
  return number !== undefined && Number.isFinite(number) ? number : undefined;
}

function textNumber(text: string): number | undefined {
  if (numberPattern.test(text)) return Number(text);
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  // Days are no unit of Go.
  const durationMs = rest.includes('d') ? undefined : parseDurationMs(rest);
  if (durationMs === undefined) return undefined;
  return (sign === '-' ? -durationMs : durationMs) / 1000;
}
