/**
 * The main thread's side of delivery: starts the delivery thread, starts it anew when it dies,
 * and tells it of streams. Appends are told of in batches, so that a busy capture does not
 * pay for a message per read; the committed position itself is shared memory.
 */
import { Worker } from 'node:worker_threads';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { StreamOptions } from '../shipper/shipper.ts';
import type {
  AcknowledgedPosition,
  FromShipper,
  ShipperThreadData,
  ToShipper,
} from './messages.ts';

/** What delivery tells its owner. */
export interface DeliveryEvents {
  onAcknowledged(containerId: string, position: AcknowledgedPosition): void;
  /** An endpoint was told that so much is missing. */
  onLoss(reason: string, bytes: number, frames: number): void;
  /** So many damaged bytes were copied aside. */
  onQuarantined(bytes: number): void;
  onReleased(containerId: string): void;
}

/** What delivery needs. */
export interface DeliveryOptions {
  log: Log;
  logLevel: string;
  events: DeliveryEvents;
}

/** At least this long between two messages about appends, in milliseconds. */
const appendedMs = 5;
const restartMsMin = 200;
const restartMsMax = 30_000;
/** A thread that lived this long is not in a crash loop. */
const healthyMs = 60_000;
const closeMsMax = 3000;

/** See the module comment. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #streams = new Map<string, StreamOptions>();
  readonly #appended = new Set<string>();
  readonly #releasing = new Set<string>();
  #worker: Worker;
  #startedAtMs = 0;
  #restartMs = restartMsMin;
  #appendedTimer: NodeJS.Timeout | undefined;
  #lastAppendedAtMs = 0;
  #closing: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#worker = this.#start();
  }

  /** There is a stream to ship, or it has new labels or another endpoint. */
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

  /** Asks the thread to let go of a container; `onReleased` comes when it has. */
  release(containerId: string): void {
    this.#appended.delete(containerId);
    this.#streams.delete(containerId);
    this.#releasing.add(containerId);
    this.#post({ kind: 'release', containerId });
  }

  /** Stops the thread; cursors are written if that takes no longer than a few seconds. */
  async close(): Promise<void> {
    clearTimeout(this.#appendedTimer);
    const closed = new Promise<void>((resolve) => {
      this.#closing = resolve;
      setTimeout(resolve, closeMsMax).unref();
    });
    this.#post({ kind: 'close' });
    await closed;
    await this.#worker.terminate();
  }

  #start(): Worker {
    // The bundle and the sources each hold the entry beside this file, with their own ending.
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const workerData: ShipperThreadData = { logLevel: this.#options.logLevel };
    const worker = new Worker(new URL(`./shipper.worker.${ending}`, import.meta.url), {
      workerData,
    });
    this.#startedAtMs = performance.now();
    worker.on('message', (message: FromShipper) => this.#take(message));
    worker.on('error', (error) => {
      this.#options.log.error({ cause: messageOf(error) }, 'the delivery thread failed');
    });
    worker.on('exit', () => this.#exited());
    return worker;
  }

  #exited(): void {
    if (this.#closing !== undefined) return this.#closing();
    const livedMs = performance.now() - this.#startedAtMs;
    this.#restartMs = livedMs > healthyMs ? restartMsMin : this.#restartMs * 2;
    const delayMs = Math.min(this.#restartMs, restartMsMax);
    this.#options.log.warn({ delayMs }, 'the delivery thread is started again');
    setTimeout(() => this.#restart(), delayMs);
  }

  #restart(): void {
    if (this.#closing !== undefined) return;
    this.#worker = this.#start();
    for (const stream of this.#streams.values()) this.#post({ kind: 'stream', stream });
    for (const containerId of this.#releasing) this.#post({ kind: 'release', containerId });
  }

  #take(message: FromShipper): void {
    const { events } = this.#options;
    switch (message.kind) {
      case 'acknowledged':
        events.onAcknowledged(message.containerId, message.position);
        break;
      case 'loss':
        events.onLoss(message.reason, message.bytes, message.frames);
        break;
      case 'quarantined':
        events.onQuarantined(message.bytes);
        break;
      case 'released':
        this.#releasing.delete(message.containerId);
        if (!this.#streams.has(message.containerId)) events.onReleased(message.containerId);
        break;
      case 'closed':
        this.#closing?.();
        break;
    }
  }

  #postAppended(): void {
    this.#appendedTimer = undefined;
    this.#lastAppendedAtMs = performance.now();
    this.#post({ kind: 'appended', containerIds: [...this.#appended] });
    this.#appended.clear();
  }

  #post(message: ToShipper): void {
    this.#worker.postMessage(message);
  }
}
