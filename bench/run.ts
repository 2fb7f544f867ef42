/**
 * `make bench`: runs every benchmark, each in a process of its own, and prints one table with
 * ratios and goals. Takes about three quarters of an hour and 15 GB of disk; needs root for the part on a
 * real engine and for a cold page cache.
 */
import fs from 'node:fs';
import os from 'node:os';
import { buildPlugin } from '../scripts/build-plugin.ts';
import { run } from '../scripts/lib/run.ts';
import {
  type Latency,
  printDeadEndpoints,
  printDelivery,
  printLatency,
  printLiveStalls,
} from './delivery-table.ts';
import {
  type DockerLogs,
  type DockerLogsFollow,
  type DockerLogsSince,
  type LogReaders,
  printDockerLogs,
  printFollow,
  printReaders,
  printSince,
} from './logs-table.ts';
import { type PipelineFigures, printPipelines } from './pipeline-table.ts';
import { fixed, row, whole } from './table.ts';

type Result = Record<string, number>;
interface DockerRun {
  drivers: Record<string, { seconds: number; toFloor: number }>;
}
interface SealLevel {
  ratio: number;
  kinds: Result;
  linesPerSecond: number;
  megabytesPerSecond: number;
}
interface Seal {
  level3: SealLevel;
  level1: SealLevel;
  level3OneLineBlocks: SealLevel;
}
interface Recovery {
  containers: number;
  storedGibibytes: number;
  cold: Result;
  warm: Result;
}
interface Memory {
  startMs: number;
  idleMegabytes: number;
  stages: Result[];
}
interface WriteAmplification {
  live: Result;
  dead: Result;
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

function printSpeed(capture: Result, captureLong: Result): void {
  row('capture, 100-byte lines', `${whole(capture['megabytesPerSecond'])} MB/s`, '500 MB/s');
  row(
    'capture, 100-byte lines',
    `${whole(capture['linesPerSecond'])} lines/s`,
    '3,000,000 lines/s',
  );
  row('capture, 1,000-byte lines', `${whole(captureLong['megabytesPerSecond'])} MB/s`, '500 MB/s');
}

function printSealing(seal: Seal, stalls: Result): void {
  const { level3, level1, level3OneLineBlocks: single } = seal;
  for (const [kind, ratio] of Object.entries(level3.kinds)) {
    row(`stored over raw bytes, level 3: ${kind}`, fixed(ratio, 3));
  }
  row('stored over raw bytes, level 3: average', fixed(level3.ratio, 3), '0.22 or less');
  row('stored over raw bytes, level 1: average', fixed(level1.ratio, 3));
  const speedOf = (level: SealLevel): string =>
    `${whole(level.linesPerSecond)} lines/s, ${whole(level.megabytesPerSecond)} MB/s`;
  row('sealing, level 3, one thread', speedOf(level3), '300,000 lines/s');
  row('sealing, level 3, each line a block of its own', speedOf(single));
  row('sealing, level 1, one thread', speedOf(level1));
  row(
    `longest wait of a write, ${whole(stalls['linesPerSecond'])} lines/s, sealer busy`,
    `${fixed(stalls['longestWaitMs'], 1)} ms`,
    'under 100 ms',
  );
}

function printRecovery({ containers, storedGibibytes, cold, warm }: Recovery): void {
  const what = `${fixed(storedGibibytes, 1)} GiB, ${whole(containers)} containers`;
  row(`recovery of ${what}: first read`, `${whole(cold['firstReadMs'])} ms`, 'under 1,000 ms');
  row(`recovery of ${what}: all FIFOs read`, `${whole(cold['lastReadMs'])} ms`);
  row(`recovery of ${what}: done`, `${whole(cold['recoveredMs'])} ms`);
  const warmText = `${whole(warm['firstReadMs'])} ms, all ${whole(warm['lastReadMs'])} ms`;
  row('recovery, page cache warm: first read', warmText);
}

function printMemory({ startMs, idleMegabytes, stages }: Memory): void {
  row('start until the socket is there', `${whole(startMs)} ms`, 'under 1,000 ms');
  row('memory, idle', `${whole(idleMegabytes)} MB`, 'under 120 MB');
  const [first] = stages;
  for (const stage of stages) {
    const { gibibytes, storedGibibytes, restMegabytes } = stage;
    const most = Math.max(stage['busyMegabytes'] ?? 0, stage['sealingMegabytes'] ?? 0);
    const change = (restMegabytes ?? Number.NaN) / (first?.['restMegabytes'] ?? Number.NaN) - 1;
    row(
      `memory, backlog ${gibibytes} GiB (${fixed(storedGibibytes, 1)} on disk), dead endpoint`,
      `${whole(restMegabytes)} MB, largest ${whole(most)} MB`,
      stage === first ? 'under 200 MB' : `${fixed(change * 100, 1)} % (within 10 %)`,
    );
  }
}

function printWrites({ live, dead }: WriteAmplification): void {
  row('disk writes over raw bytes, live endpoint', fixed(live['amplification'], 2));
  row('disk writes over raw bytes, dead endpoint', fixed(dead['amplification'], 2));
}

function printDockerRun(dockerRun: DockerRun): void {
  const goals: Record<string, string> = {
    'holdfast, dead endpoint': 'at most 1.10 x the floor',
    'holdfast, live endpoint': 'at most 1.25 x the floor',
    discard: 'the floor',
  };
  for (const [name, { seconds, toFloor }] of Object.entries(dockerRun.drivers)) {
    const figure = `${seconds.toFixed(2)} s, ${toFloor.toFixed(2)} x the floor`;
    row(`docker run, 1,000,000 lines: ${name}`, figure, goals[name] ?? '');
  }
}

const plugin = fs.mkdtempSync(`${os.tmpdir()}/holdfast-bench-`);
try {
  await buildPlugin({ out: plugin });
  const capture = await median('linesPerSecond', 5, 'capture.ts', '100', '1500');
  const captureLong = await median('megabytesPerSecond', 3, 'capture.ts', '1000', '2000');
  const deliveries: Result[] = [];
  for (const endpoints of ['1', '2', '4']) {
    const args = ['100', '6000000', '1', endpoints];
    deliveries.push(await median('linesPerSecond', 3, 'delivery.ts', ...args));
  }
  const pipelines = await measure<PipelineFigures>('pipeline.ts', '300000', '3');
  const latency = await measure<Latency>('latency.ts', '10,1000,50000', '10', plugin);
  const seal = await measure<Seal>('seal.ts', '32');
  const stalls = await measure<Result>('stalls.ts', '15', '6', plugin);
  const liveStalls = await measure<Result>('stalls.ts', '15', '6', plugin, 'live');
  const recovery = await measure<Recovery>('recovery.ts', '10', '1000', plugin);
  const memory = await measure<Memory>('memory.ts', '0.05,2,5,10', plugin);
  const deadEndpoints = await measure<Memory>('memory.ts', '0.05,2', plugin, '4');
  const writes = await measure<WriteAmplification>('write-amplification.ts', '31', plugin);
  const dockerRun = await measure<DockerRun>('docker-run.ts', '5');
  const logs = await measure<DockerLogs>('docker-logs.ts', '5', '1000000', plugin);
  const since = await measure<DockerLogsSince>('docker-logs-since.ts', '2', '3', plugin);
  const follow = await measure<DockerLogsFollow>('docker-logs-follow.ts', '1000', plugin);
  const readers = await measure<LogReaders>('log-readers.ts', '5', '100', '30', plugin);

  const cpu = os.cpus();
  console.log(`\n${cpu.length} cores, ${cpu[0]?.model ?? '?'}, Node ${process.version}\n`);
  row('benchmark', 'measured', 'goal');
  row('---', '---', '---');
  printSpeed(capture, captureLong);
  printDelivery(deliveries);
  printPipelines(pipelines);
  printLatency(latency);
  printLiveStalls(liveStalls);
  printSealing(seal, stalls);
  printRecovery(recovery);
  printMemory(memory);
  printDeadEndpoints(deadEndpoints.stages);
  printWrites(writes);
  printDockerRun(dockerRun);
  printDockerLogs(logs);
  printSince(since);
  printFollow(follow);
  printReaders(readers);
} finally {
  fs.rmSync(plugin, { recursive: true, force: true });
}
