/**
 * Who loses next: a heap of the containers by what they take. All have the same share of the
 * limit, so whoever takes most is furthest over it. A container only ever shrinks while it is
 * in here; each step costs the logarithm of their number.
 */
import type { ContainerDraft } from './draft.ts';

/** See the module comment. */
export class Losers {
  readonly #heap: ContainerDraft[];

  constructor(drafts: readonly ContainerDraft[]) {
    // What is in order is a heap.
    this.#heap = drafts.toSorted(order);
  }

  /** The one that takes most and can lose; who cannot is not asked again. */
  next(canLose: (draft: ContainerDraft) => boolean): ContainerDraft | undefined {
    const heap = this.#heap;
    // The one handed out last has shrunk since.
    this.#sink();
    for (let first = heap[0]; first !== undefined; first = heap[0]) {
      if (canLose(first)) return first;
      const last = heap.pop();
      if (last === undefined || last === first) return undefined;
      heap[0] = last;
      this.#sink();
    }
    return undefined;
  }

  /** Lets the first go down to where it belongs. */
  #sink(): void {
    const heap = this.#heap;
    const [sinking] = heap;
    if (sinking === undefined) return;
    let at = 0;
    for (;;) {
      const right = 2 * at + 2;
      const [a, b] = [heap[right - 1], heap[right]];
      if (a === undefined) break;
      const isRight = b !== undefined && order(b, a) < 0;
      const child = isRight ? b : a;
      if (order(sinking, child) <= 0) break;
      heap[at] = child;
      at = isRight ? right : right - 1;
    }
    heap[at] = sinking;
  }
}

/** The larger first; by name where they are alike, so that the same log gives the same plan. */
function order(a: ContainerDraft, b: ContainerDraft): number {
  const difference = b.keptBytes - a.keptBytes;
  if (difference !== 0) return difference;
  return a.view.containerId < b.view.containerId ? -1 : 1;
}
