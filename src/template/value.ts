/**
 * The values and functions that templates work with, as Go has them, and what Go says of their
 * types. It must never change a value; only the functions of dictionaries do that.
 */

/**
 * A Go value: number is float64, bigint is int (and int64: they are one here), undefined is nil,
 * null is a nil inside a map or slice, an array is a slice, a Map is map[string]any (or
 * map[string]string if it is a StringMap), a Struct has fields and methods.
 *
 * A Map is handed on as it is: sprig's `set`, `unset` and `merge` change it, as in Go.
 */
export type TemplateValue =
  | string
  | boolean
  | number
  | bigint
  | null
  | undefined
  | readonly TemplateValue[]
  | ReadonlyMap<string, TemplateValue>
  | Struct;

/**
 * A map[string]string, such as a container's labels: `index` gives "" for a missing key. A
 * missing field, `.Labels.x`, is `<no value>` in Go for either kind of map.
 */
export class StringMap extends Map<string, string> {}

/** What arrives in a function for each kind of parameter; `int` comes as a number. */
export interface ParamTypes {
  any: TemplateValue;
  string: string;
  int: number;
  float: number;
  bool: boolean;
  strings: readonly string[];
  map: Map<string, TemplateValue>;
  time: Struct;
}

/** The Go type of a parameter. */
export type ParamKind = keyof ParamTypes;

/** One function. What `call` throws becomes `error calling …`, as a panic or an error in Go. */
export interface TemplateFunction {
  readonly params: readonly ParamKind[];
  /** The kind of any further arguments; undefined if there may be none. */
  readonly rest: ParamKind | undefined;
  readonly call: (...args: never[]) => TemplateValue;
  /** Why a name that Go's function map has is left out: a template that uses it does not parse. */
  readonly refused?: string;
}

/** Functions by name. */
export type TemplateFunctions = ReadonlyMap<string, TemplateFunction>;

/** A niladic method; what it throws fails the action. */
export type StructMethod = () => TemplateValue;

/** How a struct shows itself. */
export interface StructOptions {
  /** Go's name of the type, for `%T` and messages. */
  readonly typeName?: string;
  /** What Go's `String()` gives; without it a struct prints as `{field field}`. */
  readonly text?: (() => string) | undefined;
  /** Methods that take arguments. */
  readonly methods?: ReadonlyMap<string, TemplateFunction>;
}

/** A struct: fields by name in their order. A function is a niladic method. */
export class Struct {
  readonly typeName: string;
  readonly text: (() => string) | undefined;
  readonly #members: ReadonlyMap<string, TemplateValue | StructMethod>;
  readonly #methods: ReadonlyMap<string, TemplateFunction> | undefined;

  constructor(
    fields: Readonly<Record<string, TemplateValue | StructMethod>>,
    options: StructOptions = {},
  ) {
    this.#members = new Map(Object.entries(fields));
    this.#methods = options.methods;
    this.typeName = options.typeName ?? 'struct';
    this.text = options.text;
  }

  /** The field or niladic method of that name; undefined if there is none. */
  member(name: string): { readonly value: TemplateValue | StructMethod } | undefined {
    const value = this.#members.get(name);
    return value !== undefined || this.#members.has(name) ? { value } : undefined;
  }

  /** The method of that name that takes arguments. */
  method(name: string): TemplateFunction | undefined {
    return this.#methods?.get(name);
  }

  /** The fields that are no methods. */
  fields(): [string, TemplateValue][] {
    const fields: [string, TemplateValue][] = [];
    for (const [name, value] of this.#members) {
      if (typeof value !== 'function') fields.push([name, value]);
    }
    return fields;
  }
}

/** Whether a value is a map of either kind. */
export function isMap(value: TemplateValue): value is ReadonlyMap<string, TemplateValue> {
  return value instanceof Map;
}

/** Whether a value is a slice. */
export function isList(value: TemplateValue): value is readonly TemplateValue[] {
  return Array.isArray(value);
}

/** Whether a value is nil, be it in a map or not. */
export function isNil(value: TemplateValue): value is null | undefined {
  return value === undefined || value === null;
}

/** Go's name of a value's type. */
export function typeName(value: TemplateValue): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'float64';
  if (typeof value === 'bigint') return 'int';
  if (isNil(value)) return '<nil>';
  if (isList(value)) return '[]interface {}';
  if (value instanceof StringMap) return 'map[string]string';
  return value instanceof Struct ? value.typeName : 'map[string]interface {}';
}

/** Go's truth: false are nil, false, 0, and what is empty. */
export function isTrue(value: TemplateValue): boolean {
  if (typeof value === 'string') return value !== '';
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'bigint') return value !== 0n;
  if (isNil(value)) return false;
  if (isList(value)) return value.length > 0;
  return isMap(value) ? value.size > 0 : true;
}

/** Compares as Go does, by code points, not by UTF-16 units. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === end) return a.length - b.length;
  const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
  // Surrogates stand for what is above all other units, though they are not the greatest units.
  const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
  return rank(left) - rank(right);
}

/** The keys of a map in Go's order. */
export function sortedKeys(map: ReadonlyMap<string, TemplateValue>): string[] {
  return [...map.keys()].sort(compareText);
}
