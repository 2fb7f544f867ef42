/**
 * Connects the registry of containers with delivery: plans each stream, and holds back what
 * comes out of order, because a plan may have to wait for the disk once. Settings that are
 * wrong by now keep the container's logs where they are and are told loudly.
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
  containers: () => Containers;
  registry: EndpointRegistry;
  env: Readonly<Record<string, string | undefined>>;
  host: string;
  log: Log;
}

/** A disk that fails now may do better in this time, in milliseconds. */
const retryMs = 10_000;

/** See the module comment. */
export class DeliveryLink implements ContainersHooks {
  readonly #options: DeliveryLinkOptions;
  /** The plan in force for each container; an older one that arrives late is dropped. */
  readonly #planning = new Map<string, symbol>();
  readonly #shipping = new Set<string>();

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
      // Wrong settings stay wrong until the plugin starts again; a disk may recover by itself.
      const isWrong = error instanceof DriverError && error.code === 'invalid_option';
      if (!isWrong) setTimeout(() => this.#retry(stream, token), retryMs).unref();
    });
  }

  onAppended(containerId: string): void {
    if (this.#shipping.has(containerId)) this.#options.delivery.appended(containerId);
  }

  onRelease(containerId: string): void {
    this.#planning.delete(containerId);
    if (this.#shipping.delete(containerId)) this.#options.delivery.release(containerId);
    // The registry is in the middle of its own work: it hears of this in a tick of its own.
    else setImmediate(() => this.#options.containers().released(containerId));
  }

  #retry(stream: DeliverableStream, token: symbol): void {
    if (this.#planning.get(stream.record.containerId) === token) this.onStream(stream);
  }

  async #plan(stream: DeliverableStream, token: symbol): Promise<void> {
    const { env, host, registry, delivery } = this.#options;
    const plan = await planDelivery(stream, env, host, registry);
    const { containerId } = stream.record;
    if (this.#planning.get(containerId) !== token) return;
    this.#options.containers().setLocal(containerId, plan === undefined);
    if (plan === undefined) return;
    this.#shipping.add(containerId);
    delivery.stream(plan);
  }
}
