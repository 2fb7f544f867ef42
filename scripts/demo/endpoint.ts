/**
 * The endpoint of the demo: the real Loki of LOKI_URL, or else the double as a process of its
 * own; in front of it the door, and beside it the way to ask what has arrived.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf } from '../../src/base/errors.ts';
import { Door } from './door.ts';
import { LokiQuery } from './loki-query.ts';

const doubleMain = path.resolve(import.meta.dirname, '../../test/helpers/loki-double/main.ts');

/** See the module comment. */
export class Endpoint {
  readonly door: Door;
  readonly query: LokiQuery;
  readonly isReal: boolean;
  readonly #url: URL;
  readonly #double: ChildProcess | undefined;

  private constructor(url: URL, run: string, double: ChildProcess | undefined) {
    this.#url = url;
    this.#double = double;
    this.isReal = double === undefined;
    this.door = new Door(url);
    this.query = new LokiQuery(url, run, process.env['LOKI_TENANT_ID']);
  }

  /** Starts what is needed; the door is open then. */
  static async start(run: string): Promise<Endpoint> {
    const real = process.env['LOKI_URL'];
    const double = real ? undefined : startDouble();
    try {
      const url = real ? parseLokiUrl(real) : new URL(await readyUrl(double));
      const endpoint = new Endpoint(url, run, double);
      // A wrong URL or password is told now and not after the outage.
      await endpoint.query.counts().catch((cause: unknown) => {
        throw new Error(`Loki at ${url.host} cannot be asked: ${reasonOf(cause)}`, { cause });
      });
      await endpoint.door.open();
      return endpoint;
    } catch (error) {
      double?.kill();
      throw error;
    }
  }

  /** The loki-url that leads through the door. */
  get pluginUrl(): string {
    const url = new URL(this.#url);
    const userinfo = url.username === '' ? '' : `${url.username}:${url.password}@`;
    return `http://${userinfo}127.0.0.1:${this.door.port}${url.pathname}${url.search}`;
  }

  async stop(): Promise<void> {
    await this.door.shut();
    const double = this.#double;
    if (double === undefined || double.exitCode !== null || double.signalCode !== null) return;
    const exit = once(double, 'exit');
    double.kill();
    await exit;
  }
}

/** What `fetch` says of itself is only that it failed. */
function reasonOf(error: unknown): string {
  return messageOf(error instanceof TypeError && error.cause ? error.cause : error);
}

/** Reads LOKI_URL; throws with a message for a person. */
function parseLokiUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error('LOKI_URL must be one http:// or https:// URL, such as http://localhost:3100');
  }
  return url;
}

function startDouble(): ChildProcess {
  return spawn(process.execPath, [doubleMain, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** The URL that the double prints when it is ready. */
async function readyUrl(double: ChildProcess | undefined): Promise<string> {
  const output = double?.stdout;
  if (output) {
    for await (const line of createInterface({ input: output })) {
      const url = /^loki-double ready (\S+)/.exec(line)?.[1];
      if (url !== undefined) return url;
    }
  }
  throw new Error('the double of Loki does not start; try: node test/helpers/loki-double/main.ts');
}
