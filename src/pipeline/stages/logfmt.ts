/**
 * `logfmt`: takes values of `key=value` pairs out of the line, as texts. A key without a value is
 * an empty text; a key that is not there changes nothing. What stands before a part that is no
 * logfmt is taken all the same.
 *
 *   logfmt:
 *     mapping:             required; name of the value: its key in the line, if that is another
 *       level:
 *       user: user_name
 *     source: message      default: the line itself
 */
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Stage, StageContext } from '../stage.ts';
import { scanLogfmt } from './logfmt-scanner.ts';
import { readSource, textFrom } from './source.ts';

/** See the module comment. */
export function compileLogfmt(config: ConfigNode, { warn }: StageContext): Stage {
  const fields = config.fields('logfmt', ['mapping', 'source'], warn);
  const names = readMapping(config, fields.mapping);
  const source = readSource(fields.source);
  return {
    process(entry: Entry): boolean {
      const text = textFrom(entry, source);
      if (text === undefined) return true;
      scanLogfmt(text, (key, value) => {
        const name = names.get(key);
        if (name !== undefined) entry.extracted.set(name, value());
      });
      return true;
    },
  };
}

/** The name of the value by the key; of two names for one key, the last counts. */
function readMapping(config: ConfigNode, node: ConfigNode | undefined): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, value] of node?.entries('mapping') ?? []) {
    const key = value.isNull ? '' : value.text(`the key of ${name}`);
    names.set(key === '' ? name : key, name);
  }
  return names.size > 0 ? names : config.fail('mapping is missing; logfmt needs at least one name');
}
