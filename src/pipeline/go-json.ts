/**
 * JSON text as Go's encoders write it by default: `<`, `>` and `&` are escaped, so that it can
 * stand in HTML. Names stand in the order in which they were read.
 */

// A whole escape, so that the second half of `\\b` is not taken for one.
const notAsInGo = /\\.|[<>&\u2028\u2029]/g;

/** The JSON text of a value; undefined for what cannot be written. */
export function goJson(value: unknown): string | undefined {
  try {
    const text: unknown = JSON.stringify(value);
    return typeof text === 'string'
      ? text.toWellFormed().replace(notAsInGo, escapeInGo)
      : undefined;
  } catch {
    // It is nested too deeply for this thread's stack.
    return undefined;
  }
}

function escapeInGo(part: string): string {
  if (part === '\\b') return '\\u0008';
  if (part === '\\f') return '\\u000c';
  if (part.startsWith('\\')) return part;
  return `\\u${part.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
