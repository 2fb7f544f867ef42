/**
 * The delivery loop of one endpoint: fills batches from its containers in turn, compresses
 * each once, sends them in order, and moves cursors only on an answer. While one batch is
 * under way the next ones are made; there are never more than three, however long an outage.
 */
import { nextDelayMs } from '../base/backoff.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { PushBatch } from '../encode/push-batch.ts';
import { compressBlock } from '../encode/snappy.ts';
import type { SendResult, Sink } from '../sink/sink.ts';
import type { SourcePosition, StreamSource } from './stream-source.ts';
import { Wakeup } from './wakeup.ts';

/** How an endpoint wants to be served; times in milliseconds. */
export interface QueueOptions {
  batchSizeBytes: number;
  batchWaitMs: number;
  minBackoffMs: number;
  maxBackoffMs: number;
}

/** What a queue has done since it began. */
export interface QueueCounts {
  deliveredEntries: number;
  rejectedEntries: number;
  retries: number;
}

type Positions = Map<StreamSource, SourcePosition>;

/** A waiting endpoint is spoken of once in this time. */
const complaintMs = 60_000;

/** See the module comment. */
export class EndpointQueue {
  readonly counts: QueueCounts = { deliveredEntries: 0, rejectedEntries: 0, retries: 0 };
  #options: QueueOptions;
  #sink: Sink;
  readonly #log: Log;
  readonly #onAcknowledged: (source: StreamSource, position: SourcePosition) => void;
  readonly #sources = new Set<StreamSource>();
  readonly #ready = new Set<StreamSource>();
  readonly #wakeup = new Wakeup();
  readonly #stopping = new AbortController();
  readonly #stopped: Promise<void>;
  #isSending = false;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #complainedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    options: QueueOptions,
    sink: Sink,
    log: Log,
    onAcknowledged: (source: StreamSource, position: SourcePosition) => void,
  ) {
    this.#options = options;
    this.#sink = sink;
    this.#log = log;
    this.#onAcknowledged = onAcknowledged;
    this.#stopped = this.#run();
  }

  /** How many containers ship through this queue. */
  get size(): number {
    return this.#sources.size;
  }

  /** From now on serves the same endpoint like this, for instance with a new password. */
  configure(options: QueueOptions, sink: Sink): void {
    const former = this.#sink;
    this.#options = options;
    this.#sink = sink;
    // What is under way keeps its sink until it is answered: sent again, it would come twice.
    if (!this.#isSending) void former.close();
  }

  add(source: StreamSource): void {
    this.#sources.add(source);
    this.wake(source);
  }

  /** Lets go of a container; a batch that is under way still goes out, without effect on it. */
  remove(source: StreamSource): void {
    this.#sources.delete(source);
    this.#ready.delete(source);
    source.close();
  }

  /** There is something to read. */
  wake(source: StreamSource): void {
    if (!this.#sources.has(source)) return;
    this.#ready.add(source);
    this.#wakeup.signal();
  }

  /** Finds what no signal told of: more to read, or a partial line that waited long enough. */
  poll(nowMs: number): void {
    for (const source of this.#sources) {
      if (source.hasMore || (source.partialDueAtMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
        this.wake(source);
      }
    }
  }

  /** Stops at once. What was not answered counts as not sent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wakeup.signal();
    await this.#sink.close();
    await this.#stopped;
  }

  async #run(): Promise<void> {
    const batch = new PushBatch();
    let before = Promise.resolve();
    let last = Promise.resolve();
    while (!this.#stopping.signal.aborted) {
      batch.reset();
      const positions = await this.#fill(batch);
      const { entries } = batch;
      const body = entries > 0 ? compressBlock(batch.encode()) : undefined;
      // While one body is sent, the next one waits for its turn, and a third is filled.
      await before;
      before = last;
      last = this.#deliver(last, body, entries, positions);
    }
    await last;
  }

  /** Fills the batch until it is to go out, or the queue stops. */
  async #fill(batch: PushBatch): Promise<Positions> {
    const positions: Positions = new Map();
    let dueAtMs: number | undefined;
    while (!this.#stopping.signal.aborted) {
      const now = performance.now();
      const [source] = this.#ready;
      if (source !== undefined) {
        if (this.#fillFrom(source, batch, positions, now) === 'full') return positions;
        if (batch.entries > 0)
          dueAtMs ??= Math.max(now, this.#sentAtMs + this.#options.batchWaitMs);
        continue;
      }
      if (batch.entries === 0 && positions.size > 0) return positions;
      if (dueAtMs !== undefined && now >= dueAtMs) return positions;
      await this.#wakeup.wait(dueAtMs === undefined ? undefined : dueAtMs - now);
    }
    return positions;
  }

  #fillFrom(
    source: StreamSource,
    batch: PushBatch,
    positions: Positions,
    nowMs: number,
  ): 'full' | 'turn' | 'idle' {
    this.#ready.delete(source);
    const before = source.position.lsn;
    const result = this.#fillOrComplain(source, batch, nowMs);
    const { position } = source;
    if (position.lsn !== before) positions.set(source, position);
    // At the end of the ring: whoever has more waits until all others had their turn.
    if (result !== 'idle') this.#ready.add(source);
    return result;
  }

  /** A stream that cannot be read now is left alone until the next poll; others go on. */
  #fillOrComplain(source: StreamSource, batch: PushBatch, nowMs: number): 'full' | 'turn' | 'idle' {
    try {
      return source.fill(batch, this.#options.batchSizeBytes, nowMs);
    } catch (error) {
      const { containerId } = source;
      this.#log.error({ containerId, cause: messageOf(error) }, 'a stream cannot be read now');
      return 'idle';
    }
  }

  /** Sends one batch when the one before it is through, and moves the cursors. */
  async #deliver(
    before: Promise<void>,
    body: Buffer | undefined,
    entries: number,
    positions: Positions,
  ): Promise<void> {
    await before;
    if (body !== undefined && !(await this.#send(body, entries))) return;
    for (const [source, position] of positions) {
      if (this.#sources.has(source)) this.#onAcknowledged(source, position);
    }
  }

  /** Sends until there is a verdict. Returns false when the queue stopped before. */
  async #send(body: Buffer, entries: number): Promise<boolean> {
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt += 1) {
      const result = await this.#sendOnce(body);
      if (result.kind === 'delivered') {
        this.counts.deliveredEntries += entries;
        if (attempt > 0) this.#log.info({ attempts: attempt + 1 }, 'the endpoint takes logs again');
        return true;
      }
      if (result.kind === 'rejected') {
        this.counts.rejectedEntries += entries;
        const { status, reason } = result;
        const { rejectedEntries } = this.counts;
        const fields = { status, reason, entries, rejectedEntries };
        this.#log.error(fields, 'the endpoint refused entries of a batch');
        return true;
      }
      this.counts.retries += 1;
      const delayMs = Math.max(this.#delayMs(attempt), result.afterMs ?? 0);
      this.#complain(result.reason, attempt, delayMs);
      await this.#pause(delayMs);
    }
    return false;
  }

  async #sendOnce(body: Buffer): Promise<SendResult> {
    const sink = this.#sink;
    this.#sentAtMs = performance.now();
    this.#isSending = true;
    const result = await sink.send(body);
    this.#isSending = false;
    if (sink !== this.#sink) void sink.close();
    return result;
  }

  #delayMs(attempt: number): number {
    const { minBackoffMs: minMs, maxBackoffMs: maxMs } = this.#options;
    return nextDelayMs(attempt, { minMs, maxMs });
  }

  #complain(reason: string, attempt: number, delayMs: number): void {
    if (this.#stopping.signal.aborted) return;
    const now = performance.now();
    if (attempt > 0 && now - this.#complainedAtMs < complaintMs) return;
    this.#complainedAtMs = now;
    this.#log.warn(
      { reason, attempt: attempt + 1, retryInMs: Math.round(delayMs) },
      'the endpoint does not take logs; they are kept and tried again',
    );
  }

  async #pause(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const { signal } = this.#stopping;
      if (signal.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
