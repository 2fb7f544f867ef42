/**
 * A plugin registry on loopback (Debian's docker-registry), in a temporary directory: what
 * `docker plugin upgrade` needs to take a new version from. It must never be reachable from
 * another machine, nor outlive the process that started it by more than its `stop`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';

const startMsMax = 10_000;
const pollMs = 20;

/** See the module comment. */
export class Registry {
  readonly #directory = fs.mkdtempSync(`${os.tmpdir()}/hf-registry-`);
  #child: ChildProcess | undefined;
  #address = '';

  /** Host and port, once it is started. */
  get address(): string {
    return this.#address;
  }

  /** Starts it on a free port and waits until it answers. */
  async start(): Promise<void> {
    this.#address = `127.0.0.1:${await freePort()}`;
    const config = `${this.#directory}/config.yml`;
    const storage = `storage:\n  filesystem:\n    rootdirectory: ${this.#directory}/data\n`;
    fs.writeFileSync(config, `version: 0.1\n${storage}http:\n  addr: ${this.#address}\n`);
    const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
    this.#child = child;
    let failure: Error | undefined;
    child.on('error', (error) => {
      failure = error;
    });
    for (const startedMs = performance.now(); !(await answers(this.#address)); ) {
      const isLate = performance.now() - startedMs > startMsMax;
      if (failure !== undefined || child.exitCode !== null || isLate) {
        throw new Error('docker-registry does not start; is the package installed?', {
          cause: failure,
        });
      }
      await setTimeout(pollMs);
    }
  }

  /** Ends it and removes all that it stored. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get(`http://${address}/v2/`, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });
}
