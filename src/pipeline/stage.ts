/**
 * What every stage of a pipeline looks like. A stage knows no clock, no disk and no network: time
 * is the entry's own, and the same lines in the same order always give the same entries, so that
 * what is read again after a failure is sent again as it was.
 */
import type { ConfigNode } from './config-node.ts';
import type { Entry, LineStart } from './entry.ts';
import type { PipelineCounts } from './pipeline-counts.ts';

/**
 * How long a line may be on its way between its time and its place in the log, in milliseconds:
 * so much later than `dueAtMs` would need, so that a clock and the lines themselves say the same.
 */
export const lateLinesMs = 500;

/** One step. */
export interface Stage {
  /**
   * Changes the entry in place. False: it goes no further, because it is dropped (which is
   * counted) or held. A throw is caught: the entry goes on as it is then, and that is counted.
   */
  process(entry: Entry): boolean;
}

/** What a stage has to remember to do the same again: a few numbers. Never changed once made. */
export type StageState = readonly number[];

/** A stage whose doing depends on the lines before. */
export interface StatefulStage extends Stage {
  /** As it is now. */
  snapshot(): StageState;
  /** Goes back; undefined, and numbers that are not its own, mean: as if no line had been there. */
  restore(state: StageState | undefined): void;
}

/**
 * A stage that keeps lines until later ones came. It copies what it keeps. Lines that are held
 * stay in the log: the cursor stops where the oldest of them begins.
 */
export interface HoldingStage extends Stage {
  /** Set by the pipeline: takes what goes on to the next stage, any number of times. */
  emit: (entry: Entry) => void;
  /** Bytes of the lines that are held. */
  readonly heldBytes: number;
  /** The first line of each thing that is held. */
  held(): Iterable<LineStart>;
  /**
   * Unix milliseconds from which on something that is held waits for nothing any more, with
   * `lateLinesMs` in it; undefined: nothing is held, or it waits for ever.
   */
  readonly dueAtMs: number | undefined;
  /**
   * Hands out what was due at this time, in Unix milliseconds; everything without a time. The
   * pipeline calls it before each line with the line's own time. With the time of a clock it must
   * only be called when all that was printed until `lateLinesMs` before has been read.
   */
  flush(nowMs?: number): void;
  /** Forgets what is held: it will be read again. */
  discard(): void;
}

/** A stage that wants nothing more to come for a while. */
export interface PacingStage extends Stage {
  /** Unix milliseconds from which on the next line is welcome; `nowMs` is the time now. */
  pausedUntilMs(nowMs: number): number;
}

/** A stage with stages of its own, which only some entries go through. */
export interface BranchingStage {
  readonly inner: readonly AnyStage[];
  /** `inner`: through those and then on; `next`: past them; `drop`: no further (it counts that). */
  route(entry: Entry): 'inner' | 'next' | 'drop';
}

/** Whatever may stand in a pipeline. */
export type AnyStage = Stage | BranchingStage;

/** What a stage is made with. */
export interface StageContext {
  /** Where it counts what it drops and measures. */
  readonly counts: PipelineCounts;
  /** Says something to whoever starts the container; the place in the YAML is put before it. */
  readonly warn: (node: ConfigNode, text: string) => void;
  /** Makes the stages of a list, for a stage with stages of its own. Throws ConfigError. */
  compileStages(list: ConfigNode): AnyStage[];
}

/** Makes a stage from its configuration. Throws ConfigError. */
export type StageCompiler = (config: ConfigNode, context: StageContext) => AnyStage;
