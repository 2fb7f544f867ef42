/**
 * Compiles pipelines, commands and operands to closures: which thing is called with which
 * arguments, what a field is, how a constant gets its type. Its messages are those of Go.
 */
import { compileArgument, compileConstant } from './arguments.ts';
import { builtins } from './builtins.ts';
import type { CallSite } from './calls.ts';
import { compileCall } from './calls.ts';
import type { TemplateError } from './error.ts';
import { errorAt } from './error.ts';
import { memberOf } from './fields.ts';
import type {
  ChainNode,
  CommandNode,
  FieldNode,
  FunctionNode,
  OperandNode,
  PipeNode,
} from './nodes.ts';
import type { Eval } from './run.ts';
import type { TemplateFunction, TemplateFunctions, TemplateValue } from './value.ts';

/** A place in the source that a message can show. */
interface Place {
  readonly at: number;
  readonly end: number;
}

/** Compiles what gives a value. One object serves one template text. */
export class PipeCompiler {
  readonly #source: string;
  readonly #functions: TemplateFunctions;

  constructor(source: string, functions: TemplateFunctions) {
    this.#source = source;
    this.#functions = functions;
  }

  /** The error of an execution at a node. */
  errorIn(place: Place, what: string): TemplateError {
    return errorAt(this.#source, place.at, `executing at <${this.sourceOf(place)}>: ${what}`);
  }

  /** A node as it is written. */
  sourceOf(place: Place): string {
    return this.#source.slice(place.at, place.end);
  }

  /** The value of a pipeline; its variables are set on the way. */
  pipe(node: PipeNode): Eval {
    let evaluate: Eval | undefined;
    for (const command of node.commands) evaluate = withoutNull(this.#command(command, evaluate));
    const value = evaluate ?? ((): TemplateValue => undefined);
    if (node.targets.length === 0) return value;
    const slots: number[] = [];
    for (const { name, slot } of node.targets) {
      if (slot === undefined) return this.#failing(node, `undefined variable: ${name}`);
      slots.push(slot);
    }
    return (run, dot) => {
      const result = value(run, dot);
      for (const slot of slots) run.variables[slot] = result;
      return result;
    };
  }

  /** The value of an operand that is used without arguments. */
  operand(node: OperandNode): Eval {
    return this.#command({ first: node, args: [], at: node.at, end: node.end }, undefined);
  }

  #failing(place: Place, what: string): Eval {
    return () => {
      throw this.errorIn(place, what);
    };
  }

  /** `piped` is what the command before it in the pipeline gives, the last argument of this one. */
  #command(command: CommandNode, piped: Eval | undefined): Eval {
    const { first } = command;
    if (first.type === 'function') {
      return this.#call(first, this.#site(command, first.name, piped));
    }
    if (first.type === 'field') {
      return this.#fields((_run, dot) => dot, first.names, command, piped);
    }
    if (first.type === 'chain') {
      return this.#fields(this.operand(first.base), first.names, command, piped);
    }
    if (first.type === 'variable' && first.names.length > 0) {
      return this.#fields((run) => run.variables[first.slot], first.names, command, piped);
    }
    return this.#alone(command, piped) ?? this.#value(first);
  }

  /** What is a value by itself. */
  #value(node: Exclude<OperandNode, FunctionNode | FieldNode | ChainNode>): Eval {
    if (node.type === 'pipe') return this.pipe(node);
    if (node.type === 'variable') return (run) => run.variables[node.slot];
    if (node.type === 'dot') return (_run, dot) => dot;
    if (node.type === 'nil') return this.#failing(node, 'nil is not a command');
    return compileConstant(this, node);
  }

  /** What fails if a value is given arguments as if it were a function. */
  #alone({ first, args }: CommandNode, piped: Eval | undefined): Eval | undefined {
    if (args.length === 0 && piped === undefined) return undefined;
    return this.#failing(first, `can't give argument to non-function ${this.sourceOf(first)}`);
  }

  #site(command: CommandNode, name: string, piped: Eval | undefined): CallSite {
    return {
      name,
      args: command.args,
      piped,
      argument: (node, kind) => compileArgument(this, node, kind),
      value: (node) => compileArgument(this, node, 'any'),
      fail: (what) => this.errorIn(command, what),
    };
  }

  #call({ name }: FunctionNode, site: CallSite): Eval {
    const own = this.#functions.get(name);
    const called: TemplateFunction | undefined = own ?? builtins.get(name);
    if (called === undefined) throw site.fail(`function "${name}" not defined`);
    return compileCall(called, site, own === undefined);
  }

  /** Fields behind a value; only the last one may take arguments, if it is a method. */
  #fields(
    base: Eval,
    names: readonly string[],
    command: CommandNode,
    piped: Eval | undefined,
  ): Eval {
    const { first } = command;
    const site = this.#site(command, names.at(-1) ?? '', piped);
    const fail = (what: string): TemplateError => this.errorIn(first, what);
    const members = names.map((name, index) => {
      const callSite = index === names.length - 1 ? site : { ...site, args: [], piped: undefined };
      return memberOf(name, { ...callSite, name, fail });
    });
    const [only] = members;
    if (only !== undefined && members.length === 1) {
      return (run, dot) => only(run, dot, base(run, dot));
    }
    return (run, dot) => {
      let value = base(run, dot);
      for (const member of members) value = member(run, dot, value);
      return value;
    };
  }
}

/** A nil that came out of a map or slice is the same as any other nil from here on. */
function withoutNull(evaluate: Eval): Eval {
  return (run, dot) => evaluate(run, dot) ?? undefined;
}
