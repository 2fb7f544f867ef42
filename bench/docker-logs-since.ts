/**
 * `docker logs --since` in the middle of 2 GiB of history, on a real, private engine: holdfast
 * beside json-file and local. A window of 1,000 lines, the time to the first line, and all lines
 * from there to the end, once. Rounds are interleaved; the median counts. Prints one JSON line;
 * about a quarter of an hour and 10 GB of disk. Arguments: gibibytes (2), rounds (3), directory of
 * a built plugin. Root, in scripts/in-netns.sh.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { lineBytes } from './log-lines.ts';
import { LogsEngine, median } from './logs-engine.ts';

const [gibibytes = '2', rounds = '3', built] = process.argv.slice(2);
const lines = Math.round((Number(gibibytes) * 2 ** 30) / lineBytes);
const windowLines = 1000;
/** Container's name and driver are the same. */
const contenders = {
  'json-file': {},
  // Its default keeps less than this.
  local: { 'max-size': '10g', 'max-file': '2' },
  holdfast: { 'wal-max-size': '-1', 'max-size': '-1' },
};

/** Where the window is, as dockerd writes times. */
interface Window {
  since: string;
  until: string;
}

/** What was measured of one driver, in seconds. */
interface Figures {
  window: number[];
  first: number[];
}

const logs = new LogsEngine();

/** The times of the lines in the middle: half of them are older. */
async function findWindow(name: string): Promise<Window> {
  const tail = Math.floor(lines / 2);
  const child = logs.follow(name, '--timestamps', '--tail', String(tail));
  if (child.stdout === null) throw new Error('the docker command has no output');
  const closed = once(child, 'close');
  const times: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    times.push(line.slice(0, line.indexOf(' ')));
    if (times.length === windowLines) break;
  }
  child.kill('SIGKILL');
  await closed;
  const [since, until] = [times[0], times.at(-1)];
  if (since === undefined || until === undefined) throw new Error(`${name} has no such lines`);
  return { since, until };
}

/** Both bounds belong to the answer; neighbours may have the same time. */
async function check(name: string, { since, until }: Window): Promise<number> {
  const found = await logs.countLines(name, '--since', since, '--until', until);
  if (found < windowLines || found > windowLines + 10) {
    throw new Error(`${name}: ${found} lines in the window`);
  }
  return found;
}

async function measure(name: string, { since, until }: Window, figures: Figures): Promise<void> {
  const window = await logs.secondsOf(name, '--since', since, '--until', until);
  const first = await logs.secondsToFirst(name, '--since', since);
  figures.window.push(window);
  figures.first.push(first);
  process.stderr.write(`${name}: window ${window.toFixed(3)} s, first ${first.toFixed(3)} s\n`);
}

/** Has a container print, and end: no segment is left raw. */
async function fill(name: string, options: Record<string, string>): Promise<Window> {
  await logs.print({ name, driver: name, lines, options });
  await logs.docker('kill', name);
  if (name === 'holdfast') await logs.sealed(name);
  const window = await findWindow(name);
  process.stderr.write(`${name}: ${await check(name, window)} lines from ${window.since}\n`);
  return window;
}

try {
  await logs.start(built);
  const filled: { name: string; window: Window; figures: Figures }[] = [];
  for (const [name, options] of Object.entries(contenders)) {
    const figures = { window: [], first: [] };
    filled.push({ name, window: await fill(name, options), figures });
  }
  for (let round = 0; round < Number(rounds); round += 1) {
    for (const { name, window, figures } of filled) await measure(name, window, figures);
  }
  const results: Record<string, Record<string, number>> = {};
  for (const { name, window, figures } of filled) {
    results[name] = {
      windowSeconds: median(figures.window),
      firstSeconds: median(figures.first),
      // So long that once is enough.
      restSeconds: await logs.secondsOf(name, '--since', window.since),
    };
  }
  const sizes = { gibibytes: Number(gibibytes), lines, rounds: Number(rounds) };
  console.log(JSON.stringify({ bench: 'docker-logs-since', ...sizes, drivers: results }));
} finally {
  await logs.dispose();
}
