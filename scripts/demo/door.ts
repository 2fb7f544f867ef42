/**
 * The door to the endpoint: a small HTTP proxy on loopback that the plugin ships through.
 * Shutting it is an outage as a client sees one, connections refused and open ones reset,
 * and it works the same for the double and for a real Loki that nobody may stop.
 */
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** See the module comment. */
export class Door {
  readonly #upstream: URL;
  readonly #sockets = new Set<Socket>();
  #server: http.Server | undefined;
  #port = 0;

  /** `upstream` is where all requests go; only its scheme, host and port count. */
  constructor(upstream: URL) {
    this.#upstream = upstream;
  }

  /** Port on 127.0.0.1; it stays the same over `shut` and `open`. */
  get port(): number {
    return this.#port;
  }

  async open(): Promise<void> {
    const server = http.createServer((request, response) => this.#pass(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  async shut(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  #pass(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { protocol, hostname, port, host } = this.#upstream;
    const send = protocol === 'https:' ? https.request : http.request;
    const passed = send({
      protocol,
      // URL puts an IPv6 address in brackets, the name look-up wants none.
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      method: request.method,
      path: request.url,
      headers: { ...request.headers, host },
    });
    passed.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', (error) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end(`the demo's proxy: ${error.message}\n`);
    });
    response.on('close', () => passed.destroy());
    request.on('error', () => passed.destroy());
    request.pipe(passed);
  }
}
