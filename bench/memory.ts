/**
 * Resident memory of the built plugin's program: idle, then while a backlog of lines that do
 * not compress piles up behind a dead endpoint, in stages. Prints one JSON line. Arguments:
 * gibibytes at the end of each stage (0.05,2,5,10), directory of a built plugin, dead endpoints (1).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { BuiltDriver, deadEndpoint } from './built-driver.ts';

const [stages = '0.05,2,5,10', built = '', endpoints = '1'] = process.argv.slice(2);
const sampleMs = 250;
/** What a stage has piled up is sealed in this time, or the bench goes on. */
const sealMsMax = 120_000;
const restSamples = 16;

/** One stage: what is on disk at its end, and the driver's megabytes. */
interface Stage {
  gibibytes: number;
  storedGibibytes: number;
  /** The most while lines came in. */
  busyMegabytes: number;
  /** The most while the sealer worked off the rest. */
  sealingMegabytes: number;
  /** The median when nothing was left to do. */
  restMegabytes: number;
}

const names = Array.from({ length: Number(endpoints) }, (_, index) => `dead${index}`);
const opts = names.map((name) => `loki-url.${name}=${deadEndpoint}`).join(';');
const env = { WAL_MAX_BYTES: '12g', LOKI_URL: '', HOLDFAST_OPTS: opts };
const driver = await BuiltDriver.build(env, built === '' ? undefined : built);

/** Samples until the promise is settled. */
async function most(until: Promise<unknown>): Promise<number> {
  let megabytes = 0;
  const isOver = until.then(() => true);
  for (;;) {
    megabytes = Math.max(megabytes, driver.residentMegabytes());
    if (await Promise.race([isOver, setTimeout(sampleMs, false)])) return megabytes;
  }
}

/** One raw segment stays: the one that is being written. */
async function isSealed(): Promise<void> {
  const untilMs = performance.now() + sealMsMax;
  const raw = (): number => driver.segments().filter(({ name }) => name.endsWith('.w')).length;
  while (raw() > 1 && performance.now() < untilMs) await setTimeout(sampleMs);
}

async function rest(): Promise<number> {
  const samples: number[] = [];
  for (let index = 0; index < restSamples; index += 1) {
    samples.push(driver.residentMegabytes());
    await setTimeout(sampleMs);
  }
  return samples.toSorted((a, b) => a - b)[restSamples / 2] ?? Number.NaN;
}

async function pileUp(fifo: string, fromGibibytes: number, gibibytes: number): Promise<Stage> {
  const megabytes = ((gibibytes - fromGibibytes) * 2 ** 30) / 1e6;
  const writerFile = `${import.meta.dirname}/fifo-writer.ts`;
  const args = [writerFile, fifo, '100', String(megabytes), 'random'];
  const busyMegabytes = await most(once(spawn(process.execPath, args), 'exit'));
  const sealingMegabytes = await most(isSealed());
  const restMegabytes = await rest();
  const stored = driver.segments().reduce((sum, { bytes }) => sum + bytes, 0);
  const storedGibibytes = stored / 2 ** 30;
  return { gibibytes, storedGibibytes, busyMegabytes, sealingMegabytes, restMegabytes };
}

try {
  const startMs = await driver.start();
  await setTimeout(4000);
  const idleMegabytes = driver.residentMegabytes();
  const fifo = await driver.startContainer();
  const keeper = fs.openSync(fifo, fs.constants.O_RDWR);
  const done: Stage[] = [];
  for (const gibibytes of stages.split(',').map(Number)) {
    done.push(await pileUp(fifo, done.at(-1)?.gibibytes ?? 0, gibibytes));
  }
  fs.closeSync(keeper);
  const figures = { endpoints: names.length, startMs, idleMegabytes, stages: done };
  console.log(JSON.stringify({ bench: 'memory', ...figures }));
} finally {
  await driver.dispose();
}
