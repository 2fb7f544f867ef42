/**
 * A private Docker engine in a temporary directory, for tests, the demo and benchmarks: start,
 * stop, kill and restart it, and leave nothing behind. It needs root, and a network namespace
 * of its own (scripts/in-netns.sh) wherever another engine may run. It ends only processes
 * that it started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { type RunResult, run, tryRun } from './run.ts';
import { importBusyboxImage } from './test-image.ts';

const startMsMax = 60_000;
const stopMsMax = 20_000;
/** Longer than any command takes here; one that hangs must fail its test, not stop all tests. */
const commandMsMax = 120_000;

/** Name of the image that `importTestImage` makes. */
export const testImage = 'holdfast-test';

/** See the module comment. */
export class Engine {
  readonly directory: string;
  readonly socketPath: string;
  readonly logPath: string;
  /** What daemon.json holds from the next start on. */
  settings: Record<string, unknown>;
  #daemon: ChildProcess | undefined;

  constructor(options: { isLiveRestore?: boolean } = {}) {
    // A unix socket's path must stay under 108 bytes, so this is as short as can be.
    this.directory = fs.mkdtempSync(`${os.tmpdir()}/hf-`);
    this.socketPath = `${this.directory}/d.sock`;
    this.logPath = `${this.directory}/dockerd.log`;
    this.settings = { 'live-restore': options.isLiveRestore ?? false };
  }

  /** What the docker command needs to find this engine. */
  get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      DOCKER_HOST: `unix://${this.socketPath}`,
      // Nothing of the user's own settings: a context, a proxy or TLS would lead elsewhere.
      DOCKER_CONFIG: `${this.directory}/cli`,
      DOCKER_CONTEXT: undefined,
      DOCKER_TLS_VERIFY: undefined,
    };
  }

  /** Everything that the engine and its plugins have printed. */
  get log(): string {
    return fs.existsSync(this.logPath) ? fs.readFileSync(this.logPath, 'utf8') : '';
  }

  /** Starts the daemon and waits until it answers. */
  async start(): Promise<void> {
    fs.writeFileSync(`${this.directory}/daemon.json`, JSON.stringify(this.settings));
    forgetDeadContainerd(`${this.directory}/exec/containerd/containerd.pid`);
    const output = fs.openSync(this.logPath, 'a');
    const daemon = spawn('dockerd', this.#args(), { stdio: ['ignore', output, output] });
    fs.closeSync(output);
    this.#daemon = daemon;
    const failed = once(daemon, 'error').then(([error]) => {
      throw new Error('dockerd cannot be started; run scripts/install-deps.sh engine', {
        cause: error,
      });
    });
    await Promise.race([this.#answers(daemon), failed]);
  }

  /** Ends the daemon; with `SIGKILL` as a crash would. Containers live on with live-restore. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    this.#daemon = undefined;
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    const exit = once(daemon, 'exit');
    daemon.kill(signal);
    const timer = setTimeout(stopMsMax, 'late', { ref: false });
    if ((await Promise.race([exit, timer])) === 'late') {
      daemon.kill('SIGKILL');
      await exit;
    }
  }

  /** Stops the daemon and removes all that it made. */
  async dispose(): Promise<void> {
    if (this.#daemon !== undefined) {
      await this.#removeAll();
      await this.stop();
    }
    await endLeftovers(this.directory);
    for (const path of mountsUnder(this.directory)) await tryRun('umount', ['-l', path]);
    fs.rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Runs the docker command against this engine; throws when it fails. */
  async docker(...args: string[]): Promise<string> {
    const options = { env: this.env, timeoutMs: commandMsMax };
    return (await run('docker', args, options)).trim();
  }

  /** Runs the docker command, whatever comes of it. */
  async tryDocker(...args: string[]): Promise<RunResult> {
    return tryRun('docker', args, { env: this.env, timeoutMs: commandMsMax });
  }

  /** Makes the test image out of Debian's busybox-static; nothing is pulled. */
  async importTestImage(): Promise<void> {
    await importBusyboxImage(testImage, this.env);
  }

  #args(): string[] {
    const at = this.directory;
    return [
      ...['--config-file', `${at}/daemon.json`],
      ...['--data-root', `${at}/data`],
      ...['--exec-root', `${at}/exec`],
      ...['--pidfile', `${at}/pid`],
      ...['--host', `unix://${this.socketPath}`],
      ...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
    ];
  }

  async #answers(daemon: ChildProcess): Promise<void> {
    const startedMs = performance.now();
    while (!(await ping(this.socketPath))) {
      // Without an id it could not even be started.
      const { exitCode, signalCode, pid } = daemon;
      const hasEnded = pid === undefined || exitCode !== null || signalCode !== null;
      if (hasEnded || performance.now() - startedMs > startMsMax) {
        throw new Error(`dockerd does not answer; its log ends with:\n${this.log.slice(-3000)}`);
      }
      await setTimeout(50);
    }
  }

  async #removeAll(): Promise<void> {
    // A daemon whose plugin is gone may hang on any of these; what is left is ended by id then.
    const options = { env: this.env, timeoutMs: stopMsMax };
    const list = async (...args: string[]): Promise<string[]> =>
      (await tryRun('docker', args, options)).stdout.split('\n').filter(Boolean);
    const ids = await list('ps', '-aq');
    if (ids.length > 0) await tryRun('docker', ['rm', '-f', ...ids], options);
    for (const id of await list('plugin', 'ls', '-q')) {
      await tryRun('docker', ['plugin', 'rm', '-f', id], options);
    }
  }
}

/**
 * A killed daemon takes its containerd along. Where nobody reaps it, the next daemon takes the
 * dead process for a living one and waits for it in vain.
 */
function forgetDeadContainerd(pidPath: string): void {
  if (!fs.existsSync(pidPath)) return;
  const pid = fs.readFileSync(pidPath, 'utf8').trim();
  const statPath = `/proc/${pid}/stat`;
  const isAlive = fs.existsSync(statPath) && !/\) Z /.test(fs.readFileSync(statPath, 'utf8'));
  if (!isAlive) fs.rmSync(pidPath);
}

/** Whether an engine answers at a socket. */
export async function ping(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ socketPath, path: '/_ping', timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
    request.on('timeout', () => request.destroy());
  });
}

/** Mount points below a directory, innermost first. */
function mountsUnder(directory: string): string[] {
  return fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${directory}/`))
    .sort((a, b) => b.length - a.length);
}

/** Ends what a killed daemon left: containerd and shims that were started with our directory. */
async function endLeftovers(directory: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const pids = processesOf(directory);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // It ended by itself in the meantime.
      }
    }
    await setTimeout(500);
  }
}

/** Processes that descend from our daemon: their command line or their root names the directory. */
function processesOf(directory: string): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        const command = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8');
        return command.includes(`${directory}/`) || rootOf(name).includes(`${directory}/`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** How the root file system of a process is mounted: a container's or plugin's names its layers. */
function rootOf(pid: string): string {
  const mounts = fs.readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
  return mounts.find((line) => line.split(' ')[4] === '/') ?? '';
}
