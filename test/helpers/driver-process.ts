/**
 * A whole driver in a process of its own, as dockerd would start it, but out of Docker: with
 * its socket, FIFOs and log in a directory under the system's temporary one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { nodeFileSystem } from '../../src/base/file-system.ts';
import { containerDirectory, recoverTail } from '../../src/wal/index.ts';
import { type ApiAnswer, callPlugin, FakeFifo, newId, startLoggingBody } from './fake-dockerd.ts';

const mainPath = `${import.meta.dirname}/../../src/main.ts`;
/** As config.json has them: memory is to be that of the plugin. */
const nodeFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1'];

/** A machine that is busy with other tests needs long for it. */
const startMsMax = 30_000;

/** See the module comment. */
export class DriverProcess {
  readonly directory: string;
  readonly socketPath: string;
  readonly walDir: string;
  /** Everything the driver printed, over all its runs. */
  output = '';
  readonly #env: Record<string, string>;
  readonly #fifos: FakeFifo[] = [];
  #child: ChildProcess | undefined;

  constructor(env: Record<string, string> = {}) {
    this.directory = fs.mkdtempSync(`${os.tmpdir()}/holdfast-test-`);
    this.socketPath = `${this.directory}/holdfast.sock`;
    this.walDir = env['WAL_DIR'] ?? `${this.directory}/wal`;
    fs.mkdirSync(`${this.directory}/fifos`);
    this.#env = {
      // Drivers of tests that run side by side would fight for one port.
      METRICS_ADDRESS: 'off',
      // What is delivered goes at once, so that a test can wait for it.
      HISTORY_MAX_AGE: '0s',
      LOG_LEVEL: 'info',
      ...env,
      WAL_DIR: this.walDir,
      HOLDFAST_SOCKET: this.socketPath,
    };
  }

  /** Starts the process and waits until its socket accepts. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const child = this.spawn(env);
    const startedMs = performance.now();
    while (!(await accepts(this.socketPath))) {
      if (child.exitCode !== null) throw new Error(`the driver has exited:\n${this.output}`);
      if (performance.now() - startedMs > startMsMax) throw new Error(`no socket:\n${this.output}`);
      await setTimeout(10);
    }
  }

  /** Starts the process and does not wait. */
  spawn(env: Record<string, string> = {}): ChildProcess {
    const child = spawn(process.execPath, [...nodeFlags, mainPath], {
      env: { PATH: process.env['PATH'], ...this.#env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
    this.#child = child;
    return child;
  }

  /** Ends the process and waits for its end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  /** Ends the process and removes its directory. */
  async dispose(): Promise<void> {
    await this.kill();
    for (const fifo of this.#fifos) fifo.close();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  /** Makes a FIFO as dockerd does. */
  makeFifo(): FakeFifo {
    const fifo = new FakeFifo(`${this.directory}/fifos`);
    this.#fifos.push(fifo);
    return fifo;
  }

  async call(call: string, body?: unknown): Promise<ApiAnswer> {
    return callPlugin(this.socketPath, call, body);
  }

  /** Starts logging of a container on a new FIFO; throws when the driver refuses. */
  async startContainer(
    name: string,
    config: Record<string, string> = {},
    containerId = newId(),
  ): Promise<{ fifo: FakeFifo; containerId: string }> {
    const fifo = this.makeFifo();
    const body = startLoggingBody(fifo.path, containerId, config, name);
    const answer = await this.call('LogDriver.StartLogging', body);
    if (answer.status !== 200) throw new Error(answer.body.Err);
    return { fifo, containerId };
  }

  /** Stops logging and closes dockerd's end, in dockerd's order. */
  async stopContainer(fifo: FakeFifo): Promise<ApiAnswer> {
    const answer = await this.call('LogDriver.StopLogging', { File: fifo.path });
    this.endFifo(fifo);
    return answer;
  }

  /** dockerd's end of a FIFO goes, and the file with it. */
  endFifo(fifo: FakeFifo): void {
    this.#fifos.splice(this.#fifos.indexOf(fifo), 1);
    fifo.close();
    fifo.unlink();
  }

  /** Ids of the containers that have a directory in the log. */
  containersOnDisk(): string[] {
    const root = `${this.walDir}/c`;
    return namesIn(root).flatMap((prefix) => namesIn(`${root}/${prefix}`));
  }

  /** Bytes of all streams on disk, raw, sealed or given up: where they end. */
  streamBytes(): number {
    let bytes = 0;
    for (const containerId of this.containersOnDisk()) {
      const directory = containerDirectory(this.walDir, containerId);
      bytes += recoverTail(nodeFileSystem, directory, containerId).endLsn;
    }
    return bytes;
  }

  /** Waits until a condition holds, looking often; throws with the driver's output if it never does. */
  async until(what: string, condition: () => boolean, timeoutMs = 15_000): Promise<void> {
    const startedMs = performance.now();
    while (!condition()) {
      if (performance.now() - startedMs > timeoutMs) {
        throw new Error(`waited in vain until ${what}\n${this.output}`);
      }
      await setTimeout(10);
    }
  }
}

/** What is in a directory; nothing when the driver has removed it in the meantime. */
function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

async function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(socketPath);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
