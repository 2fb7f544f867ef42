/**
 * Sprig's functions of dictionaries. `set`, `unset` and the merges change the map they are given and
 * give it back, as in Go. Where Go's order is random, keys come sorted here.
 */
import { enter, spendOnElements } from '../budget.ts';
import { TemplateError } from '../error.ts';
import { define, defineRest } from '../function.ts';
import type { TemplateFunction, TemplateValue } from '../value.ts';
import { isNil, isTrue, StringMap, sortedKeys, typeName } from '../value.ts';
import { strval } from './cast.ts';
import { deepCopy, deepEqual } from './deep.ts';

type Dict = Map<string, TemplateValue>;

/** Functions of dictionaries, and of values as a whole. */
export const dictFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ['dict', defineRest([], 'any', dict)],
  ['get', define(['map', 'string'], (map, key) => (map.has(key) ? map.get(key) : ''))],
  ['set', define(['map', 'string', 'any'], (map, key, value) => map.set(key, value ?? null))],
  ['unset', define(['map', 'string'], unset)],
  ['hasKey', define(['map', 'string'], (map, key) => map.has(key))],
  ['pluck', defineRest(['string'], 'map', pluck)],
  ['keys', defineRest([], 'map', (...maps) => maps.flatMap(keysOf))],
  ['values', define(['map'], (map) => keysOf(map).map((key) => map.get(key)))],
  ['pick', defineRest(['map'], 'string', pick)],
  ['omit', defineRest(['map'], 'string', omit)],
  ['merge', defineRest(['map'], 'map', (map, ...more) => merge(map, more, false))],
  ['mustMerge', defineRest(['map'], 'map', (map, ...more) => merge(map, more, false))],
  ['mergeOverwrite', defineRest(['map'], 'map', (map, ...more) => merge(map, more, true))],
  ['mustMergeOverwrite', defineRest(['map'], 'map', (map, ...more) => merge(map, more, true))],
  ['dig', defineRest([], 'any', dig)],
  ['deepCopy', define(['any'], (value) => deepCopy(value))],
  ['mustDeepCopy', define(['any'], (value) => deepCopy(value))],
  ['deepEqual', define(['any', 'any'], (a, b) => deepEqual(a, b))],
];

/** A nil that goes into a map is one of its values from there on. */
function dict(...pairs: TemplateValue[]): TemplateValue {
  const map: Dict = new Map();
  for (let index = 0; index < pairs.length; index += 2) {
    const value = index + 1 < pairs.length ? (pairs[index + 1] ?? null) : '';
    map.set(strval(pairs[index]), value);
  }
  return map;
}

function keysOf(map: Dict): string[] {
  spendOnElements(4 * map.size);
  return sortedKeys(map);
}

function unset(map: Dict, key: string): TemplateValue {
  map.delete(key);
  return map;
}

function pluck(key: string, ...maps: Dict[]): TemplateValue {
  return maps.filter((map) => map.has(key)).map((map) => map.get(key));
}

function pick(map: Dict, ...keys: string[]): TemplateValue {
  const picked: Dict = new Map();
  for (const key of keys) {
    if (map.has(key)) picked.set(key, map.get(key));
  }
  return picked;
}

function omit(map: Dict, ...keys: string[]): TemplateValue {
  spendOnElements(map.size);
  const left: Dict = new Map(map);
  for (const key of keys) left.delete(key);
  return left;
}

function merge(map: Dict, sources: readonly Dict[], overwrites: boolean): TemplateValue {
  for (const source of sources) mergeInto(map, source, overwrites, 0);
  return map;
}

/** Takes from the source what the target lacks or, with `overwrites`, everything. */
function mergeInto(target: Dict, source: Dict, overwrites: boolean, depth: number): void {
  for (const [key, value] of source) {
    enter(depth);
    const held = target.get(key);
    if (isDict(value) && isDict(held)) {
      mergeInto(held, value, overwrites, depth + 1);
      if (held.size > 0) continue;
    }
    if (isNil(value) ? overwrites : overwrites || !target.has(key) || !isTrue(held)) {
      target.set(key, value);
    }
  }
}

function isDict(value: TemplateValue): value is Dict {
  return value instanceof Map && !(value instanceof StringMap);
}

/** `dig "a" "b" default dict`: the value at a path of keys. */
function dig(...params: TemplateValue[]): TemplateValue {
  if (params.length < 3) throw new TemplateError('dig needs at least three arguments');
  const keys = params.slice(0, -2);
  let held: TemplateValue = params.at(-1);
  for (const key of keys) {
    if (!isDict(held)) {
      throw new TemplateError(`interface conversion: ${typeName(held)} is not a dictionary`);
    }
    if (typeof key !== 'string') {
      throw new TemplateError(`interface conversion: ${typeName(key)} is not string`);
    }
    if (!held.has(key)) return params.at(-2);
    held = held.get(key);
  }
  return held;
}
