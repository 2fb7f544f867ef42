/**
 * Decides what of the log goes, is given up, or is sealed. Pure, and run each second over the
 * whole log on the thread that captures: linear in its size. What is delivered goes before
 * what is not; what is lost is lost from whoever takes most.
 */
import { ContainerDraft } from './draft.ts';
import { Losers } from './losers.ts';
import type { RetentionAction, RetentionView, SegmentView } from './types.ts';

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
  actions.push(...rotationsOf(drafts, view));
  actions.push(...sealsOf(drafts, view));
  return actions;
}

/** What is too old goes, delivered or not. */
function trimAge(draft: ContainerDraft, { nowMs, agesCountFromMs }: RetentionView): void {
  const { maxAgeMs } = draft.view.limits;
  for (let oldest = draft.oldest; oldest !== undefined; oldest = draft.oldest) {
    const endedMs = Math.max(draft.oldestEndMs, agesCountFromMs);
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

/**
 * The container's own limits. Where the newest is refused at the limit, what is delivered must
 * go before it is reached: otherwise it would never go, and everything be refused for good.
 */
function trimOwnLimits(draft: ContainerDraft): void {
  const { maxBytes, maxEntries, full } = draft.view.limits;
  if (maxBytes === Number.POSITIVE_INFINITY && maxEntries === Number.POSITIVE_INFINITY) return;
  const canLose = full === 'drop-oldest';
  const mark = canLose ? 1 : historyMark;
  for (;;) {
    // Asked again after each step: the frames of what is lost already count no more then.
    const isOver = draft.keptBytes > maxBytes * mark || draft.entries > maxEntries * mark;
    if (!isOver) return;
    if (canLose) draft.skipBusy();
    if (draft.oldest === undefined) return;
    if (draft.isOldestRemovable) draft.remove();
    else if (draft.isOldestDelivered) draft.evict('evicted');
    // A limit is kept in whole segments, but never by losing all there is.
    else if (canLose && !draft.isOldestNewest) draft.evict('evicted');
    else return;
  }
}

/** The limit of all together. */
function trimAll(drafts: readonly ContainerDraft[], limitBytes: number): void {
  let usedBytes = usedBy(drafts);
  const trim = (mark: number, canLose: (draft: ContainerDraft) => boolean): void => {
    if (usedBytes <= limitBytes * mark) return;
    const losers = new Losers(drafts);
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
    draft.skipKept();
    if (draft.oldest === undefined) return false;
    return isHistory(draft) || draft.isOldestDelivered || draft.view.limits.full === 'drop-oldest';
  });
}

function usedBy(drafts: readonly ContainerDraft[]): number {
  return drafts.reduce((sum, { keptBytes }) => sum + keptBytes, 0);
}

/** Whose active segment is to be closed, each once. */
function rotationsOf(drafts: readonly ContainerDraft[], view: RetentionView): RetentionAction[] {
  const own = drafts.filter((draft) => isToBeClosed(draft, view));
  const largest = largestToClose(drafts, view.limitBytes);
  if (largest !== undefined && !own.includes(largest)) own.push(largest);
  return own.map(({ view: { containerId } }) => ({ do: 'rotate', containerId }));
}

/**
 * Whether the segment that is written must be closed so that it can go: nobody may ever append
 * to it again, and what takes half of the container's own limits cannot go in parts.
 */
function isToBeClosed(
  { view }: ContainerDraft,
  { nowMs, agesCountFromMs }: RetentionView,
): boolean {
  const { segments, endOrdinal, limits } = view;
  const active = segments.at(-1);
  if (active === undefined || active.isComplete) return false;
  if (nowMs - Math.max(active.createdMs, agesCountFromMs) >= limits.segmentAgeMs) return true;
  if (active.storedBytes > limits.maxBytes / 2) return true;
  return endOrdinal - active.baseOrdinal > limits.maxEntries / 2;
}

/**
 * Who is to close what it writes because all together have no room and nothing else can go: the
 * largest. What is delivered costs nothing, and goes before anything has to be refused.
 */
function largestToClose(
  drafts: readonly ContainerDraft[],
  limitBytes: number,
): ContainerDraft | undefined {
  const usedBytes = usedBy(drafts);
  if (usedBytes <= limitBytes * evictMark) return undefined;
  let largest: ContainerDraft | undefined;
  for (const draft of drafts) {
    const { lastActive, view } = draft;
    if (lastActive === undefined) continue;
    const canLose = view.limits.full === 'drop-oldest' && usedBytes > limitBytes;
    if (!canLose && view.ackLsn < view.endLsn) continue;
    if (lastActive.storedBytes > (largest?.lastActive?.storedBytes ?? 0)) largest = draft;
  }
  return largest;
}

/**
 * What stays raw is sealed, oldest first; not at once, because what is delivered and not wanted
 * any more in the next seconds goes without having cost anything.
 */
function sealsOf(drafts: readonly ContainerDraft[], view: RetentionView): RetentionAction[] {
  const usedBytes = usedBy(drafts);
  const isTight = usedBytes > view.limitBytes * tightMark;
  const dueMs = isTight ? Number.POSITIVE_INFINITY : view.nowMs - sealDelayMs;
  const due: { containerId: string; segment: SegmentView }[] = [];
  for (const draft of drafts) {
    const { containerId } = draft.view;
    draft.forEachSealable((segment) => {
      if (segment.createdMs <= dueMs) due.push({ containerId, segment });
    });
  }
  due.sort(({ segment: a }, { segment: b }) => {
    return a.createdMs - b.createdMs || a.sequence - b.sequence;
  });
  const isHurried = due.length > (view.sealBacklogMax ?? sealBacklogUsual);
  const level = isHurried ? 1 : isTight ? 6 : 3;
  return due.map(({ containerId, segment: { sequence } }) => {
    return { do: 'seal', containerId, sequence, level };
  });
}
