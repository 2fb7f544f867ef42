/**
 * The labels of one run of a container, in the order of Grafana's driver: external labels, the tag,
 * attributes, what compose and swarm say, host and file name; then relabelling. Every name goes
 * through the one sanitiser, and two that become one are told. It must never let two equal
 * containers have different labels.
 */
import { type AttributeOptions, attributesOf } from './attributes.ts';
import type { ContainerInfo } from './container-info.ts';
import type { LabelTemplate } from './label-template.ts';
import {
  cutLabelValue,
  labelsMax,
  labelValueBytesMax,
  ownLabelNames,
  sanitizeLabelName,
} from './labels.ts';
import type { LabelPair, StreamRun } from './plan.ts';
import type { Relabelling } from './relabel.ts';

/** What Docker's tools say of a container by labels, and what the labels of its lines are called. */
const known: readonly (readonly [key: string, name: string])[] = [
  ['com.docker.swarm.service.name', 'swarm_service'],
  ['com.docker.stack.namespace', 'swarm_stack'],
  ['com.docker.compose.service', 'compose_service'],
  ['com.docker.compose.project', 'compose_project'],
];

/** How the labels of a container are made, for one endpoint. */
export interface LabelRules {
  readonly external: readonly { readonly name: string; readonly template: LabelTemplate }[];
  readonly tag?: LabelTemplate | undefined;
  readonly attributes: AttributeOptions;
  /** The value of the label `filename`, where it is wanted. */
  readonly fileName?: string | undefined;
  readonly relabelling?: Relabelling | undefined;
  /** Whether the container's id and image go with each line. */
  readonly hasMetadata: boolean;
  /** Labels that stages will add, for the count. */
  readonly addedLater?: readonly string[] | undefined;
}

/** The labels of a run, and what is odd about them, in words. */
export interface RunLabels {
  readonly run: Omit<StreamRun, 'fromLsn'>;
  readonly warnings: string[];
}

/** The labels of this run. Throws LabelTemplateError when a template fails for it. */
export function labelsOfRun(info: ContainerInfo, rules: LabelRules): RunLabels {
  const collector = new Collector();
  collectInto(collector, info, rules);
  const { warnings } = collector;
  const { relabelling, hasMetadata } = rules;
  const labels = relabelling === undefined ? collector.labels : relabelling.apply(collector.labels);
  const metadata: LabelPair[] = hasMetadata ? metadataOf(info) : [];
  if (labels === undefined) {
    warnings.push('loki-relabel-config drops this container: its lines are not shipped');
    return { run: { labels: bothOf(new Map()), metadata, isDropped: true }, warnings };
  }
  const both = bothOf(labels);
  const names = [...both.stdout.map(([name]) => name), ...(rules.addedLater ?? [])];
  const distinct = [...new Set(names)].sort();
  if (distinct.length > labelsMax) {
    warnings.push(
      `the container has ${distinct.length} labels and Loki takes ${labelsMax}, unless told otherwise ` +
        `(max_label_names_per_series): ${distinct.join(', ')}`,
    );
  }
  return { run: { labels: both, metadata }, warnings };
}

function collectInto(collector: Collector, info: ContainerInfo, rules: LabelRules): void {
  for (const { name, template } of rules.external) {
    collector.set(name, template.render(info), `loki-external-labels (${name})`);
  }
  if (rules.tag !== undefined) collector.set('tag', rules.tag.render(info), 'the log-opt tag');
  for (const { kind, name, value } of attributesOf(info.labels, info.env ?? [], rules.attributes)) {
    const what = kind === 'label' ? "the container's label" : 'the variable';
    collector.set(name, value, `${what} ${name}`);
  }
  for (const [key, name] of known) {
    const value = Object.hasOwn(info.labels, key) ? info.labels[key] : undefined;
    if (value) collector.set(name, value, `the container's label ${key}`);
  }
  if (info.host !== '') collector.set('host', info.host, 'the name of the host');
  if (rules.fileName !== undefined) {
    collector.set('filename', info.logPath || rules.fileName, 'loki-filename-label');
  }
}

/** Gathers labels; what comes later replaces what came before. */
class Collector {
  readonly labels = new Map<string, string>();
  readonly warnings: string[] = [];
  readonly #origins = new Map<string, string>();

  set(given: string, value: string, origin: string): void {
    const name = sanitizeLabelName(given);
    const before = this.labels.get(name);
    const other = this.#origins.get(name);
    // Who names a label like one of the driver's own was told when options were read.
    const isOwn = ownLabelNames.some((own) => own === name);
    if (other !== undefined && other !== origin && before !== value && !isOwn) {
      this.warnings.push(`the label ${name} comes from ${other} and from ${origin}, which counts`);
    }
    if (Buffer.byteLength(value) > labelValueBytesMax) {
      const bytes = Buffer.byteLength(value);
      this.warnings.push(
        `the label ${name} (${origin}) has ${bytes} bytes and is cut to ${labelValueBytesMax}`,
      );
    }
    this.#origins.set(name, origin);
    this.labels.set(name, value);
  }
}

function bothOf(labels: ReadonlyMap<string, string>): StreamRun['labels'] {
  return { stdout: withSource(labels, 'stdout'), stderr: withSource(labels, 'stderr') };
}

/** As Loki takes them: sorted, none empty, values cut; `source` is nobody else's. */
function withSource(labels: ReadonlyMap<string, string>, source: string): LabelPair[] {
  return [...new Map([...labels, ['source', source]])]
    .filter(([, value]) => value !== '')
    .map(([name, value]): LabelPair => [name, cutLabelValue(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function metadataOf({ containerId, imageName }: ContainerInfo): LabelPair[] {
  const pairs: LabelPair[] = [
    ['container_id', containerId],
    ['image', cutLabelValue(imageName)],
  ];
  return pairs.filter(([, value]) => value !== '');
}
