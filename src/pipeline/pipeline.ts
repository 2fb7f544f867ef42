/**
 * A compiled pipeline: lines in, entries out, the same each time that the same lines are read.
 * Every stage may hold, drop or change a line; none may lose one: a stage that throws is passed
 * over for that line, and counted.
 */
import type { Entry, LineStart } from './entry.ts';
import { HeldChain } from './held-chain.ts';
import type { PipelineCounts, StageCounts } from './pipeline-counts.ts';
import {
  type AnyStage,
  type BranchingStage,
  type HoldingStage,
  lateLinesMs,
  type PacingStage,
  type Stage,
  type StageState,
  type StatefulStage,
} from './stage.ts';

/** Far more than stages can hold; a stage that does not hand out what is due must not hang a stream. */
const flushRoundsMax = 10_000;

/** What the stateful stages remember, in their order. */
export type PipelineState = readonly StageState[];

/** From where on, and with what memory, lines are read again so that they give the same entries. */
export interface ResumePoint {
  /** Undefined: nothing is held, the next line is the one. */
  readonly start: LineStart | undefined;
  readonly state: PipelineState;
}

/** One stage and where entries go on behind it. */
interface Link {
  readonly stage: AnyStage;
  readonly name: string;
  /** Where a branching stage sends entries into; the last of them goes on to `next`. */
  readonly inner: readonly Link[];
  readonly next: Link | undefined;
  /** The stage, if it has a memory that has to be kept by lines. */
  remembers: StatefulStage | undefined;
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
  readonly #pacing: PacingStage[] = [];
  readonly #chain = new HeldChain();
  /**
   * The oldest other line that is still being put together from pieces, before it comes here. Set
   * before each line: it counts as held, because later lines pass it by.
   */
  openStart: LineStart | undefined;
  /** Whether the next line was put together from pieces. Set before each line. */
  isInPieces = false;
  #output: (entry: Entry) => void = () => {};

  constructor({ stages, names, counts }: PipelineParts) {
    this.#counts = counts;
    const links = this.#link(stages, names, undefined);
    [this.#first] = links;
    this.#registerAll(links);
    if (this.#holding.length > 0) rememberByLine(links);
  }

  /** Where entries go that come out. */
  set output(take: (entry: Entry) => void) {
    this.#output = take;
  }

  /** Sends an entry through all stages. What waited long enough goes before it. */
  process(entry: Entry): void {
    if (this.#holding.length === 0) {
      this.#run(this.#first, entry);
      return;
    }
    const { lsn, ordinal, capturedMs } = entry;
    // A little less: what is due at this very time still waits for this line.
    this.#flushDue((capturedMs + lateLinesMs) * (1 - Number.EPSILON));
    if (this.#chain.mustCut(capturedMs)) this.#flushAll();
    this.#run(this.#first, entry);
    const { isInPieces } = this;
    this.#chain.lineEnded({ lsn, ordinal, capturedMs, isInPieces }, this.#oldestHeld());
  }

  /** Bytes of lines that stages hold. */
  get heldBytes(): number {
    return this.#holding.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  /**
   * The line from which on all is to be read again when nothing that came out later is lost: the
   * oldest one held, or one a little before it. Undefined: nothing is held.
   */
  get heldStart(): LineStart | undefined {
    return this.#chain.start;
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

  /**
   * Hands out what is due at that time (Unix milliseconds), or everything. The time of a clock is
   * right only when all is read that was printed until `lateLinesMs` before.
   */
  flush(nowMs?: number): void {
    if (nowMs === undefined) this.#flushAll();
    else this.#flushDue(nowMs);
    if (this.#oldestHeld() === undefined) this.#chain.clear();
  }

  /** Forgets what is held. */
  discard(): void {
    for (const stage of this.#holding) stage.discard();
    this.#chain.clear();
  }

  /** Unix milliseconds until which no further line is wanted. */
  pausedUntilMs(nowMs: number): number {
    return this.#pacing.reduce((until, stage) => Math.max(until, stage.pausedUntilMs(nowMs)), 0);
  }

  /** Where to begin again, when all that came out until now is settled. */
  get resumePoint(): ResumePoint {
    const state = this.#stateful.map((stage) => this.#chain.stateOf(stage) ?? stage.snapshot());
    return { start: this.#chain.start, state };
  }

  /** Goes back to what a resume point remembers; what is held is forgotten. */
  restore(state: PipelineState | undefined): void {
    this.discard();
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
      if (!('route' in stage)) {
        if (link.remembers !== undefined) this.#chain.note(link.remembers, entry.lsn);
        return stage.process(entry) && link.next;
      }
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
      const link: Link = {
        stage,
        name: names.get(stage) ?? '?',
        inner,
        next,
        remembers: undefined,
      };
      links.unshift(link);
      next = link;
    }
    return links;
  }

  #flushAll(): void {
    for (const stage of this.#holding) stage.flush();
  }

  /** One time after another, so that it is the same whether a clock came by in between or not. */
  #flushDue(nowMs: number): void {
    for (let round = 0; round < flushRoundsMax; round += 1) {
      const { dueAtMs } = this;
      if (dueAtMs === undefined || dueAtMs > nowMs) return;
      for (const stage of this.#holding) stage.flush(dueAtMs);
    }
  }

  #oldestHeld(): LineStart | undefined {
    let oldest = this.openStart;
    for (const stage of this.#holding) {
      for (const start of stage.held()) {
        if (oldest === undefined || start.lsn < oldest.lsn) oldest = start;
      }
    }
    return oldest;
  }

  /** In the order of the pipeline: what one stage hands out, the next may hold. */
  #registerAll(links: readonly Link[]): void {
    for (const { stage, inner, next } of links) {
      if (isBranching(stage)) this.#registerAll(inner);
      else this.#register(stage, next);
    }
  }

  #register(stage: Stage, next: Link | undefined): void {
    if (isStateful(stage)) this.#stateful.push(stage);
    if (isPacing(stage)) this.#pacing.push(stage);
    if (!isHolding(stage)) return;
    this.#holding.push(stage);
    stage.emit = (entry) => this.#run(next, entry);
  }
}

function rememberByLine(links: readonly Link[]): void {
  for (const link of links) {
    rememberByLine(link.inner);
    if (!isBranching(link.stage) && isStateful(link.stage)) link.remembers = link.stage;
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
