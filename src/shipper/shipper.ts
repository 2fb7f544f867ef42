/**
 * Delivery as one thread runs it: which container ships through which endpoints' queues, and
 * their cursors. It reads the log and knows nothing of FIFOs, dockerd or log options.
 */
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import type { Log } from '../base/log.ts';
import { BufferPool } from '../encode/buffer-pool.ts';
import { type MetricDelta, ofEndpoint } from '../pipeline/metric-deltas.ts';
import type { PipelineText } from '../pipeline/plan.ts';
import type { RejectedEntry } from '../rejected/entry.ts';
import type { Sink, SinkOptions } from '../sink/sink.ts';
import { CommittedLsn, CursorFile, Quarantine, SegmentFiles, StreamReader } from '../wal/index.ts';
import {
  type Acknowledged,
  ContainerCursors,
  type KeptCursor,
  type Start,
} from './container-cursors.ts';
import { CursorKeeper } from './cursor-keeper.ts';
import type { EndpointOptions, StreamEndpoint, StreamOptions } from './endpoint-options.ts';
import { EndpointQueue } from './endpoint-queue.ts';
import { newestEdge } from './newest-edge.ts';
import { QueueMeter, type QueueStats } from './queue-stats.ts';
import { type SourceMark, StreamSource } from './stream-source.ts';

/** What a shipper needs. */
export interface ShipperOptions {
  readonly disk: FileSystem;
  readonly log: Log;
  readonly createSink: (options: SinkOptions) => Sink;
  /** Whether logs grow no more: what stages hold at their end is delivered at once. */
  readonly isFinal?: boolean;
  /** The slowest cursor of a container stands there. */
  readonly onAcknowledged: (containerId: string, position: Acknowledged) => void;
  /** An endpoint was told that part of a stream is lost; `frames` where that is known. */
  readonly onLoss?: (
    endpointLabel: string,
    reason: string,
    bytes: number,
    frames: number | undefined,
  ) => void;
  /** So many bytes of a damaged file were copied to `quarantine/`. */
  readonly onQuarantined?: (bytes: number) => void;
  /** An endpoint refused these for good; they are settled, whatever this does with them. */
  readonly onRejected?: (entries: RejectedEntry[]) => void;
  /** What `metrics` stages measured of lines that are settled. */
  readonly onMetrics?: (deltas: readonly MetricDelta[]) => void;
}

/** One endpoint's queue, for all containers that ship there in the same way. */
interface Served {
  readonly endpoint: EndpointOptions;
  /** The one container that it is for, if that is so. */
  readonly owner: string | undefined;
  readonly queue: EndpointQueue;
}

/** One container's way to one endpoint. */
interface Shipment {
  readonly source: StreamSource;
  readonly served: Served;
  readonly endpointId: number;
  readonly cursor: KeptCursor;
  readonly pipeline: PipelineText;
}

/** One container. */
interface Container {
  readonly directory: string;
  readonly cursors: ContainerCursors;
  readonly quarantine: Quarantine;
  /** By the key of the endpoint. */
  readonly shipments: Map<string, Shipment>;
  told: Acknowledged | undefined;
}

/** Lost signals are made up for in this time, in milliseconds. */
const pollMs = 500;
/** A stream that could not be taken up is tried again after this, in milliseconds. */
const retryMs = 5000;
/** A file that nobody reads is let go of, so that its space comes free when it is unlinked. */
const idleFileMs = 30_000;

/** A batch in a queue that is for one container alone. */
const ownedBatchBytesMax = 256 * 1024;

/** See the module comment. */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #files: SegmentFiles;
  readonly #keeper: CursorKeeper;
  /** Queues by the key of their endpoint; more than one where settings differ. */
  readonly #queues = new Map<string, Served[]>();
  /** By the label of the endpoint; they stay, so that counters never go back. */
  readonly #meters = new Map<string, QueueMeter>();
  readonly #containers = new Map<string, Container>();
  /** Streams whose directory cannot be read now. */
  readonly #waiting = new Map<string, { stream: StreamOptions; atMs: number }>();
  readonly #pool = new BufferPool();
  readonly #budget = { heldBytes: 0 };
  readonly #poll: NodeJS.Timeout;

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#files = new SegmentFiles(options.disk);
    this.#keeper = new CursorKeeper(options.log, ({ containerId }) => this.#tell(containerId));
    this.#poll = setInterval(() => this.#look(), pollMs);
  }

  /**
   * Takes up a stream, or learns of its new labels or endpoints. A disk that does not let it is
   * tried again.
   */
  stream(stream: StreamOptions): void {
    const { containerId } = stream;
    this.#waiting.delete(containerId);
    try {
      this.#take(stream);
    } catch (error) {
      const cause = messageOf(error);
      this.#options.log.error({ containerId, cause }, 'a stream cannot be taken up now');
      this.#waiting.set(containerId, { stream, atMs: performance.now() + retryMs });
    }
  }

  /** Bytes were appended to these containers' streams. */
  appended(containerIds: readonly string[]): void {
    for (const containerId of containerIds) {
      const shipments = this.#containers.get(containerId)?.shipments;
      if (shipments === undefined) continue;
      for (const { source, served } of shipments.values()) served.queue.wake(source);
    }
  }

  /** Lets go of a container: afterwards nothing here touches its directory. */
  release(containerId: string): void {
    this.#waiting.delete(containerId);
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    this.#containers.delete(containerId);
    this.#keeper.forget(container.cursors);
    for (const shipment of container.shipments.values()) this.#drop(shipment);
    this.#files.closeDirectory(container.directory);
  }

  /** What was done for each endpoint, and what is held, merged by its label. */
  stats(): QueueStats[] {
    const all = [...this.#queues.values()].flat();
    return [...this.#meters].map(([label, meter]) => {
      const queues = all.filter(({ endpoint }) => endpoint.label === label);
      return meter.stats(
        label,
        queues.map(({ queue }) => queue.gauges()),
      );
    });
  }

  /** Whether a stage has any stream wait that has more to read. */
  get isPaused(): boolean {
    const shipments = [...this.#containers.values()].flatMap((one) => [...one.shipments.values()]);
    return shipments.some(({ source }) => source.pauseMs !== undefined);
  }

  /** Resolves when all that is committed is settled, as far as that can be, or time is over. */
  async drain(timeoutMs: number): Promise<void> {
    const all = [...this.#queues.values()].flat();
    await Promise.all(all.map(async ({ queue }) => queue.drain(timeoutMs)));
  }

  /** Goes on for up to `drainMs`, then stops at once and writes what is acknowledged. */
  async close({ drainMs = 0 }: { drainMs?: number } = {}): Promise<void> {
    if (drainMs > 0) await this.drain(drainMs);
    clearInterval(this.#poll);
    const all = [...this.#queues.values()].flat();
    await Promise.all(all.map(async ({ queue }) => queue.stop()));
    this.#keeper.close();
    const total = { deliveredEntries: 0, rejectedEntries: 0, retries: 0 };
    for (const meter of this.#meters.values()) {
      total.deliveredEntries += meter.deliveredEntries;
      total.rejectedEntries += meter.rejectedTotal;
      total.retries += meter.retriesTotal;
    }
    this.#options.log.info(total, 'delivery has stopped');
  }

  #look(): void {
    for (const { queue } of [...this.#queues.values()].flat()) queue.poll();
    this.#files.closeIdle(idleFileMs);
    const now = performance.now();
    for (const { stream, atMs } of this.#waiting.values()) if (atMs <= now) this.stream(stream);
  }

  #take(stream: StreamOptions): void {
    const { containerId, endpoints, pinnedIds } = stream;
    const container = this.#containers.get(containerId) ?? this.#newContainer(stream);
    // What may fail comes first: a container is taken up as a whole or not at all.
    const starts = endpoints.map((each) => this.#startOf(container, stream, each));
    for (const [key, shipment] of container.shipments) {
      if (endpoints.some((each) => isServedBy(each, shipment))) continue;
      container.shipments.delete(key);
      this.#drop(shipment);
    }
    this.#containers.set(containerId, container);
    endpoints.forEach((each, index) => {
      const start = starts[index];
      if (start !== undefined) this.#serve(container, stream, each, start);
    });
    container.cursors.keepOnly(new Set(endpoints.map((each) => each.endpointId)), pinnedIds);
    // Says where the cursors stand, so that what is already delivered can go.
    this.#tell(containerId);
  }

  #newContainer({ containerId, directory }: StreamOptions): Container {
    const { disk } = this.#options;
    const cursors = new ContainerCursors(containerId, new CursorFile(disk, directory, containerId));
    const onKept = (bytes: number): void => this.#options.onQuarantined?.(bytes);
    const quarantine = new Quarantine(disk, directory, onKept);
    return { directory, cursors, quarantine, shipments: new Map(), told: undefined };
  }

  /** Where an endpoint goes on or begins. Throws what the disk throws. */
  #startOf(
    { cursors }: Container,
    { containerId, directory }: StreamOptions,
    { endpointId, endpoint }: StreamEndpoint,
  ): Start {
    const known = cursors.startOf(endpointId);
    if (known !== undefined) return known;
    if (endpoint.startAt === 'oldest') return { lsn: 0, ordinal: 0 };
    const start = newestEdge(this.#options.disk, directory, containerId);
    // At once: a restart is to find this place, not a later one.
    cursors.writeFirst(endpointId, start, Date.now());
    return start;
  }

  #serve(
    container: Container,
    stream: StreamOptions,
    { endpointId, endpoint, runs, pipeline }: StreamEndpoint,
    start: Start,
  ): void {
    const { containerId } = stream;
    const { cursors, shipments } = container;
    const known = shipments.get(endpoint.key);
    if (known !== undefined) {
      known.source.runs = runs;
      known.served.queue.wake(known.source);
      return;
    }
    const source = this.#newSource(
      container,
      stream,
      { endpointId, endpoint, runs, pipeline },
      start,
    );
    const cursor = cursors.serve(endpointId, start);
    // A tenant that is limited or refused holds up no container but those that have lines for it.
    const served = this.#queueOf(endpoint, source.choosesTenants ? containerId : undefined);
    shipments.set(endpoint.key, { source, served, endpointId, cursor, pipeline });
    served.queue.add(source, cursors.writtenAtMs(endpointId));
  }

  #newSource(
    { quarantine }: Container,
    { containerId, directory, committed }: StreamOptions,
    { endpoint, runs, pipeline }: StreamEndpoint,
    start: Start,
  ): StreamSource {
    const { disk, log, isFinal } = this.#options;
    const { label, maxLineBytes, longLines } = endpoint;
    const files = this.#files;
    return new StreamSource({
      containerId,
      directory,
      reader: new StreamReader({ disk, directory, containerId, files, quarantine }),
      committed: new CommittedLsn(committed),
      runs,
      pipeline,
      lines: { maxLineBytes, longLines },
      isFinal,
      hasTenant: endpoint.sink.tenantId !== undefined,
      budget: this.#budget,
      log: log.child({ endpoint: label, containerId: containerId.slice(0, 12) }),
      start,
    });
  }

  #drop({ source, served }: Shipment): void {
    const { queue, endpoint } = served;
    queue.remove(source);
    if (queue.size > 0) return;
    const rest = (this.#queues.get(endpoint.key) ?? []).filter((other) => other !== served);
    if (rest.length === 0) this.#queues.delete(endpoint.key);
    else this.#queues.set(endpoint.key, rest);
    void queue.stop();
  }

  /** The queue that serves an endpoint in just this way, for all containers or for one alone. */
  #queueOf(endpoint: EndpointOptions, owner: string | undefined): Served {
    const known = this.#queues.get(endpoint.key) ?? [];
    const same = known.find(
      (each) => each.owner === owner && isDeepStrictEqual(each.endpoint, endpoint),
    );
    if (same !== undefined) return same;
    const { label } = endpoint;
    const { log, createSink, onLoss, onRejected } = this.#options;
    const meter = this.#meters.get(label) ?? new QueueMeter();
    this.#meters.set(label, meter);
    const queue = new EndpointQueue({
      endpoint: owner === undefined ? endpoint : withSmallBatches(endpoint),
      sink: createSink(endpoint.sink),
      log: log.child({ endpoint: label, ...(owner && { containerId: owner.slice(0, 12) }) }),
      meter,
      pool: this.#pool,
      onAcknowledged: (source, position) => this.#acknowledged(endpoint.key, source, position),
      onLoss: ({ reason, bytes, frames }) => onLoss?.(label, reason, bytes, frames),
      onRejected: (entries) => onRejected?.(entries),
      onMetrics: (deltas) => this.#options.onMetrics?.(ofEndpoint(deltas, label)),
    });
    const served = { endpoint, owner, queue };
    this.#queues.set(endpoint.key, [...known, served]);
    return served;
  }

  #acknowledged(key: string, source: StreamSource, position: SourceMark): void {
    const shipment = this.#containers.get(source.containerId)?.shipments.get(key);
    if (shipment === undefined || shipment.source !== source) return;
    const { cursor } = shipment;
    if (position.lsn <= cursor.position.lsn) return;
    const { lsn, ordinal, place } = position;
    cursor.position = { lsn, ordinal, place, state: source.encodeState(position) };
    this.#keeper.moved(cursor);
  }

  #tell(containerId: string): void {
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    const least = container.cursors.least();
    if (isDeepStrictEqual(least, container.told)) return;
    container.told = least;
    this.#options.onAcknowledged(containerId, least);
  }
}

/** A queue holds a few batches: many queues with one container each must not hold as much each. */
function withSmallBatches(endpoint: EndpointOptions): EndpointOptions {
  const batchSizeBytes = Math.min(endpoint.batchSizeBytes, ownedBatchBytesMax);
  return { ...endpoint, batchSizeBytes };
}

/** Whether a container's way to an endpoint can stay as it is. */
function isServedBy(wanted: StreamEndpoint, shipment: Shipment): boolean {
  const { endpointId, endpoint, pipeline } = wanted;
  return (
    endpointId === shipment.endpointId &&
    isDeepStrictEqual(endpoint, shipment.served.endpoint) &&
    isDeepStrictEqual(pipeline, shipment.pipeline)
  );
}
