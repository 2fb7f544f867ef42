/**
 * All containers that the log knows: which FIFO belongs to which, what is on disk of them, and
 * when nothing of one is needed any more. Nothing here waits for an endpoint; what delivery
 * must know goes up through hooks, what it has achieved comes back through `acknowledged`.
 */
import fs from 'node:fs';
import { basename } from 'node:path';
import { DriverError, messageOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import type { Log } from '../base/log.ts';
import {
  CommittedLsn,
  type ContainerRecord,
  containerDirectory,
  createContainerDirectory,
  hasSegments,
  listContainers,
  readContainerRecord,
  recoverTail,
  removeContainer,
  removeSegmentsBefore,
  type SegmentLimits,
  StreamWriter,
  writeContainerRecord,
  writeContainerRecordDurably,
} from '../wal/index.ts';
import { ContainerCapture } from './container-capture.ts';
import type { LandingArea } from './landing.ts';

/** Who a container is and how it wants its lines shipped, as StartLogging tells it. */
export type ContainerIdentity = Omit<ContainerRecord, 'version' | 'fifos'>;

/** What delivery needs to read one container's stream. */
export interface DeliverableStream {
  directory: string;
  committed: SharedArrayBuffer;
  record: ContainerIdentity;
}

/** Signals to delivery. None of them may throw or wait. */
export interface ContainersHooks {
  /** The stream is there, or its identity or options have changed. */
  onStream(stream: DeliverableStream): void;
  /** Bytes were appended. */
  onAppended(containerId: string): void;
  /** Let go of the container and answer through `released`. */
  onRelease(containerId: string): void;
}

/** What the registry needs; `now` is Unix milliseconds. */
export interface ContainersOptions extends SegmentLimits {
  disk: FileSystem;
  root: string;
  landing: LandingArea;
  log: Log;
  now: () => number;
  hooks: ContainersHooks;
}

interface Container {
  record: ContainerIdentity;
  directory: string;
  committed: CommittedLsn;
  writer: StreamWriter;
  capture: ContainerCapture;
  /** A former process died in the middle of a write. */
  isTorn: boolean;
  ackLsn: number;
  /** StartLogging calls that are under way. */
  starts: number;
  state: 'kept' | 'releasing';
}

/** See the module comment. */
export class Containers {
  readonly #options: ContainersOptions;
  readonly #containers = new Map<string, Container>();
  readonly #idByFifo = new Map<string, string>();
  readonly #starting = new Map<string, Promise<void>>();

  constructor(options: ContainersOptions) {
    this.#options = options;
  }

  /**
   * A FIFO for a container: once this resolves, it is on the platter that they belong
   * together, and the FIFO is being read. The same FIFO again is no error. Rejects with
   * `fifo_unavailable`, or with what the disk throws; then nothing has changed.
   */
  async start(fifoPath: string, identity: ContainerIdentity): Promise<void> {
    const pending = this.#starting.get(fifoPath) ?? this.#start(fifoPath, identity);
    this.#starting.set(fifoPath, pending);
    try {
      await pending;
    } finally {
      this.#starting.delete(fifoPath);
    }
  }

  async #start(fifoPath: string, identity: ContainerIdentity): Promise<void> {
    const { containerId } = identity;
    if (this.#idByFifo.get(fifoPath) === containerId) return;
    probeFifo(fifoPath);
    const known = this.#containers.get(containerId) ?? this.#recover(containerId, identity);
    const container = known ?? (await this.#create(identity));
    container.state = 'kept';
    container.starts += 1;
    const fifos = [...container.capture.openPaths, fifoPath];
    try {
      const { disk } = this.#options;
      await writeContainerRecordDurably(disk, container.directory, { ...identity, fifos });
      container.capture.open(fifoPath);
      container.record = identity;
      this.#idByFifo.set(fifoPath, containerId);
    } finally {
      container.starts -= 1;
      // It failed, or others started or stopped FIFOs of this container in the meantime.
      if (container.capture.openPaths.join() !== fifos.join()) this.#writeRecord(container);
      this.#releaseIfDone(container);
    }
    this.#options.hooks.onStream(this.#deliverable(container));
  }

  /** Drains a FIFO and lets go of it. Returns false, and does nothing, when it is not known. */
  stop(fifoPath: string): boolean {
    const containerId = this.#idByFifo.get(fifoPath);
    const container = containerId === undefined ? undefined : this.#containers.get(containerId);
    if (container === undefined) return false;
    container.capture.stop(fifoPath);
    this.#fifoGone(container, fifoPath);
    return true;
  }

  /** Container ids on disk, those to recover. */
  listOnDisk(): string[] {
    return listContainers(this.#options.disk, this.#options.root);
  }

  /**
   * Takes up a container that a former process left. Returns false when that failed, and never
   * throws: one bad directory is one.
   */
  recover(containerId: string): boolean {
    if (this.#containers.has(containerId)) return true;
    try {
      this.#recover(containerId);
      return true;
    } catch (error) {
      const cause = messageOf(error);
      this.#options.log.error({ containerId, cause }, 'a container cannot be recovered');
      return false;
    }
  }

  /**
   * Every endpoint of the container has acknowledged up to `ackLsn`. What lies before
   * `durableLsn` can be unlinked: the cursors behind it would survive a loss of power.
   */
  acknowledged(containerId: string, ackLsn: number, durableLsn: number): void {
    const container = this.#containers.get(containerId);
    if (container === undefined || ackLsn < container.ackLsn) return;
    container.ackLsn = ackLsn;
    const { disk, log } = this.#options;
    try {
      removeSegmentsBefore(disk, container.directory, containerId, durableLsn);
    } catch (error) {
      log.error({ containerId, cause: messageOf(error) }, 'segments cannot be removed');
    }
    this.#releaseIfDone(container);
  }

  /** Delivery holds nothing of the container any more. */
  released(containerId: string): void {
    const container = this.#containers.get(containerId);
    if (container === undefined || container.state !== 'releasing') return;
    this.#forget(containerId);
  }

  /** All streams there are, for a delivery that has to start anew. */
  *streams(): Generator<DeliverableStream> {
    for (const container of this.#containers.values()) yield this.#deliverable(container);
  }

  /** Lets go of all files and FIFOs. What is in a FIFO stays there for the next process. */
  close(): void {
    for (const container of this.#containers.values()) container.capture.close();
    this.#containers.clear();
    this.#idByFifo.clear();
  }

  #deliverable(container: Container): DeliverableStream {
    const { directory, committed, record } = container;
    return { directory, committed: committed.buffer, record };
  }

  async #create(identity: ContainerIdentity): Promise<Container> {
    const { disk, root } = this.#options;
    const { containerId } = identity;
    await createContainerDirectory(disk, root, containerId);
    return this.#containers.get(containerId) ?? this.#open(identity);
  }

  #open(identity: ContainerIdentity): Container {
    const { disk, root, landing, log, now, hooks } = this.#options;
    const { segmentBytesMax, segmentAgeMsMax } = this.#options;
    const { containerId } = identity;
    const directory = containerDirectory(root, containerId);
    const tail = recoverTail(disk, directory, containerId);
    const committed = new CommittedLsn();
    const limits = { segmentBytesMax, segmentAgeMsMax };
    const options = { disk, directory, containerId, tail, committed, now, ...limits };
    const writer = new StreamWriter(options);
    const events = {
      onAppended: () => hooks.onAppended(containerId),
      onFifoEnded: (path: string) => this.#fifoEnded(containerId, path),
    };
    const childLog = log.child({ containerId: containerId.slice(0, 12) });
    const capture = new ContainerCapture({
      writer,
      tail,
      landing,
      events,
      log: childLog,
      now,
    });
    const container: Container = {
      record: identity,
      directory,
      committed,
      writer,
      capture,
      isTorn: tail.tornBytes > 0,
      ackLsn: 0,
      starts: 0,
      state: 'kept',
    };
    this.#containers.set(containerId, container);
    return container;
  }

  /**
   * Takes up what is on disk, with its live FIFOs; undefined when there is nothing. `identity`
   * stands in for a record that is damaged: a container must start all the same.
   */
  #recover(containerId: string, identity?: ContainerIdentity): Container | undefined {
    const record = this.#readRecord(containerId, identity);
    if (record === undefined) {
      const { disk, root, log } = this.#options;
      if (!hasSegments(disk, root, containerId)) {
        if (identity === undefined) removeContainer(disk, root, containerId);
        return undefined;
      }
      if (identity === undefined) {
        log.error({ containerId }, 'a container has logs but no record; they are kept, unread');
        return undefined;
      }
    }
    const known = identity ?? record;
    if (known === undefined) return undefined;
    const container = this.#open(known);
    this.#salvage(container, record?.fifos ?? []);
    for (const path of record?.fifos ?? []) this.#reattach(container, path);
    const names = new Set(container.capture.openPaths.map((path) => basename(path)));
    container.capture.detachUnless((name) => names.has(name));
    if (record !== undefined && names.size !== record.fifos.length) this.#writeRecord(container);
    this.#options.hooks.onStream(this.#deliverable(container));
    return container;
  }

  #readRecord(containerId: string, identity?: ContainerIdentity): ContainerRecord | undefined {
    const { disk, root, log } = this.#options;
    try {
      return readContainerRecord(disk, containerDirectory(root, containerId));
    } catch (error) {
      if (identity === undefined) throw error;
      log.error({ containerId, cause: messageOf(error) }, 'a damaged record is replaced');
      return undefined;
    }
  }

  /** The FIFO that stands last in the stream comes first: its bytes belong at the very end. */
  #salvage(container: Container, paths: readonly string[]): void {
    const { writer, capture, isTorn } = container;
    const names = paths.map((path) => basename(path));
    const attached = writer.attachedFifo;
    const inOrder = names.toSorted((a, b) => Number(b === attached) - Number(a === attached));
    const isSalvaged = inOrder.map((name) => capture.salvage(name)).includes(true);
    if (isTorn && !isSalvaged) capture.recordTorn();
  }

  #reattach(container: Container, path: string): void {
    const { containerId } = container.record;
    try {
      container.capture.open(path);
      this.#idByFifo.set(path, containerId);
    } catch (error) {
      this.#options.log.info({ containerId, cause: messageOf(error) }, 'a FIFO is gone');
    }
  }

  #fifoEnded(containerId: string, path: string): void {
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    fs.rm(path, { force: true }, (error) => {
      // dockerd has gone and will not clean up behind itself; if we cannot either, nobody minds.
      if (error !== null) this.#options.log.info({ cause: error.message }, 'a FIFO stays behind');
    });
    this.#fifoGone(container, path);
  }

  #fifoGone(container: Container, path: string): void {
    this.#idByFifo.delete(path);
    this.#writeRecord(container);
    this.#releaseIfDone(container);
  }

  #writeRecord(container: Container): void {
    const { disk, log } = this.#options;
    const { record, directory, capture } = container;
    try {
      writeContainerRecord(disk, directory, { ...record, fifos: capture.openPaths });
    } catch (error) {
      log.error({ containerId: record.containerId, cause: messageOf(error) }, 'record not written');
    }
  }

  /** Nothing live, nothing undelivered: delivery lets go first, then the directory goes. */
  #releaseIfDone(container: Container): void {
    const { record, capture, writer } = container;
    if (capture.openPaths.length > 0 || container.starts > 0) return;
    if (container.state === 'releasing') return;
    if (container.ackLsn < writer.endLsn) return;
    container.state = 'releasing';
    this.#options.hooks.onRelease(record.containerId);
  }

  #forget(containerId: string): void {
    const container = this.#containers.get(containerId);
    const { disk, root, log } = this.#options;
    container?.capture.close();
    this.#containers.delete(containerId);
    try {
      removeContainer(disk, root, containerId);
    } catch (error) {
      log.error({ containerId, cause: messageOf(error) }, 'a directory cannot be removed');
    }
  }
}

/** Throws `fifo_unavailable` before anything is written for a FIFO that is not there. */
function probeFifo(fifoPath: string): void {
  const found = fs.statSync(fifoPath, { throwIfNoEntry: false });
  if (found?.isFIFO() === true) return;
  const what = found === undefined ? 'there is nothing at that path' : 'it is not a FIFO';
  throw new DriverError('fifo_unavailable', `cannot read from the FIFO '${fifoPath}': ${what}`);
}
