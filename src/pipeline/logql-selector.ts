/**
 * The selector of a `match` stage, as promtail reads it: matchers of labels in braces, then any
 * number of filters of the line.
 *
 *   {app="web", env!="dev", host=~"a.*", zone!~"b|c"} |= "GET" != "healthz" |~ "5\\d\\d" !~ "bot"
 *
 * Patterns of labels match the whole value, those of lines match anywhere. A label that is not
 * there is an empty text. Texts stand in double quotes as in Go, or, which promtail does not
 * know, in backticks. There is no `or`, no parser and no filter of labels after the braces.
 */
import { compileAnchoredRegex, compileRegex, RegexError } from '../regex/go-regex.ts';
import type { Entry } from './entry.ts';
import { goUnquote } from './go-unquote.ts';

/** What is wrong with a selector, and at which character. */
export class SelectorError extends Error {}

/** Whether an entry is selected. */
export type Selector = (entry: Entry) => boolean;

interface Token {
  readonly kind: 'name' | 'text' | 'sign' | 'end';
  /** As written. */
  readonly source: string;
  /** From 1. */
  readonly column: number;
}

const tokenPattern =
  /([\p{L}_][\p{L}\p{Nd}_]*)|("(?:[^"\\\n]|\\[^\n])*"|`[^`]*`)|(\|=|\|~|!=|!~|=~|[={},])/uy;
const gapPattern = /(?:\s+|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;

/** Reads a selector. Throws SelectorError. */
export function parseSelector(input: string): Selector {
  const parser = new Parser(readTokens(input));
  const conditions = [...parser.matchers(), ...parser.filters()];
  return (entry) => conditions.every((holds) => holds(entry));
}

function readTokens(input: string): Token[] {
  const tokens: Token[] = [];
  let at = skipGap(input, 0);
  while (at < input.length) {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(input);
    if (match === null) throw unknownToken(input, at);
    const [source, name, text] = match;
    const kind = name !== undefined ? 'name' : text !== undefined ? 'text' : 'sign';
    tokens.push({ kind, source, column: at + 1 });
    at = skipGap(input, at + source.length);
  }
  tokens.push({ kind: 'end', source: '', column: input.length + 1 });
  return tokens;
}

function skipGap(input: string, at: number): number {
  gapPattern.lastIndex = at;
  return at + (gapPattern.exec(input)?.[0].length ?? 0);
}

function unknownToken(input: string, at: number): SelectorError {
  const character = String.fromCodePoint(input.codePointAt(at) ?? 0);
  const problem =
    character === '"' || character === '`'
      ? 'a text without an end'
      : `${character} is not understood here`;
  return new SelectorError(`character ${at + 1}: ${problem}`);
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  matchers(): Selector[] {
    this.#sign('{');
    const matchers: Selector[] = [];
    do {
      const name = this.#take('name', 'the name of a label').source;
      const sign = this.#oneOf(['=', '!=', '=~', '!~']);
      const text = this.#text();
      const matches = this.#test(
        sign,
        text,
        compileAnchoredRegex,
        (value, wanted) => value === wanted,
      );
      matchers.push((entry) => matches(entry.labels.get(name) ?? ''));
    } while (this.#oneOf([',', '}']) === ',');
    return matchers;
  }

  filters(): Selector[] {
    const filters: Selector[] = [];
    while (this.#peek().kind !== 'end') {
      const sign = this.#oneOf(['|=', '!=', '|~', '!~']);
      const text = this.#text();
      const matches = this.#test(sign, text, compileRegex, (line, part) => line.includes(part));
      filters.push((entry) => matches(entry.text));
    }
    return filters;
  }

  #test(
    sign: string,
    text: { value: string; column: number },
    compile: typeof compileRegex,
    isSame: (value: string, wanted: string) => boolean,
  ): (value: string) => boolean {
    const { value: wanted, column } = text;
    if (sign.endsWith('=')) {
      return sign === '!=' ? (value) => !isSame(value, wanted) : (value) => isSame(value, wanted);
    }
    try {
      const pattern = compile(wanted);
      return sign === '!~' ? (value) => !pattern.test(value) : (value) => pattern.test(value);
    } catch (error) {
      if (!(error instanceof RegexError)) throw error;
      throw new SelectorError(`character ${column}: "${wanted}": ${error.message}`);
    }
  }

  #text(): { value: string; column: number } {
    const { source, column } = this.#take('text', 'a text in quotes');
    const value = goUnquote(source);
    if (value === undefined) {
      throw new SelectorError(`character ${column}: ${source} has an escape that Go does not know`);
    }
    return { value, column };
  }

  #sign(sign: string): void {
    this.#oneOf([sign]);
  }

  #oneOf(signs: readonly string[]): string {
    const { source } = this.#peek();
    if (!signs.includes(source)) throw this.#expected(signs.join(' or '));
    this.#next += 1;
    return source;
  }

  #take(kind: Token['kind'], what: string): Token {
    const token = this.#peek();
    if (token.kind !== kind) throw this.#expected(what);
    this.#next += 1;
    return token;
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', source: '', column: 1 };
  }

  #expected(what: string): SelectorError {
    const { kind, source, column } = this.#peek();
    const found = kind === 'end' ? 'it ends' : `there is ${source}`;
    return new SelectorError(`character ${column}: expected is ${what}, and ${found}`);
  }
}
