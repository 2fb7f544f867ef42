/**
 * `static_labels`: sets labels to fixed values. A label without a value is left as it is.
 *
 * Options: any number of labels with their values.
 *
 *   - static_labels:
 *       team: payments
 *       tier: "1"
 */

import type { ConfigNode } from '../config-node.ts';
import type { Stage } from '../stage.ts';
import { checkLabelName } from './labels.ts';

/** See the module comment. */
export function compileStaticLabels(config: ConfigNode): Stage {
  if (config.isNull) config.fail('static_labels needs at least one label');
  const pairs: [name: string, value: string][] = [];
  for (const [name, node] of config.entries('static_labels')) {
    checkLabelName(name, node);
    const value = node.isNull ? '' : node.text(`the value of ${name}`);
    if (value !== '') pairs.push([name, value]);
  }
  return {
    process(entry): boolean {
      for (const [name, value] of pairs) entry.labels = entry.labels.with(name, value);
      return true;
    },
  };
}
