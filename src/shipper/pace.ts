/**
 * When a batch that is not full goes out: at once after a silence, and under load so seldom that
 * the endpoint gets few requests, yet soon enough that nobody waits for a line. Pure.
 */

/** The shortest time from one send to the next, unless batches are full; in milliseconds. */
const pauseMsMin = 100;
/** An endpoint that needs long for an answer is asked less often. */
const pausePushes = 4;

/** See the module comment. All times are monotonic milliseconds. */
export class Pace {
  readonly #batchWaitMs: number;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #pushMs = 0;

  /** No entry waits longer than `batchWaitMs` for others. */
  constructor(batchWaitMs: number) {
    this.#batchWaitMs = batchWaitMs;
  }

  /** From when on a batch may go out that is not full. */
  get dueAtMs(): number {
    const pauseMs = Math.max(pauseMsMin, pausePushes * this.#pushMs);
    return this.#sentAtMs + Math.min(this.#batchWaitMs, pauseMs);
  }

  /** A request begins. */
  sent(nowMs: number): void {
    this.#sentAtMs = nowMs;
  }

  /** A request was answered well after so long. */
  delivered(durationMs: number): void {
    this.#pushMs = durationMs;
  }
}
