/**
 * A histogram that is not observed here: its buckets were counted elsewhere and are put in as
 * they are at each scrape. It is written as the package writes its own.
 */
import type { EndpointFigures } from './source.ts';

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
  const { buckets, sum, count } = requestSeconds;
  const metricName = `${name}_bucket`;
  return [
    ...bounds.map((le, index) => ({
      metricName,
      labels: { le, endpoint },
      value: buckets[index] ?? 0,
    })),
    { metricName, labels: { le: '+Inf', endpoint }, value: count },
    { metricName: `${name}_sum`, labels: { endpoint }, value: sum },
    { metricName: `${name}_count`, labels: { endpoint }, value: count },
  ];
}
