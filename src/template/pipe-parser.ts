/**
 * The inner half of the parser: pipelines, commands and operands, and the scopes of variables.
 * It must never hold more than a frame's variables and the place in the tokens.
 */
import { nestingMax, pipelineLengthMax } from './budget.ts';
import { builtins } from './builtins.ts';
import { errorAt } from './error.ts';
import type { Token, TokenKind } from './lexer.ts';
import { parseNumber, unquote, unquoteRune } from './literals.ts';
import type { CommandNode, OperandNode, PipeNode, Target } from './nodes.ts';
import type { TemplateFunctions } from './value.ts';

/** The variables of a template that is set aside while another one is being defined. */
interface Frame {
  readonly variables: string[];
  readonly slotsMax: number;
}

const operandKinds: readonly TokenKind[] = [
  ...(['word', 'field', 'variable', 'dot', 'number', 'rune', 'string'] as const),
  ...(['rawString', 'open'] as const),
];
const keywords = ['if', 'else', 'end', 'range', 'with', 'template', 'define', 'block'];
const loopWords = ['break', 'continue'];

/** What the statements' parser stands on. */
export class PipeParser {
  /** The names of top-level fields that were seen. */
  readonly fields = new Set<string>();
  /** Size that the frame of the template being parsed needs; slot 0 is `$`. */
  slotsMax = 1;
  readonly #source: string;
  readonly #functions: TemplateFunctions;
  readonly #tokens: readonly Token[];
  #index = 0;
  #variables = ['$'];
  #depth = 0;

  constructor(source: string, functions: TemplateFunctions, tokens: readonly Token[]) {
    this.#source = source;
    this.#functions = functions;
    this.#tokens = tokens;
  }

  /** Throws TemplateError at the token that was read last. */
  fail(what: string): never {
    throw errorAt(this.#source, this.#tokens[Math.max(0, this.#index - 1)]?.at ?? 0, what);
  }

  /** Throws TemplateError for a token that may not stand here. */
  unexpected(token: Token, context: string): never {
    if (token.kind === 'eof') this.fail('unexpected EOF');
    const shown = token.text.length > 10 ? `"${token.text.slice(0, 10)}"...` : `"${token.text}"`;
    return this.fail(`unexpected ${shown} in ${context}`);
  }

  /** Runs one more level of nesting. Throws TemplateError when there are too many. */
  nested<T>(run: () => T): T {
    if (this.#depth >= nestingMax) this.fail(`nested deeper than ${nestingMax} levels`);
    this.#depth += 1;
    const result = run();
    this.#depth -= 1;
    return result;
  }

  peek(): Token {
    return this.#tokens[this.#index] ?? { kind: 'eof', text: '', at: this.#source.length };
  }

  next(): Token {
    const token = this.peek();
    this.#index += 1;
    return token;
  }

  peekNonSpace(): Token {
    while (this.peek().kind === 'space') this.#index += 1;
    return this.peek();
  }

  nextNonSpace(): Token {
    this.peekNonSpace();
    return this.next();
  }

  expect(kind: TokenKind, context: string): void {
    const token = this.nextNonSpace();
    if (token.kind !== kind) this.unexpected(token, context);
  }

  /** Whether the action at the place begins with that word. */
  isWordBehindLeft(word: string): boolean {
    let index = this.#index + 1;
    while (this.#tokens[index]?.kind === 'space') index += 1;
    const token = this.#tokens[index];
    return token?.kind === 'word' && token.text === word;
  }

  /** Where the token that was read last begins. */
  placeEnd(): number {
    return this.#tokens[this.#index - 1]?.at ?? this.#source.length;
  }

  openScope(): number {
    return this.#variables.length;
  }

  closeScope(scope: number): void {
    this.#variables.length = scope;
  }

  openFrame(): Frame {
    const frame = { variables: this.#variables, slotsMax: this.slotsMax };
    this.#variables = ['$'];
    this.slotsMax = 1;
    return frame;
  }

  closeFrame(frame: Frame): void {
    this.#variables = frame.variables;
    this.slotsMax = frame.slotsMax;
  }

  /** The text of a string constant. */
  stringOf(token: Token): string {
    return unquote(token.text) ?? this.fail('invalid syntax');
  }

  /** A pipeline up to its end token, which is eaten. */
  pipe(context: string, ending: 'right' | 'close'): PipeNode {
    const { at } = this.peekNonSpace();
    const targets = this.#targets(context);
    const commands: CommandNode[] = [];
    for (;;) {
      const token = this.nextNonSpace();
      if (token.kind === ending) break;
      const starts = operandKinds.includes(token.kind) && !this.#isKeyword(token);
      if (!starts) this.unexpected(token, context);
      this.#index -= 1;
      commands.push(this.#command());
      if (commands.length > pipelineLengthMax) {
        this.fail(`more than ${pipelineLengthMax} commands in a pipeline`);
      }
    }
    this.#checkCommands(commands, context);
    return { type: 'pipe', targets, commands, at, end: this.placeEnd() };
  }

  #isKeyword(token: Token): boolean {
    return (
      token.kind === 'word' && (keywords.includes(token.text) || loopWords.includes(token.text))
    );
  }

  #checkCommands(commands: readonly CommandNode[], context: string): void {
    if (commands.length === 0) this.fail(`missing value for ${context}`);
    for (const [index, { first }] of commands.entries()) {
      if (index > 0 && ['bool', 'dot', 'nil', 'number', 'string'].includes(first.type)) {
        this.fail(`non executable command in pipeline stage ${index + 1}`);
      }
    }
  }

  /** The variables that a pipeline sets, if it begins with any. */
  #targets(context: string): Target[] {
    const start = this.#index;
    const names: string[] = [];
    while (this.peekNonSpace().kind === 'variable') {
      names.push(this.next().text);
      const token = this.peekNonSpace();
      if (token.kind === 'assign' || token.kind === 'declare') {
        this.next();
        return names.map((name) => this.#target(name, token.kind === 'declare'));
      }
      if (token.kind !== 'char' || token.text !== ',') break;
      this.next();
      if (context !== 'range' || names.length > 1) this.fail(`too many declarations in ${context}`);
      const after = this.peekNonSpace().kind;
      // Go takes `{{range $x,}}` for a range that sets a variable to nothing; so it has no value.
      if (after !== 'variable') this.fail('range can only initialize variables');
    }
    this.#index = start;
    return [];
  }

  #target(name: string, isNew: boolean): Target {
    const known = this.#variables.lastIndexOf(name);
    if (!isNew && known >= 0) return { name, slot: known };
    this.#variables.push(name);
    this.slotsMax = Math.max(this.slotsMax, this.#variables.length);
    return { name, slot: isNew ? this.#variables.length - 1 : undefined };
  }

  #command(): CommandNode {
    const { at } = this.peekNonSpace();
    const operands: OperandNode[] = [];
    for (;;) {
      this.peekNonSpace();
      const operand = this.#operand();
      if (operand !== undefined) operands.push(operand);
      const token = this.next();
      if (token.kind === 'space') continue;
      if (token.kind === 'right' || token.kind === 'close') {
        this.#index -= 1;
        break;
      }
      if (token.kind === 'pipe') break;
      this.unexpected(token, 'operand');
    }
    const [first, ...args] = operands;
    if (first === undefined) return this.fail('empty command');
    return { first, args, at, end: operands.at(-1)?.end ?? first.end };
  }

  /** A term with the fields behind it; undefined if no term begins here. */
  #operand(): OperandNode | undefined {
    const term = this.#term();
    if (term === undefined || this.peek().kind !== 'field') return term;
    const names: string[] = [];
    let end = term.end;
    while (this.peek().kind === 'field') {
      const token = this.next();
      names.push(token.text.slice(1));
      end = token.at + token.text.length;
    }
    return this.#withFields(term, names, end);
  }

  #withFields(term: OperandNode, names: readonly string[], end: number): OperandNode {
    if (term.type === 'field') return { ...term, names: [...term.names, ...names], end };
    if (term.type === 'variable') {
      if (this.#variables[term.slot] === '$') this.fields.add(names[0] ?? '');
      return { ...term, names, end };
    }
    if (term.type === 'chain' || term.type === 'function' || term.type === 'pipe') {
      return { type: 'chain', base: term, names, at: term.at, end };
    }
    return this.fail(`unexpected . after term "${this.#source.slice(term.at, term.end)}"`);
  }

  #term(): OperandNode | undefined {
    const token = this.peek();
    if (!operandKinds.includes(token.kind) || this.#isKeyword(token)) return undefined;
    this.next();
    const place = { at: token.at, end: token.at + token.text.length };
    if (token.kind === 'word') return this.#word(token);
    if (token.kind === 'dot') return { type: 'dot', ...place };
    if (token.kind === 'field') {
      const name = token.text.slice(1);
      this.fields.add(name);
      return { type: 'field', names: [name], ...place };
    }
    if (token.kind === 'variable') {
      const slot = this.#variables.lastIndexOf(token.text);
      if (slot < 0) this.fail(`undefined variable "${token.text}"`);
      return { type: 'variable', slot, names: [], ...place };
    }
    if (token.kind === 'open') return this.nested(() => this.#parenthesized(token.at));
    return this.#constant(token);
  }

  #parenthesized(at: number): OperandNode {
    return { ...this.pipe('parenthesized pipeline', 'close'), at, end: this.placeEnd() + 1 };
  }

  #word(token: Token): OperandNode {
    const name = token.text;
    const place = { at: token.at, end: token.at + name.length };
    if (name === 'nil') return { type: 'nil', ...place };
    if (name === 'true' || name === 'false') {
      return { type: 'bool', value: name === 'true', ...place };
    }
    const called = this.#functions.get(name) ?? builtins.get(name);
    if (called === undefined) this.fail(`function "${name}" not defined`);
    if (called.refused !== undefined) {
      this.fail(`function "${name}" is left out: ${called.refused}`);
    }
    return { type: 'function', name, ...place };
  }

  #constant(token: Token): OperandNode {
    const place = { at: token.at, end: token.at + token.text.length };
    if (token.kind === 'rune') {
      const code = unquoteRune(token.text);
      if (code === undefined) this.fail(`malformed character constant: ${token.text}`);
      const value = { int: BigInt(code), float: code, isFloat: false, overflows: false };
      return { type: 'number', ...value, ...place };
    }
    if (token.kind === 'number') {
      const value = parseNumber(token.text);
      if (value === undefined) this.fail(`illegal number syntax: "${token.text}"`);
      return { type: 'number', ...value, ...place };
    }
    return { type: 'string', value: this.stringOf(token), ...place };
  }
}
