/**
 * YAML of users, with the line of everything in it, so that an error says where it is. Reads what
 * promtail reads: scalars are taken as texts, numbers or flags as the reader wants them. The one
 * place that knows the yaml package.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import { nearestName } from '../base/nearest.ts';
import { parseDurationMs } from '../base/values.ts';
import { compileRegex, type GoRegex, RegexError } from '../regex/go-regex.ts';

/** What is wrong with the configuration, and where: `line 3: …`. */
export class ConfigError extends Error {}

/** Longer YAML is refused, in characters. */
const yamlLengthMax = 256 * 1024;
/** Aliases may repeat a part of the document; so many nodes are read at most. */
const aliasesMax = 100;

interface Source {
  readonly text: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/** Reads YAML. Throws ConfigError. An empty document is a node that `isNull`. */
export function readYaml(text: string): ConfigNode {
  if (text.length > yamlLengthMax) {
    throw new ConfigError(`the YAML has ${text.length} characters; allowed are ${yamlLengthMax}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.1' });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    throw new ConfigError(`line ${line}: this is not YAML: ${error.message}`);
  }
  return new ConfigNode(document.contents ?? undefined, { text, document, lines }, 1);
}

/** One node. */
export class ConfigNode {
  /** Of the text that was read, from 1. */
  readonly line: number;
  readonly #node: Node | undefined;
  readonly #source: Source;
  readonly #depth: number;

  /** Use `readYaml`. */
  constructor(node: Node | undefined, source: Source, line: number, depth = 0) {
    this.#source = source;
    this.#depth = depth;
    const resolved = isAlias(node) ? node.resolve(source.document) : node;
    this.#node = resolved;
    const offset = (node ?? undefined)?.range?.[0];
    this.line = offset === undefined ? line : source.lines.linePos(offset).line;
    if (depth > aliasesMax) this.fail('the YAML is nested too deeply');
  }

  /** Ends the reading: `line N: problem`. */
  fail(problem: string): never {
    throw new ConfigError(`line ${this.line}: ${problem}`);
  }

  /** Nothing, or null. */
  get isNull(): boolean {
    return this.#node === undefined || (isScalar(this.#node) && this.#node.value === null);
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  get isMap(): boolean {
    return isMap(this.#node);
  }

  /** The nodes of a list; none where nothing stands. Fails on anything else. */
  items(what: string): ConfigNode[] {
    if (this.isNull) return [];
    const node = this.#node;
    if (!isSeq<Node>(node)) return this.fail(`${what} has to be a list, and is ${this.kind}`);
    return node.items.map((item) => this.#child(item));
  }

  /** Names and nodes of a map, in order; none where nothing stands. Fails on anything else. */
  entries(what: string): [name: string, value: ConfigNode][] {
    if (this.isNull) return [];
    const node = this.#node;
    if (!isMap<Node, Node | null>(node)) {
      return this.fail(`${what} has to be a map (name: value), and is ${this.kind}`);
    }
    return node.items.map(({ key, value }) => {
      const child = this.#child(key);
      return [child.text('a name'), this.#child(value ?? undefined, child.line)];
    });
  }

  /** A scalar as it is written, without quotes. */
  text(what: string): string {
    const node = this.#node;
    if (!isScalar(node)) return this.fail(`${what} has to be a text, and is ${this.kind}`);
    const { value, source } = node;
    if (typeof value === 'string') return value;
    return value === null ? '' : (source ?? '');
  }

  /** true or false. */
  flag(what: string): boolean {
    const text = this.text(what).toLowerCase();
    if (text === 'true' || text === 'yes' || text === 'on') return true;
    if (text === 'false' || text === 'no' || text === 'off') return false;
    return this.fail(`${what} is "${text}"; allowed is true or false`);
  }

  /** A number within limits; they are part of the message. */
  number(what: string, { min, max }: { min: number; max: number }): number {
    const text = this.text(what);
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (value >= min && value <= max) return value;
    return this.fail(`${what} is "${text}"; allowed is a number from ${min} to ${max}`);
  }

  /** A duration as Go writes it, or in days, in milliseconds. */
  durationMs(what: string): number {
    const text = this.text(what);
    const value = parseDurationMs(text);
    if (value !== undefined) return value;
    return this.fail(`${what} is "${text}"; allowed is a duration such as 500ms, 3s or 24h`);
  }

  /** One of some words. */
  choice<Word extends string>(what: string, words: readonly Word[]): Word {
    const text = this.text(what);
    const word = words.find((each) => each === text);
    return word ?? this.fail(`${what} is "${text}"; allowed is ${words.join(', ')}`);
  }

  /**
   * The values of a map by name. A name that is not known is told to `warn`: promtail ignores
   * those, and a configuration that worked there has to work here.
   */
  fields<Name extends string>(
    what: string,
    names: readonly Name[],
    warn: (node: ConfigNode, text: string) => void,
  ): Partial<Record<Name, ConfigNode>> {
    const found: Partial<Record<Name, ConfigNode>> = {};
    for (const [name, value] of this.entries(what)) {
      const known = names.find((each) => each === name);
      if (known !== undefined) {
        if (!value.isNull) found[known] = value;
        continue;
      }
      const nearest = nearestName(name, names);
      const hint =
        nearest === undefined ? `it knows ${names.join(', ')}` : `did you mean ${nearest}?`;
      warn(value, `${what} has no option ${name} (${hint}); it is ignored`);
    }
    return found;
  }

  /** A pattern in Go's syntax. */
  regex(what: string, compile: (pattern: string) => GoRegex = compileRegex): GoRegex {
    const text = this.text(what);
    try {
      return compile(text);
    } catch (error) {
      if (error instanceof RegexError) return this.fail(`${what} "${text}": ${error.message}`);
      throw error;
    }
  }

  /** The text of this node alone, at the line and column where it stands; empty for none. */
  get excerpt(): string {
    const range = this.#node?.range;
    if (range === undefined || range === null) return '';
    const { text, lines } = this.#source;
    const { line, col } = lines.linePos(range[0]);
    return '\n'.repeat(line - 1) + ' '.repeat(col - 1) + text.slice(range[0], range[1]);
  }

  /** For messages. */
  get kind(): string {
    if (this.isNull) return 'empty';
    if (this.isList) return 'a list';
    return this.isMap ? 'a map' : `"${this.text('it').slice(0, 100)}"`;
  }

  #child(node: Node | undefined, line = this.line): ConfigNode {
    return new ConfigNode(node, this.#source, line, this.#depth + 1);
  }
}
