/**
 * Cuts a template into tokens by the rules of Go's text/template/parse, trim marks and comments
 * included. It reads each character a bounded number of times and must never look at meaning.
 */
import { errorAt } from './error.ts';

/** What a token is. `word` is an identifier or keyword, `char` any other printable character. */
export type TokenKind =
  | 'text'
  | 'left'
  | 'right'
  | 'space'
  | 'word'
  | 'field'
  | 'variable'
  | 'dot'
  | 'number'
  | 'rune'
  | 'string'
  | 'rawString'
  | 'pipe'
  | 'declare'
  | 'assign'
  | 'open'
  | 'close'
  | 'char'
  | 'eof';

/** A piece of the template, as written, and where it begins. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly at: number;
}

const spaces = ' \t\r\n';
const wordPart = /[\p{L}\p{Nd}_]*/uy;
const digitsOf: Record<string, string> = {
  x: '0123456789abcdefABCDEF_',
  o: '01234567_',
  b: '01_',
};
const decimalDigits = '0123456789_';
const singles: Record<string, TokenKind> = { '=': 'assign', '|': 'pipe' };

/** The tokens of a template; the last one is `eof`. Throws TemplateError on what is none. */
export function tokenize(source: string): Token[] {
  const lexer = new Lexer(source);
  lexer.run();
  return lexer.tokens;
}

class Lexer {
  readonly tokens: Token[] = [];
  readonly #source: string;
  #at = 0;
  #start = 0;
  #parenDepth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  run(): void {
    while (this.#at < this.#source.length) {
      this.#text();
      if (this.#at < this.#source.length && !this.#comment()) this.#action();
    }
    this.#start = this.#at;
    this.#emit('eof');
  }

  #fail(what: string, at = this.#at): never {
    throw errorAt(this.#source, at, what);
  }

  #emit(kind: TokenKind): void {
    this.tokens.push({
      kind,
      text: this.#source.slice(this.#start, this.#at),
      at: this.#start,
    });
    this.#start = this.#at;
  }

  /** Text up to the next action, without the spaces that the action trims away. */
  #text(): void {
    const found = this.#source.indexOf('{{', this.#at);
    const end = found < 0 ? this.#source.length : found;
    let textEnd = end;
    const trims = this.#source[end + 2] === '-' && isSpace(this.#source[end + 3]);
    if (found >= 0 && trims) {
      while (textEnd > this.#at && isSpace(this.#source[textEnd - 1])) textEnd -= 1;
    }
    this.#start = this.#at;
    this.#at = textEnd;
    if (textEnd > this.#start) this.#emit('text');
    this.#start = end;
    this.#at = end;
  }

  /** How long the left delimiter at the place is, with its trim mark and one space. */
  #leftLength(): number {
    return this.#source[this.#at + 2] === '-' && isSpace(this.#source[this.#at + 3]) ? 4 : 2;
  }

  /** Whether there is a comment here, which is then passed over. */
  #comment(): boolean {
    const begin = this.#at + this.#leftLength();
    if (!this.#source.startsWith('/*', begin)) return false;
    const end = this.#source.indexOf('*/', begin + 2);
    if (end < 0) this.#fail('unclosed comment');
    this.#at = end + 2;
    const right = this.#rightLength();
    if (right === 0) this.#fail('comment ends before closing delimiter');
    this.#closeDelimiter(right);
    return true;
  }

  /** How long the right delimiter at the place is, with its trim mark; 0 if there is none. */
  #rightLength(): number {
    if (this.#source.startsWith('}}', this.#at)) return 2;
    const trims = isSpace(this.#source[this.#at]) && this.#source.startsWith('-}}', this.#at + 1);
    return trims ? 4 : 0;
  }

  #closeDelimiter(length: number): void {
    this.#at += length;
    if (length !== 4) return;
    while (isSpace(this.#source[this.#at])) this.#at += 1;
  }

  #action(): void {
    this.#at += this.#leftLength();
    this.#parenDepth = 0;
    this.#emit('left');
    for (;;) {
      const right = this.#rightLength();
      if (right > 0) {
        if (this.#parenDepth > 0) this.#fail('unclosed left paren');
        this.#start = this.#at;
        this.#closeDelimiter(right);
        this.tokens.push({ kind: 'right', text: '}}', at: this.#start });
        return;
      }
      this.#start = this.#at;
      this.#token();
    }
  }

  #token(): void {
    const char = this.#source[this.#at];
    if (char === undefined) this.#fail('unclosed action');
    if (isSpace(char)) return this.#space();
    const single = singles[char];
    if (single !== undefined) return this.#take(single, 1);
    if (char === ':') {
      if (this.#source[this.#at + 1] !== '=') this.#fail('expected :=');
      return this.#take('declare', 2);
    }
    if (isDigit(char) || '.+-'.includes(char)) return this.#numberOrField(char);
    switch (char) {
      case '"':
      case "'":
        return this.#quoted(char);
      case '`':
        return this.#rawString();
      case '(':
      case ')':
        return this.#paren(char);
      case '$':
        return this.#name('variable');
      default:
        return this.#wordOrChar();
    }
  }

  #numberOrField(char: string): void {
    const isField = char === '.' && !isDigit(this.#source[this.#at + 1]);
    if (isField) this.#name('field');
    else this.#number();
  }

  #take(kind: TokenKind, length: number): void {
    this.#at += length;
    this.#emit(kind);
  }

  #space(): void {
    // The space in front of a right delimiter with a trim mark belongs to the delimiter.
    while (isSpace(this.#source[this.#at]) && this.#rightLength() === 0) this.#at += 1;
    if (this.#at > this.#start) this.#emit('space');
  }

  #paren(char: string): void {
    this.#parenDepth += char === '(' ? 1 : -1;
    if (this.#parenDepth < 0) this.#fail('unexpected right paren');
    this.#take(char === '(' ? 'open' : 'close', 1);
  }

  #quoted(quote: string): void {
    this.#at += 1;
    for (;;) {
      const char = this.#source[this.#at];
      if (char === '\\') this.#at += 1;
      const seen = this.#source[this.#at];
      if (seen === undefined || seen === '\n') {
        const what = quote === '"' ? 'quoted string' : 'character constant';
        this.#fail(`unterminated ${what}`, this.#start);
      }
      this.#at += 1;
      if (char === quote) return this.#emit(quote === '"' ? 'string' : 'rune');
    }
  }

  #rawString(): void {
    const end = this.#source.indexOf('`', this.#at + 1);
    if (end < 0) this.#fail('unterminated raw quoted string');
    this.#at = end + 1;
    this.#emit('rawString');
  }

  /** `.name` or `$name`; alone they are the dot and the variable `$`. */
  #name(kind: 'field' | 'variable'): void {
    this.#at += 1;
    this.#passWord();
    this.#needTerminator();
    this.#emit(kind === 'field' && this.#at === this.#start + 1 ? 'dot' : kind);
  }

  #passWord(): void {
    wordPart.lastIndex = this.#at;
    wordPart.test(this.#source);
    this.#at = Math.max(this.#at, wordPart.lastIndex);
  }

  #wordOrChar(): void {
    this.#passWord();
    if (this.#at > this.#start) {
      this.#needTerminator();
      return this.#emit('word');
    }
    const char = this.#source[this.#at] ?? '';
    if (char < ' ' || char > '~') {
      const code = this.#source.codePointAt(this.#at) ?? 0;
      this.#fail(`unrecognized character in action: ${codeName(code)}`);
    }
    this.#take('char', 1);
  }

  #needTerminator(): void {
    const char = this.#source[this.#at];
    if (char === undefined || isSpace(char) || '.,|:)('.includes(char)) return;
    if (this.#source.startsWith('}}', this.#at)) return;
    this.#fail(`bad character ${codeName(this.#source.codePointAt(this.#at) ?? 0)}`);
  }

  #accept(set: string): boolean {
    const char = this.#source[this.#at];
    if (char === undefined || !set.includes(char)) return false;
    this.#at += 1;
    return true;
  }

  #acceptRun(set: string): void {
    while (this.#accept(set));
  }

  #number(): void {
    this.#accept('+-');
    let digits = decimalDigits;
    if (this.#accept('0')) {
      const base = this.#source[this.#at]?.toLowerCase() ?? '';
      const ofBase = digitsOf[base];
      if (ofBase !== undefined) {
        digits = ofBase;
        this.#at += 1;
      }
    }
    this.#acceptRun(digits);
    if (this.#accept('.')) this.#acceptRun(digits);
    if (this.#accept(digits === decimalDigits ? 'eE' : digits === digitsOf['x'] ? 'pP' : '')) {
      this.#accept('+-');
      this.#acceptRun('0123456789_');
    }
    this.#accept('i');
    const end = this.#at;
    this.#passWord();
    if (this.#at > end) {
      this.#fail(`bad number syntax: "${this.#source.slice(this.#start, this.#at)}"`, this.#start);
    }
    this.#emit('number');
  }
}

function isSpace(char: string | undefined): boolean {
  return char !== undefined && spaces.includes(char);
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= '0' && char <= '9';
}

/** A character as Go's %#U shows it. */
function codeName(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')} '${String.fromCodePoint(code)}'`;
}
