/**
 * Gets an HTTP server its address: now, or later if it cannot be had now, because whoever holds
 * it may go. It must never end the process, and never remove a file that is no dead socket.
 */
import { lstatSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { errnoOf, messageOf } from '../base/errors.ts';
import { type ListenAddress, showListenAddress } from '../base/listen-address.ts';
import type { Log } from '../base/log.ts';

/** Keeps one server at one address until it is closed. */
export class Listener {
  /** The address after the first try, with the port that it got; undefined if it failed. */
  readonly listening: Promise<ListenAddress | undefined>;
  readonly #firstTry = Promise.withResolvers<ListenAddress | undefined>();
  readonly #server: Server;
  readonly #address: ListenAddress;
  readonly #log: Log;
  readonly #retryMs: number;
  #retry: NodeJS.Timeout | undefined;
  #failing = false;
  #closed = false;

  constructor(server: Server, address: ListenAddress, log: Log, retryMs: number) {
    this.listening = this.#firstTry.promise;
    this.#server = server;
    this.#address = address;
    this.#log = log;
    this.#retryMs = retryMs;
    // It stays for good: a connection that cannot be accepted is an error of the server too.
    server.on('error', (error) => this.#failed(error));
    server.on('listening', () => this.#succeeded());
    this.#listen();
  }

  /** Gives the address back and ends all connections; never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#firstTry.resolve(undefined);
    if (!this.#server.listening) return;
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    this.#server.closeAllConnections();
    await closed.promise;
  }

  #listen(): void {
    const address = this.#address;
    if (address.kind === 'tcp') {
      this.#server.listen(address.port, address.host);
      return;
    }
    removeDeadSocket(address.path, () => {
      if (!this.#closed) this.#server.listen(address.path);
    });
  }

  #succeeded(): void {
    // A name may be resolved after the close.
    if (this.#closed) {
      this.#server.close();
      return;
    }
    this.#failing = false;
    const address = actualAddress(this.#server, this.#address);
    this.#log.info({ address: showListenAddress(address) }, 'metrics are served');
    this.#firstTry.resolve(address);
  }

  #failed(error: Error): void {
    if (this.#closed) return;
    if (!this.#failing) {
      const address = showListenAddress(this.#address);
      this.#log.warn({ address, cause: messageOf(error) }, 'metrics cannot be served');
    }
    this.#failing = true;
    this.#firstTry.resolve(undefined);
    if (this.#server.listening) return;
    this.#retry = setTimeout(() => this.#listen(), this.#retryMs).unref();
  }
}

/** The address with the port that the kernel chose, where it did. */
function actualAddress(server: Server, wanted: ListenAddress): ListenAddress {
  const bound = server.address();
  if (wanted.kind === 'unix' || bound === null || typeof bound === 'string') return wanted;
  return { ...wanted, port: bound.port };
}

/**
 * Removes a socket that a killed process left, then calls on, whatever was found. A socket that
 * somebody answers at stays, and so does anything that is no socket: listening fails then.
 */
function removeDeadSocket(path: string, done: () => void): void {
  if (!isSocket(path)) {
    done();
    return;
  }
  const probe = connect(path);
  probe.once('connect', () => {
    probe.destroy();
    done();
  });
  probe.once('error', (error) => {
    if (errnoOf(error) === 'ECONNREFUSED') tryUnlink(path);
    done();
  });
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

function tryUnlink(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Listening will say what is wrong.
  }
}
