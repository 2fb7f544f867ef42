/**
 * The sealing thread as the main thread sees it: one segment at a time. It is started when
 * there is something to seal and ended when there has been nothing for a while, because a
 * thread costs memory that an idle host wants for itself.
 */
import { Worker } from 'node:worker_threads';
import { messageOf } from '../base/errors.ts';
import type { SealRequest } from '../wal/index.ts';
import type { FromSealer } from './messages.ts';

/** An idle thread is ended after this time, in milliseconds. */
const idleMs = 30_000;

/** See the module comment. */
export class Sealing {
  #worker: Worker | undefined;
  #answer: ((message: FromSealer) => void) | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  /**
   * Seals a segment; resolves with what came of it and never rejects. One at a time: whoever
   * asks waits for the answer before asking again.
   */
  seal(request: SealRequest): Promise<FromSealer> {
    if (this.#answer !== undefined) throw new Error('a segment is being sealed already');
    clearTimeout(this.#idleTimer);
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#worker ??= this.#start();
      this.#worker.postMessage(request);
    });
  }

  /** Ends the thread, in the middle of its work if need be. */
  async close(): Promise<void> {
    clearTimeout(this.#idleTimer);
    await this.#worker?.terminate();
  }

  #start(): Worker {
    // The bundle and the sources each hold the entry beside this file, with their own ending.
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./sealer.worker.${ending}`, import.meta.url));
    worker.on('message', (message: FromSealer) => {
      this.#settle(message);
      this.#idleTimer = setTimeout(() => void worker.terminate(), idleMs).unref();
    });
    let cause = 'the sealing thread ended';
    worker.on('error', (error) => {
      cause = messageOf(error);
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#settle({ kind: 'failed', cause, quarantinedBytes: 0 });
    });
    return worker;
  }

  #settle(message: FromSealer): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.(message);
  }
}
