/**
 * One run of a drain: hands containers to the plugin's own delivery, counts what comes back
 * acknowledged, and knows when there is nothing more to wait for. It never holds a line itself.
 */
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { openPartialAgeMsMax } from '../base/limits.ts';
import type { RejectedStore } from '../rejected/store.ts';
import { Shipper } from '../shipper/shipper.ts';
import { createSink } from '../sink/create.ts';
import type { SendResult, Sink } from '../sink/sink.ts';
import { createDrainLog } from './drain-log.ts';
import type { Delivery } from './drain-plan.ts';
import type { DrainState, Progress } from './drain-progress.ts';
import { nameOf } from './known-containers.ts';

/** How a drain came to its end. */
export type End = 'done' | 'stuck' | 'timeout' | 'interrupted';

const tickMs = 200;
/** Beyond all waiting of delivery's own, in milliseconds: then nothing more will come. */
const quietMs = 5000;

/** One run over some containers. */
export class Drain {
  readonly state: DrainState;
  readonly #deliveries = new Map<string, Delivery & { lsn: number; ordinal: number }>();
  readonly #open = new Set<string>();
  readonly #sinks: WatchedSink[] = [];
  readonly #progress: Progress;
  readonly #shipper: Shipper;
  /** When something was acknowledged, or a stage did not want it yet. */
  #movedAtMs = performance.now();
  #wake: () => void = () => {};

  constructor(deliveries: readonly Delivery[], progress: Progress, rejected: RejectedStore) {
    this.#progress = progress;
    this.state = {
      deliveredBytes: 0,
      totalBytes: 0,
      deliveredEntries: 0,
      totalEntries: 0,
      rejectedEntries: 0,
    };
    const log = createDrainLog((text) => progress.tell(text));
    this.#shipper = new Shipper({
      disk,
      log,
      createSink: (options) => this.#watched(createSink(options, log)),
      // No plugin appends: a stage would wait in vain for what belongs to what it holds.
      isFinal: true,
      onAcknowledged: (containerId, { lsn, ordinal }) =>
        this.#acknowledged(containerId, lsn, ordinal),
      onRejected: (entries) => {
        this.state.rejectedEntries += entries.length;
        const lost = rejected.add(entries);
        if (lost > 0) progress.tell(`error: ${lost} refused entries could not be kept aside`);
      },
    });
    for (const delivery of deliveries) {
      const { container, start, target } = delivery;
      if (start.lsn >= target.lsn) continue;
      this.#deliveries.set(container.id, { ...delivery, ...start });
      this.#open.add(container.id);
      this.state.totalBytes += target.lsn - start.lsn;
      this.state.totalEntries += Math.max(0, target.ordinal - start.ordinal);
    }
  }

  /** What is not delivered, container by container. */
  get left(): { id: string; name: string; bytes: number; entries: number }[] {
    return [...this.#deliveries.values()]
      .filter(({ container }) => this.#open.has(container.id))
      .map(({ container, target, lsn, ordinal }) => ({
        id: container.id,
        name: nameOf(container),
        bytes: target.lsn - lsn,
        entries: Math.max(0, target.ordinal - ordinal),
      }));
  }

  /** Delivers until all is acknowledged, nothing moves any more, or it is to stop. */
  async run(timeoutMs: number, stop: AbortSignal): Promise<End> {
    const startedAtMs = performance.now();
    stop.addEventListener('abort', () => this.#wake(), { once: true });
    for (const { plan } of this.#deliveries.values()) this.#shipper.stream(plan);
    try {
      for (;;) {
        this.#progress.update(this.state);
        if (this.#open.size === 0) return 'done';
        if (stop.aborted) return 'interrupted';
        const now = performance.now();
        if (now - startedAtMs >= timeoutMs) return 'timeout';
        // A stage that slows lines down may take longer than all other waiting, line by line.
        if (this.#shipper.isPaused) this.#movedAtMs = now;
        if (this.#isStuck(now)) return 'stuck';
        await this.#tick();
      }
    } finally {
      await this.#shipper.close();
      this.#progress.update(this.state);
    }
  }

  #acknowledged(containerId: string, ackLsn: number, ackOrdinal: number): void {
    const delivery = this.#deliveries.get(containerId);
    if (delivery === undefined || ackLsn <= delivery.lsn) return;
    const { target, lsn, ordinal } = delivery;
    delivery.lsn = Math.min(ackLsn, target.lsn);
    delivery.ordinal = Math.max(ordinal, Math.min(ackOrdinal, target.ordinal));
    this.state.deliveredBytes += delivery.lsn - lsn;
    this.state.deliveredEntries += delivery.ordinal - ordinal;
    this.#movedAtMs = performance.now();
    if (delivery.lsn < target.lsn) return;
    this.#open.delete(containerId);
    if (this.#open.size === 0) this.#wake();
  }

  async #tick(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, tickMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Whether no send is under way or to be tried again, and all waiting is over. */
  #isStuck(nowMs: number): boolean {
    if (this.#sinks.some((sink) => sink.isBusy)) return false;
    const waits = [...this.#deliveries.values()].flatMap(({ plan }) =>
      plan.endpoints.map(({ endpoint }) => endpoint.batchWaitMs),
    );
    const waitMs = Math.max(0, ...waits) + openPartialAgeMsMax + quietMs;
    const sentAtMs = Math.max(this.#movedAtMs, ...this.#sinks.map((sink) => sink.answeredAtMs));
    return nowMs - sentAtMs > waitMs;
  }

  #watched(sink: Sink): Sink {
    const watched = new WatchedSink(sink);
    this.#sinks.push(watched);
    return watched;
  }
}

/** A sink of which one can tell whether it has something to do. */
class WatchedSink implements Sink {
  readonly #sink: Sink;
  #lastKind: SendResult['kind'] = 'delivered';
  #inFlight = 0;
  answeredAtMs = Number.NEGATIVE_INFINITY;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** A batch is under way, or will be sent again. */
  get isBusy(): boolean {
    return this.#inFlight > 0 || this.#lastKind === 'retry';
  }

  encode(request: Buffer): Buffer {
    return this.#sink.encode(request);
  }

  async send(body: Buffer, tenantId?: string): Promise<SendResult> {
    this.#inFlight += 1;
    const result = await this.#sink.send(body, tenantId);
    this.#inFlight -= 1;
    this.#lastKind = result.kind;
    this.answeredAtMs = performance.now();
    return result;
  }

  async close(): Promise<void> {
    this.#lastKind = 'delivered';
    await this.#sink.close();
  }
}
