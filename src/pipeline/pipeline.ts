/**
 * A compiled pipeline: lines in, entries out, the same each time that the same lines are read.
 * Every stage may hold, drop or change a line; none may lose one: a stage that throws is passed
 * over for that line, and counted.
 */
import type { Entry, LineStart } from './entry.ts';
import type { PipelineCounts, StageCounts } from './pipeline-counts.ts';
import type {
  AnyStage,
  BranchingStage,
  HoldingStage,
  PacingStage,
  Stage,
  StageState,
  StatefulStage,
} from './stage.ts';

/** What the stateful stages remember, in their order. */
export type PipelineState = readonly StageState[];

/** One stage and where entries go on behind it. */
interface Link {
  readonly stage: AnyStage;
  readonly name: string;
  /** Where a branching stage sends entries into; the last of them goes on to `next`. */
  readonly inner: readonly Link[];
  readonly next: Link | undefined;
}

/** What a pipeline is made of. */
export interface PipelineParts {
  readonly stages: readonly AnyStage[];
  readonly names: ReadonlyMap<AnyStage, string>;
  readonly counts: PipelineCounts;
}

/** See the module comment. One for each stream and endpoint, because stages have memory. */
export class Pipeline {
  readonly #first: Link | undefined;
  readonly #counts: PipelineCounts;
  readonly #stateful: StatefulStage[] = [];
  readonly #holding: HoldingStage[] = [];
  /** How many stateful stages stand before the first one that holds lines. */
  #upstream = 0;
  readonly #pacing: PacingStage[] = [];
  #output: (entry: Entry) => void = () => {};

  constructor({ stages, names, counts }: PipelineParts) {
    this.#counts = counts;
    const links = this.#link(stages, names, undefined);
    [this.#first] = links;
    this.#registerAll(links);
  }

  /** Where entries go that come out. */
  set output(take: (entry: Entry) => void) {
    this.#output = take;
  }

  /** Whether a line may be kept for later ones; then the state before each line matters. */
  get mayHold(): boolean {
    return this.#holding.length > 0;
  }

  /** Whether the line that begins there is the first of something that is held. */
  holds(lsn: number): boolean {
    for (const stage of this.#holding) {
      for (const start of stage.held()) if (start.lsn === lsn) return true;
    }
    return false;
  }

  /** Sends an entry through all stages. */
  process(entry: Entry): void {
    this.#run(this.#first, entry);
  }

  /** Bytes of lines that stages hold. */
  get heldBytes(): number {
    return this.#holding.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  /** The oldest line that a stage holds. */
  get heldStart(): LineStart | undefined {
    let oldest: LineStart | undefined;
    for (const stage of this.#holding) {
      for (const start of stage.held()) {
        if (oldest === undefined || start.lsn < oldest.lsn) oldest = start;
      }
    }
    return oldest;
  }

  /** Unix milliseconds at which something that is held is to be handed out, or undefined. */
  get dueAtMs(): number | undefined {
    let dueAtMs: number | undefined;
    for (const stage of this.#holding) {
      const due = stage.dueAtMs;
      if (due !== undefined) dueAtMs = Math.min(due, dueAtMs ?? due);
    }
    return dueAtMs;
  }

  /** Hands out what is due at that time (Unix milliseconds), or everything. */
  flush(nowMs?: number): void {
    for (const stage of this.#holding) stage.flush(nowMs);
  }

  /** Forgets what is held. */
  discard(): void {
    for (const stage of this.#holding) stage.discard();
  }

  /** Unix milliseconds until which no further line is wanted. */
  pausedUntilMs(nowMs: number): number {
    return this.#pacing.reduce((until, stage) => Math.max(until, stage.pausedUntilMs(nowMs)), 0);
  }

  /** What those stateful stages remember that stand before any stage that holds lines. */
  stateBeforeHolding(): PipelineState {
    return this.#stateful.slice(0, this.#upstream).map((stage) => stage.snapshot());
  }

  snapshot(): PipelineState {
    return this.#stateful.map((stage) => stage.snapshot());
  }

  restore(state: PipelineState | undefined): void {
    this.#stateful.forEach((stage, index) => stage.restore(state?.[index]));
  }

  /** What was dropped and measured since the last call; undefined when that is nothing. */
  takeCounts(): StageCounts | undefined {
    return this.#counts.take();
  }

  #run(first: Link | undefined, entry: Entry): void {
    let link = first;
    while (link !== undefined) {
      const next: Link | undefined | false = this.#step(link, entry);
      if (next === false) return;
      link = next;
    }
    this.#output(entry);
  }

  /** Where the entry goes on; false: nowhere. */
  #step(link: Link, entry: Entry): Link | undefined | false {
    const { stage } = link;
    try {
      if (!('route' in stage)) return stage.process(entry) && link.next;
      const route = stage.route(entry);
      if (route === 'drop') return false;
      return route === 'inner' ? (link.inner[0] ?? link.next) : link.next;
    } catch {
      this.#counts.fail(link.name);
      return link.next;
    }
  }

  /** Chains stages; what comes out of the last one goes to `behind`. */
  #link(
    stages: readonly AnyStage[],
    names: ReadonlyMap<AnyStage, string>,
    behind: Link | undefined,
  ): Link[] {
    const links: Link[] = [];
    let next = behind;
    for (const stage of stages.toReversed()) {
      const inner = isBranching(stage) ? this.#link(stage.inner, names, next) : [];
      const link: Link = { stage, name: names.get(stage) ?? '?', inner, next };
      links.unshift(link);
      next = link;
    }
    return links;
  }

  /** In the order of the pipeline: what one stage hands out, the next may hold. */
  #registerAll(links: readonly Link[]): void {
    for (const { stage, inner, next } of links) {
      if (isBranching(stage)) this.#registerAll(inner);
      else this.#register(stage, next);
    }
  }

  #register(stage: Stage, next: Link | undefined): void {
    if (isStateful(stage)) {
      if (this.#holding.length === 0 && !isHolding(stage)) this.#upstream += 1;
      this.#stateful.push(stage);
    }
    if (isPacing(stage)) this.#pacing.push(stage);
    if (!isHolding(stage)) return;
    this.#holding.push(stage);
    stage.emit = (entry) => this.#run(next, entry);
  }
}

function isBranching(stage: AnyStage): stage is BranchingStage {
  return 'route' in stage;
}

function isStateful(stage: Stage): stage is StatefulStage {
  return 'snapshot' in stage;
}

function isHolding(stage: Stage): stage is HoldingStage {
  return 'emit' in stage;
}

function isPacing(stage: Stage): stage is PacingStage {
  return 'pausedUntilMs' in stage;
}
