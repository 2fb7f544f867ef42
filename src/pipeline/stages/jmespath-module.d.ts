/**
 * What the jmespath package exports and is used of it. The types that others have made of it
 * leave `compile` out.
 */
declare module 'jmespath' {
  /** The tree of an expression. Throws on a wrong one. */
  export function compile(expression: string): unknown;
  /** What an expression finds. Throws on wrong expressions, and on wrong types in functions. */
  export function search(data: unknown, expression: string): unknown;
}
