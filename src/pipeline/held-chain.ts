/**
 * Where a stream has to be read from again while stages hold lines of it, and what the other
 * stages have to remember for that. The oldest line that is held is not enough: another block may
 * have begun before it and gone out since, and its last lines would be read again without their
 * beginning. So the beginning moves on only when a line finds nothing held but itself. Memory is
 * kept by lines: that of a stage at a line is what it was before anything from that line on came.
 *
 * It depends on nothing but the lines since the beginning, and so do the cuts that bound it.
 */
import type { LineStart } from './entry.ts';
import type { StageState, StatefulStage } from './stage.ts';

/** After so many lines in which blocks overlap, all are handed out as soon as it is quiet. */
const overlapLinesMax = 1000;
/** Quiet: no line for so long, in milliseconds; a block is rarely printed with such gaps. */
const quietMs = 100;
/** After so many all are handed out at once: lines that are read again cost time and memory. */
const overlapLinesHardMax = 5000;

interface Memory {
  readonly lsn: number;
  readonly state: StageState;
}

/** A line that went through. */
export interface EndedLine extends LineStart {
  readonly capturedMs: number;
  readonly isInPieces: boolean;
}

/** See the module comment. */
export class HeldChain {
  /** The line to begin with; undefined: nothing is held. */
  start: LineStart | undefined;
  readonly #memories = new Map<StatefulStage, Memory[]>();
  #overlapLines = 0;
  #lastMs = 0;

  /** An entry that began at `lsn` is about to be given to the stage. */
  note(stage: StatefulStage, lsn: number): void {
    const memories = this.#memories.get(stage) ?? [];
    if (memories.length === 0) this.#memories.set(stage, memories);
    memories.push({ lsn, state: stage.snapshot() });
  }

  /**
   * All stages are done with a line; `oldest` is what is held now. A line of pieces comes late:
   * others that begin behind it were here before, and others may have ended within it. So reading
   * can begin at it only if it has to begin there or before anyway.
   */
  lineEnded(line: EndedLine, oldest: LineStart | undefined): void {
    this.#lastMs = line.capturedMs;
    if (oldest === undefined) {
      this.clear();
    } else if (this.start === undefined || (!line.isInPieces && oldest.lsn === line.lsn)) {
      const { lsn, ordinal } = line;
      this.start = oldest.lsn < lsn ? oldest : { lsn, ordinal };
      this.#overlapLines = 0;
      for (const [stage, memories] of this.#memories) {
        const index = memories.findIndex((memory) => memory.lsn >= (this.start?.lsn ?? 0));
        this.#memories.set(stage, index < 0 ? [] : memories.slice(index));
      }
    } else if (oldest.lsn > this.start.lsn) {
      this.#overlapLines += 1;
    }
  }

  /** Whether all that is held must be handed out before a line with this time. Counts anew then. */
  mustCut(capturedMs: number): boolean {
    if (this.#overlapLines <= overlapLinesMax) return false;
    const isQuiet = capturedMs - this.#lastMs >= quietMs;
    if (!isQuiet && this.#overlapLines <= overlapLinesHardMax) return false;
    this.#overlapLines = 0;
    return true;
  }

  /** What the stage remembered at `start`; undefined: what it does now. */
  stateOf(stage: StatefulStage): StageState | undefined {
    return this.#memories.get(stage)?.[0]?.state;
  }

  /** Nothing is held any more. */
  clear(): void {
    this.start = undefined;
    this.#overlapLines = 0;
    this.#memories.clear();
  }
}
