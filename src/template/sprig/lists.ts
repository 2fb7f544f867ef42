/**
 * Sprig's functions of lists. None changes the list that it is given. Each exists twice, as `first`
 * and `mustFirst`; an error fails the action with either.
 */
import { checkListLength, spendOnElements } from '../budget.ts';
import { TemplateError } from '../error.ts';
import { define, defineRest } from '../function.ts';
import type { TemplateFunction, TemplateValue } from '../value.ts';
import { isList, isNil, isTrue, typeName } from '../value.ts';
import { toInt } from './cast.ts';
import { deepEqual } from './deep.ts';

const twice: readonly (readonly [string, TemplateFunction])[] = [
  ['append', define(['any', 'any'], (list, item) => [...need(list, 'push'), item])],
  ['push', define(['any', 'any'], (list, item) => [...need(list, 'push'), item])],
  ['prepend', define(['any', 'any'], (list, item) => [item, ...need(list, 'prepend')])],
  ['first', define(['any'], (list) => need(list, 'find first').at(0))],
  ['last', define(['any'], (list) => need(list, 'find last').at(-1))],
  ['rest', define(['any'], (list) => need(list, 'find rest').slice(1))],
  ['initial', define(['any'], (list) => need(list, 'find initial').slice(0, -1))],
  ['reverse', define(['any'], (list) => need(list, 'find reverse').toReversed())],
  ['compact', define(['any'], (list) => need(list, 'compact').filter(isTrue))],
  ['uniq', define(['any'], uniq)],
  ['without', defineRest(['any'], 'any', without)],
  [
    'has',
    define(['any', 'any'], (item, list) => !isNil(list) && holds(need(list, 'find has'), item)),
  ],
  ['slice', defineRest(['any'], 'any', slice)],
  ['chunk', define(['int', 'any'], chunk)],
];

/** Functions of lists. */
export const listFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ['list', defineRest([], 'any', (...items) => items)],
  ['tuple', defineRest([], 'any', (...items) => items)],
  ['concat', defineRest([], 'any', concat)],
  ...twice,
  ...twice.map(([name, called]): readonly [string, TemplateFunction] => [mustName(name), called]),
];

function mustName(name: string): string {
  return `must${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
}

function need(value: TemplateValue, what: string): readonly TemplateValue[] {
  if (!isList(value)) throw new TemplateError(`Cannot ${what} on type ${typeName(value)}`);
  spendOnElements(value.length);
  return value;
}

function holds(list: readonly TemplateValue[], item: TemplateValue): boolean {
  return list.some((held) => deepEqual(held, item));
}

function uniq(list: TemplateValue): TemplateValue {
  const kept: TemplateValue[] = [];
  for (const item of need(list, 'find uniq')) {
    if (!holds(kept, item)) kept.push(item);
  }
  return kept;
}

function without(list: TemplateValue, ...omitted: TemplateValue[]): TemplateValue {
  return need(list, 'find without').filter((item) => !holds(omitted, item));
}

function slice(list: TemplateValue, ...bounds: TemplateValue[]): TemplateValue {
  if (!isList(list)) {
    throw new TemplateError(`list should be type of slice or array but ${typeName(list)}`);
  }
  if (list.length === 0) return undefined;
  const start = bounds.length > 0 ? toInt(bounds[0]) : 0;
  const end = bounds.length > 1 ? toInt(bounds[1]) : list.length;
  if (start < 0 || end > list.length || start > end) {
    throw new TemplateError('reflect.Value.Slice: slice index out of bounds');
  }
  return list.slice(start, end);
}

function chunk(size: number, list: TemplateValue): TemplateValue {
  const items = need(list, 'chunk');
  if (items.length === 0) return [];
  if (size < 1) throw new TemplateError(`Cannot chunk into lists of ${size}`);
  const chunks: TemplateValue[] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}

function concat(...lists: TemplateValue[]): TemplateValue {
  const all: TemplateValue[] = [];
  for (const list of lists) {
    const items = need(list, 'concat');
    checkListLength(all.length + items.length);
    all.push(...items);
  }
  return all;
}
