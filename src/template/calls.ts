/**
 * Calls functions as Go's evalCall does: counts the arguments, checks each against its parameter,
 * adds the piped value last. What a function throws is never let out as it is.
 */

import { checkKind } from './arguments.ts';
import { checkListLength, checkTextLength, spend, spendOnElements } from './budget.ts';
import type { TemplateError } from './error.ts';
import type { OperandNode } from './nodes.ts';
import type { Eval, Run } from './run.ts';
import type { ParamKind, TemplateFunction, TemplateValue } from './value.ts';
import { isList, isTrue } from './value.ts';

/** One place in a template where something is called. */
export interface CallSite {
  readonly name: string;
  readonly args: readonly OperandNode[];
  /** What comes through the pipe. */
  readonly piped: Eval | undefined;
  /** Compiles an argument for a kind of parameter. */
  readonly argument: (node: OperandNode, kind: ParamKind) => Eval;
  /** Compiles an argument that may be anything. */
  readonly value: (node: OperandNode) => Eval;
  readonly fail: (what: string) => TemplateError;
}

/** The call of a function; `isBuiltin` says that `and` and `or` are Go's own. */
export function compileCall(called: TemplateFunction, site: CallSite, isBuiltin: boolean): Eval {
  const wrong = wrongCount(called, site);
  if (wrong !== undefined) {
    return () => {
      throw site.fail(wrong);
    };
  }
  if (isBuiltin && (site.name === 'and' || site.name === 'or')) return shortCircuit(site);
  const { params, rest } = called;
  const kindAt = (index: number): ParamKind => params[index] ?? rest ?? 'any';
  const args = site.args.map((node, index) => site.argument(node, kindAt(index)));
  return invoke(called, args, site, kindAt(args.length));
}

function wrongCount({ params, rest }: TemplateFunction, site: CallSite): string | undefined {
  const given = site.args.length + (site.piped === undefined ? 0 : 1);
  if (rest === undefined) {
    if (given === params.length) return undefined;
    return `wrong number of args for ${site.name}: want ${params.length} got ${given}`;
  }
  if (given >= params.length) return undefined;
  const want = `want at least ${params.length} got ${site.args.length}`;
  return `wrong number of args for ${site.name}: ${want}`;
}

function invoke(
  called: TemplateFunction,
  args: readonly Eval[],
  site: CallSite,
  pipedKind: ParamKind,
): Eval {
  const call = called.call as (...given: unknown[]) => TemplateValue;
  const [first, second] = args;
  const { piped } = site;
  // The shapes of nearly every call, without an array of arguments.
  if (first === undefined && piped !== undefined) {
    return (run, dot) => {
      const value = checkKind(piped(run, dot), pipedKind, site.fail);
      return guarded(site, () => call(value));
    };
  }
  if (first !== undefined && second === undefined && piped === undefined) {
    return (run, dot) => {
      const value = first(run, dot);
      return guarded(site, () => call(value));
    };
  }
  return (run, dot) => {
    const values: unknown[] = [];
    const pipedValue = piped?.(run, dot);
    for (const argument of args) values.push(argument(run, dot));
    if (piped !== undefined) values.push(checkKind(pipedValue, pipedKind, site.fail));
    return guarded(site, () => call(...values));
  };
}

/** Runs a call and holds its result to the limits; what it throws becomes Go's error of a call. */
function guarded(site: CallSite, call: () => TemplateValue): TemplateValue {
  spend(1);
  try {
    const result = call();
    if (typeof result === 'string') checkTextLength(result.length);
    else if (isList(result)) {
      checkListLength(result.length);
      spendOnElements(result.length);
    }
    return result;
  } catch (error) {
    throw site.fail(`error calling ${site.name}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A struct's niladic method. */
export function callMethod(site: CallSite, method: () => TemplateValue): TemplateValue {
  const given = site.args.length + (site.piped === undefined ? 0 : 1);
  if (given > 0) throw site.fail(`wrong number of args for ${site.name}: want 0 got ${given}`);
  return guarded(site, method);
}

/** `and` and `or` evaluate no argument behind the one that decides. */
function shortCircuit(site: CallSite): Eval {
  const args = site.args.map((node) => site.value(node));
  const { piped } = site;
  const decisive = site.name === 'or';
  return (run: Run, dot: TemplateValue) => {
    spend(1);
    const pipedValue = piped?.(run, dot);
    let value: TemplateValue;
    for (const argument of args) {
      value = argument(run, dot);
      if (isTrue(value) === decisive) return value;
    }
    return piped === undefined ? value : pipedValue;
  };
}
