/**
 * The labels of a stream: parsed strictly, sorted, written back in one form, so that
 * two ways to write the same labels name the same stream, as they do in Loki.
 */
import { parseSelector, SelectorError } from './selector.ts';

/** The labels of one stream. `text` is the normal form and names the stream. */
export interface StreamLabels {
  readonly text: string;
  readonly map: ReadonlyMap<string, string>;
}

/** Labels that Loki refuses: the reason for the statistics and the message for the body. */
export interface LabelRefusal {
  readonly reason: string;
  readonly message: string;
}

// Where Loki looks for the name of the service when `service_name` is not there.
const serviceLabels = [
  'service',
  'app',
  'application',
  'app_name',
  'name',
  'app_kubernetes_io_name',
  'container',
  'container_name',
  'k8s_container_name',
  'component',
  'workload',
  'job',
  'k8s_job_name',
] as const;

/** Labels as a selector, sorted by name, values quoted as Go does. */
export function formatLabels(labels: Iterable<readonly [string, string]>): string {
  const pairs = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([name, value]) => `${name}=${quote(value)}`).join(', ')}}`;
}

/** Parses the labels of a stream as it was sent. */
export function parseLabels(sent: string): StreamLabels | LabelRefusal {
  try {
    const map = new Map<string, string>();
    for (const { name, operator, value } of parseSelector(sent)) {
      if (operator !== '=') throw new SelectorError(0, `unexpected operator "${operator}"`);
      if (map.has(name)) {
        const message = `stream '${sent}' has duplicate label name: '${name}'`;
        return { reason: 'duplicate_label_names', message };
      }
      // An empty value is the same as no label.
      if (value !== '') map.set(name, value);
    }
    return { text: formatLabels(map), map };
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return { reason: 'invalid_labels', message: `couldn't parse labels: ${error.message}` };
  }
}

/** The same labels with the `service_name` that Loki would add. */
export function withServiceName(labels: StreamLabels): StreamLabels {
  if (labels.map.has('service_name')) return labels;
  const source = serviceLabels.find((name) => labels.map.has(name));
  const service = source === undefined ? 'unknown_service' : (labels.map.get(source) ?? '');
  const map = new Map([...labels.map, ['service_name', service]]);
  return { text: formatLabels(map), map };
}

function quote(value: string): string {
  // JSON's escapes are Go's escapes too, but for halves of surrogate pairs.
  return JSON.stringify(value.toWellFormed());
}
