/**
 * What `metrics` stages have measured since it was last taken, added up by metric and labels. It
 * counts for people only when the batch of those lines is settled, so that lines that are read
 * again are not counted again. Plain data comes out, for another thread.
 */
import type { LabelSet } from './label-set.ts';

/** What a metric is; metrics of one name have one definition. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** The whole name, prefix included. */
  readonly name: string;
  readonly help: string;
  /** Upper bounds of a histogram, ascending, without infinity. */
  readonly buckets: readonly number[];
  /** A series that nothing was added to for so long goes, in milliseconds. */
  readonly maxIdleMs: number;
}

/** What is to be added to one series. */
export interface MetricDelta {
  readonly definition: MetricDefinition;
  readonly labels: readonly (readonly [string, string])[];
  /** Counters and gauges: to be added. Histograms: the sum of the values. */
  add: number;
  /** Gauges: to be set before `add` is added. */
  set: number | undefined;
  /** Histograms: how many values fell into each bucket, the last one being above all bounds. */
  readonly bucketCounts: number[];
}

/** What says for which endpoint something was measured, as in the driver's own metrics. */
const endpointName = 'endpoint';
/** Series in one round; more are left out and counted. */
const seriesMax = 1000;

/** See the module comment. */
export class MetricDeltas {
  readonly #definitions = new Map<string, MetricDefinition>();
  #series = new Map<string, MetricDelta>();
  /** Values that found no room. */
  lost = 0;

  /** Makes a metric known; if there is one of that name, it stays, and is what comes back. */
  define(definition: MetricDefinition): MetricDefinition {
    const known = this.#definitions.get(definition.name) ?? definition;
    this.#definitions.set(known.name, known);
    return known;
  }

  /** Adds to a counter or a gauge. */
  add(definition: MetricDefinition, labels: LabelSet, value: number): void {
    const delta = this.#of(definition, labels);
    if (delta !== undefined) delta.add += value;
  }

  /** Sets a gauge. */
  set(definition: MetricDefinition, labels: LabelSet, value: number): void {
    const delta = this.#of(definition, labels);
    if (delta === undefined) return;
    delta.set = value;
    delta.add = 0;
  }

  /** Adds a value to a histogram. */
  observe(definition: MetricDefinition, labels: LabelSet, value: number): void {
    const delta = this.#of(definition, labels);
    if (delta === undefined) return;
    delta.add += value;
    const bucket = definition.buckets.findIndex((bound) => value <= bound);
    const index = bucket < 0 ? definition.buckets.length : bucket;
    delta.bucketCounts[index] = (delta.bucketCounts[index] ?? 0) + 1;
  }

  /** What came together; it begins anew then. */
  take(): MetricDelta[] {
    if (this.#series.size === 0) return [];
    const taken = [...this.#series.values()];
    this.#series = new Map();
    return taken;
  }

  #of(definition: MetricDefinition, labels: LabelSet): MetricDelta | undefined {
    const key = `${definition.kind} ${definition.name} ${labels.selector}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= seriesMax) {
      this.lost += 1;
      return undefined;
    }
    const bucketCounts = definition.kind === 'histogram' ? [...definition.buckets, 0].fill(0) : [];
    const shown = [...labels].filter(([name]) => isShown(name, definition));
    const delta = { definition, labels: shown, add: 0, set: undefined, bucketCounts };
    this.#series.set(key, delta);
    return delta;
  }
}

/**
 * The same with the label `endpoint`. Each endpoint runs its lines through stages of its own, so a
 * line that goes to two is measured twice, in two series. A label of lines that has this name is
 * called `exported_endpoint`, as Prometheus does, with `exported_` once more where that is taken.
 */
export function ofEndpoint(deltas: readonly MetricDelta[], endpoint: string): MetricDelta[] {
  return deltas.map((delta) => {
    let exported = `exported_${endpointName}`;
    while (delta.labels.some(([name]) => name === exported)) exported = `exported_${exported}`;
    const others = delta.labels.map(([name, value]): [string, string] => [
      name === endpointName ? exported : name,
      value,
    ]);
    return { ...delta, labels: [[endpointName, endpoint], ...others] };
  });
}

/** Labels that Prometheus keeps for itself are left out. */
function isShown(name: string, { kind }: MetricDefinition): boolean {
  return !name.startsWith('__') && !(kind === 'histogram' && name === 'le');
}
