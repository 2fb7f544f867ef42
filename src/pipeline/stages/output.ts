/**
 * `output`: makes a value that a stage before has found the line. A value that is not there
 * changes nothing.
 *
 *   output:
 *     source: message      required; name of the value
 */
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Stage, StageContext } from '../stage.ts';
import { readRequiredSource } from './source.ts';

/** See the module comment. */
export function compileOutput(config: ConfigNode, { warn }: StageContext): Stage {
  const fields = config.fields('output', ['source'], warn);
  const source = readRequiredSource(config, fields.source);
  return {
    process(entry: Entry): boolean {
      setOutput(entry, source);
      return true;
    },
  };
}

/** What the stage does, for `docker` and `cri`. */
export function setOutput(entry: Entry, source: string): void {
  const text = entry.extracted.text(source);
  if (text !== undefined) entry.text = text;
}
