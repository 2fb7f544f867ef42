/**
 * Decides what of the log goes, is given up, or is sealed. Pure, and run each second over the
 * whole log on the thread that captures: linear in its size. What is delivered goes before
 * what is not; what is lost is lost from whoever takes most.
 */
import { ContainerDraft } from './draft.ts';
import type { RetentionAction, RetentionView } from './types.ts';

/** Above this part of the limit, what is kept for `docker logs` goes. */
const historyMark = 0.85;
/** Above this part, undelivered segments go, so that there is room for new ones. */
const evictMark = 0.95;
/** Above this part, disk is worth more than processor time. */
const tightMark = 0.8;
const sealBacklogUsual = 8;
/** A segment is left raw for so long after it was begun. */
const sealDelayMs = 10_000;

/** See the module comment. Actions come in the order in which they are to be done. */
export function planRetention(view: RetentionView): RetentionAction[] {
  const drafts = view.containers.map((container) => new ContainerDraft(container));
  for (const draft of drafts) {
    trimAge(draft, view);
    trimHistory(draft, view.nowMs);
    trimOwnLimits(draft);
  }
  trimAll(drafts, view.limitBytes);
  const actions = drafts.flatMap((draft) => draft.actions);
  const rotation = rotationOf(drafts, view);
  if (rotation !== undefined) actions.push(rotation);
  actions.push(...sealsOf(drafts, view));
  return actions;
}

/** What is too old goes, delivered or not. */
function trimAge(draft: ContainerDraft, { nowMs, agesCountFromMs }: RetentionView): void {
  const { maxAgeMs } = draft.view.limits;
  for (let oldest = draft.oldest; oldest !== undefined; oldest = draft.oldest) {
    const endedMs = Math.max(draft.oldestEnd.createdMs, agesCountFromMs);
    if (nowMs - endedMs <= maxAgeMs) return;
    if (draft.isOldestRemovable) draft.remove();
    else if (draft.isForgettable) draft.forget();
    else draft.evict('expired');
  }
}

/** What is delivered goes when newer segments fill the history, or when that is not wanted. */
function trimHistory(draft: ContainerDraft, nowMs: number): void {
  const { limits, endedAtMs } = draft.view;
  const isForgotten = endedAtMs !== undefined && nowMs - endedAtMs >= limits.historyAgeMs;
  for (let oldest = draft.oldest; oldest !== undefined; oldest = draft.oldest) {
    if (!draft.isOldestRemovable) return;
    const newerBytes = draft.keptBytes - oldest.storedBytes;
    // The word of a loss that everybody has been told is worth nothing in front of the rest.
    const isWanted = oldest.kind !== 'gap' && newerBytes < limits.historyBytes && !isForgotten;
    if (isWanted) return;
    draft.remove();
  }
}

/** The container's own limits. */
function trimOwnLimits(draft: ContainerDraft): void {
  const { maxBytes, maxEntries, full } = draft.view.limits;
  if (maxBytes === Number.POSITIVE_INFINITY && maxEntries === Number.POSITIVE_INFINITY) return;
  while (draft.keptBytes > maxBytes || draft.entries > maxEntries) {
    draft.skipGaps();
    if (draft.oldest === undefined) return;
    if (draft.isOldestRemovable) draft.remove();
    else if (draft.isOldestDelivered || full === 'drop-oldest') draft.evict('evicted');
    else return;
  }
}

/** The limit of all together. */
function trimAll(drafts: readonly ContainerDraft[], limitBytes: number): void {
  let usedBytes = drafts.reduce((sum, { keptBytes }) => sum + keptBytes, 0);
  const shareBytes = limitBytes / Math.max(1, drafts.length);
  const trim = (mark: number, canLose: (draft: ContainerDraft) => boolean): void => {
    const losers = new Losers(drafts, shareBytes);
    while (usedBytes > limitBytes * mark) {
      const draft = losers.next(canLose);
      if (draft === undefined) return;
      const before = draft.keptBytes;
      if (draft.isForgettable) draft.forget();
      else if (draft.isOldestRemovable) draft.remove();
      else draft.evict('evicted');
      usedBytes -= before - draft.keptBytes;
    }
  };
  const isHistory = (draft: ContainerDraft): boolean =>
    draft.isForgettable || (draft.oldest !== undefined && draft.isOldestRemovable);
  trim(historyMark, isHistory);
  trim(evictMark, (draft) => {
    draft.skipGaps();
    if (draft.oldest === undefined) return false;
    return isHistory(draft) || draft.isOldestDelivered || draft.view.limits.full === 'drop-oldest';
  });
}

/** Hands out whoever is furthest over its share, again and again, as the shares shrink. */
class Losers {
  readonly #heap: ContainerDraft[];
  readonly #shareBytes: number;

  constructor(drafts: readonly ContainerDraft[], shareBytes: number) {
    this.#shareBytes = shareBytes;
    this.#heap = drafts.toSorted((a, b) => this.#order(a, b));
  }

  /** The furthest over that can lose; who cannot is not asked again. */
  next(canLose: (draft: ContainerDraft) => boolean): ContainerDraft | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined) return undefined;
      this.#sift();
      const [furthest] = this.#heap;
      if (furthest === undefined) return undefined;
      if (canLose(furthest)) return furthest;
      this.#heap.shift();
    }
  }

  /** The first may have shrunk since: it goes down to where it belongs. */
  #sift(): void {
    const heap = this.#heap;
    for (let at = 0; at + 1 < heap.length; at += 1) {
      const [a, b] = [heap[at], heap[at + 1]];
      if (a === undefined || b === undefined || this.#order(a, b) <= 0) return;
      heap[at] = b;
      heap[at + 1] = a;
    }
  }

  #order(a: ContainerDraft, b: ContainerDraft): number {
    const difference = b.excessOver(this.#shareBytes) - a.excessOver(this.#shareBytes);
    if (difference !== 0) return difference;
    return a.view.containerId < b.view.containerId ? -1 : 1;
  }
}

/** Over the limit with nothing left to give up: the largest that is being written is closed. */
function rotationOf(
  drafts: readonly ContainerDraft[],
  { limitBytes }: RetentionView,
): RetentionAction | undefined {
  const usedBytes = drafts.reduce((sum, { keptBytes }) => sum + keptBytes, 0);
  if (usedBytes <= limitBytes) return undefined;
  let largest: { containerId: string; storedBytes: number } | undefined;
  for (const { view, oldest } of drafts) {
    if (oldest !== undefined || view.busySequence !== undefined) continue;
    if (view.limits.full !== 'drop-oldest') continue;
    const active = view.segments.at(-1);
    if (active === undefined || active.isComplete) continue;
    if (largest !== undefined && active.storedBytes <= largest.storedBytes) continue;
    largest = { containerId: view.containerId, storedBytes: active.storedBytes };
  }
  return largest && { do: 'rotate', containerId: largest.containerId };
}

/**
 * What stays raw is sealed, oldest first; not at once, because what is delivered and not wanted
 * any more in the next seconds goes without having cost anything.
 */
function sealsOf(drafts: readonly ContainerDraft[], view: RetentionView): RetentionAction[] {
  const usedBytes = drafts.reduce((sum, { keptBytes }) => sum + keptBytes, 0);
  const isTight = usedBytes > view.limitBytes * tightMark;
  const dueMs = isTight ? Number.POSITIVE_INFINITY : view.nowMs - sealDelayMs;
  const due = drafts.flatMap((draft) =>
    [...draft.sealable()]
      .filter(({ createdMs }) => createdMs <= dueMs)
      .map(({ sequence, createdMs }) => ({
        ...{ containerId: draft.view.containerId, sequence, createdMs },
      })),
  );
  due.sort((a, b) => a.createdMs - b.createdMs || a.sequence - b.sequence);
  const isHurried = due.length > (view.sealBacklogMax ?? sealBacklogUsual);
  const level = isHurried ? 1 : isTight ? 6 : 3;
  return due.map(({ containerId, sequence }) => ({ do: 'seal', containerId, sequence, level }));
}
