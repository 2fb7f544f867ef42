/**
 * Labels as Loki's JSON form wants them: the text of a selector such as `{a="b"}` to the text of
 * a JSON object such as `{"a":"b"}`. A selector that cannot be read must not become other labels:
 * it becomes an object that Loki refuses.
 */

const shortEscapes = new Map([
  ['a', '\u0007'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
  ['"', '"'],
]);

const namePattern = /[a-zA-Z_][a-zA-Z0-9_]*/y;
// A value in double quotes as Go's strconv.Quote writes it.
const valuePattern = /"(?:[^"\\\n]|\\[^\n])*"/y;
const escapePattern = /\\(?:x([0-7][0-9a-fA-F])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^xuU]))|\\./g;

/** The JSON object. What is no selector of equalities is put as a name that Loki cannot take. */
export function labelsToJson(selector: string): string {
  const pairs = parse(selector);
  if (pairs === undefined) return JSON.stringify({ [selector]: 'unreadable' });
  const members = pairs.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{${members.join(',')}}`;
}

function parse(selector: string): [string, string][] | undefined {
  const text = selector.trim();
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined;
  const pairs: [string, string][] = [];
  let at = afterSpaces(text, 1);
  while (at < text.length - 1) {
    const name = matchAt(namePattern, text, at);
    if (name === undefined) return undefined;
    at = afterSpaces(text, at + name.length);
    if (text[at] !== '=') return undefined;
    at = afterSpaces(text, at + 1);
    const quoted = matchAt(valuePattern, text, at);
    const value = quoted === undefined ? undefined : unquote(quoted);
    if (quoted === undefined || value === undefined) return undefined;
    pairs.push([name, value]);
    at = afterSpaces(text, at + quoted.length);
    if (text[at] === ',') at = afterSpaces(text, at + 1);
    else if (at !== text.length - 1) return undefined;
  }
  return pairs;
}

/** Undefined: it has an escape that we never write, such as half of a character. */
function unquote(quoted: string): string | undefined {
  let isRead = true;
  const text = quoted.slice(1, -1).replace(escapePattern, (_all, x, u, U, short) => {
    const hex: unknown = x ?? u ?? U;
    const character = typeof hex === 'string' ? fromHex(hex) : shortEscapes.get(String(short));
    isRead &&= character !== undefined;
    return character ?? '';
  });
  return isRead ? text : undefined;
}

function fromHex(hex: string): string | undefined {
  const code = Number.parseInt(hex, 16);
  const isCharacter = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function afterSpaces(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ') at += 1;
  return at;
}
