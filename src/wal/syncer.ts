/**
 * Makes what was appended durable, at the pace that is asked for, through the thread pool: no
 * call that waits for the platter is ever made on the thread that captures. A file whose
 * syncing failed is not trusted again: nothing more is appended to it, and a copy of what it
 * should hold takes its place. A sync that fails costs nobody a byte as long as the power stays.
 */
import { errnoOf, messageOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { rescueFile } from './rescue.ts';
import type { SegmentWriter } from './segment-writer.ts';
import type { StreamWriter, SyncKeeper } from './stream-writer.ts';

/**
 * When bytes are made durable. `interval`: once a second. `always`: as well, and before more is
 * read, see `syncNow`. `seal`: when a file is closed. `off`: when the kernel likes to.
 */
export type SyncPolicy = 'interval' | 'always' | 'seal' | 'off';

/** A sync that failed. */
export interface SyncFailure {
  path: string;
  errno: string | undefined;
  cause: string;
  /** Whether a durable copy stands in the file's place; if not, a loss of power may cost it. */
  isRescued: boolean;
}

/** What a syncer needs. */
export interface SyncerOptions {
  disk: FileSystem;
  onSyncFailed: (failure: SyncFailure) => void;
  /** Told how long each sync of a file took. */
  onSynced?: (seconds: number) => void;
  /** Each writer's turn comes once in this time; 1 s by default. */
  intervalMs?: number;
}

/** One interval has so many steps, and each writer its step. */
const steps = 10;
const underWayMax = 2;
/** How long a writer whose file could not be brought to safety is left alone, at first and at most. */
const restMs = 1000;
const restMsMax = 60_000;

interface Entry {
  writer: StreamWriter;
  policy: () => SyncPolicy;
  step: number;
  isQueued: boolean;
  isUnderWay: boolean;
  isRemoved: boolean;
  /** Resolved by the next sync that begins; those of the one under way. */
  waiting: (() => void)[];
  failures: number;
  restsUntilMs: number;
}

/** See the module comment. One per process. */
export class Syncer {
  readonly #options: SyncerOptions;
  readonly #entries = new Map<StreamWriter, Entry>();
  readonly #bySteps: Set<Entry>[] = Array.from({ length: steps }, () => new Set<Entry>());
  readonly #queue: Entry[] = [];
  #underWay = 0;
  #added = 0;
  #step = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosing = false;
  #onIdle: (() => void)[] = [];

  constructor(options: SyncerOptions) {
    this.#options = options;
  }

  /** Looks after a writer from now on. `policy` is asked each time. */
  add(writer: StreamWriter, policy: () => SyncPolicy): void {
    if (this.#entries.has(writer)) return;
    const step = this.#added % steps;
    this.#added += 1;
    const flags = { isQueued: false, isUnderWay: false, isRemoved: false };
    const state = { ...flags, waiting: [], failures: 0, restsUntilMs: 0 };
    const entry: Entry = { writer, policy, step, ...state };
    this.#entries.set(writer, entry);
    this.#bySteps[step]?.add(entry);
    writer.setKeeper(this.#keeperOf(entry));
    const { intervalMs = 1000 } = this.#options;
    this.#timer ??= setInterval(() => this.#nextStep(), intervalMs / steps).unref();
  }

  /** Forgets a writer whose files are not needed any more: nothing of it is synced from now on. */
  remove(writer: StreamWriter): void {
    const entry = this.#entries.get(writer);
    if (entry === undefined) return;
    entry.isRemoved = true;
    this.#entries.delete(writer);
    this.#bySteps[entry.step]?.delete(entry);
    writer.setKeeper(undefined);
    for (const resolve of entry.waiting.splice(0)) resolve();
    if (this.#entries.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Resolves when everything that is in the writer's files now is durable, or when that has
   * failed, which is told as any failure. Never rejects.
   */
  syncNow(writer: StreamWriter): Promise<void> {
    const entry = this.#entries.get(writer);
    if (entry === undefined || entry.restsUntilMs > performance.now()) return Promise.resolve();
    return new Promise((resolve) => {
      entry.waiting.push(resolve);
      this.#enqueue(entry, true);
    });
  }

  /** Syncs once more what is not durable, but for `off`. Resolves when that is done. */
  close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const entry of this.#entries.values()) {
      if (entry.policy() !== 'off' && hasDirty(entry)) this.#enqueue(entry, false);
    }
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
      this.#go();
    });
  }

  #keeperOf(entry: Entry): SyncKeeper {
    return {
      get keepsClosed() {
        return entry.policy() !== 'off';
      },
      onClosed: () => this.#enqueue(entry, false),
    };
  }

  #nextStep(): void {
    this.#step = (this.#step + 1) % steps;
    for (const entry of this.#bySteps[this.#step] ?? []) {
      if (isDue(entry)) this.#enqueue(entry, false);
    }
  }

  #enqueue(entry: Entry, isUrgent: boolean): void {
    if (entry.isRemoved || (entry.isQueued && !isUrgent)) return;
    if (entry.isQueued) this.#queue.splice(this.#queue.indexOf(entry), 1);
    entry.isQueued = true;
    if (isUrgent) this.#queue.unshift(entry);
    else this.#queue.push(entry);
    this.#go();
  }

  #go(): void {
    while (this.#underWay < underWayMax) {
      // Two syncs of one writer at a time would only wait for each other.
      const at = this.#queue.findIndex(({ isUnderWay }) => !isUnderWay);
      const [entry] = at < 0 ? [] : this.#queue.splice(at, 1);
      if (entry === undefined) break;
      entry.isQueued = false;
      entry.isUnderWay = true;
      this.#underWay += 1;
      void this.#sync(entry).finally(() => {
        entry.isUnderWay = false;
        this.#underWay -= 1;
        this.#go();
      });
    }
    if (this.#underWay > 0 || this.#queue.length > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  async #sync(entry: Entry): Promise<void> {
    const waiting = entry.waiting.splice(0);
    const { writer } = entry;
    try {
      const isAll = waiting.length > 0 || this.#isClosing || syncsActive(entry);
      const active = isAll ? writer.activeFile : undefined;
      const files = active === undefined ? writer.unsyncedFiles : [...writer.unsyncedFiles, active];
      for (const file of [...files]) {
        if (entry.isRemoved || entry.restsUntilMs > performance.now()) break;
        await this.#syncFile(entry, file);
      }
    } finally {
      for (const resolve of waiting) resolve();
    }
  }

  async #syncFile(entry: Entry, file: SegmentWriter): Promise<void> {
    // What is sealed or delivered meanwhile has no need of it.
    if (file.isClosed && this.#isGone(file)) return entry.writer.settled(file);
    const startedAtMs = performance.now();
    try {
      await file.sync();
    } catch (error) {
      return this.#failed(entry, file, error);
    }
    this.#options.onSynced?.((performance.now() - startedAtMs) / 1000);
    try {
      await file.syncEntry();
      entry.failures = 0;
    } catch (error) {
      // Its directory may have gone with it.
      if (this.#isGone(file)) return entry.writer.settled(file);
      this.#rest(entry);
      this.#tell(file, error, false);
    }
    // It may have got more, and been closed, in the meantime.
    if (file.isClosed && !file.isDirty) entry.writer.settled(file);
  }

  #isGone(file: SegmentWriter): boolean {
    try {
      return this.#options.disk.statSync(file.path) === undefined;
    } catch {
      return false;
    }
  }

  async #failed(entry: Entry, file: SegmentWriter, error: unknown): Promise<void> {
    const { writer } = entry;
    if (this.#isGone(file)) return writer.settled(file);
    if (writer.activeFile === file) writer.rotate();
    const isRescued = await this.#rescue(writer.directory, file);
    if (isRescued) entry.failures = 0;
    else this.#rest(entry);
    writer.settled(file);
    this.#tell(file, error, isRescued);
  }

  async #rescue(directory: string, { path, bytes }: SegmentWriter): Promise<boolean> {
    try {
      await rescueFile(this.#options.disk, { directory, path, bytes });
      return true;
    } catch {
      return false;
    }
  }

  /** A disk that syncs nothing gets no new file each second. */
  #rest(entry: Entry): void {
    const ms = Math.min(restMsMax, restMs * 2 ** entry.failures);
    entry.failures += 1;
    entry.restsUntilMs = performance.now() + ms;
  }

  #tell({ path }: SegmentWriter, error: unknown, isRescued: boolean): void {
    this.#options.onSyncFailed({
      path,
      errno: errnoOf(error),
      cause: messageOf(error),
      isRescued,
    });
  }
}

/** Whether it is this writer's turn at its step. */
function isDue(entry: Entry): boolean {
  if (entry.restsUntilMs > performance.now()) return false;
  return entry.writer.unsyncedFiles.length > 0 || (syncsActive(entry) && isActiveDirty(entry));
}

function syncsActive({ policy }: Entry): boolean {
  const wanted = policy();
  return wanted === 'interval' || wanted === 'always';
}

function isActiveDirty({ writer }: Entry): boolean {
  return writer.activeFile?.isDirty === true;
}

function hasDirty(entry: Entry): boolean {
  return entry.writer.unsyncedFiles.length > 0 || isActiveDirty(entry);
}
