/**
 * Serves the metrics and the two questions of health over HTTP. Nobody needs it for logs to
 * flow: an address that cannot be had is a warning and a later try, never an end. What a client
 * may hold is bounded: few connections, short times, no bodies.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { messageOf } from '../base/errors.ts';
import type { ListenAddress } from '../base/listen-address.ts';
import type { Log } from '../base/log.ts';
import { Listener } from './listener.ts';
import type { Metrics } from './registry.ts';

/** A server that may or may not have got its address yet. */
export interface MetricsServer {
  /** The address after the first try, with the port that it got; undefined if it failed. */
  readonly listening: Promise<ListenAddress | undefined>;
  /** From now on /readyz says yes. */
  markReady(): void;
  /** Ends all connections; never rejects. */
  close(): Promise<void>;
}

/** Bounds that tests shorten. */
export interface ServeLimits {
  /** After this long an address that could not be had is tried again. */
  readonly retryMs: number;
  /** A request must be complete in this time. */
  readonly requestMs: number;
  /** A connection on which nothing moves is closed after this. */
  readonly idleMs: number;
  readonly connectionsMax: number;
}

const defaultLimits = { retryMs: 30_000, requestMs: 5000, idleMs: 10_000, connectionsMax: 16 };
const headerBytesMax = 8 * 1024;
const plainText = 'text/plain; charset=utf-8';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
  readonly headers?: Record<string, string>;
}

/** Starts to serve at once; without an address nothing is served. */
export function serveMetrics(
  address: ListenAddress | undefined,
  metrics: Metrics,
  log: Log,
  limits: Partial<ServeLimits> = {},
): MetricsServer {
  const all = { ...defaultLimits, ...limits };
  const answers = new Answers(metrics, log);
  const markReady = (): void => answers.markReady();
  if (address === undefined) {
    return { listening: Promise.resolve(undefined), markReady, close: () => Promise.resolve() };
  }
  const server = createBoundedServer(answers, all);
  const listener = new Listener(server, address, log, all.retryMs);
  return { listening: listener.listening, markReady, close: () => listener.close() };
}

function createBoundedServer(answers: Answers, limits: ServeLimits): Server {
  const options = {
    maxHeaderSize: headerBytesMax,
    requestTimeout: limits.requestMs,
    headersTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.ceil(limits.requestMs / 5),
    keepAliveTimeout: limits.requestMs,
  };
  const server = createServer(options, (request, response) => {
    void answers.give(request, response);
  });
  server.timeout = limits.idleMs;
  server.maxConnections = limits.connectionsMax;
  return server;
}

/** What is answered to which request. */
class Answers {
  #ready = false;
  #failing = false;
  readonly #metrics: Metrics;
  readonly #log: Log;

  constructor(metrics: Metrics, log: Log) {
    this.#metrics = metrics;
    this.#log = log;
  }

  markReady(): void {
    this.#ready = true;
  }

  /** Answers one request; never rejects. */
  async give(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, text, type = plainText, headers = {} } = await this.#answerTo(request);
    const length = Buffer.byteLength(text);
    response.writeHead(status, { 'content-type': type, 'content-length': length, ...headers });
    response.end(text);
  }

  async #answerTo(request: IncomingMessage): Promise<Answer> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const headers = { allow: 'GET, HEAD', connection: 'close' };
      return { status: 405, text: 'allowed is GET and HEAD\n', headers };
    }
    if (hasBody(request)) {
      // Closed, so that nobody has to read the body to find the next request behind it.
      return { status: 413, text: 'no body is taken\n', headers: { connection: 'close' } };
    }
    const [path = ''] = (request.url ?? '').split('?');
    switch (path) {
      case '/metrics':
        return this.#rendered();
      case '/healthz':
        return { status: 200, text: 'ok\n' };
      case '/readyz':
        return this.#ready
          ? { status: 200, text: 'ready\n' }
          : { status: 503, text: 'not ready: still taking up the log on disk\n' };
      default:
        return { status: 404, text: 'there is /metrics, /healthz and /readyz\n' };
    }
  }

  async #rendered(): Promise<Answer> {
    try {
      const text = await this.#metrics.render();
      this.#failing = false;
      return { status: 200, text, type: this.#metrics.contentType };
    } catch (error) {
      // Once for a row of failures: how often somebody asks is not ours to decide.
      if (!this.#failing) this.#log.warn({ cause: messageOf(error) }, 'metrics cannot be read');
      this.#failing = true;
      return { status: 500, text: 'metrics cannot be read; see the log\n' };
    }
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}
