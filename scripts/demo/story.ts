/**
 * What the demo does once engine, endpoint and plugin are there: lets containers print, and
 * meanwhile breaks everything that breaks in a real life. It must never help the plugin.
 */
import { setTimeout } from 'node:timers/promises';
import { DemoContainer } from './containers.ts';
import type { Endpoint } from './endpoint.ts';
import type { DemoEngine } from './engines.ts';
import type { NumberedLines } from './loki-query.ts';
import { plain, type ResultRow, step, tell } from './messages.ts';
import type { DemoPlugin } from './plugin.ts';
import { totalOf } from './table.ts';

const containerCount = 4;
const printMsMax = 180_000;
/** Lines that do not come within this time after the last one that did are lost. */
const deliveryMsMax = 30_000;

/** What the demo works with. */
export interface Stage {
  engine: DemoEngine;
  endpoint: Endpoint;
  plugin: DemoPlugin;
  /** Value of the label by which this run's lines are found. */
  run: string;
  /** How many lines a container prints; the one that is removed prints half of it. */
  lines: number;
  signal: AbortSignal;
}

/** Plays it all and tells the table. Returns how many lines are lost. */
export async function playStory(stage: Stage): Promise<number> {
  const containers = await startContainers(stage);
  await until(stage, async () => (await stage.endpoint.query.counts()).size >= containerCount, {
    what: 'the first lines of all containers at the endpoint',
    msMax: deliveryMsMax,
  });
  step('the first lines of all containers are at the endpoint');
  await pause(stage, 500);
  const outageStartedMs = performance.now();
  await breakThings(stage, containers);
  const inWal = containers.map(({ id }) => stage.plugin.walLines(id));
  const outageSeconds = (performance.now() - outageStartedMs) / 1000;
  const sum = inWal.reduce((total, lines) => total + lines, 0);
  step(
    `${plain(sum)} lines are in the WAL; the endpoint comes back after ${outageSeconds.toFixed(1)} s`,
  );
  await stage.endpoint.door.open();
  const seconds = await awaitDelivery(stage, containers);
  return report(stage, containers, inWal, seconds);
}

async function startContainers(stage: Stage): Promise<DemoContainer[]> {
  const { engine, lines, run } = stage;
  const names = Array.from({ length: containerCount }, (_, index) => `holdfast-demo-${index + 1}`);
  const containers = await Promise.all(
    names.map(async (name, index) => {
      const isBrief = index === containerCount - 1;
      return DemoContainer.start(engine, name, isBrief ? Math.ceil(lines / 2) : lines, run);
    }),
  );
  const sum = containers.reduce((total, container) => total + container.lines, 0);
  step(`${containerCount} containers print ${plain(sum)} lines through --log-driver holdfast`);
  return containers;
}

/** The outage, with two kills and a removal in it; ends when everything is printed. */
async function breakThings(stage: Stage, containers: readonly DemoContainer[]): Promise<void> {
  const { endpoint, plugin } = stage;
  await endpoint.door.shut();
  step('endpoint down: connections are refused from now on');
  await pause(stage, 1000);
  await killPlugin(plugin);
  const brief = containers.at(-1);
  if (brief !== undefined) {
    await printed(stage, [brief], containers);
    await brief.remove();
    step(`docker rm -f ${brief.name}: it has printed its ${plain(brief.lines)} lines and is gone`);
  }
  await killPlugin(plugin);
  await printed(stage, containers, containers);
  step('all containers have printed all their lines');
}

async function killPlugin(plugin: DemoPlugin): Promise<void> {
  const ms = await plugin.kill();
  step(
    `plugin killed with SIGKILL; dockerd had it running again ${(ms / 1000).toFixed(2)} s later`,
  );
}

/** Waits until some containers have printed all; says meanwhile what the log of all holds. */
async function printed(
  stage: Stage,
  waited: readonly DemoContainer[],
  all: readonly DemoContainer[],
): Promise<void> {
  const { plugin } = stage;
  const hasPrinted = async (): Promise<boolean> => {
    const lines = all.reduce((sum, { id }) => sum + plugin.walLines(id), 0);
    tell({ kind: 'status', text: `${plain(lines)} lines in the WAL` });
    for (const container of waited) {
      if (!container.isRemoved && !(await container.hasPrinted())) return false;
    }
    return true;
  };
  await until(stage, hasPrinted, { what: 'the containers to print', msMax: printMsMax });
}

/** Waits for all lines, or until none came for long. Returns each container's seconds. */
async function awaitDelivery(
  stage: Stage,
  containers: readonly DemoContainer[],
): Promise<number[]> {
  const endedMs = new Map<DemoContainer, number>();
  let sum = -1;
  let changedMs = performance.now();
  while (endedMs.size < containers.length && performance.now() - changedMs < deliveryMsMax) {
    const counts = await stage.endpoint.query.counts();
    const now = performance.now();
    for (const container of containers) {
      const isAll = (counts.get(container.name) ?? 0) >= container.lines;
      if (isAll && !endedMs.has(container)) endedMs.set(container, now);
    }
    const newSum = [...counts.values()].reduce((total, count) => total + count, 0);
    if (newSum !== sum) changedMs = now;
    sum = newSum;
    tell({ kind: 'status', text: `${plain(sum)} lines at the endpoint` });
    await pause(stage, 100);
  }
  step(`${plain(sum)} lines are at the endpoint`);
  // What is doubled may come after the last line: some time for that, too.
  await pause(stage, 1500);
  return containers.map((it) => ((endedMs.get(it) ?? performance.now()) - it.startedMs) / 1000);
}

async function report(
  stage: Stage,
  containers: readonly DemoContainer[],
  inWal: readonly number[],
  seconds: readonly number[],
): Promise<number> {
  const rows: ResultRow[] = [];
  for (const [index, { name, lines, isRemoved }] of containers.entries()) {
    const found = await stage.endpoint.query.check(name, lines);
    rows.push({
      name: isRemoved ? `${name} (removed)` : name,
      printed: lines,
      inWal: inWal[index] ?? 0,
      ...countsOf(found),
      seconds: seconds[index] ?? 0,
    });
    if (found.lost > 0) step(`${name} LOST the lines ${found.lostExamples.join(', ')}`);
  }
  tell({ kind: 'table', rows });
  const { lost, doubled } = totalOf(rows);
  const loss = lost === 0 ? 'Nothing is lost' : `${plain(lost)} LINES ARE LOST`;
  const text = `${loss}, ${doubled === 0 ? 'nothing is doubled' : `${plain(doubled)} are doubled`}.
  in the WAL: lines in the write-ahead log just before the endpoint came back
  delivered:  what a query shows, every line read and its number looked at
  seconds:    from the container's start until all its lines were at the endpoint`;
  tell({ kind: 'text', text });
  return lost;
}

function countsOf({
  delivered,
  lost,
  doubled,
}: NumberedLines): Omit<NumberedLines, 'lostExamples'> {
  return { delivered, lost, doubled };
}

/** Looks again and again until something is so. Throws when it takes too long. */
async function until(
  stage: Stage,
  isSo: () => Promise<boolean>,
  { what, msMax }: { what: string; msMax: number },
): Promise<void> {
  const startedMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedMs > msMax) {
      throw new Error(`waited ${msMax / 1000} s in vain for ${what}`);
    }
    await pause(stage, 100);
  }
}

async function pause({ signal }: Stage, ms: number): Promise<void> {
  await setTimeout(ms, undefined, { signal });
}
