/**
 * `drop`: drops lines for which all of the conditions hold that are given.
 *
 * Options, at least one of source, expression, older_than and longer_than:
 *   source: a name, or a list of names, of values that stages before found. Alone: all are there.
 *     With value or expression: these look at the values, put together; values that are not there
 *     are left out.
 *   separator: ";"; stands between the values of several sources
 *   value: what the values of source have to be
 *   expression: a regular expression that matches in the values of source, or without source in
 *     the line. Not together with value.
 *   older_than: a duration; the entry's time is so long before the time at which it was printed.
 *     promtail compares with the time at which it reads; here a line that is read again later
 *     must not meet another fate.
 *   longer_than: a size; the line has more bytes
 *   drop_counter_reason: drop_stage; what dropped lines are counted as
 *
 *   - drop: { source: level, value: debug }
 *   - drop: { expression: "^healthz", longer_than: 8kb }
 */

import { parseByteSize } from '../../base/values.ts';
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { Stage, StageContext } from '../stage.ts';

type Condition = (entry: Entry) => boolean;

const optionNames = [
  'source',
  'separator',
  'value',
  'expression',
  'older_than',
  'longer_than',
  'drop_counter_reason',
] as const;

type Fields = Partial<Record<(typeof optionNames)[number], ConfigNode>>;

/** See the module comment. */
export function compileDrop(config: ConfigNode, context: StageContext): Stage {
  const fields = config.fields('drop', optionNames, context.warn);
  const { source, value, expression, older_than: olderThan, longer_than: longerThan } = fields;
  if ((source ?? expression ?? olderThan ?? longerThan) === undefined) {
    config.fail('drop needs at least one of source, expression, older_than and longer_than');
  }
  if (value !== undefined && source === undefined) {
    value.fail('value needs source: it is compared with values that stages found');
  }
  if (value !== undefined && expression !== undefined) {
    value.fail('value and expression cannot both be given');
  }
  const conditions: Condition[] = [];
  if (longerThan !== undefined) conditions.push(isLonger(longerThan));
  if (olderThan !== undefined) conditions.push(isOlder(olderThan.durationMs('older_than')));
  const found = contentCondition(fields);
  if (found !== undefined) conditions.push(found);
  const reason = readDropReason(fields.drop_counter_reason, 'drop_stage');
  return {
    process(entry: Entry): boolean {
      for (const holds of conditions) if (!holds(entry)) return true;
      context.counts.drop(reason);
      return false;
    },
  };
}

/** What dropped lines are counted as; an empty text is the default. */
export function readDropReason(node: ConfigNode | undefined, normal: string): string {
  const text = node?.text('drop_counter_reason') ?? '';
  return text === '' ? normal : text;
}

function isLonger(node: ConfigNode): Condition {
  const text = node.text('longer_than');
  const bytesMax = parseByteSize(text);
  if (bytesMax === undefined) {
    return node.fail(`longer_than is "${text}"; allowed is a size such as 500, 8kb or 1MiB`);
  }
  return (entry) => entry.lineBytes > bytesMax;
}

function isOlder(ageMs: number): Condition {
  return ({ capturedSeconds, capturedNanos, seconds, nanos }) =>
    (capturedSeconds - seconds) * 1000 + (capturedNanos - nanos) / 1_000_000 > ageMs;
}

function contentCondition(fields: Fields): Condition | undefined {
  const { source, value, expression } = fields;
  const pattern = expression?.regex('expression');
  if (source === undefined) return pattern && ((entry) => pattern.test(entry.text));
  const sources = source.isList
    ? source.items('source').map((item) => item.text('a source'))
    : [source.text('source')];
  if (sources.length === 0) source.fail('source is an empty list; allowed is one name or more');
  const text = value?.text('value');
  if (pattern === undefined && text === undefined) {
    return (entry) => sources.every((name) => entry.extracted.has(name));
  }
  const separator = fields.separator?.text('separator') ?? ';';
  return (entry) => {
    const joined = joinValues(entry, sources, separator);
    if (joined === undefined) return false;
    return pattern === undefined ? joined === text : pattern.test(joined);
  };
}

/** Undefined: one of them is null, which has no text. */
function joinValues(
  { extracted }: Entry,
  sources: readonly string[],
  separator: string,
): string | undefined {
  const texts: string[] = [];
  for (const name of sources) {
    if (!extracted.has(name)) continue;
    const text = extracted.text(name);
    if (text === undefined) return undefined;
    texts.push(text);
  }
  return texts.join(separator);
}
