/**
 * Under what a line is shipped, by where it stands in the stream: a container's name and labels
 * can change between its runs, and lines go out under those of their own run.
 */
import { encodeMetadata } from '../encode/metadata.ts';
import { LabelSet } from '../pipeline/label-set.ts';
import type { LabelPair, StreamRun } from '../pipeline/plan.ts';
import type { PlainLabels } from './batch-writer.ts';

/** One run, ready to be used. */
export interface RunLabels {
  readonly fromLsn: number;
  /** Where the next one begins. */
  readonly endLsn: number;
  readonly stdout: LabelSet;
  readonly stderr: LabelSet;
  readonly pairs: readonly LabelPair[];
  /** For lines that nothing is done with. */
  readonly plain: PlainLabels;
  readonly isDropped: boolean;
}

/** Finds the run of a place. */
export class Runs {
  readonly #runs: readonly RunLabels[];

  /** In order of their places; the first one also holds for what lies before it. */
  constructor(runs: readonly StreamRun[]) {
    this.#runs = runs.map(({ fromLsn, labels, metadata: pairs, isDropped }, index) => {
      const [stdout, stderr] = [LabelSet.of(labels.stdout), LabelSet.of(labels.stderr)];
      const metadata = encodeMetadata(pairs);
      return {
        fromLsn: index === 0 ? 0 : fromLsn,
        endLsn: runs[index + 1]?.fromLsn ?? Number.POSITIVE_INFINITY,
        ...{ stdout, stderr, pairs },
        plain: { stdout: stdout.selector, stderr: stderr.selector, metadata },
        isDropped: isDropped ?? false,
      };
    });
    if (runs.length === 0) throw new Error('a stream has at least one run');
  }

  /** The run in which a position lies. */
  at(lsn: number): RunLabels {
    const run = this.#runs.findLast(({ fromLsn }) => fromLsn <= lsn) ?? this.#runs[0];
    if (run === undefined) throw new Error('a stream has at least one run');
    return run;
  }
}
