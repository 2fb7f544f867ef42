/**
 * What most stages begin with: the text that they work on, which is the line, or a value that a
 * stage before has found (`source`).
 */
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Extracted } from '../extracted.ts';
import { cutLabelValue } from '../labels.ts';

/** The `source` of a stage; undefined: the line. Fails on an empty name. */
export function readSource(node: ConfigNode | undefined): string | undefined {
  if (node === undefined) return undefined;
  const source = node.text('source');
  return source === '' ? node.fail('source is empty; allowed is the name of a value') : source;
}

/** A `source` that has to be there. */
export function readRequiredSource(config: ConfigNode, node: ConfigNode | undefined): string {
  return readSource(node) ?? config.fail('source is missing; it names the value to take');
}

/** The text to work on; undefined: there is no such value, or it is null. */
export function textFrom(entry: Entry, source: string | undefined): string | undefined {
  return source === undefined ? entry.text : entry.extracted.text(source);
}

/**
 * promtail's `docker`, `cri` and `match` are pipelines of their own, and a pipeline begins with
 * making the labels of the line extracted values.
 */
export function extractLabels({ labels, extracted }: Entry): void {
  for (const [name, value] of labels) {
    if (!isValueOf(name, value, extracted)) extracted.set(name, value);
  }
}

/** Whether that value is there already, or a longer one of which the label is what was cut. */
function isValueOf(name: string, value: string, extracted: Extracted): boolean {
  const known = extracted.get(name);
  return typeof known === 'string' && cutLabelValue(known) === value;
}
