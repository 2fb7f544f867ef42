/**
 * `metrics`: counts and measures lines, for whoever scrapes the metrics of the driver. Each metric
 * has a series for each set of labels that entries have at this place in the pipeline (labels
 * that begin with `__` are left out). A line that is read again is counted once.
 *
 * Options: any number of metrics by name, each with
 *   type: counter, gauge or histogram; has to be given
 *   description: empty; the help text
 *   source: the metric's name; the value that stages before found. Without it, nothing happens.
 *   prefix: promtail_custom_; stands before the name
 *   max_idle_duration: 5m; a series that nothing came to for so long goes. At least 1s.
 *   config: for all kinds:
 *       value: only values that are this text count
 *     counter:
 *       action: inc (one more) or add (by the value, if it is not negative); has to be given
 *       match_all: false; counts all lines, whatever source says; not together with value
 *       count_entry_bytes: false; adds the bytes of the line; needs match_all and action: add
 *     gauge:
 *       action: set, inc, dec, add or sub; has to be given
 *     histogram:
 *       buckets: upper bounds, ascending; .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10
 *
 * A text is a number if it is written as one, or a duration of Go ("1.5s"), which gives seconds;
 * true is 1 and false 0. What is no finite number counts nothing.
 *
 *   - metrics:
 *       lines_total: { type: counter, config: { match_all: true, action: inc } }
 *       took_seconds: { type: histogram, source: took, config: { buckets: [0.1, 1, 10] } }
 */

import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { MetricDefinition, MetricDeltas } from '../metric-deltas.ts';
import type { Stage, StageContext } from '../stage.ts';
import { numberOf } from './metric-number.ts';

type Kind = MetricDefinition['kind'];
type Measure = (entry: Entry) => void;

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const defaultBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const metricsMax = 100;
const bucketsMax = 100;

/** See the module comment. */
export function compileMetrics(config: ConfigNode, context: StageContext): Stage {
  const entries = config.entries('metrics');
  if (entries.length === 0) config.fail('metrics needs at least one metric');
  if (entries.length > metricsMax) config.fail(`metrics has more than ${metricsMax} metrics`);
  const measures = entries.map(([name, node]) => readMetric(name, node, context));
  return {
    process(entry: Entry): boolean {
      for (const measure of measures) measure(entry);
      return true;
    },
  };
}

function readMetric(name: string, node: ConfigNode, context: StageContext): Measure {
  const names = ['type', 'description', 'source', 'prefix', 'max_idle_duration', 'config'] as const;
  const fields = node.fields(`metric ${name}`, names, context.warn);
  const kind = readKind(name, fields.type ?? node.fail(`metric ${name} needs a type`));
  const prefix = fields.prefix?.text('prefix') ?? '';
  const fullName = (prefix === '' ? 'promtail_custom_' : prefix) + name;
  if (!metricName.test(fullName)) {
    node.fail(
      `"${fullName}" is no name of a metric; allowed are letters, digits, _ and :, no digit first`,
    );
  }
  const source = fields.source?.text('source') ?? name;
  const place = fields.config ?? node;
  const buckets = kind === 'histogram' ? readBuckets(fields.config) : [];
  const definition = define(node, context.counts.metrics, {
    kind,
    name: fullName,
    help: fields.description?.text('description') ?? '',
    buckets,
    maxIdleMs: readIdleMs(fields.max_idle_duration),
  });
  const target = { definition, deltas: context.counts.metrics };
  if (kind === 'counter') return readCounter(place, fields.config, source, target, context);
  if (kind === 'gauge') return readGauge(place, fields.config, source, target, context);
  return readHistogram(fields.config, source, target, context);
}

interface Target {
  readonly definition: MetricDefinition;
  readonly deltas: MetricDeltas;
}

function readKind(name: string, node: ConfigNode): Kind {
  const text = node.text('type');
  const kinds = ['counter', 'gauge', 'histogram'] as const;
  const kind = kinds.find((each) => each === text.toLowerCase());
  return kind ?? node.fail(`type of metric ${name} is "${text}"; allowed is ${kinds.join(', ')}`);
}

function readIdleMs(node: ConfigNode | undefined): number {
  const idleMs = node?.durationMs('max_idle_duration') ?? 300_000;
  if (idleMs < 1000) node?.fail('max_idle_duration is less than 1s; allowed is 1s or more');
  return Math.floor(idleMs / 1000) * 1000;
}

function define(
  node: ConfigNode,
  deltas: MetricDeltas,
  definition: MetricDefinition,
): MetricDefinition {
  const known = deltas.define(definition);
  const { name, kind } = definition;
  if (known.kind !== kind) {
    node.fail(
      `the metric ${name} is a ${known.kind} elsewhere in this pipeline, and here a ${kind}`,
    );
  }
  if (known.buckets.join() !== definition.buckets.join()) {
    node.fail(`the metric ${name} has other buckets elsewhere in this pipeline`);
  }
  return known;
}

function readBuckets(config: ConfigNode | undefined): readonly number[] {
  const node = config?.entries('config').find(([name]) => name === 'buckets')?.[1];
  if (node === undefined) return defaultBuckets;
  const bounds = node.items('buckets').map((item) => readBound(item));
  if (bounds.length === 0) return defaultBuckets;
  if (bounds.length > bucketsMax) node.fail(`buckets has more than ${bucketsMax} bounds`);
  if (bounds.some((bound, index) => index > 0 && !(bound > (bounds[index - 1] ?? bound)))) {
    node.fail(`buckets are ${bounds.join(', ')}; allowed are ascending numbers`);
  }
  // The last one is always there.
  return bounds.filter((bound) => bound !== Number.POSITIVE_INFINITY);
}

function readBound(node: ConfigNode): number {
  const text = node.text('a bucket');
  if (/^[+]?\.?inf$/i.test(text)) return Number.POSITIVE_INFINITY;
  const bound = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(bound) ? bound : node.fail(`a bucket is "${text}"; allowed is a number`);
}

/** What `value` wants; true for everything without it. */
function readWanted(node: ConfigNode | undefined): (entry: Entry, source: string) => boolean {
  const value = node?.text('value');
  if (value === undefined) return () => true;
  return ({ extracted }, source) => extracted.text(source) === value;
}

function readAction<Word extends string>(
  place: ConfigNode,
  node: ConfigNode | undefined,
  kind: Kind,
  words: readonly Word[],
): Word {
  const text = node?.text('action') ?? '';
  if (node === undefined || text === '') {
    return place.fail(`a ${kind} needs config with an action: ${words.join(', ')}`);
  }
  const word = words.find((each) => each === text.toLowerCase());
  return word ?? node.fail(`action of a ${kind} is "${text}"; allowed is ${words.join(', ')}`);
}

interface CounterOptions {
  readonly action: 'inc' | 'add';
  readonly matchesAll: boolean;
  readonly countsBytes: boolean;
  readonly value: ConfigNode | undefined;
}

function readCounterOptions(
  place: ConfigNode,
  config: ConfigNode | undefined,
  { warn }: StageContext,
): CounterOptions {
  const names = ['action', 'value', 'match_all', 'count_entry_bytes'] as const;
  const fields = config?.fields('config of a counter', names, warn) ?? {};
  const action = readAction(place, fields.action, 'counter', ['inc', 'add']);
  const matchesAll = isOn(fields.match_all, 'match_all');
  const countsBytes = isOn(fields.count_entry_bytes, 'count_entry_bytes');
  if (matchesAll) fields.value?.fail('value cannot be given together with match_all: true');
  if (countsBytes && !matchesAll) place.fail('count_entry_bytes: true needs match_all: true');
  if (countsBytes && action !== 'add') place.fail('count_entry_bytes: true needs action: add');
  if (matchesAll && action === 'add' && !countsBytes) {
    warn(place, 'match_all with action add counts nothing without count_entry_bytes: true');
  }
  return { action, matchesAll, countsBytes, value: fields.value };
}

function isOn(node: ConfigNode | undefined, what: string): boolean {
  return node?.flag(what) ?? false;
}

function readCounter(
  place: ConfigNode,
  config: ConfigNode | undefined,
  source: string,
  target: Target,
  context: StageContext,
): Measure {
  const options = readCounterOptions(place, config, context);
  const { action } = options;
  if (options.countsBytes) return (entry) => add(target, entry, entry.lineBytes);
  if (options.matchesAll) return action === 'inc' ? (entry) => add(target, entry, 1) : () => {};
  const isWanted = readWanted(options.value);
  return (entry) => {
    const found = entry.extracted.get(source);
    if (found === undefined || !isWanted(entry, source)) return;
    const value = action === 'inc' ? 1 : numberOf(found);
    // A counter never goes down; promtail ends at such a value.
    if (value !== undefined && value >= 0) add(target, entry, value);
  };
}

function readGauge(
  place: ConfigNode,
  config: ConfigNode | undefined,
  source: string,
  target: Target,
  context: StageContext,
): Measure {
  const fields = config?.fields('config of a gauge', ['action', 'value'], context.warn) ?? {};
  const action = readAction(place, fields.action, 'gauge', ['set', 'inc', 'dec', 'add', 'sub']);
  const isWanted = readWanted(fields.value);
  return (entry) => {
    const found = entry.extracted.get(source);
    if (found === undefined || !isWanted(entry, source)) return;
    if (action === 'inc' || action === 'dec') {
      add(target, entry, action === 'inc' ? 1 : -1);
      return;
    }
    const value = numberOf(found);
    if (value === undefined) return;
    if (action === 'set') target.deltas.set(target.definition, entry.labels, value);
    else add(target, entry, action === 'add' ? value : -value);
  };
}

function readHistogram(
  config: ConfigNode | undefined,
  source: string,
  { deltas, definition }: Target,
  context: StageContext,
): Measure {
  const fields = config?.fields('config of a histogram', ['buckets', 'value'], context.warn) ?? {};
  const isWanted = readWanted(fields.value);
  return (entry) => {
    const found = entry.extracted.get(source);
    if (found === undefined || !isWanted(entry, source)) return;
    const value = numberOf(found);
    if (value !== undefined) deltas.observe(definition, entry.labels, value);
  };
}

function add({ deltas, definition }: Target, { labels }: Entry, value: number): void {
  deltas.add(definition, labels, value);
}
