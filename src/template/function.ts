/**
 * Makes functions of templates: what they take is said in data, so that the interpreter can refuse
 * wrong arguments in Go's manner before a function sees them. A function must never keep its
 * arguments.
 */
import type { ParamKind, ParamTypes, TemplateFunction, TemplateValue } from './value.ts';

type ArgsOf<P extends readonly ParamKind[]> = {
  -readonly [Index in keyof P]: ParamTypes[P[Index]];
};

/** A function with a fixed number of parameters. */
export function define<const P extends readonly ParamKind[]>(
  params: P,
  call: (...args: ArgsOf<P>) => TemplateValue,
): TemplateFunction {
  return { params, rest: undefined, call: call as unknown as TemplateFunction['call'] };
}

/** A function whose last parameter is variadic. */
export function defineRest<const P extends readonly ParamKind[], R extends ParamKind>(
  params: P,
  rest: R,
  call: (...args: [...ArgsOf<P>, ...ParamTypes[R][]]) => TemplateValue,
): TemplateFunction {
  return { params, rest, call: call as unknown as TemplateFunction['call'] };
}

/** A name that is known and left out, with the reason. */
export function refuse(reason: string): TemplateFunction {
  return { params: [], rest: 'any', call: () => undefined, refused: reason };
}
