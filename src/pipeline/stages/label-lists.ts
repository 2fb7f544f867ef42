/**
 * `labeldrop`: takes labels away. `labelallow`: takes all labels away but those it names. Names
 * of labels that an entry does not have do nothing.
 *
 * Options: a list of names, at least one.
 *
 *   - labeldrop: [filename, stream]
 *   - labelallow: [container_name, level]
 */

import type { ConfigNode } from '../config-node.ts';
import type { Stage } from '../stage.ts';

/** See the module comment. */
export function compileLabelDrop(config: ConfigNode): Stage {
  const names = readNames(config, 'labeldrop');
  return {
    process(entry): boolean {
      for (const name of names) entry.labels = entry.labels.without(name);
      return true;
    },
  };
}

/** See the module comment. */
export function compileLabelAllow(config: ConfigNode): Stage {
  const allowed = new Set(readNames(config, 'labelallow'));
  return {
    process(entry): boolean {
      for (const [name] of entry.labels) {
        if (!allowed.has(name)) entry.labels = entry.labels.without(name);
      }
      return true;
    },
  };
}

function readNames(config: ConfigNode, what: string): string[] {
  const names = config.items(what).map((item) => item.text('the name of a label'));
  return names.length > 0 ? names : config.fail(`${what} needs at least one name`);
}
