/**
 * The token bucket of golang.org/x/time/rate: full at the beginning, filled at a rate, and what
 * is over is refused. It has no clock: whoever takes says when.
 */

/** How fast it fills and how much it holds. */
export interface Rate {
  /** Tokens a second. */
  readonly perSecond: number;
  readonly burst: number;
}

/** See the module comment. Plain data, so that it can be kept and found again. */
export interface Bucket {
  tokens: number;
  /** When something was taken last, in Unix seconds and nanoseconds within; undefined: never. */
  seconds: number;
  nanos: number;
}

/** A bucket that nothing was taken from. */
export function fullBucket({ burst }: Rate): Bucket {
  return { tokens: burst, seconds: Number.NaN, nanos: 0 };
}

/** Takes a token at this time if there is one. A time before the last one fills nothing. */
export function takeToken(bucket: Bucket, rate: Rate, seconds: number, nanos: number): boolean {
  const passed = seconds - bucket.seconds + (nanos - bucket.nanos) / 1e9;
  const filled = passed > 0 ? passed * rate.perSecond : 0;
  const tokens = Math.min(rate.burst, bucket.tokens + filled);
  if (tokens < 1) return false;
  bucket.tokens = tokens - 1;
  bucket.seconds = seconds;
  bucket.nanos = nanos;
  return true;
}
