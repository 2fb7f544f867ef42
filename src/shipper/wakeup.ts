/**
 * Lets one loop sleep until somebody signals or a time has passed. A signal that comes while
 * nobody sleeps is kept, so none is ever lost.
 */
export class Wakeup {
  #signalled = false;
  #wake: (() => void) | undefined;

  /** Wakes the sleeper, or the next one at once. */
  signal(): void {
    this.#signalled = true;
    this.#wake?.();
  }

  /** Sleeps until a signal, at most `timeoutMs`. One sleeper at a time. */
  async wait(timeoutMs?: number): Promise<void> {
    if (!this.#signalled) {
      await new Promise<void>((resolve) => {
        const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#signalled = false;
  }
}
