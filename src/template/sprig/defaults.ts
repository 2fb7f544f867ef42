/**
 * Sprig's defaults, its JSON, and what it says of types.
 */
import { TemplateError } from '../error.ts';
import { define, defineRest } from '../function.ts';
import { encodeJson } from '../json.ts';
import type { TemplateFunction, TemplateValue } from '../value.ts';
import { isList, isNil, isTrue, Struct, typeName } from '../value.ts';
import { decodeJson } from './json-decode.ts';

const indent = '  ';

/** Defaults, JSON, types, and `fail`. */
export const defaultFunctions: readonly (readonly [string, TemplateFunction])[] = [
  [
    'default',
    defineRest(['any'], 'any', (other, ...given) => (isTrue(given[0]) ? given[0] : other)),
  ],
  ['empty', define(['any'], (value) => !isTrue(value))],
  ['coalesce', defineRest([], 'any', (...values) => values.find(isTrue))],
  ['fail', define(['string'], fail)],
  ['fromJson', define(['string'], (text) => orElse(() => decodeJson(text), undefined))],
  ['mustFromJson', define(['string'], decodeJson)],
  ['toJson', define(['any'], (value) => orElse(() => toJson(value), ''))],
  ['mustToJson', define(['any'], toJson)],
  ['toPrettyJson', define(['any'], (value) => orElse(() => toPrettyJson(value), ''))],
  ['mustToPrettyJson', define(['any'], toPrettyJson)],
  ['toRawJson', define(['any'], toRawJson)],
  ['mustToRawJson', define(['any'], toRawJson)],
  ['typeOf', define(['any'], typeName)],
  ['typeIs', define(['string', 'any'], (name, value) => name === typeName(value))],
  ['typeIsLike', define(['string', 'any'], typeIsLike)],
  ['kindOf', define(['any'], kindOf)],
  ['kindIs', define(['string', 'any'], (kind, value) => kind === kindOf(value))],
];

function fail(message: string): TemplateValue {
  throw new TemplateError(message);
}

/** What of an error sprig swallows; a limit that is reached must not be. */
function orElse(run: () => TemplateValue, otherwise: TemplateValue): TemplateValue {
  try {
    return run();
  } catch (error) {
    if (error instanceof TemplateError && !error.message.startsWith('json: ')) throw error;
    return otherwise;
  }
}

function toJson(value: TemplateValue): string {
  return encodeJson(value, { escapeHtml: true });
}

function toPrettyJson(value: TemplateValue): string {
  return encodeJson(value, { escapeHtml: true, indent });
}

function toRawJson(value: TemplateValue): string {
  return encodeJson(value, { escapeHtml: false });
}

function typeIsLike(name: string, value: TemplateValue): boolean {
  const type = typeName(value);
  return name === type || `*${name}` === type;
}

function kindOf(value: TemplateValue): string {
  if (isNil(value)) return 'invalid';
  if (isList(value)) return 'slice';
  if (value instanceof Map) return 'map';
  return value instanceof Struct ? 'struct' : typeName(value);
}
