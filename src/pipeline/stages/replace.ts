/**
 * `replace`: replaces the groups of a pattern, wherever it matches, by what a template makes of
 * each; named groups become values as they are then. What no group holds stays as it is. Of
 * groups within groups the outer one is replaced. A template that fails changes nothing.
 *
 *   replace:
 *     expression: 'password=(\S+)'     required; in Go's syntax, with a group
 *     replace: '****'                  default: empty; a template of Go
 *     source: message                  default: the line itself
 *
 * In the template are `.Value`, which is what the group holds, and everything extracted, by name.
 * The functions are those of the `template` stage.
 */
import type { Template } from '../../template/template.ts';
import { StringMap } from '../../template/value.ts';
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Stage, StageContext } from '../stage.ts';
import { type Expression, readExpression } from './expression.ts';
import { readSource, textFrom } from './source.ts';
import { executeTemplate, readTemplate, setTexts } from './template-text.ts';

/** What a group's text is replaced by; undefined: the template failed. */
type Replacement = (group: string) => string | undefined;

/** See the module comment. */
export function compileReplace(config: ConfigNode, { warn }: StageContext): Stage {
  const fields = config.fields('replace', ['expression', 'replace', 'source'], warn);
  const expression = readExpression(config, fields.expression);
  const source = readSource(fields.source);
  const template = fields.replace && readTemplate(fields.replace, 'replace');
  if (expression.regex.names.length === 1) {
    // promtail does nothing then, too.
    warn(config, 'expression has no group, as (…), so the stage replaces nothing');
    return { process: () => true };
  }
  return {
    process(entry: Entry): boolean {
      const text = textFrom(entry, source);
      if (text !== undefined) {
        replaceGroups(entry, text, source, expression, replacementBy(template, entry));
      }
      return true;
    },
  };
}

/** Executes the template once for each text that groups hold. */
function replacementBy(template: Template | undefined, { extracted }: Entry): Replacement {
  if (template === undefined) return () => '';
  const data = new StringMap();
  const made = new Map<string, string | undefined>();
  return (group) => {
    if (made.has(group)) return made.get(group);
    if (data.size === 0) setTexts(data, extracted);
    const text = executeTemplate(template, data.set('Value', group));
    made.set(group, text);
    return text;
  };
}

function replaceGroups(
  entry: Entry,
  text: string,
  source: string | undefined,
  { regex, groups }: Expression,
  replacement: Replacement,
): void {
  const first = regex.match(text);
  if (first === undefined) return;
  let hasEmptyGroup = false;
  let hasFailed = false;
  const result = regex.replaceGroups(text, (group, match) => {
    hasEmptyGroup ||= match.includes('', 1);
    const by = hasFailed ? undefined : replacement(group);
    hasFailed ||= by === undefined;
    return by ?? group;
  });
  const values: [name: string, value: string][] = [];
  for (const [index, name] of groups) {
    const group = first[index];
    // As promtail has it: a group that took no part is as good as one that holds nothing.
    if (group === undefined && !hasEmptyGroup) continue;
    const value = replacement(group ?? '');
    if (value === undefined) hasFailed = true;
    else values.push([name, value]);
  }
  if (hasFailed) return;
  if (source === undefined) entry.text = result;
  else entry.extracted.set(source, result);
  for (const [name, value] of values) entry.extracted.set(name, value);
}
