/**
 * What a queue says of an endpoint that does not take logs: at once, then once a minute, and
 * when it is over; and of entries that it refuses. Reasons come from the sink, free of secrets.
 */
import type { Log } from '../base/log.ts';
import type { Retry } from '../sink/sink.ts';

/** A waiting endpoint is spoken of once in this time, in milliseconds. */
const complaintMs = 60_000;
/** One that fails and recovers all the time, at most this often. */
const flappingMs = 10_000;

/** Refused entries are spoken of this often at most: a container may have some in every batch. */
const refusedMs = 10_000;

/** What is said of refused entries, beside how many there are. */
export interface Refusal {
  readonly status: number | undefined;
  readonly reason: string | undefined;
  /** All that were refused so far. */
  readonly rejectedEntries: number;
}

/** See the module comment. */
export class Complaints {
  readonly #log: Log;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #cause: Retry['cause'] | undefined;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  #refused: (Refusal & { entries: number }) | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A request failed, the `failures`th in a row; the next one goes out in `retryInMs`. */
  failed(nowMs: number, result: Retry, failures: number, retryInMs: number): void {
    const { cause, reason } = result;
    const isNew = this.#cause === undefined && nowMs - this.#saidAtMs >= flappingMs;
    const isOther = this.#cause !== undefined && this.#cause !== cause;
    this.#cause = cause;
    if (!isNew && !isOther && nowMs - this.#saidAtMs < complaintMs) return;
    this.#saidAtMs = nowMs;
    const fields = { reason, attempt: failures, retryInMs: Math.round(retryInMs) };
    if (cause === 'settings') {
      this.#log.error(fields, 'the endpoint takes nothing until its settings are mended');
    } else {
      this.#log.warn(fields, 'the endpoint does not take logs; they are kept and tried again');
    }
  }

  /** A request was answered with a verdict, after so many failures in a row. */
  answered(failures: number): void {
    if (this.#cause === undefined) return;
    this.#cause = undefined;
    this.#log.info({ attempts: failures + 1 }, 'the endpoint takes logs again');
  }

  /** So many entries were refused; those that nothing was said of are added up. */
  refused(nowMs: number, entries: number, refusal: Refusal): void {
    this.#refused = { ...refusal, entries: entries + (this.#refused?.entries ?? 0) };
    if (nowMs - this.#refusedAtMs < refusedMs) return;
    this.#refusedAtMs = nowMs;
    this.flush();
  }

  /** Says what is left to say. */
  flush(): void {
    if (this.#refused === undefined) return;
    this.#log.error(this.#refused, 'the endpoint refused entries of a batch');
    this.#refused = undefined;
  }
}
