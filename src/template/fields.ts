/**
 * Finds `.Name` in a value: a key of a map, a field or method of a struct. A missing key of a map is
 * nil; everything else that is not there is an error, as in Go.
 */

import type { CallSite } from './calls.ts';
import { callMethod, compileCall } from './calls.ts';
import type { Run } from './run.ts';
import type { TemplateValue } from './value.ts';
import { isMap, Struct, typeName } from './value.ts';

/** Looks a member up in the value given last. */
export type Member = (run: Run, dot: TemplateValue, receiver: TemplateValue) => TemplateValue;

/** The member of that name, with the arguments that the place gives it. */
export function memberOf(name: string, site: CallSite): Member {
  const hasArgs = site.args.length > 0 || site.piped !== undefined;
  return (run, dot, receiver) => {
    if (isMap(receiver)) {
      if (hasArgs) throw site.fail(`${name} is not a method but has arguments`);
      return receiver.get(name);
    }
    if (receiver === undefined) return undefined;
    if (receiver instanceof Struct) return structMember(receiver, name, site, run, dot);
    if (receiver === null) {
      throw site.fail(`nil pointer evaluating interface {}.${name}`);
    }
    throw site.fail(`can't evaluate field ${name} in type ${typeName(receiver)}`);
  };
}

function structMember(
  receiver: Struct,
  name: string,
  site: CallSite,
  run: Run,
  dot: TemplateValue,
): TemplateValue {
  const found = receiver.member(name);
  if (found !== undefined) {
    const { value } = found;
    if (typeof value === 'function') return callMethod(site, value);
    if (site.args.length > 0 || site.piped !== undefined) {
      throw site.fail(`${name} has arguments but cannot be invoked as function`);
    }
    return value;
  }
  const method = receiver.method(name);
  if (method !== undefined) return compileCall(method, site, false)(run, dot);
  throw site.fail(`can't evaluate field ${name} in type ${receiver.typeName}`);
}
