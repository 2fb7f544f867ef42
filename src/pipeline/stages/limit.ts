/**
 * `limit`: lets so many lines a second through. Time is that at which lines were printed, not at
 * which they are read: a line that is read again meets the same fate, and a log that is caught up
 * with is not cut by it.
 *
 * Options:
 *   rate: lines a second, more than 0; has to be given
 *   burst: lines that may come at once, at least 1; has to be given
 *   drop: false; whether lines that are too many are dropped. If not, reading slows down: nothing
 *     is lost, and this alone goes by the clock.
 *   by_label_name: a label; each of its values has a limit of its own, and lines without the label
 *     are not limited. Needs drop: true.
 *   max_distinct_labels: how many values are kept apart. 1,000 at most, which is also the default;
 *     a value that was not seen for longest is forgotten and begins anew.
 *
 * Dropped lines are counted as ratelimit_drop_stage.
 *
 *   - limit: { rate: 10, burst: 20, drop: true }
 */

import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import { hash53 } from '../hash.ts';
import type { PacingStage, Stage, StageContext, StageState, StatefulStage } from '../stage.ts';
import { type Bucket, fullBucket, type Rate, takeToken } from './token-bucket.ts';

/** So late may one come back who was told to wait, in seconds. */
const latenessSeconds = 0.01;
const dropReason = 'ratelimit_drop_stage';
/** What is kept of them goes into the memory of each line while others are held. */
const labelsMax = 1000;

/** See the module comment. */
export function compileLimit(config: ConfigNode, context: StageContext): Stage {
  const names = ['rate', 'burst', 'drop', 'by_label_name', 'max_distinct_labels'] as const;
  const fields = config.fields('limit', names, context.warn);
  const rate: Rate = {
    perSecond: readPositive(fields.rate ?? config.fail('limit needs rate'), 'rate'),
    burst: readCount(fields.burst ?? config.fail('limit needs burst'), 'burst'),
  };
  const drops = fields.drop?.flag('drop') ?? false;
  const label = fields.by_label_name?.text('by_label_name') ?? '';
  const max = readMax(fields.max_distinct_labels, context);
  if (!drops) {
    if (label !== '') fields.by_label_name?.fail('by_label_name needs drop: true');
    return new PacingLimit(rate);
  }
  const count = (): void => context.counts.drop(dropReason);
  return label === '' ? new DroppingLimit(rate, count) : new LabelLimit(rate, count, label, max);
}

function readPositive(node: ConfigNode, what: string): number {
  const value = node.number(what, { min: 0, max: 1e9 });
  return value > 0 ? value : node.fail(`${what} is "${value}"; allowed is a number above 0`);
}

function readCount(node: ConfigNode, what: string): number {
  const value = node.number(what, { min: 1, max: 1e9 });
  if (Number.isInteger(value)) return value;
  return node.fail(`${what} is "${value}"; allowed is a whole number`);
}

function readMax(node: ConfigNode | undefined, { warn }: StageContext): number {
  const value = node?.number('max_distinct_labels', { min: 0, max: 1e9 }) ?? 0;
  if (node !== undefined && value > labelsMax) {
    warn(node, `max_distinct_labels is ${value}; at most ${labelsMax} values are kept apart here`);
  }
  return value >= 1 && value <= labelsMax ? Math.floor(value) : labelsMax;
}

/** All lines share one bucket. */
class DroppingLimit implements StatefulStage {
  readonly #rate: Rate;
  readonly #count: () => void;
  #bucket: Bucket;

  constructor(rate: Rate, count: () => void) {
    this.#rate = rate;
    this.#count = count;
    this.#bucket = fullBucket(rate);
  }

  process({ capturedSeconds, capturedNanos }: Entry): boolean {
    if (takeToken(this.#bucket, this.#rate, capturedSeconds, capturedNanos)) return true;
    this.#count();
    return false;
  }

  snapshot(): StageState {
    const { tokens, seconds, nanos } = this.#bucket;
    // What nothing was taken from is remembered as nothing: NaN does not survive JSON.
    return Number.isNaN(seconds) ? [] : [tokens, seconds, nanos];
  }

  restore(state: StageState | undefined): void {
    this.#bucket = readBucket(state ?? [], 0) ?? fullBucket(this.#rate);
  }
}

/** Each value of a label has a bucket; the one that was used last stands last. */
class LabelLimit implements StatefulStage {
  readonly #rate: Rate;
  readonly #count: () => void;
  readonly #label: string;
  readonly #max: number;
  readonly #buckets = new Map<number, Bucket>();

  constructor(rate: Rate, count: () => void, label: string, max: number) {
    this.#rate = rate;
    this.#count = count;
    this.#label = label;
    this.#max = max;
  }

  process({ labels, capturedSeconds, capturedNanos }: Entry): boolean {
    const value = labels.get(this.#label);
    if (value === undefined) return true;
    const bucket = this.#bucketOf(hash53(value));
    if (takeToken(bucket, this.#rate, capturedSeconds, capturedNanos)) return true;
    this.#count();
    return false;
  }

  snapshot(): StageState {
    const numbers: number[] = [];
    for (const [hash, { tokens, seconds, nanos }] of this.#buckets) {
      numbers.push(hash, tokens, seconds, nanos);
    }
    return numbers;
  }

  restore(state: StageState | undefined): void {
    this.#buckets.clear();
    const numbers = state ?? [];
    for (let at = 0; at < numbers.length && this.#buckets.size < this.#max; at += 4) {
      const hash = numbers[at] ?? Number.NaN;
      const bucket = readBucket(numbers, at + 1);
      if (Number.isSafeInteger(hash) && bucket !== undefined) this.#buckets.set(hash, bucket);
    }
  }

  #bucketOf(hash: number): Bucket {
    const known = this.#buckets.get(hash);
    const bucket = known ?? fullBucket(this.#rate);
    const [oldest] = this.#buckets.keys();
    if (known !== undefined) this.#buckets.delete(hash);
    else if (this.#buckets.size >= this.#max && oldest !== undefined) this.#buckets.delete(oldest);
    this.#buckets.set(hash, bucket);
    return bucket;
  }
}

function readBucket(numbers: StageState, at: number): Bucket | undefined {
  const [tokens, seconds, nanos] = numbers.slice(at, at + 3);
  if (tokens === undefined || seconds === undefined || nanos === undefined) return undefined;
  const isSound = [tokens, seconds, nanos].every((value) => Number.isFinite(value));
  return isSound ? { tokens, seconds, nanos } : undefined;
}

/** Everything passes; when the next line is welcome is what it says. */
class PacingLimit implements PacingStage {
  readonly #rate: Rate;
  #tokens: number;
  #lastMs: number | undefined;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  process(): boolean {
    this.#tokens -= 1;
    return true;
  }

  pausedUntilMs(nowMs: number): number {
    const passedMs = Math.max(0, nowMs - (this.#lastMs ?? nowMs));
    const filled = (passedMs / 1000) * this.#rate.perSecond;
    // Who is told to wait comes back some milliseconds later: a small burst must not cost the rate.
    const most = Math.max(this.#rate.burst, this.#rate.perSecond * latenessSeconds);
    this.#tokens = Math.min(most, this.#tokens + filled);
    this.#lastMs = nowMs;
    const missing = 1 - this.#tokens;
    return missing <= 0 ? 0 : nowMs + (missing / this.#rate.perSecond) * 1000;
  }
}
