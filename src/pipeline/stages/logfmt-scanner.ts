/**
 * Reads pairs of logfmt as go-logfmt does: `key=value`, `key="quoted \"value\""` and `key`, with
 * anything up to a space between them. It ends at the first part that is none. Linear.
 */

/** Takes a pair; the value is read only when it is asked for. */
export type TakePair = (key: string, value: () => string) => void;

const newline = 0x0a;
const space = 0x20;
const quote = 0x22;
const equals = 0x3d;
const backslash = 0x5c;

/** Everything up to a space is one. */
function isSpace(code: number): boolean {
  return code <= space;
}

/** Hands out all pairs up to the end, or to the first that is wrong. */
export function scanLogfmt(text: string, take: TakePair): void {
  let at = 0;
  while (at >= 0) {
    while (at < text.length && isSpace(text.charCodeAt(at))) at += 1;
    if (at >= text.length) return;
    at = scanPair(text, at, take);
  }
}

/** Where the pair ends; -1: it is wrong. */
function scanPair(text: string, start: number, take: TakePair): number {
  const keyEnd = plainEnd(text, start);
  const stop = text.charCodeAt(keyEnd);
  // Go takes bytes that are no UTF-8 for the same character.
  if (stop === quote || keyEnd === start) return -1;
  const key = text.slice(start, keyEnd);
  if (key.includes('\ufffd')) return -1;
  if (stop !== equals) {
    take(key, () => '');
    return keyEnd;
  }
  const valueStart = keyEnd + 1;
  if (text.charCodeAt(valueStart) === quote) return scanQuoted(text, valueStart, key, take);
  const valueEnd = plainEnd(text, valueStart);
  const behind = text.charCodeAt(valueEnd);
  if (behind === quote || behind === equals) return -1;
  take(key, () => text.slice(valueStart, valueEnd));
  return valueEnd;
}

/** Where a space, a quote or an equals sign comes, or the text ends. */
function plainEnd(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isSpace(code) || code === quote || code === equals) break;
  }
  return at;
}

function scanQuoted(text: string, start: number, key: string, take: TakePair): number {
  let hasEscape = false;
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === backslash) {
      hasEscape = true;
      at += 1;
    } else if (code === newline) {
      // A record ends with its line, and so does a quoted value.
      return -1;
    } else if (code === quote) {
      const value = hasEscape ? unquote(text.slice(start, at + 1)) : text.slice(start + 1, at);
      if (value === undefined) return -1;
      take(key, () => value);
      return at + 1;
    }
  }
  return -1;
}

/** A text of JSON, in which `\'` is an escape, too; undefined: it is wrong. */
function unquote(quoted: string): string | undefined {
  try {
    const value: unknown = JSON.parse(
      quoted.replace(/\\(.)/gs, (each) => (each === "\\'" ? "'" : each)),
    );
    return typeof value === 'string' ? value.toWellFormed() : undefined;
  } catch {
    return undefined;
  }
}
