/**
 * What has happened to the log since the process started, as plain numbers: they are counted up
 * where bytes are read and written, thousands of times a second, and read when somebody asks.
 * Counting must stay an addition: no lookup by text but for what is rare, nothing that throws.
 */

/** What a failed write is told apart by: no room, a broken disk, anything else. */
export const writeErrorClasses = ['enospc', 'eio', 'other'] as const;
/** One of those classes. */
export type WriteErrorClass = (typeof writeErrorClasses)[number];

/** What was lost for one reason. */
export interface GapTotals {
  /** How many losses. */
  gaps: number;
  bytes: number;
  frames: number;
}

/** The counters of one process. Whoever does the work adds to the fields. */
export class WalCounters<Reason extends string = string> {
  /** Read from FIFOs. */
  capturedBytes = 0;
  /** Frames that ended in what was read. */
  capturedFrames = 0;
  /** Put into segments, with headers and trailers. */
  writtenBytes = 0;
  sealedSegments = 0;
  /** Stream bytes of the segments that were compressed, and what they take on disk since. */
  sealedRawBytes = 0;
  sealedStoredBytes = 0;
  sealFailures = 0;
  syncFailures = 0;
  /** Copied aside because they are damaged. */
  quarantinedBytes = 0;
  /** Entries that an endpoint refused and that could not be kept either. */
  rejectedLostEntries = 0;
  readonly writeErrors: Record<WriteErrorClass, number> = { enospc: 0, eio: 0, other: 0 };
  readonly #gaps: Map<string, GapTotals>;
  readonly #reasons: readonly Reason[];
  readonly #told = new Map<string, Map<string, GapTotals>>();

  /** Each of these reasons is told from the start, as 0. */
  constructor(reasons: readonly Reason[]) {
    this.#reasons = reasons;
    this.#gaps = noGaps(reasons);
  }

  /** Losses by reason. */
  get gaps(): ReadonlyMap<string, Readonly<GapTotals>> {
    return this.#gaps;
  }

  /**
   * Losses by endpoint and reason, as endpoints were told of them: each counts what was missing
   * for it. Endpoints that were told of none are not here.
   */
  get told(): ReadonlyMap<string, ReadonlyMap<string, Readonly<GapTotals>>> {
    return this.#told;
  }

  /** One loss in the log. Frames that nobody could count are 0. */
  gap(reason: Reason, bytes: number, frames = 0): void {
    add(this.#gaps, reason, bytes, frames);
  }

  /** The loss told of last for this reason has become larger. */
  gapGrew(reason: Reason, bytes: number, frames: number): void {
    add(this.#gaps, reason, bytes, frames, 0);
  }

  /** An endpoint got the line that says so. Callers keep labels few. */
  tell(endpoint: string, reason: string, bytes: number, frames = 0): void {
    const told = this.#told.get(endpoint) ?? noGaps(this.#reasons);
    this.#told.set(endpoint, told);
    add(told, reason, bytes, frames);
  }

  /** One write that the disk refused or cut short; the errno as Node writes it, if there is one. */
  writeError(errno: string | undefined): void {
    if (errno === 'ENOSPC' || errno === 'EDQUOT') this.writeErrors.enospc += 1;
    else if (errno === 'EIO') this.writeErrors.eio += 1;
    else this.writeErrors.other += 1;
  }
}

function noGaps(reasons: readonly string[]): Map<string, GapTotals> {
  return new Map(reasons.map((reason) => [reason, { gaps: 0, bytes: 0, frames: 0 }]));
}

function add(
  to: Map<string, GapTotals>,
  reason: string,
  bytes: number,
  frames: number,
  gaps = 1,
): void {
  const totals = to.get(reason) ?? { gaps: 0, bytes: 0, frames: 0 };
  totals.gaps += gaps;
  totals.bytes += bytes;
  totals.frames += frames;
  to.set(reason, totals);
}
