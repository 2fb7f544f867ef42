/**
 * A private engine with holdfast and the floor plugin in it, for benchmarks of `docker logs`:
 * containers that print a file, and the docker command with a clock. It counts what it gets, so
 * that no driver is quick because it left something out. Needs root and scripts/in-netns.sh.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { buildPlugin } from '../scripts/build-plugin.ts';
import { Engine, testImage } from '../scripts/lib/engine.ts';
import { run } from '../scripts/lib/run.ts';
import { nodeFileSystem as disk } from '../src/base/file-system.ts';
import { containerDirectory } from '../src/wal/index.ts';
import { Plugin } from '../test/e2e/helpers/plugin.ts';
import { buildLines, lineBytes, newline } from './log-lines.ts';

/** The same text comes again only after so many lines, further than any compression looks back. */
const distinctLines = 100_000;
const waitMsMax = 300_000;
const pollMs = 50;

/** The plugin that answers from memory, as a driver. */
export const floorName = 'floor';

/** One container: its driver with log-opts, and how many lines it prints. */
export interface Printer {
  name: string;
  driver: string;
  options?: Record<string, string>;
  lines: number;
}

/** See the module comment. */
export class LogsEngine {
  readonly #engine = new Engine();
  readonly #plugin = new Plugin(this.#engine);

  /** Where the containers find what they print, and say that they have: `/bench` in there. */
  get directory(): string {
    return `${this.#engine.directory}/bench`;
  }

  /** Starts the engine and installs holdfast (built, or the plugin in `built`) and the floor. */
  async start(built: string | undefined): Promise<void> {
    await this.#engine.start();
    await this.#engine.importTestImage();
    const out = `${this.#engine.directory}/plugin`;
    // Nothing goes while it is measured.
    const settings = { HISTORY_MAX_AGE: '24h', MAX_SIZE: '-1', LOG_LEVEL: 'warn' };
    if (built === undefined) await buildPlugin({ out });
    await this.#plugin.create(settings, built ?? out);
    await buildPlugin({ out, main: `${import.meta.dirname}/frames-plugin/main.ts` });
    const floor = new Plugin(this.#engine, floorName);
    await this.#engine.docker('plugin', 'create', floor.name, out);
    await floor.enable();
    fs.rmSync(out, { recursive: true });
    fs.mkdirSync(this.directory);
  }

  async dispose(): Promise<void> {
    await this.#engine.dispose();
  }

  /** Runs the docker command; throws when it fails or takes minutes. */
  async docker(...args: string[]): Promise<string> {
    const { env } = this.#engine;
    return (await run('docker', args, { env, timeoutMs: waitMsMax })).trim();
  }

  /** A new process of holdfast; no container of it may run. */
  async restartPlugin(): Promise<void> {
    await this.#plugin.disable();
    await this.#plugin.enable();
    await this.#plugin.started();
  }

  /** Starts a container that runs this shell program. */
  async startContainer({ name, driver, options = {} }: Printer, program: string): Promise<void> {
    const logOpts = Object.entries(options).flatMap(([key, value]) => [
      '--log-opt',
      `${key}=${value}`,
    ]);
    await this.docker(
      ...['run', '-d', '--name', name, '--network', 'none', '--log-driver', driver, ...logOpts],
      ...['-v', `${this.directory}:/bench`, testImage, 'sh', '-c', program],
    );
  }

  /**
   * Starts a container that prints its lines and sleeps; resolves when `docker logs` shows the
   * last of them.
   */
  async print(printer: Printer): Promise<void> {
    const { name, lines } = printer;
    this.#writeText();
    const last = `the end of ${name}`.padEnd(lineBytes - 1, '.');
    const parts = Math.floor((lines - 1) / distinctLines);
    const rest = lines - 1 - parts * distinctLines;
    const most = `i=0; while [ $i -lt ${parts} ]; do cat /bench/text; i=$((i+1)); done`;
    const program = `${most}; head -n ${rest} /bench/text; echo ${last}; : > /bench/${name}; exec sleep 86400`;
    await this.startContainer(printer, program);
    await this.until(`${name} has printed`, () => fs.existsSync(`${this.directory}/${name}`));
    // dockerd may have a pipe full of it before it; the floor knows only lines of its own.
    const isThere = async (): Promise<boolean> =>
      printer.driver === floorName || (await this.docker('logs', '--tail', '1', name)) === last;
    await this.until(`${name} shows its last line`, isThere);
  }

  /** Waits until a container's log in holdfast has no raw segment any more. */
  async sealed(name: string): Promise<void> {
    const isSealed = async (): Promise<boolean> =>
      (await this.segments(name)).every((file) => file.endsWith('.z'));
    await this.until(`${name} is sealed`, isSealed);
  }

  /** Names of the segments of a container in holdfast. */
  async segments(name: string): Promise<string[]> {
    const id = await this.docker('inspect', '--format', '{{.Id}}', name);
    const directory = containerDirectory(`${await this.#plugin.statePath()}/wal`, id);
    return disk.readdirSync(directory).filter((file) => /\.[wz]$/.test(file));
  }

  /** Seconds of a whole `docker logs`, with nobody to read what it prints. */
  async secondsOf(name: string, ...args: string[]): Promise<number> {
    const startedMs = performance.now();
    const child = this.#logs(name, args, 'ignore');
    const [code] = (await once(child, 'close')) as [number | null];
    const seconds = (performance.now() - startedMs) / 1000;
    if (code !== 0) throw new Error(`docker logs ${args.join(' ')} ${name} ended with ${code}`);
    return seconds;
  }

  /** Seconds until a `docker logs` prints something; then it is ended. */
  async secondsToFirst(name: string, ...args: string[]): Promise<number> {
    const startedMs = performance.now();
    const child = this.#logs(name, args, 'pipe');
    const output = child.stdout;
    if (output === null) throw new Error('the docker command has no output');
    const closed = once(child, 'close');
    const first = await Promise.race([once(output, 'data'), closed.then(() => undefined)]);
    const seconds = (performance.now() - startedMs) / 1000;
    if (first === undefined) throw new Error(`docker logs ${args.join(' ')} ${name} is empty`);
    child.kill('SIGKILL');
    output.resume();
    await closed;
    return seconds;
  }

  /** How many lines a `docker logs` prints. */
  async countLines(name: string, ...args: string[]): Promise<number> {
    const child = this.#logs(name, args, 'pipe');
    let lines = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) {
        lines += 1;
      }
    });
    await once(child, 'close');
    return lines;
  }

  /** Starts a `docker logs`; what it says on standard error is seen. */
  follow(name: string, ...args: string[]): ReturnType<typeof spawn> {
    return this.#logs(name, args, 'pipe');
  }

  /** Waits for a condition; throws after some minutes, naming it. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + waitMsMax;
    while (!(await condition())) {
      if (performance.now() > untilMs) throw new Error(`waited in vain until ${what}`);
      await setTimeout(pollMs);
    }
  }

  #logs(name: string, args: string[], output: 'ignore' | 'pipe'): ReturnType<typeof spawn> {
    return spawn('docker', ['logs', ...args, name], {
      env: this.#engine.env,
      stdio: ['ignore', output, 'inherit'],
      timeout: waitMsMax,
    });
  }

  #writeText(): void {
    const path = `${this.directory}/text`;
    if (fs.existsSync(path)) return;
    fs.writeFileSync(path, buildLines(distinctLines));
  }
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
