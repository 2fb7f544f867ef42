/**
 * `regex`: takes the named groups of a pattern out of the line. A group that took no part is an
 * empty text; a line that does not match goes on as it is.
 *
 *   regex:
 *     expression: '^(?P<ip>\S+) (?P<user>\S+)'    required; in Go's syntax, with a named group
 *     source: message                             default: the line itself
 */
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Stage, StageContext } from '../stage.ts';
import { readExpression } from './expression.ts';
import { readSource, textFrom } from './source.ts';

/** See the module comment. */
export function compileRegexStage(config: ConfigNode, { warn }: StageContext): Stage {
  const fields = config.fields('regex', ['expression', 'source'], warn);
  const { regex, groups } = readExpression(config, fields.expression);
  const source = readSource(fields.source);
  if (groups.length === 0) {
    warn(config, 'expression has no named group, as (?P<name>…), so the stage finds nothing');
  }
  return {
    process(entry: Entry): boolean {
      const text = textFrom(entry, source);
      const match = text === undefined ? undefined : regex.match(text);
      if (match === undefined) return true;
      for (const [index, name] of groups) entry.extracted.set(name, match[index] ?? '');
      return true;
    },
  };
}
