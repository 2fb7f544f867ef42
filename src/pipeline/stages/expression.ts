/** The `expression` of `regex` and `replace`, with its named groups. */
import type { GoRegex } from '../../regex/go-regex.ts';
import type { ConfigNode } from '../config-node.ts';

/** A pattern, and which of its groups have names. */
export interface Expression {
  readonly regex: GoRegex;
  readonly groups: readonly (readonly [index: number, name: string])[];
}

/** Reads it. Fails when there is none, or it is no pattern. */
export function readExpression(config: ConfigNode, node: ConfigNode | undefined): Expression {
  if (node === undefined || node.text('expression') === '') {
    return config.fail('expression is missing; it is the pattern to look for');
  }
  const regex = node.regex('expression');
  const groups = regex.names
    .map((name, index) => [index, name] as const)
    .filter(([, name]) => name !== '');
  return { regex, groups };
}
