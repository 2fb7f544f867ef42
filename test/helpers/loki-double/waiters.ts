/**
 * Waiting for something to become true without looking again and again: whoever
 * changes the state calls `notify`, and only then are the conditions looked at.
 */
interface Waiter {
  readonly check: () => boolean;
  readonly settle: (error?: Error) => void;
}

/** Conditions that somebody waits for. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  /** Resolves when `condition` holds; rejects after `timeoutMs` with the text of `describe`. */
  wait(condition: () => boolean, timeoutMs: number, describe: () => string): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        check: condition,
        settle: (error) => {
          clearTimeout(timer);
          this.#waiting.delete(waiter);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const onTimeout = () => {
        waiter.settle(new Error(`not true after ${timeoutMs} ms; ${describe()}`));
      };
      const timer = setTimeout(onTimeout, timeoutMs);
      this.#waiting.add(waiter);
    });
  }

  /** Looks at every condition; call it after each change. */
  notify(): void {
    for (const waiter of this.#waiting) {
      try {
        if (waiter.check()) waiter.settle();
      } catch (error) {
        waiter.settle(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /** Ends all waiting with an error. */
  rejectAll(reason: string): void {
    for (const waiter of this.#waiting) waiter.settle(new Error(reason));
  }
}
