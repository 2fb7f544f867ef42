/**
 * `labels`: makes labels of what stages before found. A value that is not there, or is null,
 * changes nothing; an empty one takes the label away, because to Loki the two are the same.
 *
 * Options: any number of labels, each with the name of the value it takes; without one it is the
 * label's own name.
 *
 *   - labels:
 *       level:            # the value "level"
 *       status: code      # the value "code"
 */

import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import { isLabelName } from '../labels.ts';
import type { Stage } from '../stage.ts';

/** See the module comment. */
export function compileLabels(config: ConfigNode): Stage {
  const pairs = readSources(config, 'labels');
  return {
    process(entry: Entry): boolean {
      for (const [name, source] of pairs) {
        const value = entry.extracted.text(source);
        if (value !== undefined) entry.labels = entry.labels.with(name, value);
      }
      return true;
    },
  };
}

/** Pairs of a label's name and where its value comes from. Fails without any, or on a wrong name. */
export function readSources(config: ConfigNode, what: string): [name: string, source: string][] {
  const pairs = config.entries(what).map(([name, value]): [string, string] => {
    checkLabelName(name, value);
    const source = value.isNull ? '' : value.text(`the source of ${name}`);
    return [name, source === '' ? name : source];
  });
  return pairs.length > 0 ? pairs : config.fail(`${what} needs at least one name`);
}

/** Fails on what Loki does not take as the name of a label. */
export function checkLabelName(name: string, node: ConfigNode): void {
  if (isLabelName(name)) return;
  node.fail(`"${name}" is no name of a label; allowed are letters, digits and _, no digit first`);
}
