/**
 * Does to one segment what was decided: removes it, gives it up, takes note that it is sealed.
 * The ledger of the container says afterwards what is on disk, and every loss is counted.
 */
import { messageOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import type { Log } from '../base/log.ts';
import type { WalCounters } from '../base/wal-counters.ts';
import type { RetentionAction } from '../retention/index.ts';
import { evictSegment, removeSegment, type SealResult, type StreamWriter } from '../wal/index.ts';
import type { LogPolicy } from './log-policy.ts';
import type { SegmentLedger } from './segment-ledger.ts';

/** What upkeep must know of one container. Infinite positions: it has no endpoint. */
export interface KeptContainer {
  readonly containerId: string;
  readonly directory: string;
  readonly ledger: SegmentLedger;
  readonly writer: StreamWriter;
  readonly policy: LogPolicy;
  /** Least position that its endpoints have acknowledged, and how many frames end before it. */
  readonly ackLsn: number;
  readonly ackOrdinal: number;
  /** Least position that would survive a loss of power. */
  readonly durableLsn: number;
  /** Observed time at which its last FIFO ended; undefined while it runs. */
  readonly endedAtMs: number | undefined;
  /** Whether its directory goes in a moment: nothing is begun in it any more. */
  readonly state: 'kept' | 'releasing';
  /** Set while one of its segments is being sealed. */
  isSealing: boolean;
}

/** What came of sealing one segment. */
export type SealOutcome =
  | { kind: 'sealed'; result: SealResult | undefined; seconds: number; quarantinedBytes: number }
  | { kind: 'failed'; cause: string; quarantinedBytes: number };

/** What is done to single segments. */
type SegmentAction = Exclude<RetentionAction, { do: 'forget' }>;

/** What this needs. */
export interface SegmentUpkeepOptions {
  disk: FileSystem;
  log: Log;
  counters: WalCounters;
  /** Told of each segment that was sealed, and how long that took. */
  onSealSeconds: (seconds: number) => void;
}

/** Losses are told of once in this time. */
const complaintMs = 60_000;

/** See the module comment. */
export class SegmentUpkeep {
  readonly #options: SegmentUpkeepOptions;
  #complainedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SegmentUpkeepOptions) {
    this.#options = options;
  }

  /** Does what frees space. Returns whether it did; never throws. */
  free(container: KeptContainer, action: SegmentAction): boolean {
    try {
      if (action.do === 'remove') return this.#remove(container, action.sequence);
      if (action.do === 'evict') return this.#evict(container, action.sequence, action.reason);
      if (action.do === 'rotate') container.writer.rotate();
    } catch (error) {
      const { containerId } = container;
      const cause = messageOf(error);
      this.#options.log.error({ containerId, cause }, 'a segment cannot be given up');
    }
    return false;
  }

  /** Takes note of what came of sealing a segment. Returns whether it is sealed now. */
  sealed({ containerId, ledger }: KeptContainer, sequence: number, outcome: SealOutcome): boolean {
    const { counters, log, onSealSeconds } = this.#options;
    counters.quarantinedBytes += outcome.quarantinedBytes;
    if (outcome.kind === 'failed') {
      counters.sealFailures += 1;
      log.error({ containerId, sequence, cause: outcome.cause }, 'a segment cannot be sealed');
      return false;
    }
    if (outcome.result === undefined) return false;
    const { rawBytes, storedBytes, damaged } = outcome.result;
    ledger.replaced(sequence, 'sealed', storedBytes);
    counters.sealedSegments += 1;
    counters.sealedRawBytes += rawBytes;
    counters.sealedStoredBytes += storedBytes;
    for (const { fromLsn, toLsn, frames } of damaged) {
      counters.gap('damage', toLsn - fromLsn, frames);
      log.error({ containerId, fromLsn, toLsn, frames }, 'part of the log is damaged');
    }
    onSealSeconds(outcome.seconds);
    return true;
  }

  #remove({ directory, ledger }: KeptContainer, sequence: number): boolean {
    removeSegment(this.#options.disk, directory, sequence);
    ledger.removed(sequence);
    return true;
  }

  #evict(container: KeptContainer, sequence: number, reason: 'evicted' | 'expired'): boolean {
    const { disk, counters } = this.#options;
    const { containerId, directory, ledger, ackLsn, ackOrdinal } = container;
    const fact = ledger.facts.find((each) => each.sequence === sequence);
    const { endLsn: lsn, endOrdinal: ordinal, isLossDue } = container.writer;
    const place = { directory, containerId, sequence, end: { lsn, ordinal, isLossDue } };
    const evicted = evictSegment(disk, { ...place, reason, atMs: Date.now() });
    if (evicted === undefined || fact === undefined) return false;
    if (evicted.sequence !== sequence) ledger.removed(sequence);
    ledger.replaced(evicted.sequence, 'gap', evicted.storedBytes);
    if (evicted.wasTold) return true;
    if (evicted.isCutTold) container.writer.cutToldLsn = evicted.toLsn;
    // What every endpoint has acknowledged of it is no loss.
    const fromLsn = Math.max(evicted.fromLsn, ackLsn);
    if (fromLsn >= evicted.toLsn) return true;
    const ackedFrames = Math.max(0, ackOrdinal - fact.baseOrdinal);
    const frames = Math.max(0, evicted.frames - ackedFrames);
    counters.gap(reason, evicted.toLsn - fromLsn, frames);
    this.#complain(containerId, reason, frames);
    return true;
  }

  #complain(containerId: string, reason: string, frames: number): void {
    const now = performance.now();
    if (now - this.#complainedAtMs < complaintMs) return;
    this.#complainedAtMs = now;
    this.#options.log.error(
      { containerId, reason, frames },
      'undelivered logs are given up; more of these are told once a minute',
    );
  }
}
