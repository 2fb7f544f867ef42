/** A registry on loopback, Debian's docker-registry, that plugins are pushed to and upgraded from. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';

const port = 5000;

/** See the module comment. */
export class Registry {
  readonly address = `127.0.0.1:${port}`;
  readonly #directory = fs.mkdtempSync(`${os.tmpdir()}/hf-registry-`);
  #child: ChildProcess | undefined;

  async start(): Promise<void> {
    const config = `${this.#directory}/config.yml`;
    const storage = `storage:\n  filesystem:\n    rootdirectory: ${this.#directory}/data\n`;
    fs.writeFileSync(config, `version: 0.1\n${storage}http:\n  addr: ${this.address}\n`);
    this.#child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
    for (let wait = 0; wait < 500; wait += 1) {
      if (await answers()) return;
      await setTimeout(20);
    }
    throw new Error('the registry does not answer');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode === null) {
      const exit = once(child, 'exit');
      child.kill();
      await exit;
    }
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/v2/' }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });
}
