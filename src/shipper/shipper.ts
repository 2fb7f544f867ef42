/**
 * Delivery as one thread runs it: which container ships through which endpoint's queue, and
 * their cursors. It reads the log and knows nothing of FIFOs, dockerd or log options.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FileSystem } from '../base/file-system.ts';
import type { Log } from '../base/log.ts';
import type { Sink } from '../sink/sink.ts';
import { CommittedLsn, CursorFile, Quarantine, SegmentFiles, StreamReader } from '../wal/index.ts';
import { CursorKeeper, type KeptCursor } from './cursor-keeper.ts';
import { EndpointQueue, type QueueOptions } from './endpoint-queue.ts';
import { type SourcePosition, StreamSource } from './stream-source.ts';

/** One endpoint: where to, and how. `key` tells endpoints apart. Holds secrets. */
export interface EndpointOptions extends QueueOptions {
  key: string;
  url: string;
  basicAuth?: { readonly user: string; readonly password: string };
  tenantId?: string;
  timeoutMs: number;
}

/** One container's stream and where it ships to. */
export interface StreamOptions {
  containerId: string;
  directory: string;
  committed: SharedArrayBuffer;
  endpointId: number;
  endpoint: EndpointOptions;
  labels: { stdout: string; stderr: string };
}

/** What a shipper needs. */
export interface ShipperOptions {
  disk: FileSystem;
  log: Log;
  createSink: (endpoint: EndpointOptions) => Sink;
  /**
   * A cursor stands at `ackLsn`, behind `ackOrdinal` frames; it would survive a loss of power
   * at `durableLsn`.
   */
  onAcknowledged: (
    containerId: string,
    ackLsn: number,
    durableLsn: number,
    ackOrdinal: number,
  ) => void;
  /** An endpoint is told that part of a stream is lost; `frames` where that is known. */
  onLoss?: (
    containerId: string,
    endpointKey: string,
    reason: string,
    bytes: number,
    frames: number | undefined,
  ) => void;
  /** So many bytes of a damaged file were copied to `quarantine/`. */
  onQuarantined?: (bytes: number) => void;
}

interface Shipment {
  source: StreamSource;
  queue: EndpointQueue;
  endpointKey: string;
  cursor: KeptCursor;
}

/** Lost signals are made up for in this time, in milliseconds. */
const pollMs = 500;
/** A file that nobody reads is let go of, so that its space comes free when it is unlinked. */
const idleFileMs = 30_000;

/** See the module comment. */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #files: SegmentFiles;
  readonly #keeper: CursorKeeper;
  readonly #queues = new Map<string, { queue: EndpointQueue; endpoint: EndpointOptions }>();
  readonly #shipments = new Map<string, Shipment>();
  readonly #budget = { heldBytes: 0 };
  readonly #poll: NodeJS.Timeout;

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#files = new SegmentFiles(options.disk);
    this.#keeper = new CursorKeeper(options.log, (cursor) => {
      const { containerId, ackLsn, durableLsn, ackOrdinal } = cursor;
      options.onAcknowledged(containerId, ackLsn, durableLsn, ackOrdinal);
    });
    this.#poll = setInterval(() => {
      for (const { queue } of this.#queues.values()) queue.poll(performance.now());
      this.#files.closeIdle(idleFileMs);
    }, pollMs);
  }

  /** Takes up a stream, or learns of its new labels or endpoint. */
  stream(stream: StreamOptions): void {
    const known = this.#shipments.get(stream.containerId);
    if (known !== undefined && known.endpointKey === stream.endpoint.key) {
      known.source.labels = stream.labels;
      this.#queueOf(stream.endpoint).queue.wake(known.source);
      return;
    }
    if (known !== undefined) this.#drop(known);
    this.#begin(stream);
  }

  /** Bytes were appended to these containers' streams. */
  appended(containerIds: readonly string[]): void {
    for (const containerId of containerIds) {
      const shipment = this.#shipments.get(containerId);
      shipment?.queue.wake(shipment.source);
    }
  }

  /** Lets go of a container: afterwards nothing here touches its directory. */
  release(containerId: string): void {
    const shipment = this.#shipments.get(containerId);
    if (shipment !== undefined) this.#drop(shipment);
  }

  /** Over all endpoints. */
  #counts(): { deliveredEntries: number; rejectedEntries: number; retries: number } {
    const total = { deliveredEntries: 0, rejectedEntries: 0, retries: 0 };
    for (const { queue } of this.#queues.values()) {
      total.deliveredEntries += queue.counts.deliveredEntries;
      total.rejectedEntries += queue.counts.rejectedEntries;
      total.retries += queue.counts.retries;
    }
    return total;
  }

  /** Stops at once and writes what is acknowledged. */
  async close(): Promise<void> {
    clearInterval(this.#poll);
    await Promise.all([...this.#queues.values()].map(({ queue }) => queue.stop()));
    this.#keeper.close();
    this.#options.log.info(this.#counts(), 'delivery has stopped');
  }

  #begin(stream: StreamOptions): void {
    const { containerId, directory, endpointId, endpoint } = stream;
    const { disk } = this.#options;
    const file = new CursorFile(disk, directory, containerId);
    const kept = file.get(endpointId);
    const start = {
      lsn: kept?.ackLsn ?? 0,
      ordinal: kept?.ackOrdinal ?? 0,
      ...(kept === undefined ? {} : { place: kept.place }),
    };
    const source = new StreamSource({
      containerId,
      directory,
      reader: new StreamReader({
        disk,
        directory,
        containerId,
        files: this.#files,
        quarantine: new Quarantine(disk, directory, (bytes) =>
          this.#options.onQuarantined?.(bytes),
        ),
      }),
      committed: new CommittedLsn(stream.committed),
      labels: stream.labels,
      budget: this.#budget,
      log: this.#options.log.child({ containerId: containerId.slice(0, 12) }),
      start,
      onLoss: (reason, bytes, frames) =>
        this.#options.onLoss?.(containerId, endpoint.key, reason, bytes, frames),
    });
    const place = kept?.place ?? { sequence: 0, offset: 0 };
    const durableSequence = place.sequence;
    const { lsn: ackLsn, ordinal: ackOrdinal } = start;
    const durable = { durableSequence, durableLsn: 0 };
    const cursor = { containerId, endpointId, file, ackLsn, ackOrdinal, place, ...durable };
    const { queue } = this.#queueOf(endpoint);
    const shipment = { source, queue, endpointKey: endpoint.key, cursor };
    this.#shipments.set(containerId, shipment);
    queue.add(source);
    // Says where the cursor stood, so that what is already delivered can go.
    this.#options.onAcknowledged(containerId, ackLsn, 0, ackOrdinal);
  }

  #drop(shipment: Shipment): void {
    const { source, queue, cursor, endpointKey } = shipment;
    queue.remove(source);
    this.#keeper.forget(cursor);
    this.#shipments.delete(cursor.containerId);
    this.#files.closeDirectory(source.directory);
    if (queue.size > 0) return;
    this.#queues.delete(endpointKey);
    void queue.stop();
  }

  /** The endpoint's queue. Where containers differ in how to serve it, the latest counts. */
  #queueOf(endpoint: EndpointOptions): { queue: EndpointQueue } {
    const known = this.#queues.get(endpoint.key);
    if (known !== undefined) {
      if (!isDeepStrictEqual(known.endpoint, endpoint)) {
        known.endpoint = endpoint;
        known.queue.configure(endpoint, this.#options.createSink(endpoint));
      }
      return known;
    }
    const log = this.#options.log.child({
      endpoint: withoutQuery(endpoint.url),
      tenant: endpoint.tenantId,
    });
    const sink = this.#options.createSink(endpoint);
    const queue = new EndpointQueue(endpoint, sink, log, (source, position) => {
      this.#acknowledged(source, position);
    });
    this.#queues.set(endpoint.key, { queue, endpoint });
    return { queue };
  }

  #acknowledged(source: StreamSource, position: SourcePosition): void {
    const shipment = this.#shipments.get(source.containerId);
    if (shipment === undefined || shipment.source !== source) return;
    const { cursor } = shipment;
    if (position.lsn <= cursor.ackLsn) return;
    cursor.ackLsn = position.lsn;
    cursor.ackOrdinal = position.ordinal;
    cursor.place = position.place;
    this.#keeper.moved(cursor);
  }
}

/** The URL as logs may show it: its query may carry a token. */
function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
