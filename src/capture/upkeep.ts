/**
 * Keeps the log within its bounds: each second it asks the retention plan what is to go, to be
 * given up or to be sealed, and does it. It runs on the thread that captures, so each step is
 * small; what takes long is done elsewhere.
 */
import { messageOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import type { Log } from '../base/log.ts';
import type { WalCounters } from '../base/wal-counters.ts';
import {
  admission,
  type ContainerView,
  planRetention,
  type RetentionAction,
  type SegmentView,
} from '../retention/index.ts';
import {
  listSegmentFacts,
  type ObservedClock,
  Quarantine,
  type Reserve,
  type SealRequest,
  tidySegments,
} from '../wal/index.ts';
import { type KeptContainer, type SealOutcome, SegmentUpkeep } from './segment-upkeep.ts';

/** What upkeep needs. */
export interface UpkeepOptions {
  disk: FileSystem;
  root: string;
  log: Log;
  clock: ObservedClock;
  counters: WalCounters;
  reserve: Reserve;
  /** Bytes that the whole log may take, and bytes that must stay free beside it. */
  maxBytes: number;
  minFreeBytes: (totalBytes: number) => number;
  seal: (request: SealRequest) => Promise<SealOutcome>;
  onSealSeconds: (seconds: number) => void;
  containers: () => Iterable<KeptContainer>;
  /** Asked once a round for each: whether nothing of it is needed any more. */
  releaseIfDone: (containerId: string) => void;
  /** Lets go of a container of which all is delivered, whatever history wants. */
  forget: (containerId: string) => boolean;
}

const roundMs = 1000;
const statfsMs = 10_000;
/** What one round may take before it makes way for capture; the rest comes next. */
const sliceMs = 20;
/** Room that could not be made is not looked for again in this time. */
const noRoomMs = 10;
/** A segment that could not be sealed is left alone for this time. */
const sealRetryMs = 60_000;

/** See the module comment. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #sealRetryAtMs = new Map<string, number>();
  #sealing: { containerId: string; sequence: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #space: { totalBytes: number; freeBytes: number } | undefined;
  /** What the log took when the free space was asked for: only both together say what there is. */
  #spaceUsedBytes = 0;
  #spaceAtMs = Number.NEGATIVE_INFINITY;
  #usedBytes = 0;
  #limitBytes = Number.POSITIVE_INFINITY;
  /** What each container may take if all take the same. */
  #shareBytes = Number.POSITIVE_INFINITY;
  #savedClockAtMs = 0;
  #noRoomUntilMs = Number.NEGATIVE_INFINITY;
  readonly #segments: SegmentUpkeep;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#segments = new SegmentUpkeep(options);
  }

  /** Learns what is on disk, container by container, then goes round each second. */
  async start(yieldNow: () => Promise<void>): Promise<void> {
    for (const container of this.#options.containers()) {
      if (this.#isClosed) return;
      this.#load(container);
      await yieldNow();
    }
    this.#round();
    await this.#fillReserve();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#options.clock.save();
  }

  /** What the whole log takes on disk. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** What it may take at this moment. */
  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** Free bytes of the file system when it was asked last. */
  get freeBytes(): number | undefined {
    return this.#space?.freeBytes;
  }

  /** Whether so many bytes more may be appended to a container's log. */
  admits(container: KeptContainer, bytes: number): boolean {
    const { policy, ledger, writer } = container;
    const ownBytes = ledger.bytes + (writer.activeSegment?.bytes ?? 0);
    const { maxBytes, maxEntries, full } = policy;
    // Whoever is within its fair share loses nothing to those that are not.
    if (full === 'drop-oldest' && ownBytes + bytes <= this.#shareBytes) return true;
    const usedBytes = this.#usedBytes;
    const limitBytes = this.#limitBytes;
    const entries = entriesOf(container);
    const own = { full, bytes, ownBytes, maxBytes, entries, maxEntries };
    return admission({ ...own, usedBytes, limitBytes });
  }

  /** So many bytes were appended somewhere. */
  appended(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /**
   * Frees what can be freed at once, for an append that found no room. Returns whether
   * anything was.
   */
  makeRoom(): boolean {
    // Reads that are refused come by the hundred; where nothing was to be had, nothing is yet.
    if (performance.now() < this.#noRoomUntilMs) return false;
    const { reserve, log } = this.#options;
    const limitBytes = this.#limitBytes;
    let isFreed = false;
    try {
      isFreed = reserve.release();
      this.#spaceAtMs = Number.NEGATIVE_INFINITY;
      for (const action of this.#plan()) isFreed = this.#free(action) || isFreed;
      this.#countUsed();
      // Others may have made room: then the limit is no longer what it was.
      isFreed ||= this.#limitBytes > limitBytes;
    } catch (error) {
      log.error({ cause: messageOf(error) }, 'no room can be made');
    }
    if (!isFreed) this.#noRoomUntilMs = performance.now() + noRoomMs;
    return isFreed;
  }

  #countUsed(): void {
    let usedBytes = 0;
    for (const { ledger, writer } of this.#options.containers()) {
      usedBytes += ledger.bytes + (writer.activeSegment?.bytes ?? 0);
    }
    this.#usedBytes = usedBytes;
  }

  #load(container: KeptContainer): void {
    const { disk, log, counters } = this.#options;
    const { containerId, directory, ledger } = container;
    if (ledger.isLoaded) return;
    try {
      const quarantine = new Quarantine(disk, directory, (bytes) => {
        counters.quarantinedBytes += bytes;
      });
      const taken = tidySegments(disk, directory, containerId, quarantine);
      if (taken.length > 0) {
        log.error({ containerId, files: taken }, 'files that are no segments went to quarantine');
      }
      const active = container.writer.activeSegment?.sequence;
      const facts = listSegmentFacts(disk, directory, containerId);
      ledger.load(facts.filter(({ sequence }) => sequence !== active));
    } catch (error) {
      log.error({ containerId, cause: messageOf(error) }, 'segments cannot be listed');
    }
  }

  #round(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const { log, containers, releaseIfDone } = this.#options;
    let delayMs = roundMs;
    try {
      for (const container of containers()) this.#load(container);
      const startedAtMs = performance.now();
      for (const action of this.#plan()) {
        if (action.do === 'seal') this.#seal(action);
        else this.#free(action);
        if (performance.now() - startedAtMs < sliceMs) continue;
        delayMs = sliceMs;
        break;
      }
      for (const { containerId } of [...containers()]) releaseIfDone(containerId);
      this.#saveClock();
    } catch (error) {
      log.error({ cause: messageOf(error) }, 'upkeep of the log failed; it is tried again');
    }
    this.#timer = setTimeout(() => this.#round(), delayMs).unref();
  }

  #plan(): RetentionAction[] {
    const { clock, maxBytes, minFreeBytes } = this.#options;
    const views: ContainerView[] = [];
    for (const container of this.#options.containers()) {
      const view = viewOf(container, this.#sealing);
      views.push(view);
    }
    this.#countUsed();
    this.#measureSpace();
    const space = this.#space;
    const minFree = space === undefined ? 0 : minFreeBytes(space.totalBytes);
    const thenUsed = this.#spaceUsedBytes;
    const roomBytes = space === undefined ? Infinity : thenUsed + space.freeBytes - minFree;
    this.#limitBytes = Math.max(0, Math.min(maxBytes, roomBytes));
    this.#shareBytes = this.#limitBytes / Math.max(1, views.length);
    return planRetention({
      containers: views,
      nowMs: clock.now(),
      agesCountFromMs: clock.countFromMs,
      limitBytes: this.#limitBytes,
    });
  }

  #measureSpace(): void {
    const now = performance.now();
    if (now - this.#spaceAtMs < statfsMs) return;
    this.#spaceAtMs = now;
    this.#spaceUsedBytes = this.#usedBytes;
    try {
      this.#space = this.#options.disk.statfsSync(this.#options.root);
    } catch (error) {
      this.#options.log.warn({ cause: messageOf(error) }, 'the free space is not known');
    }
  }

  #free(action: RetentionAction): boolean {
    const container = this.#find(action.containerId);
    if (container === undefined) return false;
    if (action.do === 'forget') return this.#options.forget(container.containerId);
    return this.#segments.free(container, action);
  }

  #seal({ containerId, sequence, level }: RetentionAction & { do: 'seal' }): void {
    if (this.#sealing !== undefined) return;
    const container = this.#find(containerId);
    const key = `${containerId}/${sequence}`;
    if (container === undefined || container.state === 'releasing') return;
    if ((this.#sealRetryAtMs.get(key) ?? 0) > performance.now()) return;
    this.#sealing = { containerId, sequence };
    container.isSealing = true;
    const { directory } = container;
    void this.#options.seal({ directory, containerId, sequence, level }).then((outcome) => {
      this.#sealing = undefined;
      container.isSealing = false;
      const isSealed = this.#segments.sealed(container, sequence, outcome);
      if (isSealed) this.#sealRetryAtMs.delete(key);
      else this.#sealRetryAtMs.set(key, performance.now() + sealRetryMs);
      this.#round();
    });
  }

  #find(containerId: string): KeptContainer | undefined {
    for (const container of this.#options.containers()) {
      if (container.containerId === containerId) return container;
    }
    return undefined;
  }

  async #fillReserve(): Promise<void> {
    const { reserve, minFreeBytes } = this.#options;
    const total = this.#space?.totalBytes ?? 0;
    if (!this.#isClosed && !reserve.isFilled) await reserve.fill(minFreeBytes(total));
  }

  #saveClock(): void {
    const now = performance.now();
    if (now - this.#savedClockAtMs < statfsMs) return;
    this.#savedClockAtMs = now;
    this.#options.clock.save();
    void this.#fillReserve();
  }
}

/** Frames that are kept; those of segments that were given up are not. */
function entriesOf({ ledger, writer }: KeptContainer): number {
  const first = ledger.facts.find(({ kind }) => kind !== 'gap') ?? writer.activeSegment;
  return writer.endOrdinal - (first?.baseOrdinal ?? writer.endOrdinal);
}

function viewOf(
  container: KeptContainer,
  sealing: { containerId: string; sequence: number } | undefined,
): ContainerView {
  const { containerId, ledger, writer, policy, ackLsn, durableLsn, endedAtMs } = container;
  const active = writer.activeSegment;
  const segments: SegmentView[] = [...ledger.facts];
  if (active !== undefined) {
    const { bytes: storedBytes, ...rest } = active;
    segments.push({ ...rest, storedBytes, kind: 'raw', isComplete: false });
  }
  const { endLsn, endOrdinal } = writer;
  const isBusy = sealing?.containerId === containerId;
  return {
    containerId,
    segments,
    endLsn,
    endOrdinal,
    ackLsn: Math.min(ackLsn, endLsn),
    durableLsn: Math.min(durableLsn, endLsn),
    endedAtMs,
    limits: policy,
    ...(isBusy ? { busySequence: sealing.sequence } : {}),
  };
}
