/**
 * Sprig's functions of regular expressions. The expressions themselves come in from outside, since
 * this room knows no package; they are compiled once and kept, because a template runs for every
 * line with the same ones.
 */
import { checkListLength, checkTextLength, spend } from '../budget.ts';
import { define } from '../function.ts';
import type { TemplateFunction } from '../value.ts';

/** One compiled expression with Go's semantics; `GoRegex` of src/regex is one. */
export interface TemplateRegex {
  test(text: string): boolean;
  replaceAll(text: string, template: string): string;
  replaceAllLiteral(text: string, replacement: string): string;
  replaceEach(
    text: string,
    replacement: (match: readonly (string | undefined)[]) => string,
  ): string;
}

/** Compiles an expression. Throws an Error that says what is wrong with it. */
export type RegexCompiler = (pattern: string) => TemplateRegex;

/** Most expressions that are kept; a template may make them of its data. */
const keptMax = 200;

/** A compiler that remembers. */
export function remembering(compile: RegexCompiler): RegexCompiler {
  const kept = new Map<string, TemplateRegex>();
  return (pattern) => {
    const known = kept.get(pattern);
    if (known !== undefined) return known;
    spend(1000);
    const compiled = compile(pattern);
    if (kept.size >= keptMax) kept.clear();
    kept.set(pattern, compiled);
    return compiled;
  };
}

/** The functions with and without `must`; with either, a bad expression fails the action. */
export function regexFunctions(
  compile: RegexCompiler,
): readonly (readonly [string, TemplateFunction])[] {
  const test = (pattern: string, text: string): boolean => compile(pattern).test(text);
  const find = define(['string', 'string'], (pattern, text) => {
    return matchesOf(compile(pattern), text)[0] ?? '';
  });
  const findAll = define(['string', 'string', 'int'], (pattern, text, count) => {
    const found = matchesOf(compile(pattern), text);
    return count < 0 ? found : found.slice(0, count);
  });
  const replaceAll = define(['string', 'string', 'string'], (pattern, text, by) => {
    return compile(pattern).replaceAll(text, by);
  });
  const replaceLiteral = define(['string', 'string', 'string'], (pattern, text, by) => {
    return compile(pattern).replaceAllLiteral(text, by);
  });
  const split = define(['string', 'string', 'int'], (pattern, text, count) => {
    return splitText(compile(pattern), pattern, text, count);
  });
  return [
    // This one alone takes a bad expression for one that does not match.
    [
      'regexMatch',
      define(['string', 'string'], (pattern, text) => orFalse(() => test(pattern, text))),
    ],
    ['mustRegexMatch', define(['string', 'string'], test)],
    ['regexFind', find],
    ['mustRegexFind', find],
    ['regexFindAll', findAll],
    ['mustRegexFindAll', findAll],
    ['regexReplaceAll', replaceAll],
    ['mustRegexReplaceAll', replaceAll],
    ['regexReplaceAllLiteral', replaceLiteral],
    ['mustRegexReplaceAllLiteral', replaceLiteral],
    ['regexSplit', split],
    ['mustRegexSplit', split],
    [
      'regexQuoteMeta',
      define(['string'], (text) => text.replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&')),
    ],
  ];
}

function orFalse(run: () => boolean): boolean {
  try {
    return run();
  } catch {
    return false;
  }
}

function matchesOf(regex: TemplateRegex, text: string): string[] {
  const found: string[] = [];
  regex.replaceEach(text, (match) => {
    checkListLength(found.length + 1);
    found.push(match[0] ?? '');
    return '';
  });
  return found;
}

/** Go's Split: an empty match at the start or at the end of the text separates nothing. */
function splitText(
  regex: TemplateRegex,
  pattern: string,
  text: string,
  count: number,
): readonly string[] {
  if (count === 0) return [];
  if (pattern !== '' && text === '') return [''];
  const matches: string[] = [];
  const mark = unusedUnit(text);
  const marked = regex.replaceEach(text, (match) => {
    matches.push(match[0] ?? '');
    return mark;
  });
  checkTextLength(marked.length);
  const between = marked.split(mark);
  checkListLength(between.length);
  if (matches[0] === '' && between[0] === '') {
    matches.shift();
    between.shift();
  }
  if (matches.at(-1) === '' && between.at(-1) === '') {
    matches.pop();
    between.pop();
  }
  if (count < 0 || between.length <= count) return between;
  let last = between[count - 1] ?? '';
  for (let index = count; index < between.length; index += 1) {
    last += (matches[index - 1] ?? '') + (between[index] ?? '');
  }
  return [...between.slice(0, count - 1), last];
}

/** A character that can stand for a match, because the text has none of it. */
function unusedUnit(text: string): string {
  for (let unit = 0xe000; unit < 0xf8ff; unit += 1) {
    const mark = String.fromCharCode(unit);
    if (!text.includes(mark)) return mark;
  }
  return '\uf8ff';
}
