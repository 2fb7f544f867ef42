/**
 * One container while a plan is made: which of its segments go, oldest first. Everything is
 * counted as if it were done already, so that rules that come one after another see what is
 * left.
 */
import type { ContainerView, RetentionAction, SegmentView } from './types.ts';

/** See the module comment. */
export class ContainerDraft {
  readonly view: ContainerView;
  readonly actions: RetentionAction[] = [];
  /** Stored bytes that stay. */
  keptBytes = 0;
  /** How many of the oldest are decided on: removed, given up, or the word of a loss. */
  #decided = 0;
  /** A segment stays in front: what lies behind it cannot be removed without leaving a hole. */
  #isBlocked = false;

  constructor(view: ContainerView) {
    this.view = view;
    for (const { storedBytes } of view.segments) this.keptBytes += storedBytes;
  }

  /** The oldest segment that nothing is decided on; undefined when it is in use. */
  get oldest(): SegmentView | undefined {
    const { segments, busySequence } = this.view;
    const oldest = segments[this.#decided];
    const isFree = oldest?.isComplete === true && oldest.sequence !== busySequence;
    return isFree ? oldest : undefined;
  }

  /** Position at which the segment that `oldest` names ends. */
  get #oldestEndLsn(): number {
    return this.view.segments[this.#decided + 1]?.baseLsn ?? this.view.endLsn;
  }

  /**
   * When the segment that `oldest` names was written last. The newest has no successor to tell:
   * it is taken to be as young as it can be.
   */
  get oldestEndMs(): number {
    const { segments, limits } = this.view;
    const next = segments[this.#decided + 1];
    if (next !== undefined) return next.createdMs;
    return (segments[this.#decided]?.createdMs ?? 0) + limits.segmentAgeMs;
  }

  /**
   * Whether every endpoint has the oldest for good, and nothing that stays lies before it. The
   * newest is never removed: it keeps the end of the stream.
   */
  get isOldestRemovable(): boolean {
    if (this.#isBlocked || this.isOldestNewest) return false;
    const { ackLsn, durableLsn } = this.view;
    return this.#oldestEndLsn <= Math.min(ackLsn, durableLsn);
  }

  /**
   * Whether every endpoint has acknowledged the oldest: to give it up is no loss, even where a
   * loss of power could make an endpoint ask for it again.
   */
  get isOldestDelivered(): boolean {
    return this.#oldestEndLsn <= this.view.ackLsn;
  }

  /** Whether all of the log is delivered and nobody will add to it. */
  get isForgettable(): boolean {
    const { endedAtMs, ackLsn, endLsn, busySequence } = this.view;
    const isOver = endedAtMs !== undefined && ackLsn >= endLsn && busySequence === undefined;
    return isOver && this.isOldestNewest && this.oldest !== undefined;
  }

  /** Whether nothing stands behind it: all others are decided on. */
  get isOldestNewest(): boolean {
    return this.#decided === this.view.segments.length - 1;
  }

  /** Frames that are kept; those of lost segments count until they are stepped over. */
  get entries(): number {
    const { segments, endOrdinal } = this.view;
    return endOrdinal - (segments[this.#decided]?.baseOrdinal ?? endOrdinal);
  }

  /** The segment that is being written, when nothing else is left that could go. */
  get lastActive(): SegmentView | undefined {
    const { segments, busySequence } = this.view;
    if (!this.isOldestNewest || busySequence !== undefined) return undefined;
    const active = segments.at(-1);
    return active?.isComplete === false ? active : undefined;
  }

  /** The oldest is delivered and goes. */
  remove(): void {
    const { containerId } = this.view;
    const oldest = this.oldest;
    if (oldest === undefined) return;
    this.actions.push({ do: 'remove', containerId, sequence: oldest.sequence });
    this.keptBytes -= oldest.storedBytes;
    this.#decided += 1;
  }

  /** The oldest is lost. One that is lost already is stepped over. */
  evict(reason: 'evicted' | 'expired'): void {
    const { containerId } = this.view;
    const oldest = this.oldest;
    if (oldest === undefined) return;
    if (oldest.kind !== 'gap') {
      this.actions.push({ do: 'evict', containerId, sequence: oldest.sequence, reason });
      this.keptBytes -= oldest.storedBytes;
    }
    this.#isBlocked = true;
    this.#decided += 1;
  }

  /** The whole log goes. */
  forget(): void {
    this.actions.length = 0;
    this.actions.push({ do: 'forget', containerId: this.view.containerId });
    this.keptBytes = 0;
    this.#decided = this.view.segments.length;
  }

  /** Steps over what is being sealed: what is behind it can be given up, but not removed. */
  skipBusy(): void {
    const current = this.view.segments[this.#decided];
    if (current === undefined || current.sequence !== this.view.busySequence) return;
    this.#isBlocked = true;
    this.#decided += 1;
  }

  /** As well over words of losses that somebody still has to be told of. */
  skipKept(): void {
    this.skipBusy();
    while (this.oldest?.kind === 'gap' && !this.isOldestRemovable && !this.isForgettable) {
      this.evict('evicted');
      this.skipBusy();
    }
  }

  /** Visits raw segments that stay and are not written any more, oldest first. */
  forEachSealable(visit: (segment: SegmentView) => void): void {
    const { segments, busySequence } = this.view;
    for (let at = this.#decided; at < segments.length; at += 1) {
      const segment = segments[at];
      if (segment?.kind !== 'raw' || !segment.isComplete) continue;
      if (segment.sequence !== busySequence) visit(segment);
    }
  }
}
