/**
 * Who follows the output of which container, and is to hear when it ends. A container ends for
 * them when a FIFO is gone that had output, or when none is left: `docker logs` of a stopped
 * container opens FIFOs, too, into which nothing is ever written.
 */

/** Is told the position at which the output ended; once. */
export type OnOutputEnd = (endLsn: number) => void;

/** A FIFO that was let go of. */
export interface GoneFifo {
  hadOutput: boolean;
  /** Whether others of the container are open. */
  isLast: boolean;
  /** Where the container's stream ends now. */
  endLsn: number;
}

/** See the module comment. */
export class Followers {
  readonly #byContainer = new Map<string, Set<OnOutputEnd>>();

  /** Returns what ends the following; it may be called at any time, also twice. */
  add(containerId: string, onEnd: OnOutputEnd): () => void {
    const followers = this.#byContainer.get(containerId) ?? new Set();
    this.#byContainer.set(containerId, followers);
    // The same function may follow twice.
    const follower: OnOutputEnd = (endLsn) => onEnd(endLsn);
    followers.add(follower);
    return () => {
      followers.delete(follower);
      const isEmpty = followers.size === 0 && this.#byContainer.get(containerId) === followers;
      if (isEmpty) this.#byContainer.delete(containerId);
    };
  }

  /** A FIFO of a container is gone. */
  gone(containerId: string, fifo: Readonly<GoneFifo>): void {
    const followers = this.#byContainer.get(containerId);
    if (followers === undefined || !(fifo.hadOutput || fifo.isLast)) return;
    this.#byContainer.delete(containerId);
    for (const follower of followers) follower(fifo.endLsn);
  }
}
