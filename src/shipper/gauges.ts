/**
 * What a queue's lanes have that is not acknowledged, summed up for people. Figures only: nothing
 * is decided by them.
 */
import type { Lane } from './batch.ts';
import type { BreakerState } from './breaker.ts';
import type { QueueGauges } from './queue-stats.ts';

/** Sums up; `inFlight` batches are under way. */
export function gaugesOf(
  lanes: Iterable<Lane>,
  inFlight: number,
  breaker: BreakerState,
): QueueGauges {
  const gauges = { backlogBytes: 0, backlogEntries: 0, streams: 0 };
  let oldestMs = Number.POSITIVE_INFINITY;
  for (const lane of lanes) {
    const { lsn, ordinal } = lane.source.committed;
    gauges.streams += 1;
    gauges.backlogBytes += Math.max(0, lsn - lane.acked.lsn);
    gauges.backlogEntries += Math.max(0, ordinal - lane.acked.ordinal);
    if (lsn > lane.acked.lsn) oldestMs = Math.min(oldestMs, oldestMsOf(lane));
  }
  // Clocks of containers may be ahead, and a clock may be set back.
  const backlogSeconds = Math.max(0, (Date.now() - oldestMs) / 1000);
  return { ...gauges, backlogSeconds, inFlight, breaker };
}

/** Unix milliseconds of the oldest frame that is not acknowledged, about. */
function oldestMsOf(lane: Lane): number {
  for (const { parts } of lane.batches) {
    const firstMs = parts.get(lane)?.firstMs;
    if (firstMs !== undefined) return firstMs;
  }
  return lane.unreadSinceMs ?? Number.POSITIVE_INFINITY;
}
