/**
 * `json`: reads the line as an object of JSON and takes values out of it by JMESPath. What is no
 * number, text or flag is taken as JSON text; what is not there is null. A line that is no object
 * goes on as it is.
 *
 *   json:
 *     expressions:             required; name of the value: where it stands, if not under that name
 *       level:
 *       user: request.user.name
 *     source: payload          default: the line itself
 *     drop_malformed: true     default false; drops what is no object, as `malformed_json`
 */
import type { ConfigNode } from '../config-node.ts';
import type { Entry } from '../entry.ts';
import type { ExtractedValue } from '../extracted.ts';
import { goJson } from '../go-json.ts';
import type { Stage, StageContext } from '../stage.ts';
import { compileJmesPath, JmesPathError, type JmesPathQuery, type JsonValue } from './jmespath.ts';
import { readSource, textFrom } from './source.ts';

/** Deeper nesting is malformed, as it is to promtail's reader of JSON. */
const depthMax = 10_000;

/** A name and how its value is found. */
export type JsonExpression = readonly [name: string, query: JmesPathQuery];

/** See the module comment. */
export function compileJson(config: ConfigNode, { warn, counts }: StageContext): Stage {
  const names = ['expressions', 'source', 'drop_malformed'] as const;
  const fields = config.fields('json', names, warn);
  const expressions = readExpressions(config, fields.expressions);
  const source = readSource(fields.source);
  const isDropping = fields.drop_malformed?.flag('drop_malformed') ?? false;
  return {
    process(entry: Entry): boolean {
      const text = textFrom(entry, source);
      if (text === undefined || extractJson(entry, text, expressions)) return true;
      if (isDropping) counts.drop('malformed_json');
      return !isDropping;
    },
  };
}

function readExpressions(config: ConfigNode, node: ConfigNode | undefined): JsonExpression[] {
  const entries = node?.entries('expressions') ?? [];
  if (entries.length === 0) config.fail('expressions is missing; json needs at least one name');
  return entries.map(([name, value]) => {
    const text = value.isNull ? '' : value.text(`the expression of ${name}`);
    try {
      return [name, compileJmesPath(text === '' ? name : text)];
    } catch (error) {
      if (!(error instanceof JmesPathError)) throw error;
      return value.fail(`the expression of ${name} "${text || name}": ${error.message}`);
    }
  });
}

/** Takes the values out of a text. False: it is no object of JSON, and nothing was taken. */
export function extractJson(
  { extracted }: Entry,
  text: string,
  expressions: readonly JsonExpression[],
): boolean {
  const data = parseObject(text);
  if (data === undefined) return false;
  for (const [name, query] of expressions) {
    const value = extractedOf(query(data));
    if (value !== undefined) extracted.set(name, value);
  }
  return true;
}

/** Undefined: it is no object. The word null is one without members, as in Go. */
function parseObject(text: string): JsonValue | undefined {
  let data: JsonValue;
  try {
    data = JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
  if (data === null) return {};
  if (typeof data !== 'object' || Array.isArray(data)) return undefined;
  // As many levels need twice as many brackets.
  return text.length > 2 * depthMax && isTooDeep(text) ? undefined : data;
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  let isInText = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') isInText = !isInText;
    else if (isInText) index += character === '\\' ? 1 : 0;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth > depthMax) return true;
  }
  return false;
}

/** Undefined: nothing is to be set. */
function extractedOf(value: JsonValue | undefined): ExtractedValue | undefined {
  return typeof value === 'object' && value !== null ? goJson(value) : value;
}
