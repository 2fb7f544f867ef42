/**
 * Keeps the values of a metric's label few. Each value is a series for ever in the memory of
 * whoever collects metrics, and containers may name as many endpoints as they like.
 */

/** What all labels beyond the bound are called. */
export const otherLabel = 'other';

/** See the module comment. */
export class BoundedLabels {
  readonly #known = new Set<string>();
  readonly #max: number;

  /** The first `max` labels keep their names. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The label itself, or `other` when there are too many. The same label gets the same for ever. */
  of(label: string): string {
    if (this.#known.has(label)) return label;
    if (this.#known.size >= this.#max) return otherLabel;
    this.#known.add(label);
    return label;
  }
}
