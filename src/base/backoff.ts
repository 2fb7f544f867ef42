/**
 * How long to wait before the next try. Pure: the caller brings the random
 * source and the timer. It must never return less than half of the lower bound
 * (a busy loop against a sick server) nor more than the upper one.
 */

/** The two bounds of a backoff, in milliseconds; `minMs` must not exceed `maxMs`. */
export interface BackoffBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

// 2^30 times any sensible lower bound is beyond any upper one, and stays exact.
const doublingsMax = 30;

/**
 * The delay in milliseconds before try number `attempt` (0 is the first retry).
 *
 * Equal jitter: one half of the doubled delay is certain and the other half is
 * drawn. Full jitter spreads a herd a little better, but it can draw zero, and a
 * server that is just coming back needs the certain half.
 */
export function nextDelayMs(
  attempt: number,
  bounds: BackoffBounds,
  random: () => number = Math.random,
): number {
  const doublings = Math.min(Math.max(0, Math.floor(attempt)), doublingsMax);
  const ceilingMs = Math.min(bounds.maxMs, bounds.minMs * 2 ** doublings);
  return Math.round(ceilingMs / 2 + (random() * ceilingMs) / 2);
}
