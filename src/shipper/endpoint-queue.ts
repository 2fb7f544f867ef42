/**
 * The delivery loop of one endpoint: fills batches from its containers in turn, has them sent,
 * several at once where order allows, and moves cursors only on a verdict. While the endpoint
 * is down it holds nothing and reads nothing, however long that takes.
 */
import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { BufferPool } from '../encode/buffer-pool.ts';
import type { MetricDelta } from '../pipeline/metric-deltas.ts';
import type { StageCounts } from '../pipeline/pipeline-counts.ts';
import type { RejectedEntry } from '../rejected/entry.ts';
import type { Sink } from '../sink/sink.ts';
import { type Attempts, type Batch, createLane, isBusy, type Lane } from './batch.ts';
import { BatchSize } from './batch-size.ts';
import { Breaker } from './breaker.ts';
import type { EndpointOptions } from './endpoint-options.ts';
import type { ToldLoss } from './fill-target.ts';
import { gaugesOf } from './gauges.ts';
import { HeldBatches } from './held-batches.ts';
import { Pace } from './pace.ts';
import type { QueueGauges, QueueMeter } from './queue-stats.ts';
import { type Outcome, Sender } from './sender.ts';
import type { SourceMark, StreamSource } from './stream-source.ts';
import { Turns } from './turns.ts';
import { Wakeup } from './wakeup.ts';

/** What a queue needs; `nowMs` is monotonic. */
export interface EndpointQueueOptions {
  readonly endpoint: EndpointOptions;
  readonly sink: Sink;
  readonly log: Log;
  readonly meter: QueueMeter;
  /** Memory of requests; all queues of a thread may share one. */
  readonly pool: BufferPool;
  readonly nowMs?: () => number;
  readonly onAcknowledged: (source: StreamSource, position: SourceMark) => void;
  /** A loss was told of in a batch that is settled. */
  readonly onLoss: (loss: ToldLoss) => void;
  readonly onRejected: (entries: RejectedEntry[]) => void;
  /** What `metrics` stages measured of lines that are settled. */
  readonly onMetrics?: ((deltas: readonly MetricDelta[]) => void) | undefined;
}

/** Requests under way at most, and while the last one failed. */
const inFlightMax = 4;
const inFlightMaxAfterFailure = 1;
/** What goes to an endpoint that may still be down. */
const probeBytesMax = 16 * 1024;
/** The loop reads no longer than this before others on the thread get a turn, in milliseconds. */
const sliceMs = 5;
/** So long a pause is waited for at least, in milliseconds. */
const pauseMsMin = 5;
/** A stream that cannot be read is spoken of once in this time, in milliseconds. */
const complaintMs = 60_000;

/** See the module comment. */
export class EndpointQueue {
  readonly #options: EndpointQueueOptions;
  readonly #nowMs: () => number;
  readonly #lanes = new Map<StreamSource, Lane>();
  readonly #turns = new Turns<Lane>();
  /** Lanes with more to read that a stage wants nothing of for a while. */
  readonly #paused = new Set<Lane>();
  readonly #held: HeldBatches;
  readonly #breaker: Breaker;
  readonly #size: BatchSize;
  readonly #pace: Pace;
  readonly #sender: Sender;
  readonly #wakeup = new Wakeup();
  readonly #sends = new Set<Promise<void>>();
  readonly #stopped: Promise<void>;
  #isStopping = false;
  /** Failed sends, by tenant, of batches that were given back since the last verdict. */
  readonly #attempts: Attempts = new Map();
  #drain: { endMs: number; done: () => void } | undefined;

  constructor(options: EndpointQueueOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    const { endpoint, sink, log, meter, onRejected, pool } = options;
    const { minBackoffMs: minMs, maxBackoffMs: maxMs } = endpoint;
    this.#held = new HeldBatches(pool);
    this.#breaker = new Breaker({ minMs, maxMs });
    this.#size = new BatchSize(endpoint.batchSizeBytes);
    this.#pace = new Pace(endpoint.batchWaitMs);
    const rules = { breaker: this.#breaker, size: this.#size, pace: this.#pace };
    const nowMs = this.#nowMs;
    this.#sender = new Sender({ endpoint, sink, log, meter, onRejected, nowMs, ...rules });
    this.#stopped = this.#run();
  }

  /** How many containers ship through this queue. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Takes up a source; `unreadSinceMs` is the age of what it has to read, as far as is known. */
  add(source: StreamSource, unreadSinceMs?: number): void {
    this.#lanes.set(source, createLane(source, unreadSinceMs));
    this.wake(source);
  }

  /** Lets go of a container; a batch that is under way still goes out, without effect on it. */
  remove(source: StreamSource): void {
    const lane = this.#lanes.get(source);
    if (lane === undefined) return;
    lane.isGone = true;
    this.#lanes.delete(source);
    this.#paused.delete(lane);
    this.#turns.remove(lane);
    source.close();
    this.#wakeup.signal();
  }

  /** There is something to read. */
  wake(source: StreamSource): void {
    const lane = this.#lanes.get(source);
    if (lane === undefined) return;
    lane.unreadSinceMs ??= Date.now();
    this.#turns.wake(lane, isBusy(lane));
    this.#wakeup.signal();
  }

  /** Finds what no signal told of: more to read, or a line that was held back long enough. */
  poll(): void {
    const nowMs = this.#nowMs();
    for (const source of this.#lanes.keys()) {
      const dueAtMs = source.dueAtMs(nowMs) ?? Number.POSITIVE_INFINITY;
      if (source.hasMore || dueAtMs <= nowMs) this.wake(source);
    }
  }

  /** What it holds now. */
  gauges(): QueueGauges {
    const breaker = this.#breaker.state(this.#nowMs());
    return gaugesOf(this.#lanes.values(), this.#held.sending, breaker);
  }

  /**
   * Resolves when all that is written is settled, when that cannot be before the time is over
   * because the endpoint is down, or when it is over. Batches do not wait for others meanwhile.
   */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#isStopping) return;
    await new Promise<void>((resolve) => {
      this.#drain?.done();
      this.#drain = { endMs: this.#nowMs() + timeoutMs, done: resolve };
      for (const source of this.#lanes.keys()) if (!source.isReadUp) this.wake(source);
      this.#wakeup.signal();
    });
  }

  /** Stops at once. What was not answered counts as not sent. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#drain?.done();
    this.#wakeup.signal();
    await this.#sender.stop();
    await this.#stopped;
    await Promise.all(this.#sends);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const nowMs = this.#nowMs();
      this.#resume();
      const hasMore = this.#fill(nowMs);
      this.#closeDue(nowMs, hasMore);
      const hasSettled = this.#sendReady(nowMs);
      this.#checkDrain(nowMs);
      // Others on the thread get a turn, whatever there is to do.
      if (hasMore || hasSettled) await setImmediate();
      else await this.#wakeup.wait(this.#waitMs(nowMs));
    }
  }

  /** Lanes go on whose pause is over. */
  #resume(): void {
    for (const lane of this.#paused) {
      if ((lane.source.pauseMs ?? 0) > 0) continue;
      this.#paused.delete(lane);
      this.#turns.wake(lane, isBusy(lane));
    }
  }

  /** Fills batches for a while. Returns whether there is more to do at once. */
  #fill(nowMs: number): boolean {
    const state = this.#breaker.state(nowMs);
    if (state === 'open') return false;
    const isProbe = state === 'half-open';
    // One probe, and nothing else under way that could be taken for its answer.
    if (isProbe && this.#held.size > 0) return false;
    const endMs = nowMs + sliceMs;
    let hasMore = true;
    while (hasMore) {
      const filled = this.#fillTurn(nowMs, isProbe);
      if (filled === 'none') hasMore = false;
      else if (filled === 'full' || this.#nowMs() >= endMs) break;
    }
    this.#held.tidy();
    if (!isProbe) return hasMore;
    for (const batch of this.#held.open) this.#close(batch);
    return false;
  }

  /** One turn of one lane: those that have nothing under way go first. */
  #fillTurn(nowMs: number, isProbe: boolean): 'none' | 'turn' | 'full' {
    const sizeBytes = this.#size.bytesAt(nowMs);
    const limitBytes = isProbe ? Math.min(probeBytesMax, sizeBytes) : sizeBytes;
    for (const busy of [false, true]) {
      const lane = this.#turns.next(busy);
      const batch = lane && this.#held.openFor(lane, limitBytes);
      if (lane === undefined || batch === undefined) continue;
      if (batch.parts.size === 0 && isProbe) batch.carry(this.#attempts);
      const isFull = this.#read(lane, batch, nowMs) === 'full';
      if (isFull) this.#close(batch);
      return isFull ? 'full' : 'turn';
    }
    return 'none';
  }

  #read(lane: Lane, batch: Batch, nowMs: number): 'full' | 'turn' | 'idle' {
    const { source } = lane;
    const start = source.position;
    const { refusedBytes } = batch;
    const before = batch.filledEntries;
    const result = this.#fillOrComplain(lane, batch, nowMs);
    const notes = source.takeNotes();
    const { lsn } = source.position;
    const isPart = lsn !== start.lsn || batch.filledEntries !== before || notes !== undefined;
    if (isPart || batch.refusedBytes !== refusedBytes) batch.add(lane, start, notes);
    const lastMs = source.lastFrameMs;
    const isPaused = source.pauseMs !== undefined;
    if (isPaused) this.#paused.add(lane);
    if (result === 'idle' && !isPaused) lane.unreadSinceMs = undefined;
    else if (lastMs > 0) lane.unreadSinceMs = lastMs;
    this.#turns.took(lane, Math.max(0, lsn - start.lsn), result !== 'idle');
    return result;
  }

  /** A stream that cannot be read now is left alone until the next poll; others go on. */
  #fillOrComplain(lane: Lane, batch: Batch, nowMs: number): 'full' | 'turn' | 'idle' {
    try {
      return lane.source.fill(batch, lane.deficitBytes, nowMs);
    } catch (error) {
      if (nowMs - lane.complainedAtMs < complaintMs) return 'idle';
      lane.complainedAtMs = nowMs;
      const { containerId } = lane.source;
      const fields = { containerId, cause: messageOf(error) };
      this.#options.log.error(fields, 'a stream cannot be read now');
      return 'idle';
    }
  }

  /** Closes what need not wait any longer for more lines. */
  #closeDue(nowMs: number, hasMore: boolean): void {
    if (hasMore) return;
    for (const batch of this.#held.open) {
      if (batch.blockedBy.size > 0) continue;
      if (batch.isBlank) this.#settle(batch);
      else if (this.#maySend(nowMs) && nowMs >= this.#dueAtMs) this.#close(batch);
    }
  }

  get #dueAtMs(): number {
    return this.#drain === undefined ? this.#pace.dueAtMs : Number.NEGATIVE_INFINITY;
  }

  #close(batch: Batch): void {
    this.#held.close(batch);
    for (const lane of batch.parts.keys()) this.#turns.setBusy(lane, isBusy(lane));
    // Now and not when it is sent: others are under way meanwhile.
    this.#sender.encode(batch);
  }

  #maySend(nowMs: number): boolean {
    const { failures } = this.#breaker;
    const max = failures > 0 ? inFlightMaxAfterFailure : inFlightMax;
    return this.#held.sending < max && this.#breaker.waitMs(nowMs) === 0;
  }

  /** Returns whether one had nothing to send: nothing comes back of it that would make us go on. */
  #sendReady(nowMs: number): boolean {
    let hasSettled = false;
    for (let batch = this.#held.next; batch !== undefined; batch = this.#held.next) {
      if (batch.isBlank) {
        this.#settle(batch);
        hasSettled = true;
        continue;
      }
      if (this.#isStopping || !this.#maySend(nowMs)) break;
      batch.state = 'sending';
      const sent = this.#deliver(batch).finally(() => {
        this.#sends.delete(sent);
        this.#wakeup.signal();
      });
      this.#sends.add(sent);
    }
    return hasSettled;
  }

  async #deliver(batch: Batch): Promise<void> {
    const outcome = await this.#attempt(batch);
    if (outcome === 'cancelled') return;
    if (outcome === 'settled') this.#settle(batch);
    if (outcome === 'again') batch.state = 'waiting';
    if (outcome === 'given-back') this.#giveBack(batch);
    // This one included, if it is to be sent again.
    if (this.#breaker.state(this.#nowMs()) !== 'closed') this.#letGo();
  }

  async #attempt(batch: Batch): Promise<Outcome> {
    try {
      return await this.#sender.attempt(batch);
    } catch (error) {
      this.#options.log.error({ cause: messageOf(error) }, 'a batch cannot be sent now');
      this.#breaker.failed(this.#nowMs(), { cause: 'outage' });
      return this.#isStopping ? 'cancelled' : 'given-back';
    }
  }

  /** The batch has its verdict: positions move, and what was found missing is said. */
  #settle(batch: Batch): void {
    this.#held.drop(batch);
    if (!batch.isBlank) this.#attempts.clear();
    this.#sender.setAside(batch);
    batch.free();
    for (const [lane, { end, notes }] of batch.parts) {
      if (lane.isGone) continue;
      lane.acked = { lsn: end.lsn, ordinal: end.ordinal };
      if (notes !== undefined) {
        lane.source.report(notes);
        for (const loss of notes.told) this.#options.onLoss(loss);
        for (const counts of notes.stages) this.#staged(counts);
      }
      this.#options.onAcknowledged(lane.source, end);
      this.#turns.setBusy(lane, isBusy(lane));
    }
  }

  #staged({ dropped, failed, metrics }: StageCounts): void {
    const { meter, onMetrics } = this.#options;
    for (const [reason, lines] of dropped) meter.dropped(reason, lines);
    for (const [stage, lines] of failed) meter.failed(stage, lines);
    if (metrics.length > 0) onMetrics?.(metrics);
  }

  #giveBack(failed?: Batch): void {
    failed?.addAttempts(this.#attempts);
    for (const lane of this.#held.giveBack(failed)) this.#turns.wake(lane, isBusy(lane));
  }

  /** The endpoint is down: nothing is held but what is still without an answer. */
  #letGo(): void {
    for (const batch of this.#held.all) batch.addAttempts(this.#attempts);
    this.#giveBack();
    for (const lane of this.#lanes.values()) {
      lane.source.rewind(lane.source.position);
      if (lane.source.hasMore) this.#turns.wake(lane, isBusy(lane));
    }
  }

  /** How long there is nothing to do, unless somebody wakes the loop. */
  #waitMs(nowMs: number): number | undefined {
    // To come for each single line would take longer than the line.
    const waits = [...this.#paused].map(({ source: { pauseMs = 0 } }) =>
      Math.max(pauseMsMin, pauseMs),
    );
    if (this.#drain !== undefined) waits.push(this.#drain.endMs - nowMs);
    const backoffMs = this.#breaker.waitMs(nowMs);
    if (backoffMs > 0) waits.push(backoffMs);
    else if (this.#held.open.some(({ blockedBy }) => blockedBy.size === 0)) {
      if (this.#maySend(nowMs)) waits.push(this.#dueAtMs - nowMs);
    }
    return waits.length === 0 ? undefined : Math.max(0, Math.min(...waits));
  }

  #checkDrain(nowMs: number): void {
    const drain = this.#drain;
    if (drain === undefined) return;
    const isDown = this.#breaker.failures > 0 && nowMs + this.#breaker.waitMs(nowMs) >= drain.endMs;
    if (nowMs < drain.endMs && !isDown && !this.#isDrained()) return;
    this.#drain = undefined;
    drain.done();
  }

  #isDrained(): boolean {
    if (this.#held.size > 0) return false;
    for (const source of this.#lanes.keys()) if (!source.isReadUp) return false;
    return true;
  }
}
