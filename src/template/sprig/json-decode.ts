/**
 * JSON to template values as Go's json.Unmarshal makes them: all numbers are float64.
 */
import { enter } from '../budget.ts';
import { TemplateError } from '../error.ts';
import type { TemplateValue } from '../value.ts';

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** The value of a JSON text. Throws TemplateError that begins with `json: ` when it is none. */
export function decodeJson(text: string): TemplateValue {
  let parsed: Json;
  try {
    parsed = JSON.parse(text) as Json;
  } catch (error) {
    throw new TemplateError(`json: ${error instanceof Error ? error.message : String(error)}`);
  }
  return toValue(parsed, 0) ?? undefined;
}

function toValue(json: Json, depth: number): TemplateValue {
  enter(depth);
  if (Array.isArray(json)) return json.map((item) => toValue(item, depth + 1));
  if (typeof json !== 'object' || json === null) return json;
  const map = new Map<string, TemplateValue>();
  for (const [key, held] of Object.entries(json)) map.set(key, toValue(held, depth + 1));
  return map;
}
