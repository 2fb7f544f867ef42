/**
 * Turns the tree of a template into closures, once; they are then run for every log line. What Go
 * finds out only when it executes (a wrong constant, a wrong number of arguments) becomes a
 * closure that throws, so that a branch that is never taken never fails.
 */
import { spend, templateDepthMax, textLengthMax } from './budget.ts';
import { PipeCompiler } from './compile-pipe.ts';
import { TemplateError } from './error.ts';
import { formatPlain } from './format.ts';
import type { ConditionNode, Definition, ParsedTemplate, StatementNode } from './nodes.ts';
import type { Eval, Run } from './run.ts';
import type { TemplateFunctions, TemplateValue } from './value.ts';
import { isList, isMap, isNil, isTrue, sortedKeys } from './value.ts';

/** How a statement ended: onwards, or at a break or continue of the range around it. */
type Flow = 'next' | 'break' | 'continue';

/** A compiled statement or list of them. */
type Exec = (run: Run, dot: TemplateValue) => Flow;

type StatementOf<Type extends StatementNode['type']> = Extract<StatementNode, { type: Type }>;
type RangeNode = StatementOf<'range'>;

/** A compiled template with what its variables need. */
interface Compiled {
  readonly exec: Exec;
  readonly slots: number;
}

/** The execution of a parsed template. */
export function compile(
  parsed: ParsedTemplate,
  source: string,
  functions: TemplateFunctions,
): (run: Run, data: TemplateValue) => void {
  const compiler = new Compiler(parsed, source, functions);
  const main = compiler.definition(parsed.main);
  return (run, data) => {
    run.variables = newFrame(main.slots, data);
    main.exec(run, data);
  };
}

function newFrame(slots: number, data: TemplateValue): TemplateValue[] {
  const variables: TemplateValue[] = [data];
  while (variables.length < slots) variables.push(undefined);
  return variables;
}

/** Adds to the output. Throws TemplateError when it gets too long. */
function write(run: Run, text: string): void {
  if (run.out.length + text.length > textLengthMax) {
    throw new TemplateError(`the output is longer than ${textLengthMax} characters`);
  }
  run.out += text;
}

class Compiler {
  readonly #parsed: ParsedTemplate;
  readonly #pipes: PipeCompiler;
  /** Defined templates, each compiled once, also when it calls itself. */
  readonly #compiled = new Map<string, Compiled | undefined>();

  constructor(parsed: ParsedTemplate, source: string, functions: TemplateFunctions) {
    this.#parsed = parsed;
    this.#pipes = new PipeCompiler(source, functions);
    for (const [name, definition] of parsed.defined) {
      this.#compiled.set(name, this.definition(definition));
    }
  }

  definition({ body, slots }: Definition): Compiled {
    return { exec: this.#list(body), slots };
  }

  #list(body: readonly StatementNode[]): Exec {
    const statements = body.map((statement) => this.#statement(statement));
    const [only] = statements;
    if (only === undefined) return () => 'next';
    if (statements.length === 1) return only;
    return (run, dot) => {
      for (const exec of statements) {
        const flow = exec(run, dot);
        if (flow !== 'next') return flow;
      }
      return 'next';
    };
  }

  #statement(node: StatementNode): Exec {
    if (node.type === 'text') return textExec(node.text);
    if (node.type === 'action') return this.#action(node);
    if (node.type === 'range') return this.#range(node);
    if (node.type === 'template') return this.#template(node);
    if (node.type === 'break') return () => 'break';
    if (node.type === 'continue') return () => 'continue';
    return this.#condition(node);
  }

  #action({ pipe }: StatementOf<'action'>): Exec {
    const evaluate = this.#pipes.pipe(pipe);
    if (pipe.targets.length > 0) {
      return (run, dot) => {
        spend(1);
        evaluate(run, dot);
        return 'next';
      };
    }
    return (run, dot) => {
      spend(1);
      const value = evaluate(run, dot);
      if (typeof value === 'string') write(run, value);
      else write(run, isNil(value) ? '<no value>' : formatPlain(value));
      return 'next';
    };
  }

  #condition(node: ConditionNode): Exec {
    const branches = node.branches.map(({ pipe, body }) => ({
      condition: this.#pipes.pipe(pipe),
      body: this.#list(body),
    }));
    const otherwise = this.#list(node.otherwise);
    const isWith = node.type === 'with';
    return (run, dot) => {
      for (const { condition, body } of branches) {
        spend(1);
        const value = condition(run, dot);
        if (isTrue(value)) return body(run, isWith ? value : dot);
      }
      return otherwise(run, dot);
    };
  }

  #range(node: RangeNode): Exec {
    const evaluate = this.#pipes.pipe(node.pipe);
    const turn = turnOf(node, this.#list(node.body));
    const otherwise = this.#list(node.otherwise);
    const setsTwo = node.pipe.targets.length > 1;
    return (run, dot) => {
      const value = evaluate(run, dot);
      spend(1);
      if (isList(value)) {
        if (value.length === 0) return otherwise(run, dot);
        for (const [index, element] of value.entries()) {
          if (turn(run, BigInt(index), element) === 'break') break;
        }
        return 'next';
      }
      if (isMap(value)) {
        if (value.size === 0) return otherwise(run, dot);
        spend(value.size);
        for (const key of sortedKeys(value)) {
          if (turn(run, key, value.get(key)) === 'break') break;
        }
        return 'next';
      }
      if (typeof value === 'bigint') {
        if (setsTwo) {
          throw this.#pipes.errorIn(
            node.pipe,
            `can't use ${value} to iterate over more than one variable`,
          );
        }
        if (value <= 0n) return otherwise(run, dot);
        for (let index = 0n; index < value; index += 1n) {
          if (turn(run, undefined, index) === 'break') break;
        }
        return 'next';
      }
      if (isNil(value)) return otherwise(run, dot);
      throw this.#pipes.errorIn(node.pipe, `range can't iterate over ${formatPlain(value)}`);
    };
  }

  #template(node: StatementOf<'template'>): Exec {
    const { name, pipe } = node;
    const evaluate: Eval = pipe === undefined ? () => undefined : this.#pipes.pipe(pipe);
    if (!this.#parsed.defined.has(name)) {
      return () => {
        throw this.#pipes.errorIn(node, `template "${name}" not defined`);
      };
    }
    return (run, dot) => {
      spend(1);
      const data = evaluate(run, dot);
      if (run.depth >= templateDepthMax) {
        throw this.#pipes.errorIn(node, `exceeded maximum template depth (${templateDepthMax})`);
      }
      const called = this.#compiled.get(name);
      const { variables } = run;
      run.variables = newFrame(called?.slots ?? 1, data);
      run.depth += 1;
      called?.exec(run, data);
      run.depth -= 1;
      run.variables = variables;
      return 'next';
    };
  }
}

function textExec(text: string): Exec {
  return (run) => {
    write(run, text);
    return 'next';
  };
}

/** One turn of a range: sets its variables to the key and the element, and runs the body. */
function turnOf(
  { pipe }: RangeNode,
  body: Exec,
): (run: Run, key: TemplateValue, element: TemplateValue) => Flow {
  const [first, second] = pipe.targets.map(({ slot }) => slot);
  const keySlot = second === undefined ? undefined : first;
  const elementSlot = second ?? first;
  return (run, key, element) => {
    spend(1);
    if (elementSlot !== undefined) run.variables[elementSlot] = element;
    if (keySlot !== undefined) run.variables[keySlot] = key;
    return body(run, element);
  };
}
