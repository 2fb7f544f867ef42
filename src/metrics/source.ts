/**
 * Where the figures of a scrape come from. Whoever implements it hands out numbers that it has
 * already: it must never touch the disk or walk what grows, because anybody on the host may ask.
 */
import type { WalCounters } from '../base/wal-counters.ts';
import type { StageFamily } from './stage-series.ts';

/** The counters, for reading. */
export type WalTotals = Readonly<Omit<WalCounters, 'gap' | 'gapGrew' | 'tell' | 'writeError'>>;

/** How the log is at this moment. */
export interface WalUsage {
  /** Bytes on disk, of segments in use and of compressed ones. */
  readonly rawBytes: number;
  readonly sealedBytes: number;
  readonly rawSegments: number;
  readonly sealedSegments: number;
  /** Containers with a directory in the log. */
  readonly containers: number;
  /** Infinity for no limit. */
  readonly limitBytes: number;
  /** Of the file system; undefined where it is not known. */
  readonly freeBytes: number | undefined;
  /** How long it took to take up what was on disk; undefined until that is done. */
  readonly recoverySeconds: number | undefined;
  /** FIFOs that are not read because the log is full. */
  readonly pausedFifos: number;
  /** Bytes on disk of entries that endpoints refused. */
  readonly rejectedBytes: number;
  /** `docker logs` and the like that are being answered. */
  readonly logReaders: number;
}

/** What one endpoint got since the process started, and what waits for it now. */
export interface EndpointFigures {
  /** What people call it; few are different. */
  readonly endpoint: string;
  readonly deliveredEntries: number;
  /** Before compression. */
  readonly deliveredBytes: number;
  /** Bodies of requests, every attempt. */
  readonly sentBytes: number;
  /** By reason; the bytes are those of lines. */
  readonly rejectedEntries: Readonly<Record<string, number>>;
  readonly rejectedBytes: Readonly<Record<string, number>>;
  /** Requests by cause, and what was in them before compression. */
  readonly retries: Readonly<Record<string, number>>;
  readonly retriedEntries: Readonly<Record<string, number>>;
  readonly retriedBytes: Readonly<Record<string, number>>;
  /** Lines that stages dropped, by reason, and those that a stage failed at, by stage. */
  readonly droppedLines: Readonly<Record<string, number>>;
  readonly failedLines: Readonly<Record<string, number>>;
  /** `buckets` are cumulative, one for each bound; `count` is all of them. */
  readonly requestSeconds: {
    readonly buckets: readonly number[];
    readonly sum: number;
    readonly count: number;
  };
  /** Not acknowledged, and the age of the oldest of it. */
  readonly backlogBytes: number;
  readonly backlogEntries: number;
  readonly backlogSeconds: number;
  /** Batches under way. */
  readonly inFlight: number;
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** Containers that ship there. */
  readonly streams: number;
}

/** What is asked at each scrape. */
export interface MetricsSource {
  readonly counters: WalTotals;
  /** Upper bounds of the buckets of `requestSeconds`, rising. */
  readonly requestSecondsBounds: readonly number[];
  usage(): WalUsage;
  /** No two of the same name. */
  endpoints(): readonly EndpointFigures[];
  /** What `metrics` stages have measured. */
  stages(): readonly StageFamily[];
}
