/**
 * The main thread's side of delivery: a fixed pool of delivery threads and what they tell. A
 * container belongs to one thread for ever, because its cursor file may have one writer only.
 */
import type { Log } from '../base/log.ts';
import type { MetricDelta } from '../pipeline/metric-deltas.ts';
import type { StreamOptions } from '../shipper/endpoint-options.ts';
import type { QueueStats } from '../shipper/queue-stats.ts';
import { DeliveryThread } from './delivery-thread.ts';
import { DeliveryTotals } from './delivery-totals.ts';
import type { AcknowledgedPosition, FromShipper } from './messages.ts';

/** What delivery tells its owner. */
export interface DeliveryEvents {
  /** Every endpoint of the container has come this far. */
  onAcknowledged(containerId: string, position: AcknowledgedPosition): void;
  /** An endpoint was told that so much is missing. */
  onLoss(endpoint: string, reason: string, bytes: number, frames: number): void;
  /** So many damaged bytes were copied aside. */
  onQuarantined(bytes: number): void;
  /** So many entries were refused by an endpoint and could not be kept. */
  onRejectedLost(entries: number): void;
  /** `metrics` stages measured this. */
  onMeasured?(deltas: readonly MetricDelta[]): void;
  onReleased(containerId: string): void;
}

/** What delivery needs. */
export interface DeliveryOptions {
  readonly log: Log;
  readonly logLevel: string;
  /** How many threads; at least 1. */
  readonly threads: number;
  /** The directory of the log. */
  readonly walRoot: string;
  /** The most that is kept of what endpoints refuse; 0: nothing. */
  readonly rejectedMaxBytes: number;
  /** What figures call an endpoint, so that they stay few; absent: by its label. */
  readonly labelOf?: (endpoint: string) => string;
  readonly events: DeliveryEvents;
}

/** After SIGTERM what can be delivered is delivered for so long at most, in milliseconds. */
const drainMsMax = 5000;
/** A thread that does not stop by itself is ended after this time; dockerd waits 10 s for all. */
const closeMsMax = 8000;

/** See the module comment. */
export class Delivery {
  readonly #events: DeliveryEvents;
  readonly #totals: DeliveryTotals;
  readonly #threads: readonly DeliveryThread[];
  #rejectedBytes = 0;

  constructor(options: DeliveryOptions) {
    const { log, logLevel, walRoot, rejectedMaxBytes, events } = options;
    this.#events = events;
    this.#totals = new DeliveryTotals(options.labelOf ?? ((label) => label));
    const data = { logLevel, walRoot, rejectedMaxBytes };
    this.#threads = Array.from(
      { length: options.threads },
      (_, index) =>
        new DeliveryThread({
          log: options.threads > 1 ? log.child({ deliveryThread: index }) : log,
          data,
          onMessage: (message) => this.#take(index, message),
          onReleased: (containerId) => events.onReleased(containerId),
          onEnded: () => this.#totals.ended(index),
        }),
    );
  }

  /** What is kept of refused entries, in bytes on disk, as a thread told last. */
  get rejectedBytes(): number {
    return this.#rejectedBytes;
  }

  /** There is a stream to ship, or it has new labels or other endpoints. */
  stream(stream: StreamOptions): void {
    this.#threadOf(stream.containerId).stream(stream);
  }

  /** Bytes were appended to a container's stream. */
  appended(containerId: string): void {
    this.#threadOf(containerId).appended(containerId);
  }

  /** Asks for a container to be let go of; `onReleased` comes when it is. */
  release(containerId: string): void {
    this.#threadOf(containerId).release(containerId);
  }

  /** What endpoints got since the process started, and what waits; at most a second old. */
  stats(): QueueStats[] {
    return this.#totals.all();
  }

  /**
   * Delivers what can be delivered at once, for 5 s at most, writes cursors and ends all
   * threads. Takes 8 s at the longest and never rejects.
   */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close(drainMsMax, closeMsMax)));
  }

  #take(index: number, message: FromShipper): void {
    switch (message.kind) {
      case 'acknowledged':
        this.#events.onAcknowledged(message.containerId, message.position);
        break;
      case 'loss':
        this.#events.onLoss(message.endpoint, message.reason, message.bytes, message.frames);
        break;
      case 'quarantined':
        this.#events.onQuarantined(message.bytes);
        break;
      case 'measured':
        this.#events.onMeasured?.(message.deltas);
        break;
      case 'rejected-lost':
        this.#events.onRejectedLost(message.entries);
        break;
      case 'stats':
        this.#totals.take(index, message.endpoints);
        this.#rejectedBytes = message.rejectedBytes;
        break;
      case 'released':
      case 'closed':
        break;
      default:
        message satisfies never;
    }
  }

  #threadOf(containerId: string): DeliveryThread {
    const thread = this.#threads[threadIndexOf(containerId, this.#threads.length)];
    if (thread === undefined) throw new Error('delivery has no thread');
    return thread;
  }
}

/** Which of `count` threads a container belongs to: FNV-1a of its id, so it is always the same. */
export function threadIndexOf(containerId: string, count: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < containerId.length; at += 1) {
    hash = Math.imul(hash ^ containerId.charCodeAt(at), 0x01000193) >>> 0;
  }
  return hash % count;
}
