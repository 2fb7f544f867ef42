/**
 * What every sender looks like from outside: one encoded batch in, one result out.
 * A sink must never retry by itself, never throw and never touch the disk; what
 * happens after a result is the shipper's business.
 */

/** The endpoint has the batch. */
export interface Delivered {
  readonly kind: 'delivered';
}

/** The endpoint may take the same batch later; nothing may be dropped. */
export interface Retry {
  readonly kind: 'retry';
  /** For people: what failed and where to look. Free of secrets, at most about 800 characters. */
  readonly reason: string;
  /** HTTP status, if there was an answer. */
  readonly status?: number;
  /** The endpoint asked for this much patience, in milliseconds; at most one hour. */
  readonly afterMs?: number;
}

/** The endpoint has read the batch and refuses some or all of it; again would change nothing. */
export interface Rejected {
  readonly kind: 'rejected';
  /** As in Retry. */
  readonly reason: string;
  readonly status: number;
}

/** How one send ended. */
export type SendResult = Delivered | Retry | Rejected;

/** One endpoint's sender. */
export interface Sink {
  /** Sends one batch. Never rejects. `body` must stay as it is until the promise has settled. */
  send(body: Buffer): Promise<SendResult>;
  /** Ends what is in flight with a retry `closed` and frees all connections. Can be called twice. */
  close(): Promise<void>;
}
