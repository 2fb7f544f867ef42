/**
 * Regular expressions as Go has them: syntax, names of groups, replacement templates. They run in
 * time linear in the text, whatever the pattern, because both may come from people whom nobody
 * should have to trust. The one place that knows re2js.
 */
import { RE2JS } from 're2js';

/** What a pattern, or a text that is to be replaced, is refused for. */
export class RegexError extends Error {}

/** A longer pattern is refused: it could take seconds to compile. In UTF-16 units. */
const patternLengthMax = 16_384;

/** One match: the whole at 0, then the groups; undefined where a group took no part. */
export type RegexMatch = readonly (string | undefined)[] & { readonly index?: number };

/** A compiled pattern. It keeps no state between two calls. */
export class GoRegex {
  /** As it was written. */
  readonly pattern: string;
  /** Names of the groups from 1 on; at 0, and for a group without a name, the empty text. */
  readonly names: readonly string[];
  readonly #compiled: RE2JS;

  /** Use `compileRegex`. */
  constructor(pattern: string, compiled: RE2JS) {
    this.pattern = pattern;
    this.#compiled = compiled;
    const names = Array.from({ length: compiled.groupCount() + 1 }, () => '');
    for (const [name, index] of Object.entries(compiled.namedGroups())) names[index] = name;
    this.names = names;
  }

  /** Whether it matches anywhere in the text. */
  test(text: string): boolean {
    return this.#compiled.test(text);
  }

  /** The first match in the text, or undefined. */
  match(text: string): RegexMatch | undefined {
    const matcher = this.#compiled.matcher(text);
    return matcher.find() ? groupsOf(matcher) : undefined;
  }

  /** Go's ReplaceAllString: `$1`, `$name` and `${name}` in the template stand for groups. */
  replaceAll(text: string, template: string): string {
    return this.replaceEach(text, (match) => this.expand(template, match));
  }

  /** Go's ReplaceAllLiteralString. */
  replaceAllLiteral(text: string, replacement: string): string {
    return this.replaceEach(text, () => replacement);
  }

  /** Go's ReplaceAllStringFunc, with the groups. */
  replaceEach(text: string, replacement: (match: RegexMatch) => string): string {
    return this.#replace(text, (matcher) => [
      [matcher.start(), matcher.end(), replacement(groupsOf(matcher))],
    ]);
  }

  /**
   * Replaces each group of each match by itself, and leaves what no group holds as it is; a
   * pattern without groups has its matches replaced as a whole. Of groups within groups the
   * outer one counts.
   */
  replaceGroups(text: string, replacement: (group: string, match: RegexMatch) => string): string {
    return this.#replace(text, (matcher) => {
      const match = groupsOf(matcher);
      const edits: [number, number, string][] = [];
      for (let group = match.length === 1 ? 0 : 1; group < match.length; group += 1) {
        const value = match[group];
        const start = value === undefined ? -1 : matcher.start(group);
        const behind = edits.at(-1)?.[1] ?? 0;
        if (value === undefined || start < behind) continue;
        edits.push([start, matcher.end(group), replacement(value, match)]);
      }
      return edits;
    });
  }

  /** Go's Expand: the template with the groups of a match in it; unknown groups are empty. */
  expand(template: string, match: RegexMatch): string {
    if (!template.includes('$')) return template;
    return template.replaceAll(groupReference, (whole, braced?: string, bare?: string) => {
      if (whole === '$$') return '$';
      const name = braced ?? bare ?? '';
      const index = /^\d+$/.test(name) ? Number(name) : this.names.indexOf(name);
      return (index >= 0 ? match[index] : undefined) ?? '';
    });
  }

  #replace(text: string, editsOf: (matcher: Matcher) => [number, number, string][]): string {
    const matcher = this.#compiled.matcher(text);
    let done = 0;
    let lastEnd = -1;
    let result = '';
    while (matcher.find()) {
      // As in Go: an empty match right behind a match is none.
      const isStale = matcher.start() === matcher.end() && matcher.start() === lastEnd;
      lastEnd = matcher.end();
      if (isStale) continue;
      for (const [start, end, replacement] of editsOf(matcher)) {
        result += text.slice(done, start) + replacement;
        done = end;
      }
    }
    return result + text.slice(done);
  }
}

/**
 * A thousand containers have the same few patterns, and each compiled one keeps the states that it
 * has met, up to some MB.
 */
const compiledPatterns = new Map<string, GoRegex>();
const compiledPatternsMax = 200;

type Matcher = ReturnType<RE2JS['matcher']>;

// As in Go: without braces the name is as long as it can be, so `$1x` is the group "1x".
const groupReference = /\$\$|\$\{(\w+)\}|\$(\w+)/g;

function groupsOf(matcher: Matcher): RegexMatch {
  const groups: (string | undefined)[] = [];
  for (let index = 0; index <= matcher.groupCount(); index += 1) {
    groups.push(matcher.group(index) ?? undefined);
  }
  return groups;
}

/** Compiles a pattern in Go's syntax. Throws RegexError that says what is wrong with it. */
export function compileRegex(pattern: string): GoRegex {
  if (pattern.length > patternLengthMax) {
    throw new RegexError(`the pattern has ${pattern.length} characters; allowed are 16384`);
  }
  const known = compiledPatterns.get(pattern);
  if (known !== undefined) return known;
  const made = compileNew(pattern);
  if (compiledPatterns.size >= compiledPatternsMax) compiledPatterns.clear();
  compiledPatterns.set(pattern, made);
  return made;
}

function compileNew(pattern: string): GoRegex {
  try {
    return new GoRegex(pattern, RE2JS.compile(pattern));
  } catch (error) {
    throw new RegexError(error instanceof Error ? error.message : String(error));
  }
}

/** Compiles a pattern that has to match a text as a whole, as Prometheus anchors its own. */
export function compileAnchoredRegex(pattern: string): GoRegex {
  // Compiled alone first, so that an error names what was written, and `a)(b` is one.
  compileRegex(pattern);
  return compileRegex(`^(?s:${pattern})$`);
}
