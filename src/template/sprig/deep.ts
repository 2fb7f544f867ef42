/**
 * Values as a whole: whether two are equal, and copies of them. Values may hold themselves, so
 * every element counts against the limits of an execution.
 */
import { enter } from '../budget.ts';
import type { TemplateValue } from '../value.ts';
import { isList, isMap, isNil, StringMap } from '../value.ts';

/** reflect.DeepEqual. */
export function deepEqual(a: TemplateValue, b: TemplateValue, depth = 0): boolean {
  enter(depth);
  if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
  if (isList(a) && isList(b)) return equalLists(a, b, depth + 1);
  if (isMap(a) && isMap(b)) return equalMaps(a, b, depth + 1);
  return a === b;
}

function equalLists(
  a: readonly TemplateValue[],
  b: readonly TemplateValue[],
  depth: number,
): boolean {
  if (a.length !== b.length) return false;
  for (const [index, item] of a.entries()) {
    if (!deepEqual(item, b[index], depth)) return false;
  }
  return true;
}

type ValueMap = ReadonlyMap<string, TemplateValue>;

function equalMaps(a: ValueMap, b: ValueMap, depth: number): boolean {
  if (a.size !== b.size || a instanceof StringMap !== b instanceof StringMap) return false;
  for (const [key, value] of a) {
    if (!b.has(key) || !deepEqual(value, b.get(key), depth)) return false;
  }
  return true;
}

/** A copy that shares no list or map with the value. */
export function deepCopy(value: TemplateValue, depth = 0): TemplateValue {
  enter(depth);
  if (isList(value)) return value.map((item) => deepCopy(item, depth + 1));
  if (value instanceof StringMap) return new StringMap(value);
  if (!isMap(value)) return value;
  const copy = new Map<string, TemplateValue>();
  for (const [key, held] of value) copy.set(key, deepCopy(held, depth + 1));
  return copy;
}
