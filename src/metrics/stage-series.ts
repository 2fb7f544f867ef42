/**
 * Metrics that users define in `metrics` stages. They come as what is to be added since last time,
 * under any names and labels, so their number is bounded: what finds no room is counted and left
 * out. A series that nothing was added to for its time goes. The label `endpoint` is always the
 * driver's: what people call the endpoint for which a line was measured.
 */
import { BoundedLabels } from '../base/bounded-labels.ts';

/** What a metric is. */
export interface StageMetric {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  /** Upper bounds of a histogram, rising, without infinity. */
  readonly buckets: readonly number[];
  readonly maxIdleMs: number;
}

type Label = readonly [name: string, value: string];

/** What is to be added to one series; see the room `pipeline`, where it comes from. */
export interface StageDelta {
  readonly definition: StageMetric;
  readonly labels: readonly Label[];
  readonly add: number;
  readonly set: number | undefined;
  /** Values in each bucket of a histogram, the last one above all bounds. */
  readonly bucketCounts: readonly number[];
}

/** One series as it stands. */
export interface StageSample {
  readonly labels: Readonly<Record<string, string>>;
  /** Of a histogram: the sum of the values. */
  value: number;
  readonly bucketCounts: number[];
}

/** One metric with its series. */
export interface StageFamily {
  readonly metric: StageMetric;
  readonly samples: readonly StageSample[];
}

interface Series extends StageSample {
  changedAtMs: number;
}

interface Family {
  readonly metric: StageMetric;
  /** By their labels. */
  readonly series: Map<string, Series>;
}

/** Series of all containers together. */
const seriesMax = 5000;
/** Endpoints that have series of their own, as in the driver's metrics; all others share theirs. */
const endpointsMax = 100;
/** Names that are the driver's own. */
const ownPrefix = 'holdfast_';

/** See the module comment. */
export class StageSeries {
  readonly #families = new Map<string, Family>();
  readonly #endpoints = new BoundedLabels(endpointsMax);
  #size = 0;
  /** Deltas that found no room, or whose name another metric of another kind has. */
  lost = 0;

  /** Adds what stages measured; `nowMs` is monotonic. */
  take(deltas: readonly StageDelta[], nowMs: number): void {
    for (const delta of deltas) {
      const series = this.#seriesOf(delta, nowMs);
      if (series === undefined) this.lost += 1;
      else addTo(series, delta, nowMs);
    }
  }

  /** All that is not too old. */
  families(nowMs: number): StageFamily[] {
    for (const [name, { metric, series }] of this.#families) {
      for (const [key, { changedAtMs }] of series) {
        if (nowMs - changedAtMs <= metric.maxIdleMs) continue;
        series.delete(key);
        this.#size -= 1;
      }
      if (series.size === 0) this.#families.delete(name);
    }
    return [...this.#families.values()].map(({ metric, series }) => ({
      metric,
      samples: [...series.values()],
    }));
  }

  #seriesOf(
    { definition, labels: given, bucketCounts }: StageDelta,
    nowMs: number,
  ): Series | undefined {
    const { name, kind, buckets } = definition;
    if (name.startsWith(ownPrefix)) return undefined;
    const family = this.#families.get(name) ?? newFamily(definition);
    const isAlike = family.metric.kind === kind && isSame(family.metric.buckets, buckets);
    if (!isAlike) return undefined;
    // Stages set labels in any order, and a page must not have a series twice.
    const labels = given
      .map((label) => this.#bounded(label))
      .sort(([one], [other]) => (one < other ? -1 : 1));
    const key = JSON.stringify(labels);
    const known = family.series.get(key);
    if (known !== undefined) return known;
    if (this.#size >= seriesMax) this.families(nowMs);
    if (this.#size >= seriesMax) return undefined;
    const zeros = bucketCounts.map(() => 0);
    const made = {
      labels: Object.fromEntries(labels),
      value: 0,
      bucketCounts: zeros,
      changedAtMs: nowMs,
    };
    this.#families.set(name, family);
    family.series.set(key, made);
    this.#size += 1;
    return made;
  }

  #bounded([name, value]: Label): Label {
    return [name, name === 'endpoint' ? this.#endpoints.of(value) : value];
  }
}

function newFamily(metric: StageMetric): Family {
  return { metric, series: new Map<string, Series>() };
}

function addTo(series: Series, { add, set, bucketCounts }: StageDelta, nowMs: number): void {
  if (set !== undefined) series.value = set;
  series.value += add;
  bucketCounts.forEach((count, index) => {
    series.bucketCounts[index] = (series.bucketCounts[index] ?? 0) + count;
  });
  series.changedAtMs = nowMs;
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((bound, index) => bound === b[index]);
}
