/**
 * The metrics, as Prometheus reads them. All but two histograms are filled from plain numbers
 * at the moment of a scrape; nothing here may be called for each read or write.
 */
import {
  Counter,
  type CounterConfiguration,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  type HistogramConfiguration,
  Registry,
} from 'prom-client';
import { version } from '../base/version.ts';
import {
  type EndpointSeries,
  endpointCounters,
  endpointGauges,
  gapCounters,
  toldOf,
} from './delivery-series.ts';
import { type HistogramSample, histogramSamples, stageSamples } from './read-histogram.ts';
import { counters, gauges, type Series, type Values } from './series.ts';
import type { EndpointFigures, MetricsSource, WalTotals, WalUsage } from './source.ts';
import type { StageFamily, StageSample } from './stage-series.ts';

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

/** What a page is made of; asked for once, so that all of it is of one moment. */
interface Scrape {
  readonly totals: WalTotals;
  readonly usage: WalUsage;
  readonly endpoints: readonly EndpointFigures[];
}

/** Help of a metric of a stage that nobody described. */
const undescribed = 'Defined in a metrics stage';

/** Puts in what is true at the moment of a scrape. */
type Fill = (scrape: Scrape) => void;
/** Undefined: not known now. */
type Sample = readonly [labels: Record<string, string>, value: number | undefined];

/** Metrics that read this source at each scrape. */
export function createMetrics(source: MetricsSource): Metrics {
  // One of its own, because the package's global one would be shared by all tests of a process.
  const registry = new Registry();
  const requests = new ReadHistogram(registry, source.requestSecondsBounds);
  const fills: Fill[] = [
    ...processFills(registry),
    ...endpointFills(registry),
    ({ endpoints }) => requests.fill(endpoints),
  ];
  const seal = histogram(registry, 'seal_seconds', 'Time to compress a segment', sealBuckets);
  const sync = histogram(registry, 'sync_seconds', 'Time to sync a file', syncBuckets);
  return {
    contentType: registry.contentType,
    render: async () => {
      const usage = source.usage();
      const scrape = { totals: source.counters, usage, endpoints: source.endpoints() };
      for (const fill of fills) fill(scrape);
      return `${await registry.metrics()}${await stagePage(source.stages())}`;
    },
    observeSeal: (seconds) => observe(seal, seconds),
    observeSync: (seconds) => observe(sync, seconds),
  };
}

/** The metrics of users, in a registry of the moment: names and labels come and go. */
async function stagePage(families: readonly StageFamily[]): Promise<string> {
  const registry = new Registry();
  for (const family of families) {
    try {
      addFamily(registry, family);
    } catch {
      // A name that the package refuses, such as a label `le`, costs no other metric.
      registry.removeSingleMetric(family.metric.name);
    }
  }
  return registry.metrics();
}

function addFamily(registry: Registry, { metric, samples }: StageFamily): void {
  const { kind, name, buckets } = metric;
  // The package refuses a metric without one, and promtail does not ask for it.
  const help = metric.help === '' ? undescribed : metric.help;
  const labelNames = [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))];
  const config = { name, help, labelNames, registers: [] };
  const given = {
    counter: () => new GivenCounter(config, samples),
    gauge: () => new GivenGauge(config, samples),
    histogram: () => new GivenHistogram({ ...config, buckets: [...buckets] }, samples),
  };
  registry.registerMetric(given[kind]());
}

/** What the process and its log have, without regard to endpoints. */
function processFills(registry: Registry): Fill[] {
  const build = { name: 'build_info', help: 'The program that runs', label: 'version' };
  return [
    gaugeFill(registry, build, [], () => [[{ version }, 1]]),
    ...counters.map(({ read, ...series }) =>
      counterFill(registry, series, [], ({ totals }) => samplesOf(series, {}, read(totals))),
    ),
    ...gauges.map(({ read, ...series }) =>
      gaugeFill(registry, series, [], ({ usage }) => samplesOf(series, {}, read(usage))),
    ),
  ];
}

/** What each endpoint has. */
function endpointFills(registry: Registry): Fill[] {
  const perEndpoint =
    ({ read, ...series }: EndpointSeries) =>
    ({ endpoints }: Scrape): Sample[] =>
      endpoints.flatMap((of) => samplesOf(series, { endpoint: of.endpoint }, read(of)));
  const names = ['endpoint'];
  return [
    ...endpointCounters.map((series) => counterFill(registry, series, names, perEndpoint(series))),
    ...endpointGauges.map((series) => gaugeFill(registry, series, names, perEndpoint(series))),
    ...gapCounters.map(({ read, ...series }) =>
      counterFill(registry, series, names, ({ totals, endpoints }) =>
        [...toldOf(totals, endpoints)].map(
          ([endpoint, reason, gap]): Sample => [{ endpoint, reason }, read(gap)],
        ),
      ),
    ),
  ];
}

function samplesOf({ label }: Series, labels: Record<string, string>, values: Values): Sample[] {
  return [...values].map(([value, number]) => [
    label === undefined ? labels : { ...labels, [label]: value },
    number,
  ]);
}

/** All is set anew, so that an endpoint that is gone leaves nothing behind. */
function counterFill(
  registry: Registry,
  series: Series,
  labels: readonly string[],
  samples: (scrape: Scrape) => readonly Sample[],
): Fill {
  const into = new Counter({ ...configOf(series, labels), registers: [registry] });
  return (scrape) => {
    into.reset();
    for (const [names, value = 0] of samples(scrape)) into.inc(names, value);
  };
}

function gaugeFill(
  registry: Registry,
  series: Series,
  labels: readonly string[],
  samples: (scrape: Scrape) => readonly Sample[],
): Fill {
  const into = new Gauge({ ...configOf(series, labels), registers: [registry] });
  return (scrape) => {
    into.reset();
    for (const [names, value] of samples(scrape)) {
      if (value === undefined) into.remove(names);
      else into.set(names, value);
    }
  };
}

/** A histogram whose buckets were counted elsewhere. */
class ReadHistogram extends Histogram {
  readonly #config: ReturnType<typeof configOf>;
  readonly #bounds: readonly number[];
  #samples: HistogramSample[] = [];

  constructor(registry: Registry, bounds: readonly number[]) {
    const series = { name: 'delivery_request_seconds', help: 'Time of one request' };
    const config = configOf(series, ['endpoint']);
    super({ ...config, buckets: [...bounds], registers: [registry] });
    this.#config = config;
    this.#bounds = bounds;
  }

  fill(endpoints: readonly EndpointFigures[]): void {
    const { name } = this.#config;
    this.#samples = endpoints.flatMap((of) => histogramSamples(name, this.#bounds, of));
  }

  /** What the package asks when it writes the page. */
  async getForPromString(): Promise<object> {
    const { name, help } = this.#config;
    return pageOf('histogram', { name, help }, this.#samples);
  }
}

/**
 * A counter of a user. Its series are handed over as they are: the package would tell them apart by
 * names and values put together, and two can be the same that way (`1,b:2`).
 */
class GivenCounter extends Counter {
  readonly #page: object;

  constructor(config: CounterConfiguration<string>, samples: readonly StageSample[]) {
    super(config);
    this.#page = pageOf('counter', config, samples);
  }

  /** What the package asks when it writes the page. */
  async getForPromString(): Promise<object> {
    return this.#page;
  }
}

/** A gauge of a user; see `GivenCounter`. */
class GivenGauge extends Gauge {
  readonly #page: object;

  constructor(config: GaugeConfiguration<string>, samples: readonly StageSample[]) {
    super(config);
    this.#page = pageOf('gauge', config, samples);
  }

  /** What the package asks when it writes the page. */
  async getForPromString(): Promise<object> {
    return this.#page;
  }
}

/** One metric as the package writes it. */
function pageOf(
  type: string,
  { name, help }: { readonly name: string; readonly help: string },
  values: readonly object[],
): object {
  return { name, help, type, values, aggregator: 'sum' };
}

/** A histogram of a user, whose buckets were counted elsewhere. */
class GivenHistogram extends Histogram {
  readonly #page: object;

  constructor(config: HistogramConfiguration<string>, samples: readonly StageSample[]) {
    super(config);
    const { name, buckets = [] } = config;
    const values = samples.flatMap((sample) => stageSamples(name, buckets, sample));
    this.#page = pageOf('histogram', config, values);
  }

  /** What the package asks when it writes the page. */
  async getForPromString(): Promise<object> {
    return this.#page;
  }
}

function configOf(
  { name, help, label }: Series,
  labels: readonly string[] = [],
): { name: string; help: string; labelNames: string[] } {
  const labelNames = label === undefined ? [...labels] : [...labels, label];
  return { name: `holdfast_${name}`, help, labelNames };
}

function histogram(registry: Registry, name: string, help: string, buckets: number[]): Histogram {
  return new Histogram({ ...configOf({ name, help }), buckets, registers: [registry] });
}

/** The package throws at what is no number, and a clock may be odd. */
function observe(into: Histogram, seconds: number): void {
  if (Number.isFinite(seconds)) into.observe(Math.max(0, seconds));
}
