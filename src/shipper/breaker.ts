/**
 * When an endpoint may be asked again. Closed: requests go out. After several failures in a row
 * it opens: none go out until the backoff is over, then it is half open, and one probe decides.
 * Pure: the caller brings the time, sends the probe, and frees what it holds when it opens.
 */
import { type BackoffBounds, nextDelayMs } from '../base/backoff.ts';
import type { Retry } from '../sink/sink.ts';

/** The three states, as a metric names them. */
export const breakerStates = ['closed', 'open', 'half-open'] as const;

/** See `breakerStates`. */
export type BreakerState = (typeof breakerStates)[number];

/** What matters of a request that failed. */
export type Failure = Pick<Retry, 'cause' | 'afterMs'>;

/** So many failures without a success between them open it. */
export const failuresToOpen = 5;
/** What somebody has to mend is tried again this often, in milliseconds: seldom, but soon after. */
const settingsMs = { min: 5000, max: 60_000 };

/** See the module comment. All times are monotonic milliseconds. */
export class Breaker {
  readonly #bounds: BackoffBounds;
  readonly #random: () => number;
  #isOpen = false;
  #failures = 0;
  /** How often the wait was set anew without a success since. */
  #rounds = 0;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #backoffEndMs = Number.NEGATIVE_INFINITY;
  /** The endpoint asked for patience until then; no success takes that back. */
  #askedEndMs = Number.NEGATIVE_INFINITY;

  constructor(bounds: BackoffBounds, random: () => number = Math.random) {
    this.#bounds = bounds;
    this.#random = random;
  }

  /** Requests that failed since the last one that did not. */
  get failures(): number {
    return this.#failures;
  }

  state(nowMs: number): BreakerState {
    if (!this.#isOpen) return 'closed';
    return this.waitMs(nowMs) > 0 ? 'open' : 'half-open';
  }

  /** How long no request may begin; 0 when one may. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#backoffEndMs - nowMs, this.#askedEndMs - nowMs);
  }

  /** A request failed. Returns whether this opened it. */
  failed(nowMs: number, failure: Failure): boolean {
    const isNewRound = nowMs >= this.#backoffEndMs;
    this.#failures += 1;
    this.#failedAtMs = nowMs;
    this.#askedEndMs = Math.max(this.#askedEndMs, nowMs + (failure.afterMs ?? 0));
    // Requests that fail side by side make one wait, not one on top of the other.
    if (isNewRound) {
      this.#backoffEndMs = nowMs + this.#delayMs(failure);
      this.#rounds += 1;
    }
    if (this.#isOpen || this.#failures < failuresToOpen) return false;
    this.#isOpen = true;
    return true;
  }

  /** A request that began at `beganAtMs` was answered with a verdict. */
  succeeded(beganAtMs: number): void {
    this.#failures = 0;
    this.#isOpen = false;
    // An answer to what was sent before the failure does not say that the failure is over.
    if (beganAtMs < this.#failedAtMs) return;
    this.#rounds = 0;
    this.#backoffEndMs = Number.NEGATIVE_INFINITY;
  }

  #delayMs(failure: Failure): number {
    const delayMs = nextDelayMs(this.#rounds, this.#bounds, this.#random);
    if (failure.cause !== 'settings') return delayMs;
    return Math.min(settingsMs.max, Math.max(settingsMs.min, delayMs));
  }
}
