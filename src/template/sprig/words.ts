/**
 * Sprig's snakecase, kebabcase and camelcase (huandu/xstrings): where one word ends and the next
 * begins in an identifier. Pure.
 */
import { spend, spendOnChars } from '../budget.ts';
import { lowerChar, upperChar } from '../case.ts';
import { define } from '../function.ts';
import type { TemplateFunction } from '../value.ts';

/** The three cases. */
export const wordFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ['snakecase', define(['string'], (text) => separated(text, '_'))],
  ['kebabcase', define(['string'], (text) => separated(text, '-'))],
  ['camelcase', define(['string'], camelCase)],
];

type WordKind = 'connector' | 'punctuation' | 'upper' | 'letters' | 'number' | 'other' | 'none';

interface Word {
  readonly kind: WordKind;
  readonly text: string;
}

const cjk = '\\u3400-\\u4D85\\u4E00-\\u9FCC\\u{20000}-\\u{2B81D}';
const lower = `(?:(?![${cjk}\\p{Lu}])\\p{L})`;
const connector = '[\\-_\\s\\u0085]';
/** The kinds in the order in which they are tried; the first that fits takes the word. */
const kinds: readonly (readonly [WordKind, RegExp])[] = [
  ['connector', new RegExp(`${connector}+`, 'uy')],
  ['punctuation', /\p{P}+/uy],
  // "HTTPStatus" is "HTTP" and "Status"; that is why the last capital may be given back.
  ['upper', new RegExp(`\\p{Lu}+(?=\\p{Lu}${lower})|\\p{Lu}{2,}|\\p{Lu}${lower}*`, 'uy')],
  ['letters', new RegExp(`${lower}+`, 'uy')],
  ['number', /\p{N}+/uy],
  ['other', new RegExp(`(?:(?!${connector}|${lower}|[\\p{Lu}\\p{N}\\p{P}])[^])+`, 'uy')],
];
const noWord: Word = { kind: 'none', text: '' };

function wordsOf(text: string): Word[] {
  spendOnChars(text);
  const words: Word[] = [];
  let at = 0;
  while (at < text.length) {
    const word = wordAt(text, at);
    spend(1);
    words.push(word);
    at += word.text.length;
  }
  return words;
}

function wordAt(text: string, at: number): Word {
  for (const [kind, pattern] of kinds) {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined && found !== '') return { kind, text: found };
  }
  return { kind: 'other', text: text.slice(at, at + 1) };
}

function isJoined({ kind }: Word): boolean {
  return kind === 'letters' || kind === 'number';
}

/** Whether nothing needs to stand between what was written and this word. */
function endsHere({ kind }: Word): boolean {
  return kind === 'none' || kind === 'connector' || kind === 'punctuation';
}

/** Puts a connector between words, in the order that xstrings decides it. */
class Separator {
  readonly #words: readonly Word[];
  readonly #connector: string;
  #next = 0;
  #out = '';

  constructor(text: string, connector: string) {
    this.#words = wordsOf(text);
    this.#connector = connector;
  }

  run(): string {
    let word = this.#take();
    while (this.#next < this.#words.length) {
      if (word.kind !== 'connector') this.#write(word);
      const previous = word;
      word = this.#after(previous, this.#take());
    }
    this.#write(word);
    return this.#out;
  }

  #take(): Word {
    const word = this.#words[this.#next] ?? noWord;
    this.#next += 1;
    return word;
  }

  #write({ kind, text }: Word): void {
    if (kind === 'connector') this.#out += this.#connector.repeat(Array.from(text).length);
    else this.#out += kind === 'upper' ? Array.from(text, lowerChar).join('') : text;
  }

  /** Writes what belongs between a word and the one behind it; gives the word to go on with. */
  #after(previous: Word, word: Word): Word {
    switch (previous.kind) {
      case 'number':
        return this.#joinedRun(word);
      case 'connector':
        this.#write(previous);
        return word;
      case 'punctuation':
        return word;
      case 'upper':
      case 'letters':
      case 'other':
      case 'none':
        if (word.kind === 'number') return this.#afterNumber(word);
        if (!endsHere(word)) this.#out += this.#connector;
        return word;
    }
    return word;
  }

  /** "Bld4Floor" is "bld4_floor", but "HTTP2xx" is "http_2xx". */
  #afterNumber(number: Word): Word {
    if (this.#next >= this.#words.length) return number;
    const word = this.#take();
    if (word.kind === 'letters') {
      this.#out += this.#connector;
      this.#write(number);
      return this.#joinedRun(word);
    }
    this.#write(number);
    if (!endsHere(word)) this.#out += this.#connector;
    return word;
  }

  /** Letters and numbers stay together; the connector comes in front of anything else. */
  #joinedRun(first: Word): Word {
    let word = first;
    while (isJoined(word)) {
      this.#write(word);
      word = this.#take();
    }
    if (!endsHere(word)) this.#out += this.#connector;
    return word;
  }
}

function separated(text: string, connector: string): string {
  return new Separator(text, connector).run();
}

const isConnector = new RegExp(`^${connector}$`, 'u');

/**
 * Each word with a capital first and small letters behind it. Leading connectors stay; of nothing
 * but connectors, xstrings writes the last one twice.
 */
function camelCase(text: string): string {
  spendOnChars(text);
  const chars = Array.from(text);
  const start = chars.findIndex((char) => !isConnector.test(char));
  if (start < 0) return text + (chars.at(-1) ?? '');
  let out = chars.slice(0, start).join('') + upperChar(chars[start] ?? '');
  let pending = '';
  for (const char of chars.slice(start + 1)) {
    if (isConnector.test(char)) {
      // Of several connectors in a row the last one goes; so does one alone.
      out += pending;
      pending = char;
    } else {
      out += pending === '' ? lowerChar(char) : upperChar(char);
      pending = '';
    }
  }
  return out + pending;
}
