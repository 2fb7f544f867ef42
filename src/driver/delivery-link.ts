/**
 * Connects the registry of containers with delivery: plans each stream, and holds back what
 * comes out of order, because a plan may have to wait for the disk once. Settings that are
 * wrong by now keep the container's logs where they are and are told loudly. What an endpoint has
 * not got that is named no more is held for a while, and let go of then.
 */
import { DriverError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Containers } from '../capture/containers.ts';
import type { ContainersHooks, DeliverableStream } from '../capture/open-log.ts';
import type { EndpointRegistry } from '../wal/index.ts';
import { type DeliveryPlan, planDelivery } from './delivery-plan.ts';

/** The side of delivery that is needed here. */
export interface DeliveryPort {
  stream(plan: DeliveryPlan): void;
  appended(containerId: string): void;
  release(containerId: string): void;
}

/** What the link needs; `containers` only when the first signal comes. */
export interface DeliveryLinkOptions {
  delivery: DeliveryPort;
  containers: () => Pick<Containers, 'setLocal' | 'released'>;
  registry: EndpointRegistry;
  env: Readonly<Record<string, string | undefined>>;
  host: string;
  log: Log;
  /** How long data is held for an endpoint that settings name no more, in milliseconds. */
  graceMs: number;
  /** Observed time, in milliseconds. */
  now: () => number;
}

/** A disk that fails now may do better in this time, in milliseconds. */
const retryMs = 10_000;
/** A timer takes no longer time than this, in milliseconds; the rest is waited for by another. */
const timerMsMax = 2 ** 31 - 1;

/** See the module comment. */
export class DeliveryLink implements ContainersHooks {
  readonly #options: DeliveryLinkOptions;
  /** The plan in force for each container; an older one that arrives late is dropped. */
  readonly #planning = new Map<string, symbol>();
  readonly #shipping = new Set<string>();
  /** Of which containers was told that old lines have later labels, and why. */
  readonly #lent = new Map<string, string>();

  constructor(options: DeliveryLinkOptions) {
    this.#options = options;
  }

  onStream(stream: DeliverableStream): void {
    const { containerId } = stream.record;
    const token = Symbol(containerId);
    this.#planning.set(containerId, token);
    this.#plan(stream, token).catch((error: unknown) => {
      const cause = messageOf(error);
      this.#options.log.error(
        { containerId, cause },
        'no delivery for a container; its logs are kept',
      );
      // Wrong settings stay wrong until the plugin starts again; a disk may recover by itself, and
      // a file come back or be mended.
      const isWrong = error instanceof DriverError && error.code === 'invalid_option';
      // Not all containers at the same instant: planning takes time on this thread.
      if (!isWrong) this.#planAgain(stream, token, retryMs * (0.5 + Math.random() / 2));
    });
  }

  onAppended(containerId: string): void {
    if (this.#shipping.has(containerId)) this.#options.delivery.appended(containerId);
  }

  onRelease(containerId: string): void {
    this.#planning.delete(containerId);
    this.#lent.delete(containerId);
    this.#options.registry.forget(containerId);
    if (this.#shipping.delete(containerId)) this.#options.delivery.release(containerId);
    // The registry is in the middle of its own work: it hears of this in a tick of its own.
    else setImmediate(() => this.#options.containers().released(containerId));
  }

  #planAgain(stream: DeliverableStream, token: symbol, afterMs: number): void {
    const retry = (): void => {
      if (this.#planning.get(stream.record.containerId) === token) this.onStream(stream);
    };
    setTimeout(retry, Math.min(afterMs, timerMsMax)).unref();
  }

  /** Once, though plans are made again and again. */
  #tellLent(containerId: string, cause: string): void {
    if (this.#lent.get(containerId) === cause) return;
    this.#lent.set(containerId, cause);
    this.#options.log.warn(
      { containerId, cause },
      'labels cannot be made for what a container printed under an older name; later ones are taken',
    );
  }

  async #plan(stream: DeliverableStream, token: symbol): Promise<void> {
    const { env, host, registry, delivery, graceMs, now } = this.#options;
    const { containerId } = stream.record;
    const onLent = (because: string): void => this.#tellLent(containerId, because);
    const plan = await planDelivery(stream, env, host, registry, onLent);
    if (this.#planning.get(containerId) !== token) return;
    const namedIds = plan?.endpoints.map(({ endpointId }) => endpointId) ?? [];
    const nowMs = now();
    const pins = registry.pinsOf({ containerId, namedIds, nowMs, graceMs });
    // Without endpoints nothing is read, but what one has not got is not history yet.
    const isLocal = plan === undefined && pins.ids.length === 0;
    this.#options.containers().setLocal(containerId, isLocal);
    if (pins.endAtMs !== undefined) this.#planAgain(stream, token, pins.endAtMs - nowMs);
    if (plan === undefined) return;
    this.#shipping.add(containerId);
    delivery.stream({ ...plan, pinnedIds: pins.ids });
  }
}
