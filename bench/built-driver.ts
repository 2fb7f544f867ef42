/**
 * The packaged plugin's program in a process of its own, for benchmarks that need the whole
 * driver: built once, started as often as wanted, with all its files in one directory.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { buildPlugin } from '../scripts/build-plugin.ts';
import { callPlugin, newId, startLoggingBody } from '../test/helpers/fake-dockerd.ts';

/** Nothing listens there. */
export const deadEndpoint = 'http://127.0.0.1:9';

/** Counters of the kernel for one process, in bytes. */
export interface DiskBytes {
  written: number;
  /** Written into the page cache and thrown away before the disk saw it. */
  cancelled: number;
}

/** See the module comment. */
export class BuiltDriver {
  readonly directory: string;
  readonly walDir: string;
  readonly socketPath: string;
  readonly #command: string;
  readonly #args: string[];
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;

  private constructor(directory: string, plugin: string, env: Record<string, string>) {
    this.directory = directory;
    this.walDir = `${directory}/wal`;
    this.socketPath = `${directory}/s`;
    this.#env = env;
    const { entrypoint } = JSON.parse(fs.readFileSync(`${plugin}/config.json`, 'utf8')) as {
      entrypoint: string[];
    };
    const [command = '', ...args] = entrypoint.map((part) =>
      part.startsWith('/') ? `${plugin}/rootfs${part}` : part,
    );
    this.#command = command;
    this.#args = args;
  }

  /** Builds the plugin, or takes the one that is in `built`. */
  static async build(env: Record<string, string> = {}, built?: string): Promise<BuiltDriver> {
    const directory = fs.mkdtempSync(`${os.tmpdir()}/holdfast-bench-`);
    const plugin = built ?? `${directory}/plugin`;
    if (built === undefined) await buildPlugin({ out: plugin });
    return new BuiltDriver(directory, plugin, env);
  }

  /** Starts the process and does not wait; what it prints goes to standard error, or to `onOutput`. */
  spawn(onOutput?: (text: string) => void): ChildProcess {
    const child = spawn(this.#command, this.#args, {
      env: {
        // Served as by default, but where no other driver is in the way.
        METRICS_ADDRESS: `unix:${this.directory}/m`,
        LOG_LEVEL: 'error',
        LOKI_URL: deadEndpoint,
        ...this.#env,
        HOLDFAST_SOCKET: this.socketPath,
        WAL_DIR: this.walDir,
      },
      stdio: ['ignore', onOutput === undefined ? 2 : 'pipe', 'inherit'],
    });
    child.stdout?.on('data', (chunk: Buffer) => onOutput?.(chunk.toString()));
    this.#child = child;
    return child;
  }

  /** Starts the process; resolves with the milliseconds until its socket is there. */
  async start(): Promise<number> {
    const startedMs = performance.now();
    fs.rmSync(this.socketPath, { force: true });
    const child = this.spawn();
    while (!fs.existsSync(this.socketPath)) {
      if (child.exitCode !== null) throw new Error('the driver has exited');
      await setTimeout(5);
    }
    return performance.now() - startedMs;
  }

  /** Makes a FIFO and starts logging of a container on it. */
  async startContainer(config: Record<string, string> = {}): Promise<string> {
    const fifo = `${this.directory}/fifo-${newId().slice(0, 12)}`;
    execFileSync('mkfifo', [fifo]);
    const body = startLoggingBody(fifo, newId(), config);
    const answer = await callPlugin(this.socketPath, 'LogDriver.StartLogging', body);
    if (answer.status !== 200) throw new Error(answer.body.Err);
    return fifo;
  }

  /** What dockerd says when a container has ended. */
  async stopContainer(fifo: string): Promise<void> {
    await callPlugin(this.socketPath, 'LogDriver.StopLogging', { File: fifo });
  }

  /** Resident megabytes of the process. */
  residentMegabytes(): number {
    return (this.#number('status', /VmRSS:\s+(\d+)/) * 1024) / 1e6;
  }

  /** What the process has had written so far; `sync` first, so that all of it counts. */
  diskBytes(): DiskBytes {
    return {
      written: this.#number('io', /^write_bytes: (\d+)/m),
      cancelled: this.#number('io', /^cancelled_write_bytes: (\d+)/m),
    };
  }

  /** Paths and sizes of all segments in the log. */
  segments(): { name: string; bytes: number }[] {
    const root = `${this.walDir}/c`;
    if (!fs.existsSync(root)) return [];
    return fs
      .readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[wz]$/.test(name))
      .map((name) => {
        const found = fs.statSync(`${root}/${name}`, { throwIfNoEntry: false });
        return { name, bytes: found?.size ?? 0 };
      });
  }

  /** Ends the process and waits for its end. */
  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  /** Ends the process and removes all files. */
  async dispose(): Promise<void> {
    await this.kill('SIGKILL');
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  #number(file: string, pattern: RegExp): number {
    const text = fs.readFileSync(`/proc/${this.#child?.pid}/${file}`, 'utf8');
    return Number(pattern.exec(text)?.[1]);
  }
}
