/**
 * From printing to `docker logs -f`: how long a line takes, on a real, private engine, of
 * holdfast beside json-file and local. Lines are printed one at a time, in turns, by containers
 * that pass on what comes through a FIFO, so that one clock sees both ends. Prints one JSON line;
 * about half a minute. Arguments: lines (1000), directory of a built plugin. Root, in
 * scripts/in-netns.sh.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { run } from '../scripts/lib/run.ts';
import { newline } from './log-lines.ts';
import { LogsEngine } from './logs-engine.ts';

const [count = '1000', built] = process.argv.slice(2);
const lines = Number(count);
const drivers = ['json-file', 'local', 'holdfast'];
/** Between two lines, of whichever container: from 2 to 7 ms, so that no timer keeps step. */
const pauseMs = 2;
const pauseMsMore = 5;
/** The first lines of each container only warm up. */
const warmUpLines = 50;

const logs = new LogsEngine();

/** One container that is followed. */
class Followed {
  readonly name: string;
  readonly #fd: number;
  readonly #child: ReturnType<typeof logs.follow>;
  readonly #printedAtMs: number[] = [];
  readonly tookMs: number[] = [];

  private constructor(name: string, fd: number) {
    this.name = name;
    this.#fd = fd;
    this.#child = logs.follow(name, '--follow');
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  static async start(name: string): Promise<Followed> {
    const fifo = `${logs.directory}/fifo-${name}`;
    await run('mkfifo', [fifo]);
    // Open on both ends: neither side waits for the other.
    const fd = fs.openSync(fifo, 'r+');
    const printer = { name, driver: name, lines };
    await logs.startContainer(printer, `exec cat /bench/fifo-${name}`);
    return new Followed(name, fd);
  }

  print(): void {
    this.#printedAtMs.push(performance.now());
    fs.writeSync(this.#fd, `line ${this.#printedAtMs.length}\n`);
  }

  async end(): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
    fs.closeSync(this.#fd);
  }

  #take(chunk: Buffer): void {
    const nowMs = performance.now();
    for (const byte of chunk) {
      if (byte !== newline) continue;
      this.tookMs.push(nowMs - (this.#printedAtMs[this.tookMs.length] ?? Number.NaN));
    }
  }
}

/** Milliseconds that half of the lines take at most, that 99 of 100 do, and that all do. */
function figuresOf({ tookMs }: Followed): Record<string, number> {
  const sorted = tookMs.slice(warmUpLines).toSorted((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  return { medianMs: at(0.5), percentile99Ms: at(0.99), longestMs: at(1) };
}

try {
  await logs.start(built);
  const followed: Followed[] = [];
  for (const name of drivers) followed.push(await Followed.start(name));
  // The first line shows that all are there.
  for (const each of followed) each.print();
  await logs.until('all follow', () => followed.every(({ tookMs }) => tookMs.length === 1));
  for (let line = 1; line < lines + warmUpLines; line += 1) {
    for (const each of followed) {
      each.print();
      await setTimeout(pauseMs + Math.random() * pauseMsMore);
    }
  }
  const all = lines + warmUpLines;
  await logs.until('all is shown', () => followed.every(({ tookMs }) => tookMs.length === all));
  for (const each of followed) await each.end();
  const results = followed.map((each) => [each.name, figuresOf(each)]);
  const figures: unknown = Object.fromEntries(results);
  console.log(JSON.stringify({ bench: 'docker-logs-follow', lines, drivers: figures }));
} finally {
  await logs.dispose();
}
