/**
 * Delivery alone: from a full write-ahead log into an endpoint that takes everything, in a
 * process of its own. Prints one JSON line. Arguments: line bytes (100), lines (6000000),
 * containers (1).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { nodeFileSystem as disk } from '../src/base/file-system.ts';
import { silentLog } from '../src/base/log.ts';
import { FrameCounter } from '../src/capture/frame-counter.ts';
import { parseLogOpts } from '../src/config/parse.ts';
import { Delivery } from '../src/threads/delivery.ts';
import {
  CommittedLsn,
  containerDirectory,
  createContainerDirectory,
  openWalRoot,
  recoverTail,
  StreamWriter,
} from '../src/wal/index.ts';
import { buildFrames } from './frames.ts';

const [lineBytes = '100', lines = '6000000', containers = '1'] = process.argv.slice(2);
const root = fs.mkdtempSync(`${os.tmpdir()}/holdfast-bench-`);
await openWalRoot(disk, root);

/** Writes one container's stream as capture would, in blocks of 64 KiB. */
async function fillLog(containerId: string, rounds: number): Promise<CommittedLsn> {
  await createContainerDirectory(disk, root, containerId);
  const directory = containerDirectory(root, containerId);
  const committed = new CommittedLsn();
  const tail = recoverTail(disk, directory, containerId);
  const limits = { segmentBytesMax: 16 << 20, segmentAgeMsMax: 300_000 };
  const writer = new StreamWriter({
    disk,
    directory,
    containerId,
    tail,
    committed,
    now: Date.now,
    ...limits,
  });
  const counter = new FrameCounter();
  writer.appendAttach('bench');
  counter.cut(writer.endLsn);
  for (let round = 0; round < rounds; round += 1) {
    for (let at = 0; at < load.bytes.length; at += 65_536) {
      const bytes = load.bytes.subarray(at, at + 65_536);
      counter.count(bytes, writer.endLsn);
      writer.appendRaw(bytes, counter.flags, counter.stats);
    }
  }
  writer.closeSegment();
  return committed;
}

const load = buildFrames(20_000, Number(lineBytes));
const streams = Number(containers);
const rounds = Math.max(1, Math.round(Number(lines) / load.frames / streams));
const ids = Array.from({ length: streams }, (_, index) => String(index).padStart(64, '0'));
const logs = new Map<string, CommittedLsn>();
for (const id of ids) logs.set(id, await fillLog(id, rounds));

const server = spawn(process.execPath, [`${import.meta.dirname}/discard-server.ts`], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [port] = (await once(server.stdout, 'data')) as [Buffer];
const { endpoint } = parseLogOpts(
  { 'loki-url': `http://127.0.0.1:${port.toString().trim()}` },
  {},
).settings;
if (endpoint === undefined) throw new Error('no endpoint');

const done = Promise.withResolvers<void>();
const open = new Set(ids);
const delivery = new Delivery({
  log: silentLog,
  logLevel: 'warn',
  events: {
    onAcknowledged: (containerId, ackLsn) => {
      if (ackLsn >= (logs.get(containerId)?.read() ?? 0)) open.delete(containerId);
      if (open.size === 0) done.resolve();
    },
    onReleased: () => {},
  },
});
const startedMs = performance.now();
const startedCpu = process.cpuUsage();
for (const [containerId, committed] of logs) {
  const directory = containerDirectory(root, containerId);
  const labels = {
    stdout: `{container_name="${containerId}", source="stdout"}`,
    stderr: '{source="stderr"}',
  };
  delivery.stream({
    containerId,
    directory,
    committed: committed.buffer,
    endpointId: 1,
    endpoint,
    labels,
  });
}
await done.promise;
const seconds = (performance.now() - startedMs) / 1000;
const cpu = process.cpuUsage(startedCpu);
await delivery.close();
server.kill();
fs.rmSync(root, { recursive: true });
const total = rounds * load.frames * streams;
console.log(
  JSON.stringify({
    bench: 'delivery',
    lineBytes: Number(lineBytes),
    containers: streams,
    lines: total,
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    linesPerSecond: total / seconds,
  }),
);
process.exit(0);
