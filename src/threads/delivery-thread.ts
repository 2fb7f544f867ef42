/**
 * One delivery thread as the main thread sees it: started, started anew when it dies, told of
 * its streams each time. Appends are told of in batches, so that a busy capture does not pay
 * for a message per read; the committed position itself is shared memory.
 */
import { Worker } from 'node:worker_threads';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { StreamOptions } from '../shipper/endpoint-options.ts';
import type { FromShipper, ShipperThreadData, ToShipper } from './messages.ts';

/** What a thread needs, and whom it tells. */
export interface DeliveryThreadOptions {
  readonly log: Log;
  readonly data: ShipperThreadData;
  /** All that comes from the thread, but what this class sees to itself. */
  readonly onMessage: (message: FromShipper) => void;
  /** Delivery holds nothing of the container any more. */
  readonly onReleased: (containerId: string) => void;
  /** It died, or was ended; what it told is complete. */
  readonly onEnded: () => void;
}

/** At least this long between two messages about appends, in milliseconds. */
const appendedMs = 5;
const restartMsMin = 200;
const restartMsMax = 30_000;
/** A thread that lived this long is not in a crash loop. */
const healthyMs = 60_000;

/** See the module comment. */
export class DeliveryThread {
  readonly #options: DeliveryThreadOptions;
  readonly #streams = new Map<string, StreamOptions>();
  readonly #appended = new Set<string>();
  readonly #releasing = new Set<string>();
  /** Undefined between the end of one and the start of the next. */
  #worker: Worker | undefined;
  #startedAtMs = 0;
  #restartMs = restartMsMin;
  #restartTimer: NodeJS.Timeout | undefined;
  #appendedTimer: NodeJS.Timeout | undefined;
  #lastAppendedAtMs = 0;
  /** Resolves when the thread has told that it is closed, or has ended. */
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(options: DeliveryThreadOptions) {
    this.#options = options;
    this.#start();
  }

  /** There is a stream to ship, or it has new labels or other endpoints. */
  stream(stream: StreamOptions): void {
    this.#streams.set(stream.containerId, stream);
    this.#post({ kind: 'stream', stream });
  }

  /** Bytes were appended to a container's stream. */
  appended(containerId: string): void {
    this.#appended.add(containerId);
    if (this.#appendedTimer !== undefined) return;
    const delayMs = this.#lastAppendedAtMs + appendedMs - performance.now();
    if (delayMs <= 0) this.#postAppended();
    else this.#appendedTimer = setTimeout(() => this.#postAppended(), delayMs);
  }

  /** Asks the thread to let go of a container. */
  release(containerId: string): void {
    this.#appended.delete(containerId);
    this.#streams.delete(containerId);
    this.#releasing.add(containerId);
    this.#post({ kind: 'release', containerId });
  }

  /**
   * Goes on delivering for `drainMs` at most and stops, with cursors written; resolves after
   * `timeoutMs` at the latest. Never rejects.
   */
  async close(drainMs: number, timeoutMs: number): Promise<void> {
    const closing = Promise.withResolvers<void>();
    this.#closing = closing;
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#appendedTimer);
    const worker = this.#worker;
    if (worker === undefined) return;
    if (this.#appended.size > 0) this.#postAppended();
    this.#post({ kind: 'close', drainMs });
    const timer = setTimeout(() => {
      this.#options.log.warn({ timeoutMs }, 'the delivery thread does not end; it is stopped');
      closing.resolve();
    }, timeoutMs);
    await closing.promise;
    clearTimeout(timer);
    await worker.terminate();
  }

  #start(): void {
    // The bundle and the sources each hold the entry beside this file, with their own ending.
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const workerData = this.#options.data;
    const entry = new URL(`./shipper.worker.${ending}`, import.meta.url);
    const worker = new Worker(entry, { workerData });
    this.#worker = worker;
    this.#startedAtMs = performance.now();
    worker.on('message', (message: FromShipper) => this.#take(message));
    worker.on('error', (error) => {
      this.#options.log.error({ cause: messageOf(error) }, 'the delivery thread failed');
    });
    worker.on('exit', () => this.#exited());
  }

  #exited(): void {
    this.#worker = undefined;
    this.#options.onEnded();
    if (this.#closing !== undefined) return this.#closing.resolve();
    const livedMs = performance.now() - this.#startedAtMs;
    this.#restartMs = livedMs > healthyMs ? restartMsMin : this.#restartMs * 2;
    const delayMs = Math.min(this.#restartMs, restartMsMax);
    this.#options.log.warn({ delayMs }, 'the delivery thread is started again');
    this.#restartTimer = setTimeout(() => this.#restart(), delayMs);
  }

  #restart(): void {
    this.#start();
    for (const stream of this.#streams.values()) this.#post({ kind: 'stream', stream });
    for (const containerId of this.#releasing) this.#post({ kind: 'release', containerId });
  }

  #take(message: FromShipper): void {
    if (message.kind === 'closed') return this.#closing?.resolve();
    if (message.kind !== 'released') return this.#options.onMessage(message);
    const { containerId } = message;
    this.#releasing.delete(containerId);
    // It may have been started again in the meantime.
    if (!this.#streams.has(containerId)) this.#options.onReleased(containerId);
  }

  #postAppended(): void {
    this.#appendedTimer = undefined;
    this.#lastAppendedAtMs = performance.now();
    this.#post({ kind: 'appended', containerIds: [...this.#appended] });
    this.#appended.clear();
  }

  /** While no thread runs nothing is lost: the next one is told of all streams, and looks itself. */
  #post(message: ToShipper): void {
    this.#worker?.postMessage(message);
  }
}
