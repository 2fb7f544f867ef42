/**
 * `make bench`: runs every benchmark, each in a process of its own, and prints one table with
 * ratios and goals. Takes about five minutes; needs root for the part on a real engine.
 */
import os from 'node:os';
import { run } from '../scripts/lib/run.ts';

type Result = Record<string, number>;
interface DockerRun {
  drivers: Record<string, { seconds: number; toFloor: number }>;
}

const here = import.meta.dirname;

/** Runs one benchmark and returns the JSON line that it prints last. */
async function measure<T>(file: string, ...args: string[]): Promise<T> {
  process.stderr.write(`bench: ${file} ${args.join(' ')}\n`);
  const printed = await run(process.execPath, [`${here}/${file}`, ...args]);
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as T;
}

/** The run with the median of one figure, out of `times`. */
async function median(
  figure: string,
  times: number,
  file: string,
  ...args: string[]
): Promise<Result> {
  const results: Result[] = [];
  for (let time = 0; time < times; time += 1) results.push(await measure<Result>(file, ...args));
  results.sort((a, b) => (a[figure] ?? 0) - (b[figure] ?? 0));
  return results[Math.floor(times / 2)] ?? {};
}

function row(what: string, measured: string, goal: string): void {
  console.log(`| ${what.padEnd(52)} | ${measured.padEnd(34)} | ${goal.padEnd(26)} |`);
}

const capture = await median('linesPerSecond', 5, 'capture.ts', '100', '1500');
const captureLong = await median('megabytesPerSecond', 3, 'capture.ts', '1000', '2000');
const delivery = await median('linesPerSecond', 5, 'delivery.ts');
const memory = await measure<Result>('memory.ts');
const dockerRun = await measure<DockerRun>('docker-run.ts', '5');

const whole = (value: number | undefined): string =>
  Math.round(value ?? Number.NaN).toLocaleString('en');
console.log(
  `\n${os.cpus().length} cores, ${os.cpus()[0]?.model ?? '?'}, Node ${process.version}\n`,
);
row('benchmark', 'measured', 'goal');
row('---', '---', '---');
row('capture, 100-byte lines', `${whole(capture['megabytesPerSecond'])} MB/s`, '500 MB/s');
row('capture, 100-byte lines', `${whole(capture['linesPerSecond'])} lines/s`, '3,000,000 lines/s');
row('capture, 1,000-byte lines', `${whole(captureLong['megabytesPerSecond'])} MB/s`, '500 MB/s');
row(
  'delivery, 100-byte lines',
  `${whole(delivery['linesPerSecond'])} lines/s`,
  '1,500,000 lines/s',
);
row('memory, idle', `${whole(memory['idleMegabytes'])} MB`, 'under 120 MB');
const backlog = `${(memory['backlogGibibytes'] ?? 0).toFixed(1)} GiB`;
row(
  `memory, largest over a ${backlog} backlog, dead endpoint`,
  `${whole(memory['backlogMegabytesMax'])} MB`,
  'under 200 MB',
);
row('memory, at the end of that', `${whole(memory['backlogMegabytesEnd'])} MB`, 'flat');
row('start until the socket is there', `${whole(memory['startMs'])} ms`, 'under 1,000 ms');
const goals: Record<string, string> = {
  'holdfast, dead endpoint': 'at most 1.10 x the floor',
  'holdfast, live endpoint': 'at most 1.25 x the floor',
  discard: 'the floor',
};
for (const [name, { seconds, toFloor }] of Object.entries(dockerRun.drivers)) {
  const figure = `${seconds.toFixed(2)} s, ${toFloor.toFixed(2)} x the floor`;
  row(`docker run, 1,000,000 lines: ${name}`, figure, goals[name] ?? '');
}
