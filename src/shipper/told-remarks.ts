/**
 * Remarks on losses that an endpoint was told of. They have no position of their own, so no cursor
 * says whether they were told.
 */

/** A remark that was told: where it stands, and what it says. */
export interface ToldRemark {
  readonly lsn: number;
  readonly payload: string;
}

/**
 * The remarks that were told and that a reader may meet again in this process, because it goes
 * back to the start of a frame that stands around them.
 */
export class ToldRemarks {
  #told: readonly ToldRemark[] = [];

  /** What was told so far; it never changes, so that `restore` can go back to it. */
  get list(): readonly ToldRemark[] {
    return this.#told;
  }

  has(lsn: number, payload: Buffer): boolean {
    const text = payload.toString('latin1');
    return this.#told.some((remark) => remark.lsn === lsn && remark.payload === text);
  }

  add(lsn: number, payload: Buffer): void {
    this.#told = [...this.#told, { lsn, payload: payload.toString('latin1') }];
  }

  /** The reader never comes back to what stands before `lsn`. */
  forgetBefore(lsn: number): void {
    if (this.#told.length > 0) this.#told = this.#told.filter((remark) => remark.lsn >= lsn);
  }

  /** What was told after `list` was read, was told to nobody. */
  restore(list: readonly ToldRemark[]): void {
    this.#told = list;
  }
}
