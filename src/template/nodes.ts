/**
 * The tree of a parsed template. Plain data; it holds places in the source for messages and must
 * never hold values of an execution.
 */

/** Where a node stands in the source: `[at, end)`. */
interface Placed {
  readonly at: number;
  readonly end: number;
}

/** A constant number, which Go gives its type only where it is used. */
export interface NumberNode extends Placed {
  readonly type: 'number';
  /** Undefined when it has no integer value in the range of int64. */
  readonly int: bigint | undefined;
  readonly float: number;
  /** Whether it is float64 where nothing else is asked for. */
  readonly isFloat: boolean;
  /** Whether it is an integer above int64. */
  readonly overflows: boolean;
}

/** `.A.B` */
export interface FieldNode extends Placed {
  readonly type: 'field';
  readonly names: readonly string[];
}

/** `$x.A.B`; `slot` is the place of `$x` in the frame. */
export interface VariableNode extends Placed {
  readonly type: 'variable';
  readonly slot: number;
  readonly names: readonly string[];
}

/** `(pipeline).A.B`, or a function's result as in `f.A`. */
export interface ChainNode extends Placed {
  readonly type: 'chain';
  readonly base: OperandNode;
  readonly names: readonly string[];
}

/** A word that names a function. */
export interface FunctionNode extends Placed {
  readonly type: 'function';
  readonly name: string;
}

/** What a command is made of. */
export type OperandNode =
  | FieldNode
  | VariableNode
  | ChainNode
  | FunctionNode
  | NumberNode
  | PipeNode
  | (Placed & { readonly type: 'dot' })
  | (Placed & { readonly type: 'nil' })
  | (Placed & { readonly type: 'bool'; readonly value: boolean })
  | (Placed & { readonly type: 'string'; readonly value: string });

/** A function, method, field or value, and its arguments. */
export interface CommandNode extends Placed {
  readonly first: OperandNode;
  readonly args: readonly OperandNode[];
}

/** A variable that a pipeline sets; no slot if it is assigned to and was never declared. */
export interface Target {
  readonly name: string;
  readonly slot: number | undefined;
}

/** `$x, $y := command | command` */
export interface PipeNode extends Placed {
  readonly type: 'pipe';
  readonly targets: readonly Target[];
  readonly commands: readonly CommandNode[];
}

/** One condition of an `if` or `with` and what follows it. */
export interface Branch {
  readonly pipe: PipeNode;
  readonly body: readonly StatementNode[];
}

/** `if` or `with`, with every `else if` of its kind. */
export interface ConditionNode {
  readonly type: 'if' | 'with';
  readonly branches: readonly Branch[];
  readonly otherwise: readonly StatementNode[];
}

/** What a template consists of. */
export type StatementNode =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'action'; readonly pipe: PipeNode }
  | ConditionNode
  | ({ readonly type: 'range'; readonly otherwise: readonly StatementNode[] } & Branch)
  | (Placed & {
      readonly type: 'template';
      readonly name: string;
      readonly pipe: PipeNode | undefined;
    })
  | { readonly type: 'break' }
  | { readonly type: 'continue' };

/** A whole template or a defined one; `slots` is the size of its frame of variables. */
export interface Definition {
  readonly body: readonly StatementNode[];
  readonly slots: number;
}

/** A parsed text: the main template and those it defines. */
export interface ParsedTemplate {
  readonly main: Definition;
  readonly defined: ReadonlyMap<string, Definition>;
  readonly fields: ReadonlySet<string>;
}
