/**
 * Who a container was in which part of its stream. It may be renamed, or started again with other
 * labels, while lines of it wait: those keep the labels that it had when it printed them. Pure; it
 * must never grow without bounds, for it is kept in a record that is written whole.
 */
import { type ContainerRun, isSameRun, type RunIdentity, runIdentityOf } from '../wal/index.ts';

/** Most runs of one container that are told apart. */
export const runsMax = 64;
/** Most bytes of them in the record, of the latest one apart: a record is at most 8 MiB. */
export const runsBytesMax = 2 << 20;

/** What a record says of runs; one that says nothing was written before there were any. */
export interface RecordedRuns extends RunIdentity {
  readonly runs?: readonly ContainerRun[];
}

/**
 * The runs of a stream that ends at `endLsn`, from its record. A crash may have left a run that
 * begins behind the end: what comes next is the first of it.
 */
export function recoverRuns(record: RecordedRuns, endLsn: number): ContainerRun[] {
  if (record.runs === undefined || record.runs.length === 0) {
    return endLsn === 0 ? [] : [{ fromLsn: 0, identity: runIdentityOf(record) }];
  }
  const runs: ContainerRun[] = [];
  for (const { fromLsn, identity } of record.runs) {
    const run = { fromLsn: Math.min(fromLsn, endLsn), identity };
    // Nothing is between the two.
    while ((runs.at(-1)?.fromLsn ?? -1) >= run.fromLsn) runs.pop();
    runs.push(run);
  }
  return runs;
}

/**
 * The runs with one more from `fromLsn` on, or the very same list if the container is still the
 * one it was. Of what is before `firstLsn` nothing is on disk any more.
 */
export function withRun(
  runs: readonly ContainerRun[],
  identity: RunIdentity,
  { fromLsn, firstLsn }: { fromLsn: number; firstLsn: number },
): readonly ContainerRun[] {
  const last = runs.at(-1);
  if (last !== undefined && isSameRun(last.identity, identity)) return runs;
  // The first run has all there is: the word of a loss may stand before its first line.
  if (last === undefined) return [{ fromLsn: 0, identity }];
  const kept = runs.filter((run) => run.fromLsn < fromLsn);
  return bounded([...kept, { fromLsn, identity }], firstLsn);
}

function bounded(runs: readonly ContainerRun[], firstLsn: number): ContainerRun[] {
  const next = runs.findIndex(({ fromLsn }) => fromLsn > firstLsn);
  // The run before that one reaches beyond the first position that is on disk.
  let from = Math.max(0, next < 0 ? runs.length - 1 : next - 1, runs.length - runsMax);
  let bytes = 0;
  for (let at = runs.length - 2; at >= from; at -= 1) {
    bytes += Buffer.byteLength(JSON.stringify(runs[at], null, 1));
    if (bytes > runsBytesMax) from = at + 1;
  }
  return runs.slice(from);
}
