/**
 * Builds the tree of a template by the grammar of Go's text/template/parse. Everything that Go
 * refuses before executing is refused here; it must never look at data.
 */
import { sourceLengthMax } from './budget.ts';
import { TemplateError } from './error.ts';
import { tokenize } from './lexer.ts';
import type { Branch, Definition, ParsedTemplate, PipeNode, StatementNode } from './nodes.ts';
import { PipeParser } from './pipe-parser.ts';
import type { TemplateFunctions } from './value.ts';

/** How a list of statements ended: at `{{end}}` or behind the word `else`. */
type ListEnd = 'end' | 'else';

/** The tree of `source`. Throws TemplateError on what Go does not parse. */
export function parse(source: string, functions: TemplateFunctions): ParsedTemplate {
  if (source.length > sourceLengthMax) {
    throw new TemplateError(`template: longer than ${sourceLengthMax} characters`);
  }
  return new Parser(source, functions).run();
}

class Parser extends PipeParser {
  readonly #defined = new Map<string, Definition>();
  #rangeDepth = 0;

  constructor(source: string, functions: TemplateFunctions) {
    super(source, functions, tokenize(source));
  }

  run(): ParsedTemplate {
    const body: StatementNode[] = [];
    while (this.peek().kind !== 'eof') {
      if (this.peek().kind === 'left' && this.isWordBehindLeft('define')) {
        this.#define();
        continue;
      }
      const statement = this.#statement();
      if (statement === 'end' || statement === 'else') this.fail(`unexpected {{${statement}}}`);
      body.push(statement);
    }
    const main = { body, slots: this.slotsMax };
    return { main, defined: this.#defined, fields: this.fields };
  }

  /** Statements up to `{{end}}`, whose action is eaten, or up to behind `else`. */
  #list(): { body: StatementNode[]; ending: ListEnd } {
    const body: StatementNode[] = [];
    while (this.peek().kind !== 'eof') {
      const statement = this.#statement();
      if (statement === 'end' || statement === 'else') return { body, ending: statement };
      body.push(statement);
    }
    return this.fail('unexpected EOF');
  }

  #statement(): StatementNode | ListEnd {
    const token = this.next();
    if (token.kind === 'text') return { type: 'text', text: token.text };
    const word = this.peekNonSpace();
    const statement = word.kind === 'word' ? this.#keyword(word.text) : undefined;
    if (statement !== undefined) return statement;
    return { type: 'action', pipe: this.pipe('command', 'right') };
  }

  /** The statement that begins with that word, which is eaten if it is a keyword. */
  #keyword(word: string): StatementNode | ListEnd | undefined {
    switch (word) {
      case 'if':
      case 'with':
        return this.#condition(word);
      case 'range':
        return this.#range();
      case 'template':
        return this.#template();
      case 'block':
        return this.#block();
      case 'break':
      case 'continue':
        return this.#loopExit(word);
      case 'end':
        this.nextNonSpace();
        this.expect('right', 'end');
        return 'end';
      case 'else':
        this.nextNonSpace();
        return 'else';
      default:
        return undefined;
    }
  }

  #loopExit(word: 'break' | 'continue'): StatementNode {
    this.nextNonSpace();
    this.expect('right', `{{${word}}}`);
    if (this.#rangeDepth === 0) this.fail(`{{${word}}} outside {{range}}`);
    return { type: word };
  }

  /** `if` or `with`, with every `else if` of its own kind in one node. */
  #condition(word: 'if' | 'with'): StatementNode {
    return this.nested(() => {
      const scope = this.openScope();
      const branches: Branch[] = [];
      let otherwise: StatementNode[] = [];
      for (;;) {
        this.nextNonSpace();
        const pipe = this.pipe(word, 'right');
        const { body, ending } = this.#list();
        branches.push({ pipe, body });
        if (ending === 'end') break;
        const next = this.peekNonSpace();
        if (next.kind === 'word' && next.text === word) continue;
        otherwise = this.#otherwise();
        break;
      }
      this.closeScope(scope);
      return { type: word, branches, otherwise };
    });
  }

  /** The rest behind the word `else`, up to the end. */
  #otherwise(): StatementNode[] {
    this.expect('right', 'else');
    const { body, ending } = this.#list();
    if (ending !== 'end') this.fail('expected end; found {{else}}');
    return body;
  }

  #range(): StatementNode {
    return this.nested(() => {
      const scope = this.openScope();
      this.nextNonSpace();
      const pipe = this.pipe('range', 'right');
      this.#rangeDepth += 1;
      const { body, ending } = this.#list();
      this.#rangeDepth -= 1;
      const otherwise = ending === 'else' ? this.#otherwise() : [];
      this.closeScope(scope);
      return { type: 'range', pipe, body, otherwise };
    });
  }

  #template(): StatementNode {
    const { at } = this.nextNonSpace();
    const name = this.#name('template clause');
    let pipe: PipeNode | undefined;
    if (this.peekNonSpace().kind === 'right') this.nextNonSpace();
    else pipe = this.pipe('template clause', 'right');
    return { type: 'template', name, pipe, at, end: this.placeEnd() };
  }

  #block(): StatementNode {
    const { at } = this.nextNonSpace();
    const name = this.#name('block clause');
    const pipe = this.pipe('block clause', 'right');
    const end = this.placeEnd();
    this.#definition(name, 'block clause');
    return { type: 'template', name, pipe, at, end };
  }

  #define(): void {
    this.next();
    this.nextNonSpace();
    const name = this.#name('define clause');
    this.expect('right', 'define clause');
    this.#definition(name, 'define clause');
  }

  /** The body of a definition, which has variables of its own, up to its end. */
  #definition(name: string, context: string): void {
    const outer = this.openFrame();
    const outerRangeDepth = this.#rangeDepth;
    this.#rangeDepth = 0;
    const { body, ending } = this.nested(() => this.#list());
    if (ending !== 'end') this.fail(`unexpected {{else}} in ${context}`);
    const definition = { body, slots: this.slotsMax };
    this.closeFrame(outer);
    this.#rangeDepth = outerRangeDepth;
    const earlier = this.#defined.get(name);
    // As in Go, an empty definition neither replaces another one nor is in its way.
    if (earlier === undefined || isEmpty(earlier)) this.#defined.set(name, definition);
    else if (!isEmpty(definition)) this.fail(`multiple definition of template "${name}"`);
  }

  #name(context: string): string {
    const token = this.nextNonSpace();
    if (token.kind !== 'string' && token.kind !== 'rawString') this.unexpected(token, context);
    return this.stringOf(token);
  }
}

function isEmpty({ body }: Definition): boolean {
  return body.every((statement) => statement.type === 'text' && statement.text.trim() === '');
}
