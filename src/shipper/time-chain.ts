/**
 * Times of entries, made different where lines have the same: Loki drops an entry whose time, text
 * and labels it has already. The second of two lines with one time is sent a nanosecond later, the
 * third two, and their order stays. From the same state the same lines get the same times.
 */

/** Where a chain stands: seconds and nanoseconds of its first time, and of the one given last. */
export type ChainState = readonly [number, number, number, number];

/** So far back a time may jump and is still a line that came late, in seconds. */
const lateSecondsMax = 60;
/** A late line whose time is not finer than this is moved by less than this, in nanoseconds. */
const coarseNs = 1000;
/** The largest prime below, so that lines behind each other are moved differently. */
const lateSteps = 997;

/** Before any line: everything is later. */
const noLine: ChainState = [Number.MIN_SAFE_INTEGER, 0, Number.MIN_SAFE_INTEGER, 0];

/** The times of one source of lines. */
export class TimeChain {
  /** What `next` found. */
  seconds = 0;
  nanos = 0;
  #firstSeconds = noLine[0];
  #firstNanos = 0;
  #lastSeconds = noLine[0];
  #lastNanos = 0;

  /** Finds the time that a line with this one is sent with; `ordinal` is the number of its frame. */
  next(seconds: number, nanos: number, ordinal: number): void {
    this.seconds = seconds;
    this.nanos = nanos;
    if (isLater(seconds, nanos, this.#lastSeconds, this.#lastNanos)) {
      this.#begin(seconds, nanos);
    } else if (!isLater(this.#firstSeconds, this.#firstNanos, seconds, nanos)) {
      // The time of the chain, or one that it has given out already.
      this.#lastNanos += 1;
      if (this.#lastNanos === 1e9) {
        this.#lastSeconds += 1;
        this.#lastNanos = 0;
      }
      this.seconds = this.#lastSeconds;
      this.nanos = this.#lastNanos;
    } else if (nanos % coarseNs === 0 && this.#firstSeconds - seconds <= lateSecondsMax) {
      // Other lines may have had this very time before the chain began, and are forgotten.
      this.nanos = nanos + 1 + (ordinal % lateSteps);
    } else {
      this.#begin(seconds, nanos);
    }
  }

  get state(): ChainState {
    return [this.#firstSeconds, this.#firstNanos, this.#lastSeconds, this.#lastNanos];
  }

  /** Goes back; what is no state means: no line was there. */
  restore(state: readonly number[] | undefined): void {
    const [firstSeconds, firstNanos, lastSeconds, lastNanos] = isState(state) ? state : noLine;
    this.#firstSeconds = firstSeconds;
    this.#firstNanos = firstNanos;
    this.#lastSeconds = lastSeconds;
    this.#lastNanos = lastNanos;
  }

  #begin(seconds: number, nanos: number): void {
    this.#firstSeconds = seconds;
    this.#firstNanos = nanos;
    this.#lastSeconds = seconds;
    this.#lastNanos = nanos;
  }
}

function isLater(seconds: number, nanos: number, thanSeconds: number, thanNanos: number): boolean {
  return seconds > thanSeconds || (seconds === thanSeconds && nanos > thanNanos);
}

/** It may come from a file. */
function isState(state: readonly number[] | undefined): state is ChainState {
  if (state?.length !== 4 || !state.every((value) => Number.isSafeInteger(value))) return false;
  return [state[1], state[3]].every((nanos) => nanos !== undefined && nanos >= 0 && nanos < 1e9);
}
