/**
 * The metrics, as Prometheus reads them. All but the two histograms are filled from plain
 * numbers at the moment of a scrape; nothing here may be called for each read or write.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { counters, gauges, type Series } from './series.ts';
import type { MetricsSource, WalTotals, WalUsage } from './source.ts';

/** What can be told and observed. */
export interface Metrics {
  /** Of what `render` gives. */
  readonly contentType: string;
  /** All metrics in Prometheus' text format. */
  render(): Promise<string>;
  /** A segment was compressed and verified in this time. */
  observeSeal(seconds: number): void;
  /** A file was synced in this time. */
  observeSync(seconds: number): void;
}

const sealBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const syncBuckets = [0.001, 0.0025, 0.005, ...sealBuckets];

/** Metrics that read this source at each scrape. */
export function createMetrics(source: MetricsSource): Metrics {
  // One of its own, because the package's global one would be shared by all tests of a process.
  const registry = new Registry();
  const fillCounters = counters.map(({ read, ...series }) => {
    const counter = new Counter({ ...configOf(series), registers: [registry] });
    return (totals: WalTotals): void => {
      counter.reset();
      for (const [value, number] of read(totals)) counter.inc(labelsOf(series, value), number ?? 0);
    };
  });
  const fillGauges = gauges.map(({ read, ...series }) => {
    const gauge = new Gauge({ ...configOf(series), registers: [registry] });
    return (usage: WalUsage): void => {
      for (const [value, number] of read(usage)) {
        if (number === undefined) gauge.remove(labelsOf(series, value));
        else gauge.set(labelsOf(series, value), number);
      }
    };
  });
  const seal = histogram(registry, 'seal_seconds', 'Time to compress a segment', sealBuckets);
  const sync = histogram(registry, 'sync_seconds', 'Time to sync a file', syncBuckets);
  return {
    contentType: registry.contentType,
    render: async () => {
      for (const fill of fillCounters) fill(source.counters);
      const usage = source.usage();
      for (const fill of fillGauges) fill(usage);
      return registry.metrics();
    },
    observeSeal: (seconds) => observe(seal, seconds),
    observeSync: (seconds) => observe(sync, seconds),
  };
}

function configOf({ name, help, label }: Series): {
  name: string;
  help: string;
  labelNames: string[];
} {
  return { name: `holdfast_${name}`, help, labelNames: label === undefined ? [] : [label] };
}

function labelsOf({ label }: Series, value: string): Record<string, string> {
  return label === undefined ? {} : { [label]: value };
}

function histogram(registry: Registry, name: string, help: string, buckets: number[]): Histogram {
  return new Histogram({ ...configOf({ name, help }), buckets, registers: [registry] });
}

/** The package throws at what is no number, and a clock may be odd. */
function observe(into: Histogram, seconds: number): void {
  if (Number.isFinite(seconds)) into.observe(Math.max(0, seconds));
}
