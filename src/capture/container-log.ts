/**
 * One container as capture holds it: who it is, its FIFOs, its log, and how far that has been
 * delivered. Plain state with names; what is done with it is decided elsewhere.
 */
import {
  type CommittedLsn,
  type ContainerRecord,
  type ContainerRun,
  runIdentityOf,
  type StreamWriter,
} from '../wal/index.ts';
import type { ContainerCapture } from './container-capture.ts';
import type { LogPolicy } from './log-policy.ts';
import { withRun } from './runs.ts';
import type { SegmentLedger } from './segment-ledger.ts';
import type { KeptContainer } from './segment-upkeep.ts';

/** Who a container is and how it wants its lines shipped, as StartLogging tells it. */
export type ContainerIdentity = Omit<ContainerRecord, 'version' | 'fifos' | 'endedAtMs' | 'runs'>;

/** How far every endpoint of a container has come. */
export interface Acknowledged {
  lsn: number;
  /** Frames that end before that. */
  ordinal: number;
  /** Position that would survive a loss of power. */
  durableLsn: number;
}

/** What a container's log is made of. */
export interface ContainerLogParts {
  record: ContainerIdentity;
  directory: string;
  committed: CommittedLsn;
  writer: StreamWriter;
  capture: ContainerCapture;
  ledger: SegmentLedger;
  policy: LogPolicy;
  /** A former process died in the middle of a write. */
  isTorn: boolean;
}

/** See the module comment. */
export class ContainerLog implements KeptContainer {
  /** As StartLogging told last, be it for `docker logs` only. */
  record: ContainerIdentity;
  /** Who it was in which part of its stream; none while that is empty. */
  runs: readonly ContainerRun[] = [];
  policy: LogPolicy;
  readonly directory: string;
  readonly committed: CommittedLsn;
  readonly writer: StreamWriter;
  readonly capture: ContainerCapture;
  readonly ledger: SegmentLedger;
  readonly isTorn: boolean;
  /** No endpoint is set: nothing waits for delivery. */
  isLocal = false;
  /** Observed time at which the last FIFO ended that had output; undefined while one is open. */
  endedAtMs: number | undefined;
  /** The same, while FIFOs are open of which none had output yet. */
  endedBeforeMs: number | undefined;
  /** StartLogging calls that are under way. */
  starts = 0;
  /** One of its segments is being sealed: its directory must stay for now. */
  isSealing = false;
  state: KeptContainer['state'] = 'kept';
  #acknowledged: Acknowledged = { lsn: 0, ordinal: 0, durableLsn: 0 };

  constructor(parts: ContainerLogParts) {
    this.record = parts.record;
    this.policy = parts.policy;
    this.directory = parts.directory;
    this.committed = parts.committed;
    this.writer = parts.writer;
    this.capture = parts.capture;
    this.ledger = parts.ledger;
    this.isTorn = parts.isTorn;
  }

  get containerId(): string {
    return this.record.containerId;
  }

  get ackLsn(): number {
    return this.isLocal ? Number.POSITIVE_INFINITY : this.#acknowledged.lsn;
  }

  get ackOrdinal(): number {
    return this.isLocal ? Number.POSITIVE_INFINITY : this.#acknowledged.ordinal;
  }

  get durableLsn(): number {
    return this.isLocal ? Number.POSITIVE_INFINITY : this.#acknowledged.durableLsn;
  }

  /** Every endpoint has come this far; a report that comes late is ignored. */
  acknowledged(position: Acknowledged): void {
    if (position.lsn >= this.#acknowledged.lsn) this.#acknowledged = position;
  }

  /** Whether nobody works on the log: no FIFO, no call of dockerd, no sealing. */
  get isIdle(): boolean {
    return this.capture.openPaths.length === 0 && this.starts === 0 && !this.isSealing;
  }

  /** Whether every endpoint has all of it, and no loss is left to be told. */
  get isDelivered(): boolean {
    return this.ackLsn >= this.writer.endLsn && this.capture.pendingLoss.bytes === 0;
  }

  /** A FIFO was opened: perhaps only by `docker logs`, which changes nothing. */
  opened(): void {
    if (this.endedAtMs !== undefined) this.endedBeforeMs = this.endedAtMs;
    this.endedAtMs = undefined;
  }

  /**
   * The bytes of a FIFO begin at this position. Returns whether lines get other labels from there
   * on than the ones before.
   */
  entered(fromLsn: number): boolean {
    const before = this.runs;
    this.runs = this.#withRun(fromLsn);
    return this.runs !== before && before.length > 0;
  }

  /**
   * The runs with the one that comes next if a FIFO that is open brings bytes: delivery has to
   * know of it before it reads the first of them.
   */
  get runsAhead(): readonly ContainerRun[] {
    const { capture, writer } = this;
    const isEnd = this.runs.length === 0 || !capture.isOutputOpen;
    return isEnd ? this.#withRun(writer.endLsn + capture.pendingLoss.bytes) : this.runs;
  }

  #withRun(fromLsn: number): readonly ContainerRun[] {
    const firstLsn = this.ledger.isLoaded ? (this.ledger.facts[0]?.baseLsn ?? 0) : 0;
    return withRun(this.runs, runIdentityOf(this.record), { fromLsn, firstLsn });
  }

  /** What is to be on disk of a container that is this one and has these FIFOs. */
  recordOf(
    identity: ContainerIdentity,
    fifos: string[],
    endedAtMs: number | undefined,
  ): Omit<ContainerRecord, 'version'> {
    const ended = endedAtMs === undefined ? {} : { endedAtMs };
    return { ...identity, fifos, ...ended, ...(this.runs.length > 0 && { runs: this.runs }) };
  }

  /** No FIFO is open any more. */
  closed(nowMs: number): void {
    this.endedAtMs ??= this.endedBeforeMs ?? nowMs;
    this.endedBeforeMs = undefined;
  }

  /** Whether what is kept for `docker logs` may go as well. */
  isForgotten(nowMs: number): boolean {
    // Nothing was ever written: there is nothing to keep.
    if (this.writer.endLsn === 0) return true;
    if (this.endedAtMs === undefined) return false;
    return nowMs - this.endedAtMs >= this.policy.historyAgeMs;
  }
}

/** What a record says beyond FIFOs and runs. */
export function identityOf(known: ContainerIdentity | ContainerRecord): ContainerIdentity {
  const { containerId, logOpts } = known;
  return { containerId, logOpts, ...runIdentityOf(known) };
}
