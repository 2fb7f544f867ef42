/**
 * Prometheus selectors: `{name="value", …}`. Stream labels may only use `=`;
 * queries may use all four operators. Values are quoted as Go strings.
 * Anything that Go would refuse is refused here too, with the column.
 */

/** How a matcher compares. */
export type Operator = '=' | '!=' | '=~' | '!~';

/** One condition of a selector. */
export interface Matcher {
  readonly name: string;
  readonly operator: Operator;
  readonly value: string;
}

/** The text is not a selector. */
export class SelectorError extends Error {
  constructor(column: number, what: string) {
    super(`1:${column + 1}: parse error: ${what}`);
    this.name = 'SelectorError';
  }
}

const nameAtStart = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const spaces = /[ \t\r\n]*/y;

/** Parses a whole selector; throws SelectorError. */
export function parseSelector(text: string): Matcher[] {
  const scanner = new Scanner(text);
  const matchers: Matcher[] = [];
  scanner.expect('{');
  while (!scanner.take('}')) {
    const name = scanner.name();
    const operator = scanner.operator();
    matchers.push({ name, operator, value: scanner.quoted() });
    if (scanner.take(',')) continue;
    scanner.expect('}');
    break;
  }
  scanner.end();
  return matchers;
}

/** A function that tells whether labels meet every matcher; an absent label is empty. */
export function compileMatchers(
  matchers: readonly Matcher[],
): (labels: ReadonlyMap<string, string>) => boolean {
  const tests = matchers.map(({ name, operator, value }) => {
    const wanted = operator === '=' || operator === '=~';
    if (operator === '=' || operator === '!=') {
      return (labels: ReadonlyMap<string, string>) =>
        ((labels.get(name) ?? '') === value) === wanted;
    }
    const pattern = new RegExp(`^(?:${value})$`, 's');
    return (labels: ReadonlyMap<string, string>) => pattern.test(labels.get(name) ?? '') === wanted;
  });
  return (labels) => tests.every((test) => test(labels));
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(token: string): boolean {
    this.#space();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  expect(token: string): void {
    if (!this.take(token)) throw this.#error(`expected "${token}"`);
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('unexpected text after "}"');
  }

  name(): string {
    this.#space();
    nameAtStart.lastIndex = this.#at;
    const match = nameAtStart.exec(this.#text);
    if (match === null) throw this.#error('expected a label name');
    this.#at = nameAtStart.lastIndex;
    return match[0];
  }

  operator(): Operator {
    for (const operator of ['=~', '!~', '!=', '='] as const)
      if (this.take(operator)) return operator;
    throw this.#error('expected an operator');
  }

  quoted(): string {
    if (this.take('`')) return this.#raw();
    this.expect('"');
    const bytes: Buffer[] = [];
    let plain = this.#at;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || char === '\n') throw this.#error('unterminated quoted string');
      if (char !== '"' && char !== '\\') {
        this.#at += 1;
        continue;
      }
      bytes.push(Buffer.from(this.#text.slice(plain, this.#at)));
      this.#at += 1;
      if (char === '"') return Buffer.concat(bytes).toString();
      bytes.push(this.#escape());
      plain = this.#at;
    }
  }

  #raw(): string {
    const end = this.#text.indexOf('`', this.#at);
    if (end < 0) throw this.#error('unterminated raw string');
    const value = this.#text.slice(this.#at, end).replaceAll('\r', '');
    this.#at = end + 1;
    return value;
  }

  /** The bytes of the escape after a backslash, as strconv.Unquote reads it. */
  #escape(): Buffer {
    const char = this.#text[this.#at] ?? '';
    const simple = 'abfnrtv\\"'.indexOf(char);
    if (char !== '' && simple >= 0) {
      this.#at += 1;
      return Buffer.from([[7, 8, 12, 10, 13, 9, 11, 92, 34][simple] as number]);
    }
    if (char === 'x') return Buffer.from([this.#digits(1, 2, 16, 0xff)]);
    if (char >= '0' && char <= '7') return Buffer.from([this.#digits(0, 3, 8, 0xff)]);
    if (char !== 'u' && char !== 'U') throw this.#error('unknown escape sequence');
    const point = this.#digits(1, char === 'u' ? 4 : 8, 16, 0x10ffff);
    if (point >= 0xd800 && point <= 0xdfff) throw this.#error('escape is not a Unicode scalar');
    return Buffer.from(String.fromCodePoint(point));
  }

  #digits(skip: number, length: number, base: 8 | 16, max: number): number {
    const digits = this.#text.slice(this.#at + skip, this.#at + skip + length);
    const valid = base === 8 ? /^[0-7]+$/ : /^[0-9a-fA-F]+$/;
    const value = Number.parseInt(digits, base);
    if (digits.length !== length || !valid.test(digits) || value > max) {
      throw this.#error('invalid escape sequence');
    }
    this.#at += skip + length;
    return value;
  }

  #space(): void {
    spaces.lastIndex = this.#at;
    spaces.exec(this.#text);
    this.#at = spaces.lastIndex;
  }

  #error(what: string): SelectorError {
    return new SelectorError(this.#at, what);
  }
}
