/**
 * How large the next batch of an endpoint may get: as set, less while the endpoint limits the
 * rate or says that requests are too large, and little after an outage. Pure. A batch that is
 * larger than what a limiter ever lets through would otherwise be sent for ever.
 */

/** No endpoint makes batches smaller than this, unless it is set so. */
const floorBytes = 16 * 1024;
/** The first batch after a probe. */
const restartBytes = 64 * 1024;
/** How long the word of an endpoint that a request is too large is remembered, in milliseconds. */
const tooLargeMs = 600_000;

/** See the module comment. */
export class BatchSize {
  readonly #maxBytes: number;
  readonly #minBytes: number;
  #bytes: number;
  #capBytes = Number.POSITIVE_INFINITY;
  #capEndMs = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#minBytes = Math.min(floorBytes, maxBytes);
    this.#bytes = maxBytes;
  }

  /** Bytes before compression at which the next batch is full. */
  bytesAt(nowMs: number): number {
    if (nowMs >= this.#capEndMs) this.#capBytes = Number.POSITIVE_INFINITY;
    return Math.max(this.#minBytes, Math.min(this.#bytes, this.#capBytes));
  }

  /** A batch was taken: the next one may be twice as large. */
  delivered(): void {
    this.#bytes = Math.min(this.#maxBytes, this.#bytes * 2);
  }

  /** The endpoint limits the rate. */
  limited(): void {
    this.#bytes = Math.max(this.#minBytes, Math.floor(this.#bytes / 2));
  }

  /** A request of so many bytes is too large for the endpoint. */
  tooLarge(requestBytes: number, nowMs: number): void {
    this.#capBytes = Math.min(this.#capBytes, Math.floor(requestBytes / 2));
    this.#capEndMs = nowMs + tooLargeMs;
  }

  /** An outage is over: a server that has just come back gets small batches first. */
  restarted(): void {
    this.#bytes = Math.min(this.#bytes, this.#maxBytes, restartBytes);
  }
}
