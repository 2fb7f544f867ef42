/**
 * The functions of promtail's template stage: its own and those of sprig's text map. Regular
 * expressions and time layouts come in from outside, for this room must never know a package.
 */
import { toLower, toUpper } from './case.ts';
import { define } from './function.ts';
import type { TemplateTime } from './sprig/dates.ts';
import { dateFunctions } from './sprig/dates.ts';
import { defaultFunctions } from './sprig/defaults.ts';
import { dictFunctions } from './sprig/dicts.ts';
import { encodingFunctions, hexDigest } from './sprig/encoding.ts';
import { leftOutFunctions } from './sprig/left-out.ts';
import { listFunctions } from './sprig/lists.ts';
import { mathFunctions } from './sprig/math.ts';
import { pathFunctions } from './sprig/paths.ts';
import type { RegexCompiler } from './sprig/regex.ts';
import { regexFunctions, remembering } from './sprig/regex.ts';
import { stringFunctions } from './sprig/strings.ts';
import { wordFunctions } from './sprig/words.ts';
import * as strings from './strings.ts';
import type { TemplateFunction, TemplateFunctions } from './value.ts';

/** What the functions need from outside. */
export interface PromtailParts {
  /** Compiles Go's regular expressions: `compileRegex` of src/regex. */
  readonly regex: RegexCompiler;
  /** Go's time layouts. */
  readonly time: TemplateTime;
}

/** Promtail's own, in strings.Xyz order: the text comes first, also through a pipe. */
const ownFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ['ToLower', define(['string'], toLower)],
  ['ToUpper', define(['string'], toUpper)],
  ['Replace', define(['string', 'string', 'string', 'int'], strings.replace)],
  ['Trim', define(['string', 'string'], strings.trim)],
  ['TrimLeft', define(['string', 'string'], strings.trimLeft)],
  ['TrimRight', define(['string', 'string'], strings.trimRight)],
  ['TrimPrefix', define(['string', 'string'], strings.trimPrefix)],
  ['TrimSuffix', define(['string', 'string'], strings.trimSuffix)],
  ['TrimSpace', define(['string'], strings.trimSpace)],
  ['Hash', define(['string', 'string'], (salt, text) => hexDigest('sha3-256', salt + text))],
  ['Sha2Hash', define(['string', 'string'], (salt, text) => hexDigest('sha256', salt + text))],
];

/** The function map; one for all templates, as expressions are kept in it once compiled. */
export function createPromtailFunctions({ regex, time }: PromtailParts): TemplateFunctions {
  return new Map([
    ...leftOutFunctions,
    ...stringFunctions,
    ...wordFunctions,
    ...mathFunctions,
    ...listFunctions,
    ...dictFunctions,
    ...defaultFunctions,
    ...encodingFunctions,
    ...pathFunctions,
    ...dateFunctions(time),
    ...regexFunctions(remembering(regex)),
    ...ownFunctions,
  ]);
}
