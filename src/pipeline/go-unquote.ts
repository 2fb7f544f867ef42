/** Reads texts in quotes as Go's strconv.Unquote does: the way back from go-quote.ts. */

const shortEscapes = new Map([
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
  ['\\', 92],
  ['"', 34],
]);

const escapePattern =
  /\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\"]))/y;

/**
 * The text of a literal in double quotes or backticks; undefined if it is none. Bytes that are
 * not UTF-8 become U+FFFD.
 */
export function goUnquote(literal: string): string | undefined {
  const quote = literal.charAt(0);
  if (literal.length < 2 || !literal.endsWith(quote)) return undefined;
  const body = literal.slice(1, -1);
  if (quote === '`') return body.includes('`') ? undefined : body.replaceAll('\r', '');
  if (quote !== '"' || body.includes('\n')) return undefined;
  const parts: Buffer[] = [];
  let done = 0;
  for (let at = body.indexOf('\\'); at >= 0; at = body.indexOf('\\', done)) {
    escapePattern.lastIndex = at;
    const match = escapePattern.exec(body);
    const bytes = match === null ? undefined : bytesOf(match);
    if (match === null || bytes === undefined) return undefined;
    parts.push(Buffer.from(body.slice(done, at)), bytes);
    done = at + match[0].length;
  }
  const rest = body.slice(done);
  if (parts.length === 0) return body.includes('"') ? undefined : body;
  return rest.includes('"') ? undefined : Buffer.concat([...parts, Buffer.from(rest)]).toString();
}

function bytesOf(match: RegExpExecArray): Buffer | undefined {
  const [, hex, octal, short, long, letter] = match;
  const byte = hex === undefined ? octal && Number.parseInt(octal, 8) : Number.parseInt(hex, 16);
  if (typeof byte === 'number') return byte > 255 ? undefined : Buffer.from([byte]);
  const escaped = shortEscapes.get(letter ?? '');
  if (escaped !== undefined) return Buffer.from([escaped]);
  const code = Number.parseInt(short ?? long ?? '', 16);
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  if (!(code <= 0x10ffff) || isSurrogate) return undefined;
  return Buffer.from(String.fromCodePoint(code));
}
