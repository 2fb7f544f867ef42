/**
 * A histogram that is not observed here: its buckets were counted elsewhere and are put in as
 * they are at each scrape. It is written as the package writes its own.
 */
import type { EndpointFigures } from './source.ts';
import type { StageSample } from './stage-series.ts';

/** One sample as the package wants it. */
export interface HistogramSample {
  readonly metricName: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
}

/** All samples of the histogram of an endpoint's request times. */
export function histogramSamples(
  name: string,
  bounds: readonly number[],
  { endpoint, requestSeconds }: EndpointFigures,
): HistogramSample[] {
  return samplesOf(name, bounds, { labels: { endpoint }, ...requestSeconds });
}

/** The same of a histogram that a user has defined. */
export function stageSamples(
  name: string,
  bounds: readonly number[],
  { labels, value: sum, bucketCounts }: StageSample,
): HistogramSample[] {
  let count = 0;
  const buckets = bucketCounts.map((inBucket) => {
    count += inBucket;
    return count;
  });
  return samplesOf(name, bounds, { labels, buckets, sum, count });
}

/** `buckets` are cumulative. */
interface Counted {
  readonly labels: Readonly<Record<string, string>>;
  readonly buckets: readonly number[];
  readonly sum: number;
  readonly count: number;
}

function samplesOf(
  name: string,
  bounds: readonly number[],
  { labels, buckets, sum, count }: Counted,
): HistogramSample[] {
  const metricName = `${name}_bucket`;
  return [
    ...bounds.map((le, index) => ({
      metricName,
      labels: { le, ...labels },
      value: buckets[index] ?? 0,
    })),
    { metricName, labels: { le: '+Inf', ...labels }, value: count },
    { metricName: `${name}_sum`, labels: { ...labels }, value: sum },
    { metricName: `${name}_count`, labels: { ...labels }, value: count },
  ];
}
