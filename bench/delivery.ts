/**
 * Delivery alone: from a full write-ahead log into an endpoint that takes everything, in a
 * process of its own. Prints one JSON line. Arguments: line bytes (100), lines (6000000),
 * containers (1), endpoints (1).
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

const done = Promise.withResolvers<void>();
const open = new Set(ids);
const delivery = new Delivery({
  log: silentLog,
  logLevel: 'warn',
  ...{ threads: 1, walRoot: wal.root, rejectedMaxBytes: 0, labelOf: (label: string) => label },
  events: {
    onAcknowledged: (containerId, { lsn }) => {
      if (lsn >= (logs.get(containerId)?.endLsn ?? 0)) open.delete(containerId);
      if (open.size === 0) done.resolve();
    },
    onReleased: () => {},
    onLoss: () => {},
    onQuarantined: () => {},
    onRejectedLost: () => {},
  },
});
const startedMs = performance.now();
const startedCpu = process.cpuUsage();
for (const [containerId, { directory, committed }] of logs) {
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
await done.promise;
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
