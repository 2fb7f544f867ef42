/**
 * Capture alone: one FIFO into one write-ahead log, out of Docker. Prints one JSON line.
 * Arguments: line bytes (100), megabytes (1000).
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { nodeFileSystem as disk } from '../src/base/file-system.ts';
import { containerDirectory, openWalRoot, removeSegmentsBefore } from '../src/wal/index.ts';
import { testContainers } from '../test/helpers/test-containers.ts';

const [lineBytes = '100', megabytes = '1000'] = process.argv.slice(2);
const root = fs.mkdtempSync(`${os.tmpdir()}/holdfast-bench-`);
const containerId = 'ab'.repeat(32);
const fifo = `${root}/fifo`;
execFileSync('mkfifo', [fifo]);
await openWalRoot(disk, root);

const ended = Promise.withResolvers<void>();
const { containers } = testContainers(
  root,
  { onRelease: () => ended.resolve() },
  { 'history-max-age': '0s' },
);
const identity = {
  containerId,
  containerName: 'bench',
  imageId: '',
  imageName: '',
  createdAt: '',
  labels: {},
  logOpts: {},
};
// Holds the FIFO open until the writer is there.
const keeper = fs.openSync(fifo, fs.constants.O_RDWR);
await containers.start(fifo, identity);
const writer = spawn(
  process.execPath,
  [`${import.meta.dirname}/fifo-writer.ts`, fifo, lineBytes, megabytes],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
const [announced] = (await once(writer.stdout, 'data')) as [Buffer];
const total = JSON.parse(announced.toString()) as { bytes: number; frames: number };
const startedMs = performance.now();
const startedCpu = process.cpuUsage();
// Keeps the page cache small: the bench measures capture, not the disk.
const cleaner = setInterval(() => {
  const directory = containerDirectory(root, containerId);
  removeSegmentsBefore(disk, directory, containerId, Number.MAX_SAFE_INTEGER);
}, 200);
await once(writer, 'exit');
await containers.stop(fifo);
fs.closeSync(keeper);
const seconds = (performance.now() - startedMs) / 1000;
const cpu = process.cpuUsage(startedCpu);
clearInterval(cleaner);
containers.close();
fs.rmSync(root, { recursive: true });
const cpuSeconds = (cpu.user + cpu.system) / 1e6;
console.log(
  JSON.stringify({
    bench: 'capture',
    lineBytes: Number(lineBytes),
    seconds,
    cpuSeconds,
    megabytesPerSecond: total.bytes / 1e6 / seconds,
    linesPerSecond: total.frames / seconds,
    linesPerCpuSecond: total.frames / cpuSeconds,
  }),
);
