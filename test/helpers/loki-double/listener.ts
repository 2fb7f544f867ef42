/**
 * A listening HTTP server, with TLS or without, that can be closed for real, with all its
 * connections, and opened again on the same port.
 */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';

/** How a double speaks TLS; all PEM. */
export interface DoubleTls {
  readonly cert: string;
  readonly key: string;
  /** Asks for a client certificate of this authority and takes no other. */
  readonly clientCa?: string;
}

/** One port that is open or closed. */
export class Listener {
  readonly #handler: RequestListener;
  readonly #host: string;
  #port: number;
  readonly #tls: DoubleTls | undefined;
  #server: Server | undefined;

  /** Port 0 takes a free one at the first `open` and keeps it. */
  constructor(handler: RequestListener, host: string, port: number, tls?: DoubleTls) {
    this.#handler = handler;
    this.#host = host;
    this.#port = port;
    this.#tls = tls;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://${this.#host}:${this.#port}`;
  }

  /** Listens; does nothing when it does already. */
  async open(): Promise<void> {
    if (this.#server !== undefined) return;
    // Loki is a Go server: it closes idle connections after two minutes, not after five seconds.
    const options = { keepAliveTimeout: 120_000, requestTimeout: 0 };
    const server =
      this.#tls === undefined
        ? createServer(options, this.#handler)
        : createTlsServer({ ...options, ...tlsOptionsOf(this.#tls) }, this.#handler);
    server.headersTimeout = 0;
    server.timeout = 0;
    server.listen(this.#port, this.#host);
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Stops listening and resets all connections, also those that wait for an answer. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

function tlsOptionsOf({ cert, key, clientCa }: DoubleTls): SecureContextOptions & TlsOptions {
  if (clientCa === undefined) return { cert, key };
  return { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: true };
}
