/**
 * All containers that the log knows: which FIFO belongs to which, what is on disk of them, and
 * when nothing of one is needed any more. Nothing here waits for an endpoint; what delivery
 * must know goes up through hooks, what it has achieved comes back through `acknowledged`.
 */
import fs from 'node:fs';
import { basename } from 'node:path';
import { errnoOf, messageOf } from '../base/errors.ts';
import {
  type ContainerRecord,
  containerDirectory,
  createContainerDirectory,
  hasSegments,
  listContainers,
  readContainerRecord,
  removeContainer,
  syncContainerRecord,
  writeContainerRecord,
  writeContainerRecordDurably,
} from '../wal/index.ts';
import {
  type Acknowledged,
  type ContainerIdentity,
  type ContainerLog,
  identityOf,
} from './container-log.ts';
import { probeFifo } from './fifo.ts';
import { Followers, type OnOutputEnd } from './followers.ts';
import {
  type ContainersOptions,
  type DeliverableStream,
  openLog,
  segmentLimitsOf,
} from './open-log.ts';
import { recoverRuns } from './runs.ts';

/** See the module comment. */
export class Containers {
  readonly #options: ContainersOptions;
  readonly #containers = new Map<string, ContainerLog>();
  readonly #idByFifo = new Map<string, string>();
  readonly #starting = new Map<string, Promise<void>>();
  /** The last of a container's starts, that have to wait for each other. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #followers = new Followers();

  constructor(options: ContainersOptions) {
    this.#options = options;
  }

  /**
   * A FIFO for a container: once this resolves, it is on the platter that they belong
   * together, and the FIFO is being read. The same FIFO again is no error. Rejects with
   * `fifo_unavailable`, or with what the disk throws; then nothing has changed.
   */
  async start(fifoPath: string, identity: ContainerIdentity): Promise<void> {
    const pending = this.#starting.get(fifoPath) ?? this.#startInTurn(fifoPath, identity);
    this.#starting.set(fifoPath, pending);
    try {
      await pending;
    } finally {
      this.#starting.delete(fifoPath);
    }
  }

  /** Two at once would write one record at once: several `docker logs`, or one and a start. */
  async #startInTurn(fifoPath: string, identity: ContainerIdentity): Promise<void> {
    const { containerId } = identity;
    const before = this.#turns.get(containerId) ?? Promise.resolve();
    const turn = before.then(() => this.#start(fifoPath, identity));
    const settled = turn.catch(() => {});
    this.#turns.set(containerId, settled);
    try {
      await turn;
    } finally {
      if (this.#turns.get(containerId) === settled) this.#turns.delete(containerId);
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
    const before = container.endedAtMs ?? container.endedBeforeMs;
    const fifos = [...container.capture.openPaths, fifoPath];
    try {
      await this.#withRoom(() =>
        writeContainerRecordDurably(
          this.#options.disk,
          container.directory,
          container.recordOf(identity, fifos, before),
        ),
      );
      container.capture.open(fifoPath);
      this.#identify(container, identity);
      container.opened();
      this.#idByFifo.set(fifoPath, containerId);
    } finally {
      container.starts -= 1;
      // It failed, or others started or stopped FIFOs of this container in the meantime.
      if (container.capture.openPaths.join() !== fifos.join()) this.#writeRecord(container);
      this.#releaseIfDone(container);
    }
    this.#options.hooks.onStream(this.#deliverable(container));
  }

  /** Drains a FIFO and lets go of it, in this tick. Resolves with false when it is not known. */
  async stop(fifoPath: string): Promise<boolean> {
    const containerId = this.#idByFifo.get(fifoPath);
    const container = containerId === undefined ? undefined : this.#containers.get(containerId);
    if (container === undefined) return false;
    container.capture.stop(fifoPath);
    this.#fifoGone(container, fifoPath);
    // Where every read is synced before the next, the last one is too.
    if (container.policy.sync === 'always') await container.capture.synced();
    return true;
  }

  /** The log of a container, taken up from disk if need be; undefined when there is none. */
  find(containerId: string): ContainerLog | undefined {
    if (!this.#containers.has(containerId)) this.recover(containerId);
    return this.#containers.get(containerId);
  }

  /**
   * Tells when the output ends that the container's open FIFOs bring; at once if there are none.
   * Returns what ends the following.
   */
  follow(container: ContainerLog, onEnd: OnOutputEnd): () => void {
    if (container.capture.openPaths.length > 0) {
      return this.#followers.add(container.containerId, onEnd);
    }
    onEnd(container.writer.endLsn);
    return () => {};
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

  /** Every endpoint of the container has come this far. What may go goes with the next round. */
  acknowledged(containerId: string, position: Acknowledged): void {
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    container.acknowledged(position);
    this.#releaseIfDone(container);
  }

  /** Whether a container ships nowhere: then nothing of it waits for delivery. */
  setLocal(containerId: string, isLocal: boolean): void {
    const container = this.#containers.get(containerId);
    if (container !== undefined) container.isLocal = isLocal;
  }

  /** Lets go of a container if nothing and nobody needs anything of it. */
  releaseIfDone(containerId: string): void {
    const container = this.#containers.get(containerId);
    if (container !== undefined) this.#releaseIfDone(container);
  }

  /** Lets go of an ended container of which all is delivered. Returns whether it is going. */
  forget(containerId: string): boolean {
    const container = this.#containers.get(containerId);
    if (container === undefined || container.state === 'releasing') return false;
    if (!container.isIdle || !container.isDelivered) return false;
    container.state = 'releasing';
    this.#options.hooks.onRelease(containerId);
    return true;
  }

  /** All logs there are. */
  logs(): IterableIterator<ContainerLog> {
    return this.#containers.values();
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

  #deliverable(container: ContainerLog): DeliverableStream {
    const { directory, committed, record, runsAhead: runs } = container;
    return { directory, committed: committed.buffer, record: { ...record, runs } };
  }

  async #create(identity: ContainerIdentity): Promise<ContainerLog> {
    const { disk, root } = this.#options;
    const { containerId } = identity;
    await this.#withRoom(() => createContainerDirectory(disk, root, containerId));
    return this.#containers.get(containerId) ?? this.#open(identity);
  }

  /** Does what needs a little room on the disk; if there is none, makes some and tries again. */
  async #withRoom(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      const errno = errnoOf(error);
      const isFull = errno === 'ENOSPC' || errno === 'EDQUOT';
      if (!isFull || !this.#options.upkeep().makeRoom()) throw error;
      await write();
    }
  }

  /** From now on the container is this one, with these options. */
  #identify(container: ContainerLog, identity: ContainerIdentity): void {
    container.record = identity;
    container.policy = this.#options.policyOf(identity.logOpts);
    container.writer.configure(segmentLimitsOf(container.policy));
  }

  #open(identity: ContainerIdentity): ContainerLog {
    const { containerId } = identity;
    const container = openLog(this.#options, identity, {
      onFifoEnded: (path) => this.#fifoEnded(containerId, path),
      onEntered: (fromLsn) => this.#entered(containerId, fromLsn),
    });
    this.#containers.set(containerId, container);
    return container;
  }

  /**
   * Takes up what is on disk, with its live FIFOs; undefined when there is nothing. `identity`
   * stands in for a record that is damaged: a container must start all the same.
   */
  #recover(containerId: string, identity?: ContainerIdentity): ContainerLog | undefined {
    const record = this.#readRecord(containerId, identity);
    if (record === undefined && !this.#hasLogOf(containerId, identity)) return undefined;
    // What is left of former FIFOs belongs to whoever the container was then.
    const known = record ?? identity;
    if (known === undefined) return undefined;
    const container = this.#open(identityOf(known));
    container.runs = recoverRuns(known, container.writer.endLsn);
    container.endedAtMs = record?.endedAtMs;
    this.#takeUpFifos(container, record?.fifos ?? []);
    this.#options.hooks.onStream(this.#deliverable(container));
    return container;
  }

  /** Whether there is a log to go on with, although no record says whose it is. */
  #hasLogOf(containerId: string, identity: ContainerIdentity | undefined): boolean {
    const { disk, root, log } = this.#options;
    if (!hasSegments(disk, root, containerId)) {
      if (identity === undefined) removeContainer(disk, root, containerId);
      return false;
    }
    if (identity !== undefined) return true;
    log.error({ containerId }, 'a container has logs but no record; they are kept, unread');
    return false;
  }

  /** Goes on with the FIFOs that a former process read, as far as they are there. */
  #takeUpFifos(container: ContainerLog, paths: readonly string[]): void {
    this.#salvage(container, paths);
    for (const path of paths) this.#reattach(container, path);
    const names = new Set(container.capture.openPaths.map((path) => basename(path)));
    container.capture.detachUnless((name) => names.has(name));
    if (names.size > 0) container.opened();
    else container.closed(this.#options.clock.now());
    if (names.size !== paths.length) this.#writeRecord(container);
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
  #salvage(container: ContainerLog, paths: readonly string[]): void {
    const { writer, capture, isTorn } = container;
    const names = paths.map((path) => basename(path));
    const attached = writer.attachedFifo;
    const inOrder = names.toSorted((a, b) => Number(b === attached) - Number(a === attached));
    const isSalvaged = inOrder.map((name) => capture.salvage(name)).includes(true);
    if (isTorn && !isSalvaged) capture.recordTorn();
  }

  #reattach(container: ContainerLog, path: string): void {
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

  #fifoGone(container: ContainerLog, path: string): void {
    this.#idByFifo.delete(path);
    const { capture, writer } = container;
    const hadOutput = capture.forgetOutputOf(path);
    const isLast = capture.openPaths.length === 0;
    if (isLast) container.closed(this.#options.clock.now());
    this.#followers.gone(container.containerId, { hadOutput, isLast, endLsn: writer.endLsn });
    this.#writeRecord(container);
    this.#releaseIfDone(container);
  }

  /**
   * The first output of a FIFO. It may be the first since the container was stopped: it runs
   * again, and the record says so. Or lines get other labels from now on.
   */
  #entered(containerId: string, fromLsn: number): void {
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    const isOther = container.entered(fromLsn);
    if (!isOther && container.endedBeforeMs === undefined) return;
    container.endedBeforeMs = undefined;
    this.#writeRecord(container);
    if (isOther) this.#options.hooks.onStream(this.#deliverable(container));
  }

  #writeRecord(container: ContainerLog): void {
    const { disk, log } = this.#options;
    const { record, directory, capture, endedAtMs, endedBeforeMs } = container;
    const ended = endedAtMs ?? endedBeforeMs;
    try {
      const whole = container.recordOf(record, capture.openPaths, ended);
      writeContainerRecord(disk, directory, whole);
      // Nobody waits for it, and the directory may be gone by then.
      syncContainerRecord(disk, directory).catch(() => {});
    } catch (error) {
      log.error({ containerId: record.containerId, cause: messageOf(error) }, 'record not written');
    }
  }

  /** Nothing live, undelivered or remembered: delivery lets go first, then the directory goes. */
  #releaseIfDone(container: ContainerLog): void {
    if (container.isForgotten(this.#options.clock.now())) this.forget(container.containerId);
  }

  #forget(containerId: string): void {
    const container = this.#containers.get(containerId);
    const { disk, root, log } = this.#options;
    if (container !== undefined) this.#options.syncer.remove(container.writer);
    container?.capture.close();
    this.#containers.delete(containerId);
    try {
      removeContainer(disk, root, containerId);
    } catch (error) {
      log.error({ containerId, cause: messageOf(error) }, 'a directory cannot be removed');
    }
  }
}
