/**
 * JMESPath expressions, compiled: names and indexes (`a.b[0].c`, `"x-y".z`), which are what most
 * people write, are read without the library. It must never throw for data. The one place that
 * knows the jmespath package.
 */
import * as jmespath from 'jmespath';

/** What an expression is refused for. */
export class JmesPathError extends Error {}

/** A value of JSON. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | JsonValue[]
  | { [name: string]: JsonValue };

/** Finds the expression's value in data; null where there is none. Undefined: it fails for these data. */
export type JmesPathQuery = (data: JsonValue) => JsonValue | undefined;

/** What the library makes of an expression. */
interface AstNode {
  readonly type: string;
  readonly name?: string;
  readonly value?: unknown;
  readonly children?: readonly AstNode[];
}

/** A longer expression is refused. */
const expressionLengthMax = 4096;

/** Compiles an expression. Throws JmesPathError that says what is wrong with it. */
export function compileJmesPath(expression: string): JmesPathQuery {
  if (expression.length > expressionLengthMax) {
    throw new JmesPathError(`it has ${expression.length} characters; allowed are 4096`);
  }
  let root: AstNode;
  try {
    root = jmespath.compile(expression) as AstNode;
  } catch (error) {
    throw new JmesPathError(error instanceof Error ? error.message : String(error));
  }
  const steps = stepsOf(root);
  return steps === undefined ? searchQuery(expression) : pathQuery(steps);
}

/** Names and indexes from the outside in; undefined: the expression is more than that. */
function stepsOf({ type, name, value, children = [] }: AstNode): (string | number)[] | undefined {
  if (type === 'Field' && name !== undefined) return [name];
  if (type === 'Index' && typeof value === 'number') return [value];
  if (type === 'Identity' || type === 'Current') return [];
  if (type !== 'Subexpression' && type !== 'IndexExpression') return undefined;
  const steps: (string | number)[] = [];
  for (const child of children) {
    const inner = stepsOf(child);
    if (inner === undefined) return undefined;
    steps.push(...inner);
  }
  return steps;
}

function pathQuery(steps: readonly (string | number)[]): JmesPathQuery {
  const [only] = steps;
  if (steps.length === 1 && typeof only === 'string') return (data) => member(data, only);
  return (data) => {
    let value = data;
    for (const step of steps) {
      if (typeof step === 'string') value = member(value, step);
      else value = Array.isArray(value) ? (value.at(step) ?? null) : null;
      if (value === null) return null;
    }
    return value;
  };
}

function member(value: JsonValue, name: string): JsonValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const found = value[name];
  if (found === undefined) return null;
  // What every object inherits (`constructor`) is no member; only few values are worth the look.
  return typeof found === 'function' || name === '__proto__' ? own(value, name) : found;
}

function own(value: { [name: string]: JsonValue }, name: string): JsonValue {
  return Object.hasOwn(value, name) ? (value[name] ?? null) : null;
}

function searchQuery(expression: string): JmesPathQuery {
  return (data) => {
    try {
      const found = jmespath.search(data, expression) as JsonValue | undefined;
      return typeof found === 'function' ? null : (found ?? null);
    } catch {
      // As a call of a function with a value of the wrong type.
      return undefined;
    }
  };
}
