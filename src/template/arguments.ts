/**
 * Arguments: how a constant gets the type that its parameter wants, and how a value is held
 * against it. A value is never converted, as in Go; only a constant adapts.
 */
import { spend } from './budget.ts';
import type { TemplateError } from './error.ts';
import type { NumberNode, OperandNode, PipeNode } from './nodes.ts';
import type { Eval } from './run.ts';
import type { ParamKind, TemplateValue } from './value.ts';
import { isList, isNil, StringMap, Struct, typeName } from './value.ts';

/** What of the compiler is needed here. */
interface OperandCompiler {
  operand(node: OperandNode): Eval;
  pipe(node: PipeNode): Eval;
  errorIn(place: OperandNode, what: string): TemplateError;
  /** A node as it is written. */
  sourceOf(node: OperandNode): string;
}

/** A constant that is a value by itself. */
export type ConstantNode = Extract<OperandNode, { type: 'number' | 'bool' | 'string' }>;

const goTypes: Record<ParamKind, string> = {
  any: 'interface {}',
  string: 'string',
  int: 'int',
  float: 'float64',
  bool: 'bool',
  strings: '[]string',
  map: 'map[string]interface {}',
  time: 'time.Time',
};

/** What Go calls the constant it wants for a kind of parameter. */
const constantNames: Partial<Record<ParamKind, string>> = {
  string: 'string',
  int: 'integer',
  float: 'float',
  bool: 'bool',
};

/** A constant where any type is welcome. */
export function compileConstant(compiler: OperandCompiler, node: ConstantNode): Eval {
  if (node.type !== 'number') return () => node.value;
  if (node.overflows) {
    return failing(compiler, node, `${compiler.sourceOf(node)} overflows int`);
  }
  const value = node.isFloat ? node.float : node.int;
  return () => value;
}

function failing(compiler: OperandCompiler, node: OperandNode, what: string): Eval {
  return () => {
    throw compiler.errorIn(node, what);
  };
}

/** An argument, checked. The value has the shape that `ParamTypes` says. */
export function compileArgument(
  compiler: OperandCompiler,
  node: OperandNode,
  kind: ParamKind,
): Eval {
  if (node.type === 'nil') return nilArgument(compiler, node, kind);
  if (node.type === 'number' || node.type === 'bool' || node.type === 'string') {
    return kind === 'any' ? compileConstant(compiler, node) : typedConstant(compiler, node, kind);
  }
  const evaluate = node.type === 'pipe' ? compiler.pipe(node) : compiler.operand(node);
  const fail = (what: string): TemplateError => compiler.errorIn(node, what);
  return (run, dot) => checkKind(evaluate(run, dot), kind, fail);
}

function nilArgument(compiler: OperandCompiler, node: OperandNode, kind: ParamKind): Eval {
  if (kind === 'any' || kind === 'strings' || kind === 'map') {
    return () => checkKind(undefined, kind, (what) => compiler.errorIn(node, what));
  }
  return failing(compiler, node, `cannot assign nil to ${goTypes[kind]}`);
}

function typedConstant(compiler: OperandCompiler, node: ConstantNode, kind: ParamKind): Eval {
  const value = node.type === 'number' ? numberAs(node, kind) : node.value;
  if (value !== undefined && typeof value === jsTypes[kind]) return () => value;
  const wanted = constantNames[kind];
  const what = compiler.sourceOf(node);
  if (wanted === undefined) {
    return failing(compiler, node, `can't handle ${what} for arg of type ${goTypes[kind]}`);
  }
  return failing(compiler, node, `expected ${wanted}; found ${what}`);
}

/** How a constant of each kind arrives in a function. */
const jsTypes: Partial<Record<ParamKind, string>> = {
  string: 'string',
  int: 'number',
  float: 'number',
  bool: 'boolean',
};

function numberAs(node: NumberNode, kind: ParamKind): number | undefined {
  if (kind === 'float') return node.float;
  return kind === 'int' && node.int !== undefined ? Number(node.int) : undefined;
}

/** The value as its parameter wants it. Throws TemplateError when it is of another type. */
export function checkKind(
  value: TemplateValue,
  kind: ParamKind,
  fail: (what: string) => TemplateError,
): TemplateValue {
  if (kind === 'string' && typeof value === 'string') {
    if (value.length >= 32) spend(value.length >> 5);
    return value;
  }
  if (kind === 'any') {
    if (typeof value === 'string' && value.length >= 32) spend(value.length >> 5);
    else if (isList(value) && value.length >= 64) spend(value.length >> 6);
    return value ?? undefined;
  }
  const checked = converters[kind](value);
  if (checked !== undefined) return checked;
  if (value === undefined) throw fail(`invalid value; expected ${goTypes[kind]}`);
  const got = value === null ? 'interface {}' : typeName(value);
  throw fail(`wrong type for value; expected ${goTypes[kind]}; got ${got}`);
}

/** The value in the shape of `ParamTypes`; undefined if it is of another type. */
const converters: Record<ParamKind, (value: TemplateValue) => TemplateValue> = {
  any: (value) => value,
  string: (value) => (typeof value === 'string' ? value : undefined),
  int: (value) => (typeof value === 'bigint' ? Number(value) : undefined),
  float: (value) => (typeof value === 'number' ? value : undefined),
  bool: (value) => (typeof value === 'boolean' ? value : undefined),
  strings: (value) => {
    if (isNil(value)) return [];
    return isList(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  },
  map: (value) => {
    if (isNil(value)) return new Map();
    return value instanceof Map && !(value instanceof StringMap) ? value : undefined;
  },
  time: (value) => (value instanceof Struct && value.typeName === goTypes.time ? value : undefined),
};
