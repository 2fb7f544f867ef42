/**
 * `tenant`: sends the entry to another tenant of Loki. What is no name of a tenant (1 to 150
 * visible ASCII characters, no spaces) leaves the entry with the one it has.
 *
 * Options, exactly one of them:
 *   value: a fixed tenant
 *   source: the name of a value that stages before found
 *   label: the name of a label
 *
 *   - tenant: { source: customer_id }
 */

import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Stage, StageContext } from '../stage.ts';

const tenantPattern = /^[\x21-\x7e]{1,150}$/;

/** See the module comment. */
export function compileTenant(config: ConfigNode, context: StageContext): Stage {
  const tenantOf = readTenant(config, context);
  return {
    process(entry: Entry): boolean {
      const tenant = tenantOf(entry);
      if (tenant !== undefined && tenantPattern.test(tenant)) entry.tenantId = tenant;
      return true;
    },
  };
}

function readTenant(
  config: ConfigNode,
  context: StageContext,
): (entry: Entry) => string | undefined {
  const names = ['value', 'source', 'label'] as const;
  const fields = config.fields('tenant', names, context.warn);
  const given = names.flatMap((name) => {
    const node = fields[name];
    const text = node?.text(name) ?? '';
    return node === undefined || text === '' ? [] : [{ name, text, node }];
  });
  const [chosen] = given;
  if (chosen === undefined || given.length > 1) {
    return config.fail('tenant needs exactly one of value, source and label');
  }
  const { name, text, node } = chosen;
  if (name === 'source') return (entry) => entry.extracted.text(text);
  if (name === 'label') return (entry) => entry.labels.get(text);
  if (!tenantPattern.test(text)) {
    node.fail(`value is "${text}"; allowed are 1 to 150 visible ASCII characters without spaces`);
  }
  return () => text;
}
