/**
 * Delivery alone: from a full write-ahead log into an endpoint that takes everything, in a
 * process of its own. The clock starts when the thread has loaded its modules and delivered some
 * lines of another container: a driver does that once in its life. Prints one JSON line.
 * Arguments: line bytes (100), lines (6000000), containers (1), endpoints (1).
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { silentLog } from '../src/base/log.ts';
import { parseLogOpts } from '../src/config/parse.ts';
import type { LabelPair, PipelineText } from '../src/pipeline/plan.ts';
import { Delivery } from '../src/threads/delivery.ts';
import { type TestLog, TestWal } from '../test/helpers/log-writer.ts';
import { buildFrames } from './frames.ts';

const [lineBytes = '100', lines = '6000000', containers = '1', endpointCount = '1'] =
  process.argv.slice(2);
const wal = new TestWal();
await wal.open();

/** Writes one container's stream as capture would, in blocks of 64 KiB. */
async function fillLog(containerId: string, rounds: number): Promise<TestLog> {
  const log = await wal.log(containerId, 16 << 20);
  log.attach();
  for (let round = 0; round < rounds; round += 1) log.write(load.bytes);
  log.close();
  return log;
}

const load = buildFrames(20_000, Number(lineBytes));
const streams = Number(containers);
const rounds = Math.max(1, Math.round(Number(lines) / load.frames / streams));
const ids = Array.from({ length: streams }, (_, index) => String(index).padStart(64, '0'));
const logs = new Map<string, TestLog>();
for (const id of ids) logs.set(id, await fillLog(id, rounds));

const server = spawn(process.execPath, [`${import.meta.dirname}/discard-server.ts`], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [port] = (await once(server.stdout, 'data')) as [Buffer];
const url = `http://127.0.0.1:${port.toString().trim()}`;
const names = Array.from({ length: Number(endpointCount) }, (_, index) => `e${index}`);
const { endpoints } = parseLogOpts(
  Object.fromEntries(names.map((name) => [`loki-url.${name}`, url])),
  {},
).settings;

/** How much of which logs is still to come, and what waits for the end of all of it. */
const open = new Map<string, number>();
let done = Promise.withResolvers<void>();
const delivery = new Delivery({
  log: silentLog,
  logLevel: 'warn',
  ...{ threads: 1, walRoot: wal.root, rejectedMaxBytes: 0, labelOf: (label: string) => label },
  events: {
    onAcknowledged: (containerId, { lsn }) => {
      if (lsn >= (open.get(containerId) ?? 0)) open.delete(containerId);
      if (open.size === 0) done.resolve();
    },
    onReleased: () => {},
    onLoss: () => {},
    onQuarantined: () => {},
    onRejectedLost: () => {},
  },
});

/** Hands logs to delivery and waits until every endpoint has all of each. */
async function deliver(logs: ReadonlyMap<string, TestLog>): Promise<void> {
  done = Promise.withResolvers();
  for (const [containerId, { endLsn }] of logs) open.set(containerId, endLsn);
  for (const [containerId, log] of logs) deliverOne(containerId, log);
  await done.promise;
}

function deliverOne(containerId: string, { directory, committed }: TestLog): void {
  const stdout: LabelPair[] = [
    ['container_name', containerId],
    ['source', 'stdout'],
  ];
  const runs = [{ fromLsn: 0, labels: { stdout, stderr: stdout }, metadata: [] }];
  const pipeline: PipelineText = { level: 'off', dropBlank: false };
  delivery.stream({
    containerId,
    directory,
    committed: committed.buffer,
    endpoints: endpoints.map((endpoint, index) => ({
      endpointId: index + 1,
      endpoint,
      runs,
      pipeline,
    })),
    pinnedIds: [],
  });
}

const first = 'f'.repeat(64);
await deliver(new Map([[first, await fillLog(first, 1)]]));
const startedMs = performance.now();
const startedCpu = process.cpuUsage();
await deliver(logs);
const seconds = (performance.now() - startedMs) / 1000;
const cpu = process.cpuUsage(startedCpu);
await delivery.close();
server.kill();
wal.remove();
const total = rounds * load.frames * streams;
console.log(
  JSON.stringify({
    bench: 'delivery',
    lineBytes: Number(lineBytes),
    containers: streams,
    endpoints: names.length,
    lines: total,
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    linesPerSecond: total / seconds,
    linesPerSecondOfAll: (total * names.length) / seconds,
  }),
);
process.exit(0);
