/**
 * What delivery has done since the process started and holds now, over all its threads. A
 * thread counts from 0 each time it is started; what is told here never goes back because one
 * died. Labels must be few when they come in: nothing is ever forgotten here.
 */
import type { QueueStats } from '../shipper/queue-stats.ts';

/** See the module comment. */
export class DeliveryTotals {
  readonly #labelOf: (endpoint: string) => string;
  /** Counters of threads that have ended, by label. */
  readonly #ended = new Map<string, QueueStats>();
  /** What each thread told last, by label. */
  readonly #last = new Map<number, Map<string, QueueStats>>();

  /** `labelOf` keeps labels few; those that it calls the same are added up. */
  constructor(labelOf: (endpoint: string) => string) {
    this.#labelOf = labelOf;
  }

  /** A thread tells its figures, all of them. */
  take(thread: number, endpoints: readonly QueueStats[]): void {
    const last = new Map<string, QueueStats>();
    for (const stats of endpoints)
      addTo(last, { ...stats, endpoint: this.#labelOf(stats.endpoint) });
    this.#last.set(thread, last);
  }

  /**
   * A thread has ended. What it counted stays; so does its backlog, until its successor tells
   * its own, because what waits waits all the same.
   */
  ended(thread: number): void {
    const last = this.#last.get(thread) ?? new Map<string, QueueStats>();
    for (const [label, stats] of last) {
      addTo(this.#ended, countersOf(stats));
      last.set(label, backlogOf(stats));
    }
  }

  /** One for each endpoint that there ever was. */
  all(): QueueStats[] {
    const all = new Map<string, QueueStats>();
    for (const stats of this.#ended.values()) addTo(all, stats);
    for (const last of this.#last.values()) for (const stats of last.values()) addTo(all, stats);
    return [...all.values()];
  }
}

function addTo(all: Map<string, QueueStats>, stats: QueueStats): void {
  const known = all.get(stats.endpoint);
  all.set(stats.endpoint, known === undefined ? stats : sumOf(known, stats));
}

/** The counters alone, of something that holds nothing. */
function countersOf(stats: QueueStats): QueueStats {
  return {
    ...stats,
    ...{ backlogBytes: 0, backlogEntries: 0, backlogSeconds: 0 },
    ...{ inFlight: 0, breaker: 'closed', streams: 0 },
  };
}

/** What waits alone, of something that has done nothing. */
function backlogOf(stats: QueueStats): QueueStats {
  const { requestSeconds } = stats;
  const buckets = requestSeconds.buckets.map(() => 0);
  return {
    ...stats,
    ...{ deliveredEntries: 0, deliveredBytes: 0, sentBytes: 0, inFlight: 0 },
    rejectedEntries: noneOf(stats.rejectedEntries),
    rejectedBytes: noneOf(stats.rejectedBytes),
    retries: noneOf(stats.retries),
    retriedEntries: noneOf(stats.retriedEntries),
    retriedBytes: noneOf(stats.retriedBytes),
    ...{ droppedLines: {}, failedLines: {} },
    requestSeconds: { buckets, sum: 0, count: 0 },
  };
}

function sumOf(a: QueueStats, b: QueueStats): QueueStats {
  const { buckets } = a.requestSeconds;
  return {
    endpoint: a.endpoint,
    deliveredEntries: a.deliveredEntries + b.deliveredEntries,
    deliveredBytes: a.deliveredBytes + b.deliveredBytes,
    sentBytes: a.sentBytes + b.sentBytes,
    rejectedEntries: combine(a.rejectedEntries, b.rejectedEntries, add),
    rejectedBytes: combine(a.rejectedBytes, b.rejectedBytes, add),
    retries: combine(a.retries, b.retries, add),
    droppedLines: sumByName(a.droppedLines, b.droppedLines),
    failedLines: sumByName(a.failedLines, b.failedLines),
    retriedEntries: combine(a.retriedEntries, b.retriedEntries, add),
    retriedBytes: combine(a.retriedBytes, b.retriedBytes, add),
    requestSeconds: {
      buckets: buckets.map((count, index) => count + (b.requestSeconds.buckets[index] ?? 0)),
      sum: a.requestSeconds.sum + b.requestSeconds.sum,
      count: a.requestSeconds.count + b.requestSeconds.count,
    },
    backlogBytes: a.backlogBytes + b.backlogBytes,
    backlogEntries: a.backlogEntries + b.backlogEntries,
    backlogSeconds: Math.max(a.backlogSeconds, b.backlogSeconds),
    inFlight: a.inFlight + b.inFlight,
    breaker: worseOf(a.breaker, b.breaker),
    streams: a.streams + b.streams,
  };
}

/** What is wrong with an endpoint in one thread is to be seen. */
function worseOf(a: QueueStats['breaker'], b: QueueStats['breaker']): QueueStats['breaker'] {
  if (a === 'open' || b === 'open') return 'open';
  return a === 'half-open' ? a : b;
}

/** 0 for each word. */
function noneOf<Word extends string>(counts: Readonly<Record<Word, number>>): Record<Word, number> {
  return combine(counts, counts, () => 0);
}

const add = (a: number, b: number): number => a + b;

/** A number for each word of `a`, made from those of both. */
function combine<Word extends string>(
  a: Readonly<Record<Word, number>>,
  b: Readonly<Record<Word, number>>,
  how: (a: number, b: number) => number,
): Record<Word, number> {
  const result = { ...a } as Record<Word, number>;
  for (const word of Object.keys(result) as Word[]) result[word] = how(a[word], b[word] ?? 0);
  return result;
}

/** Sums by names that come from users: any, and not the same on both sides. */
function sumByName(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const sums = new Map(Object.entries(a));
  for (const [name, count] of Object.entries(b)) sums.set(name, (sums.get(name) ?? 0) + count);
  return Object.fromEntries(sums);
}
