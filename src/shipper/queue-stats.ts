/**
 * What one endpoint's queues have done and hold, as plain numbers that cross threads. Counters
 * of one label are kept together and outlive the queues that moved them.
 */
import { type RejectReason, rejectReasons } from '../rejected/entry.ts';
import type { Retry } from '../sink/sink.ts';
import { type BreakerState, breakerStates } from './breaker.ts';

/** Upper bounds of the histogram of request times, in seconds. */
export const requestSecondsBounds: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** See the module comment. Counters count since the thread began. */
export interface QueueStats {
  /** The endpoint's label. */
  readonly endpoint: string;
  readonly deliveredEntries: number;
  /** Bytes of lines and of what goes around them, before compression. */
  readonly deliveredBytes: number;
  /** Bodies sent, every attempt. */
  readonly sentBytes: number;
  readonly rejectedEntries: Readonly<Record<RejectReason, number>>;
  /** Of their lines alone: an entry that was refused goes nowhere with its labels. */
  readonly rejectedBytes: Readonly<Record<RejectReason, number>>;
  readonly retries: Readonly<Record<Retry['cause'], number>>;
  /** Lines that stages dropped, by reason, and those that a stage failed at, by stage. */
  readonly droppedLines: Readonly<Record<string, number>>;
  readonly failedLines: Readonly<Record<string, number>>;
  /** What was in those requests, before compression; each attempt counts. */
  readonly retriedEntries: Readonly<Record<Retry['cause'], number>>;
  readonly retriedBytes: Readonly<Record<Retry['cause'], number>>;
  /** `buckets` are cumulative, one for each of `requestSecondsBounds`; `count` is all of them. */
  readonly requestSeconds: {
    readonly buckets: readonly number[];
    readonly sum: number;
    readonly count: number;
  };
  /** Stream bytes and frames that are not acknowledged, and the age of the oldest of them. */
  readonly backlogBytes: number;
  readonly backlogEntries: number;
  readonly backlogSeconds: number;
  /** Batches that were sent and have no verdict yet. */
  readonly inFlight: number;
  readonly breaker: BreakerState;
  /** Containers that ship there. */
  readonly streams: number;
}

/** What a queue holds at one moment. */
export type QueueGauges = Pick<
  QueueStats,
  'backlogBytes' | 'backlogEntries' | 'backlogSeconds' | 'inFlight' | 'breaker' | 'streams'
>;

/** The counters of one label; several queues may move them. */
export class QueueMeter {
  deliveredEntries = 0;
  deliveredBytes = 0;
  sentBytes = 0;
  readonly rejectedEntries: Record<RejectReason, number> = noneRejected();
  readonly rejectedBytes: Record<RejectReason, number> = noneRejected();
  readonly retries: Record<Retry['cause'], number> = noneRetried();
  readonly retriedEntries: Record<Retry['cause'], number> = noneRetried();
  readonly retriedBytes: Record<Retry['cause'], number> = noneRetried();
  /** Words that users choose: bounded, and never names of what every object has. */
  readonly #dropped = new Map<string, number>();
  readonly #failed = new Map<string, number>();
  readonly #buckets = requestSecondsBounds.map(() => 0);
  #seconds = 0;
  #requests = 0;

  /** Entries that were refused, for all reasons. */
  get rejectedTotal(): number {
    return Object.values(this.rejectedEntries).reduce((sum, count) => sum + count, 0);
  }

  get retriesTotal(): number {
    return Object.values(this.retries).reduce((sum, count) => sum + count, 0);
  }

  /** Stages dropped so many lines. */
  dropped(reason: string, lines: number): void {
    count(this.#dropped, reason, lines);
  }

  /** A stage failed at so many lines, which went on without it. */
  failed(stage: string, lines: number): void {
    count(this.#failed, stage, lines);
  }

  /** One entry with a line of so many bytes was refused for good. */
  rejected(reason: RejectReason, bytes: number): void {
    this.rejectedEntries[reason] += 1;
    this.rejectedBytes[reason] += bytes;
  }

  /** A request failed that had so much in it, uncompressed; it is not lost. */
  retried(cause: Retry['cause'], entries: number, bytes: number): void {
    this.retriedEntries[cause] += entries;
    this.retriedBytes[cause] += bytes;
  }

  /** One request took so long, whatever came of it. */
  requested(seconds: number): void {
    this.#seconds += seconds;
    this.#requests += 1;
    requestSecondsBounds.forEach((bound, index) => {
      if (seconds <= bound) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    });
  }

  /** Counters together with what the queues of this label hold. */
  stats(endpoint: string, queues: readonly QueueGauges[]): QueueStats {
    const sum = (of: (gauges: QueueGauges) => number): number =>
      queues.reduce((total, gauges) => total + of(gauges), 0);
    return {
      endpoint,
      deliveredEntries: this.deliveredEntries,
      deliveredBytes: this.deliveredBytes,
      sentBytes: this.sentBytes,
      rejectedEntries: { ...this.rejectedEntries },
      rejectedBytes: { ...this.rejectedBytes },
      retries: { ...this.retries },
      droppedLines: Object.fromEntries(this.#dropped),
      failedLines: Object.fromEntries(this.#failed),
      retriedEntries: { ...this.retriedEntries },
      retriedBytes: { ...this.retriedBytes },
      requestSeconds: { buckets: [...this.#buckets], sum: this.#seconds, count: this.#requests },
      backlogBytes: sum((gauges) => gauges.backlogBytes),
      backlogEntries: sum((gauges) => gauges.backlogEntries),
      backlogSeconds: Math.max(0, ...queues.map((gauges) => gauges.backlogSeconds)),
      inFlight: sum((gauges) => gauges.inFlight),
      breaker: worstOf(queues.map((gauges) => gauges.breaker)),
      streams: sum((gauges) => gauges.streams),
    };
  }
}

/** Queues of one label may differ; what is wrong with one of them is to be seen. */
function worstOf(states: readonly BreakerState[]): BreakerState {
  const [closed, open, halfOpen] = breakerStates;
  if (states.includes(open)) return open;
  return states.includes(halfOpen) ? halfOpen : closed;
}

function noneRetried(): Record<Retry['cause'], number> {
  return { outage: 0, limit: 0, settings: 0 };
}

function noneRejected(): Record<RejectReason, number> {
  const none: Partial<Record<RejectReason, number>> = {};
  for (const reason of rejectReasons) none[reason] = 0;
  return none as Record<RejectReason, number>;
}

/** Reasons that are told apart for one endpoint; others count as `other`. */
const reasonsMax = 100;

function count(counts: Map<string, number>, name: string, lines: number): void {
  const key = counts.has(name) || counts.size < reasonsMax ? name : 'other';
  counts.set(key, (counts.get(key) ?? 0) + lines);
}
