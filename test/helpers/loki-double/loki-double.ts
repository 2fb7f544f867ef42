/**
 * The double of Loki as tests use it: start it, push to it over HTTP, make it ill,
 * and ask what it has. It stores, refuses and drops duplicates as Loki 3.4 does
 * (facts/loki-push.md), keeps timestamps and bytes exact, and holds millions of lines.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CheckReport, checkNumbered } from './check.ts';
import { handleControl } from './control.ts';
import { FaultPlan, type Mode } from './faults.ts';
import { GrpcListener } from './grpc.ts';
import { Ingest, type PushAnswer } from './ingest.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { type DoubleTls, Listener } from './listener.ts';
import { answerText, type PushContext, PushHandler, type PushHeaders } from './push-handler.ts';
import { answerQuery } from './query.ts';
import { EntryView, type Order, type Selector, type StoredLine, selectStreams } from './view.ts';
import { Waiters } from './waiters.ts';

/** How a double differs from the defaults. */
export interface LokiDoubleOptions {
  readonly limits?: Partial<Limits>;
  /** Whether X-Scope-OrgID is needed; without, every push is of the tenant `fake`. */
  readonly auth?: boolean;
  /** Whether `service_name` is added to all labels as Loki does; off, labels stay as sent. */
  readonly discoverServiceName?: boolean;
  /** The clock that ages are measured with, in milliseconds. */
  readonly now?: () => number;
  /** Decides cuts with a probability; hand in a seeded one for a test that repeats. */
  readonly random?: () => number;
  /** Looks at the headers of each push first; what it returns is the answer. */
  readonly look?: (headers: PushHeaders) => PushAnswer | undefined;
}

/** Where a double listens. Without `controlPort` it has no control API, nor gRPC without its. */
export interface StartOptions {
  readonly port?: number;
  readonly host?: string;
  readonly controlPort?: number;
  /** 0 takes a free one. */
  readonly grpcPort?: number;
  /** For HTTP and gRPC, not for the control API. */
  readonly tls?: DoubleTls;
}

/** Narrows what is read: one tenant only, another order than by time. */
export interface ReadOptions {
  readonly tenant?: string;
  readonly order?: Order;
}

/** One stream and how much it holds. */
export interface StreamInfo {
  readonly tenant: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly entries: number;
}

/** All counts since the start or the last `reset`. */
export interface Counts {
  readonly requests: number;
  readonly requestsByStatus: Readonly<Record<string, number>>;
  readonly bodyBytes: number;
  readonly messageBytes: number;
  /** Connections that were destroyed by the mode `cut`. */
  readonly cut: number;
  /** Requests that were left without an answer. */
  readonly hung: number;
  readonly streams: number;
  readonly entries: number;
  readonly lineBytes: number;
  readonly duplicates: number;
  /** Refused entries by Loki's name of the reason, such as `line_too_long`. */
  readonly rejected: Readonly<Record<string, number>>;
}

/** A Loki that tests can trust and break. */
export class LokiDouble {
  readonly limits: Limits;
  readonly #auth: boolean;
  readonly #now: () => number;
  readonly #plan: FaultPlan;
  readonly #ingest: Ingest;
  readonly #context: PushContext;
  readonly #pushes: PushHandler;
  readonly #waiters = new Waiters();
  #listener: Listener | undefined;
  #control: Listener | undefined;
  #grpc: GrpcListener | undefined;

  constructor(options: LokiDoubleOptions = {}) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.#auth = options.auth ?? false;
    this.#now = options.now ?? Date.now;
    this.#plan = new FaultPlan(options.random ?? Math.random);
    this.#ingest = new Ingest({
      limits: this.limits,
      now: this.#now,
      discoverServiceName: options.discoverServiceName ?? false,
      refusesEveryNth: () => (this.mode.kind === 'refusing' ? this.mode.everyNth : 0),
    });
    this.#context = {
      plan: this.#plan,
      ingest: this.#ingest,
      limits: this.limits,
      tenantOf: (headers) => this.#tenantOf(headers),
      look: options.look ?? (() => undefined),
      changed: () => this.#waiters.notify(),
    };
    this.#pushes = new PushHandler(this.#context);
  }

  /** Listens on `host` (default 127.0.0.1) and `port` (default any free one). */
  async start(options: StartOptions = {}): Promise<void> {
    const { host = '127.0.0.1', port = 0, controlPort, grpcPort, tls } = options;
    this.#listener = new Listener(
      (request, response) => this.#handle(request, response),
      host,
      port,
      tls,
    );
    await this.#listener.open();
    if (grpcPort !== undefined) {
      const counts = () => this.#pushes.counts;
      this.#grpc = new GrpcListener({ ...this.#context, counts, host, port: grpcPort, tls });
      await this.#grpc.open();
    }
    if (controlPort === undefined) return;
    this.#control = new Listener(
      (request, response) => handleControl(this, request, response),
      host,
      controlPort,
    );
    await this.#control.open();
  }

  /** Closes everything; what was stored can still be read. */
  async stop(): Promise<void> {
    this.#waiters.rejectAll('the double was stopped');
    await Promise.all([this.#listener?.close(), this.#grpc?.close(), this.#control?.close()]);
  }

  /** The base URL for pushes and queries, such as `http://127.0.0.1:3100`. */
  get url(): string {
    return listening(this.#listener).url;
  }

  get port(): number {
    return listening(this.#listener).port;
  }

  /** The URL for pushes over gRPC, such as `grpc://127.0.0.1:9095`. */
  get grpcUrl(): string {
    return listening(this.#grpc).url;
  }

  /** The base URL of the control API. */
  get controlUrl(): string {
    return listening(this.#control).url;
  }

  get mode(): Mode {
    return this.#plan.mode;
  }

  /** Changes how pushes are treated. Resolved when the port is really open or closed. */
  async setMode(mode: Mode): Promise<void> {
    this.#plan.set(mode);
    for (const listener of [listening(this.#listener), this.#grpc]) {
      await (mode.kind === 'down' ? listener?.close() : listener?.open());
    }
    this.#waiters.notify();
  }

  /** Changes some limits from now on. */
  setLimits(limits: Partial<Limits>): void {
    Object.assign(this.limits, limits);
  }

  /** Forgets all entries and counts; mode and limits stay. */
  reset(): void {
    this.#ingest.reset();
    this.#pushes.reset();
  }

  /** Stored entries; cheap, for `waitFor`. */
  get entries(): number {
    return this.#ingest.store.entries;
  }

  /** Everything that was counted. */
  counts(): Counts {
    const { store, rejected } = this.#ingest;
    const { byStatus, ...pushCounts } = this.#pushes.counts;
    return {
      ...pushCounts,
      requestsByStatus: { ...byStatus },
      streams: [...store.streams()].length,
      entries: store.entries,
      lineBytes: store.lineBytes,
      duplicates: store.duplicates,
      rejected: Object.fromEntries(rejected),
    };
  }

  /** All streams in the order in which they came up. */
  streams(tenant?: string): StreamInfo[] {
    return [...this.#ingest.store.streams(tenant)].map((stream) => ({
      tenant: stream.tenant,
      labels: Object.fromEntries(stream.labels.map),
      entries: stream.table.count,
    }));
  }

  /** How many entries the streams of a selector hold. */
  count(selector: Selector = {}, options: ReadOptions = {}): number {
    const streams = selectStreams(this.#ingest.store, selector, options.tenant);
    return streams.reduce((sum, { table }) => sum + table.count, 0);
  }

  /** The entries of the streams of a selector, in the order in which a query shows them. */
  lines(selector: Selector = {}, options: ReadOptions = {}): Generator<StoredLine> {
    return this.#view(selector, options).lines();
  }

  /** Whether the lines are `<pattern>1` to `<pattern>count`; see checkNumbered. */
  checkNumbered(
    selector: Selector,
    pattern: string,
    count: number,
    options: ReadOptions = {},
  ): CheckReport {
    return checkNumbered(this.#view(selector, options), pattern, count);
  }

  /** Resolves when `condition` holds; it is looked at after every push and change of mode. */
  waitFor(condition: (double: this) => boolean, timeoutMs = 10_000): Promise<void> {
    const describe = () => JSON.stringify(this.counts());
    return this.#waiters.wait(() => condition(this), timeoutMs, describe);
  }

  #view(selector: Selector, { tenant, order = 'time' }: ReadOptions): EntryView {
    return new EntryView(selectStreams(this.#ingest.store, selector, tenant), order);
  }

  #tenantOf(headers: PushHeaders): string | undefined {
    if (!this.#auth) return 'fake';
    const tenant = headers['x-scope-orgid'];
    return typeof tenant === 'string' && tenant !== '' ? tenant : undefined;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url?.split('?', 1)[0] ?? '';
    if (path === '/loki/api/v1/push') this.#handlePush(request, response);
    else if (path === '/ready') this.#handleReady(response);
    else this.#handleQuery(request, response);
  }

  #handlePush(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'POST') {
      answerText(response, { status: 405, body: '' });
      return;
    }
    this.#pushes.handle(request, response).catch((error: unknown) => {
      // The client went away, or the double has a bug; neither may look like Loki's answer.
      response.destroy(error instanceof Error ? error : undefined);
    });
  }

  #handleReady(response: ServerResponse): void {
    const { kind } = this.#plan.mode;
    if (kind === 'hang') return;
    if (kind === 'failing') answerText(response, { status: 503, body: 'Ingester not ready' });
    else answerText(response, { status: 200, body: 'ready' });
  }

  #handleQuery(request: IncomingMessage, response: ServerResponse): void {
    const url = URL.parse(request.url ?? '/', 'http://double');
    const tenant = this.#tenantOf(request.headers);
    const { store } = this.#ingest;
    const answer = url === null ? undefined : answerQuery(store, tenant ?? '', url, this.#now());
    if (answer === undefined) answerText(response, { status: 404, body: '404 page not found' });
    else if (tenant === undefined) answerText(response, { status: 401, body: 'no org id' });
    else if (request.method !== 'GET') answerText(response, { status: 405, body: '' });
    else if (answer.status !== 200) answerText(response, answer);
    else response.setHeader('content-type', 'application/json').end(answer.body);
  }
}

function listening<T>(listener: T | undefined): T {
  if (listener === undefined) throw new Error('the double was not started there');
  return listener;
}
