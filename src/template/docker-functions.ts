/**
 * The functions of Docker's log tags (moby, daemon/logger/templates): what `--log-opt tag` and the
 * templates of external labels may call. They must do exactly what dockerd's own do.
 */
import { byteLength, byteSlice } from './bytes.ts';
import { title, toLower, toUpper } from './case.ts';
import { define } from './function.ts';
import { encodeJson } from './json.ts';
import { join, repeat, splitN } from './strings.ts';
import type { TemplateFunctions } from './value.ts';

/** json, split, join, title, lower, upper, pad and truncate. */
export const dockerFunctions: TemplateFunctions = new Map([
  ['json', define(['any'], (value) => encodeJson(value, { escapeHtml: false }))],
  ['split', define(['string', 'string'], (text, separator) => splitN(text, separator, -1))],
  ['join', define(['strings', 'string'], join)],
  ['title', define(['string'], title)],
  ['lower', define(['string'], toLower)],
  ['upper', define(['string'], toUpper)],
  ['pad', define(['string', 'int', 'int'], pad)],
  ['truncate', define(['string', 'int'], truncate)],
]);

/** Spaces on both sides, but none around nothing. */
function pad(text: string, before: number, after: number): string {
  return text === '' ? '' : repeat(' ', before) + text + repeat(' ', after);
}

/** At most so many bytes. */
function truncate(text: string, length: number): string {
  return byteLength(text) < length ? text : byteSlice(text, 0, length);
}
