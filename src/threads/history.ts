/**
 * The main thread's side of `docker logs`: hands requests to the history thread and what it reads
 * to whoever asked. The thread is started with the first request and ended when there has been
 * none for a while. Reading never runs on the main thread, because capture does.
 */
import { Worker } from 'node:worker_threads';
import { messageOf } from '../base/errors.ts';
import type { LogRequest } from '../history/log-request.ts';
import type { FromHistory, ToHistory } from './history-messages.ts';

/** Gets what one request is answered with. None of these may throw. */
export interface LogTarget {
  /** Frames; `done` is to be called when they are through and the next may come. */
  write(bytes: Buffer, done: () => void): void;
  end(): void;
  /** The log cannot be read any further. */
  fail(cause: string): void;
}

/** One request that is being answered. */
export interface HistoryRead {
  /** The container that is followed ended at this position: the answer ends there. */
  stop(endLsn: number): void;
  /** Whoever asked has gone. */
  close(): void;
}

interface Open {
  readonly target: LogTarget;
  readonly request: LogRequest;
}

/** An idle thread is ended after this time, in milliseconds. */
const idleMs = 300_000;
/** At least this long between two messages about appends, in milliseconds. */
const appendedMs = 5;

/** See the module comment. */
export class History {
  readonly #open = new Map<number, Open>();
  readonly #followed = new Map<string, number>();
  readonly #appended = new Set<string>();
  #worker: Worker | undefined;
  #lastId = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #appendedTimer: NodeJS.Timeout | undefined;

  /** How many requests are being answered. */
  get readers(): number {
    return this.#open.size;
  }

  /** Begins to answer a request. */
  read(request: LogRequest, target: LogTarget): HistoryRead {
    this.#lastId += 1;
    const id = this.#lastId;
    clearTimeout(this.#idleTimer);
    this.#open.set(id, { target, request });
    if (request.follow) this.#countFollowers(request.containerId, 1);
    this.#worker ??= this.#start();
    this.#post({ kind: 'open', id, request });
    return {
      stop: (endLsn) => this.#post({ kind: 'stop', id, endLsn }),
      close: () => {
        if (this.#settle(id) !== undefined) this.#post({ kind: 'close', id });
      },
    };
  }

  /** Bytes were appended to a container's stream; costs next to nothing when nobody follows it. */
  appended(containerId: string): void {
    if (!this.#followed.has(containerId)) return;
    this.#appended.add(containerId);
    this.#appendedTimer ??= setTimeout(() => {
      this.#appendedTimer = undefined;
      this.#post({ kind: 'appended', containerIds: [...this.#appended] });
      this.#appended.clear();
    }, appendedMs);
  }

  /** Ends the thread; answers that are under way break off. */
  async close(): Promise<void> {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#appendedTimer);
    await this.#worker?.terminate();
  }

  #start(): Worker {
    // The bundle and the sources each hold the entry beside this file, with their own ending.
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./history.worker.${ending}`, import.meta.url));
    let cause = 'the history thread ended';
    worker.on('message', (message: FromHistory) => this.#take(message));
    worker.on('error', (error) => {
      cause = messageOf(error);
    });
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      for (const id of [...this.#open.keys()]) this.#settle(id)?.fail(cause);
    });
    return worker;
  }

  #take(message: FromHistory): void {
    const { id } = message;
    switch (message.kind) {
      case 'chunk':
        this.#pass(id, message.bytes);
        break;
      case 'end':
        this.#settle(id)?.end();
        break;
      case 'failed':
        this.#settle(id)?.fail(message.cause);
        break;
    }
  }

  #pass(id: number, bytes: Uint8Array<ArrayBuffer>): void {
    const { buffer: memory, byteOffset, length } = bytes;
    const done = (): void => this.#post({ kind: 'credit', id, memory }, [memory]);
    const open = this.#open.get(id);
    if (open === undefined) done();
    else open.target.write(Buffer.from(memory, byteOffset, length), done);
  }

  /** A request is over. Returns who asked, if it was not over before. */
  #settle(id: number): LogTarget | undefined {
    const open = this.#open.get(id);
    if (open === undefined) return undefined;
    this.#open.delete(id);
    if (open.request.follow) this.#countFollowers(open.request.containerId, -1);
    if (this.#open.size === 0) this.#endWhenIdle();
    return open.target;
  }

  #countFollowers(containerId: string, change: 1 | -1): void {
    const count = (this.#followed.get(containerId) ?? 0) + change;
    if (count > 0) this.#followed.set(containerId, count);
    else this.#followed.delete(containerId);
  }

  #endWhenIdle(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => {
      const worker = this.#worker;
      this.#worker = undefined;
      void worker?.terminate();
    }, idleMs).unref();
  }

  #post(message: ToHistory, memory: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, memory);
  }
}
