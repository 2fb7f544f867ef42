/**
 * The table of metrics that each endpoint has: name, meaning, and where the number is. All have
 * the label `endpoint`, and some a second one with few and fixed values.
 */
import { one, type Series, type Values } from './series.ts';
import type { EndpointFigures, WalTotals } from './source.ts';

/** One metric of an endpoint; `label` is the second one. */
export type EndpointSeries = Series & { readonly read: (from: EndpointFigures) => Values };

/** What only grows. */
export const endpointCounters: readonly EndpointSeries[] = [
  {
    name: 'delivery_entries_total',
    help: 'Entries that the endpoint has taken',
    read: (from) => one(from.deliveredEntries),
  },
  {
    name: 'delivery_bytes_total',
    help: 'Bytes that the endpoint has taken, before compression',
    read: (from) => one(from.deliveredBytes),
  },
  {
    name: 'delivery_sent_bytes_total',
    help: 'Bytes of bodies sent, every attempt',
    read: (from) => one(from.sentBytes),
  },
  {
    name: 'delivery_rejected_entries_total',
    help: 'Entries that the endpoint refused for good',
    label: 'reason',
    read: (from) => Object.entries(from.rejectedEntries),
  },
  {
    name: 'delivery_rejected_bytes_total',
    help: 'Bytes of lines that the endpoint refused for good',
    label: 'reason',
    read: (from) => Object.entries(from.rejectedBytes),
  },
  {
    name: 'delivery_retries_total',
    help: 'Requests that failed and are tried again',
    label: 'cause',
    read: (from) => Object.entries(from.retries),
  },
  {
    name: 'delivery_retried_entries_total',
    help: 'Entries in requests that failed and are tried again, every attempt',
    label: 'cause',
    read: (from) => Object.entries(from.retriedEntries),
  },
  {
    name: 'delivery_retried_bytes_total',
    help: 'Bytes in requests that failed and are tried again, before compression, every attempt',
    label: 'cause',
    read: (from) => Object.entries(from.retriedBytes),
  },
  {
    name: 'delivery_dropped_lines_total',
    help: 'Lines that a stage dropped, or an option such as loki-drop-blank',
    label: 'reason',
    read: (from) => Object.entries(from.droppedLines),
  },
  {
    name: 'delivery_stage_failures_total',
    help: 'Lines that a stage failed at, and that went on without it',
    label: 'stage',
    read: (from) => Object.entries(from.failedLines),
  },
];

/** What is so at the moment of a scrape. */
export const endpointGauges: readonly EndpointSeries[] = [
  {
    name: 'delivery_backlog_bytes',
    help: 'Bytes of containers that the endpoint has not acknowledged',
    read: (from) => one(from.backlogBytes),
  },
  {
    name: 'delivery_backlog_entries',
    help: 'Frames of containers that the endpoint has not acknowledged',
    read: (from) => one(from.backlogEntries),
  },
  {
    name: 'delivery_backlog_seconds',
    help: 'Age of the oldest frame that the endpoint has not acknowledged',
    read: (from) => one(from.backlogSeconds),
  },
  {
    name: 'delivery_in_flight',
    help: 'Batches that were sent and have no verdict yet',
    read: (from) => one(from.inFlight),
  },
  {
    name: 'delivery_breaker_state',
    help: 'Whether requests go out: 1 for the state that it is in',
    label: 'state',
    read: ({ breaker }) =>
      ['closed', 'open', 'half-open'].map((state) => [state, state === breaker ? 1 : 0]),
  },
  {
    name: 'delivery_streams',
    help: 'Containers that ship to the endpoint',
    read: (from) => one(from.streams),
  },
];

/** What endpoints were told is missing: by endpoint, then by reason. */
export const gapCounters: readonly (Series & {
  readonly read: (gap: { readonly bytes: number; readonly frames: number }) => number;
})[] = [
  {
    name: 'delivery_gap_bytes_total',
    help: 'Bytes that the endpoint was told are missing',
    label: 'reason',
    read: (gap) => gap.bytes,
  },
  {
    name: 'delivery_gap_frames_total',
    help: 'Frames that the endpoint was told are missing',
    label: 'reason',
    read: (gap) => gap.frames,
  },
];

const none = { bytes: 0, frames: 0 };

/** What each endpoint was told; one that was told of nothing was told 0 of each reason. */
export function* toldOf(
  { told, gaps }: WalTotals,
  endpoints: readonly EndpointFigures[],
): Generator<readonly [endpoint: string, reason: string, gap: typeof none]> {
  for (const { endpoint } of endpoints) {
    if (told.has(endpoint)) continue;
    for (const reason of gaps.keys()) yield [endpoint, reason, none];
  }
  for (const [endpoint, byReason] of told) {
    for (const [reason, gap] of byReason) yield [endpoint, reason, gap];
  }
}
