/**
 * Where lines begin that are held back, and what the source knew there: the cursor stops at the
 * oldest of them, and from it everything can be done again. Bounded by what is held.
 */
import type { SourceState } from './source-state.ts';

/** One place. */
export interface HeldMark {
  readonly lsn: number;
  /** How many frames of the stream end before it. */
  readonly ordinal: number;
  readonly state: SourceState;
}

/** See the module comment. */
export class HeldMarks {
  readonly #marks = new Map<number, HeldMark>();

  /** A line that begins there is held, or may be. What was noted of the place first counts. */
  note(lsn: number, ordinal: number, state: SourceState): void {
    if (!this.#marks.has(lsn)) this.#marks.set(lsn, { lsn, ordinal, state });
  }

  /** The mark of a place where a line is held; those of older places are forgotten. */
  oldest(lsn: number): HeldMark | undefined {
    for (const noted of this.#marks.keys()) if (noted < lsn) this.#marks.delete(noted);
    return this.#marks.get(lsn);
  }

  clear(): void {
    this.#marks.clear();
  }
}
