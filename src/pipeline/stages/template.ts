/**
 * `template`: makes a value of others with a template of Go. An empty text takes the value away;
 * a template that fails, as at a function of what is not there, changes nothing.
 *
 *   template:
 *     source: level                           required; name of the value that is made or changed
 *     template: '{{ .Value | ToLower }}'      default: empty, which takes the value away
 *
 * In it are `.Value`, which is the value of `source`; `.Entry`, which is the line; and everything
 * extracted, by name. Functions are promtail's own (ToLower, Replace, Hash, …) and those of sprig,
 * without the ones that read a clock, the environment or a network, or make random texts.
 */
import type { TemplateValue } from '../../template/value.ts';
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Stage, StageContext } from '../stage.ts';
import { readRequiredSource } from './source.ts';
import { executeTemplate, readTemplate, setTexts } from './template-text.ts';

/** See the module comment. */
export function compileTemplateStage(config: ConfigNode, { warn }: StageContext): Stage {
  const fields = config.fields('template', ['source', 'template'], warn);
  const source = readRequiredSource(config, fields.source);
  const template = fields.template && readTemplate(fields.template, 'template');
  return {
    process(entry: Entry): boolean {
      const { extracted } = entry;
      const data = new Map<string, TemplateValue>();
      setTexts(data, extracted);
      const value = data.get(source);
      if (value !== undefined) data.set('Value', value);
      data.set('Entry', entry.text);
      const text = template === undefined ? '' : executeTemplate(template, data);
      if (text === '') extracted.delete(source);
      else if (text !== undefined) extracted.set(source, text);
      return true;
    },
  };
}
