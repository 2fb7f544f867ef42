/**
 * `structured_metadata` (also `non_indexed_labels`, its old name): puts values that stages before
 * found, or labels, into the structured metadata of the entry. A label whose name and value went
 * there is a label no more.
 *
 * Options: any number of names of metadata, each with the name of the value or label it takes;
 * without one it is its own name. Values that stages found come before labels.
 *
 *   - structured_metadata:
 *       trace_id:         # the value "trace_id"
 *       pod_name: pod     # the value "pod", or else the label "pod"
 */

import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import { cutLabelValue } from '../labels.ts';
import type { Stage } from '../stage.ts';
import { readSources } from './labels.ts';

/** See the module comment. */
export function compileStructuredMetadata(config: ConfigNode): Stage {
  const pairs = readSources(config, 'structured_metadata');
  return {
    process(entry: Entry): boolean {
      const taken = new Map<string, string>();
      for (const [name, source] of pairs) {
        const value = entry.extracted.text(source) ?? entry.labels.get(source);
        if (value === undefined) continue;
        entry.metadata ??= new Map();
        entry.metadata.set(name, value);
        taken.set(source, value);
      }
      for (const [source, value] of taken) {
        // A label is cut, and what was taken need not be.
        const isLabel = entry.labels.get(source) === cutLabelValue(value);
        if (isLabel) entry.labels = entry.labels.without(source);
      }
      return true;
    },
  };
}
