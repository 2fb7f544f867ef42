/**
 * What all sends have in common, whatever the protocol: they end in time, they end when the sink
 * is closed, and they never reject, whatever the library below does.
 */
import { SendAborted } from './classify-error.ts';
import type { SendResult } from './sink.ts';

const closed: SendResult = { kind: 'retry', cause: 'outage', reason: 'closed' };

/** The sends of one sink that are under way. */
export class Sends {
  readonly #timeoutMs: number;
  readonly #explain: (error: unknown) => SendResult;
  readonly #controllers = new Set<AbortController>();
  #isClosed = false;

  /** `explain` says what an error means; it must not throw. */
  constructor(timeoutMs: number, explain: (error: unknown) => SendResult) {
    this.#timeoutMs = timeoutMs;
    this.#explain = explain;
  }

  /**
   * Runs one send. `work` should stop when its signal is aborted; nobody waits for that. Once it
   * has called `answered`, the verdict is known and the timeout is over: what is left must be
   * short.
   */
  async run(
    work: (signal: AbortSignal, answered: () => void) => Promise<SendResult>,
  ): Promise<SendResult> {
    if (this.#isClosed) return closed;
    const controller = new AbortController();
    this.#controllers.add(controller);
    const timer = setTimeout(() => {
      controller.abort(new SendAborted(`no answer within ${this.#timeoutMs} ms`));
    }, this.#timeoutMs);
    try {
      const answered = (): void => clearTimeout(timer);
      return await Promise.race([work(controller.signal, answered), abortOf(controller.signal)]);
    } catch (error) {
      if (this.#isClosed) return closed;
      // A library reports the abort in its own words; the signal knows why.
      const { signal } = controller;
      return this.#explain(signal.aborted ? (signal.reason as unknown) : error);
    } finally {
      clearTimeout(timer);
      this.#controllers.delete(controller);
    }
  }

  /** Ends all sends as `closed`, and those that come later. */
  close(): void {
    this.#isClosed = true;
    for (const controller of this.#controllers) controller.abort(new SendAborted('closed'));
  }
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
