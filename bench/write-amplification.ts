/**
 * How much a driver has written to the disk for each byte that it captured, with its default
 * options: 1 GiB of real text, once with a live endpoint and once with a dead one. Counted is
 * what the kernel charges to the process when all is sealed and synced, without what was thrown
 * away before the disk saw it. Prints one JSON line. Arguments: seconds of 150,000 lines each
 * (31), directory of a built plugin.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { nodeFileSystem as disk } from '../src/base/file-system.ts';
import { containerDirectory, listContainers, readCursors } from '../src/wal/index.ts';
import { settleDisk } from './backlog.ts';
import { BuiltDriver, deadEndpoint } from './built-driver.ts';

const [seconds = '31', built] = process.argv.slice(2);
const linesPerSecond = '150000';
const port = 3192;
const waitMsMax = 120_000;

async function until(what: string, condition: () => boolean): Promise<void> {
  const untilMs = performance.now() + waitMsMax;
  while (!condition()) {
    if (performance.now() > untilMs) throw new Error(`waited in vain until ${what}`);
    await setTimeout(200);
  }
}

/** How far the only container is acknowledged. */
function ackLsn(walDir: string): number {
  const [containerId = ''] = listContainers(disk, walDir);
  const cursors = readCursors(disk, containerDirectory(walDir, containerId), containerId);
  return Math.max(0, ...cursors.map((cursor) => cursor.ackLsn));
}

/** One run of a driver of its own. */
async function measure(url: string): Promise<Record<string, number>> {
  const driver = await BuiltDriver.build({ LOKI_URL: url }, built);
  try {
    await driver.start();
    // What it writes once at its start, to have room on a full disk, is no log.
    await until('the reserve is there', () => fs.existsSync(`${driver.walDir}/reserve.bin`));
    await setTimeout(2000);
    settleDisk();
    const before = driver.diskBytes();
    const fifo = await driver.startContainer();
    const file = `${import.meta.dirname}/paced-writer.ts`;
    const args = [file, fifo, linesPerSecond, seconds];
    const writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [printed] = (await once(writer.stdout, 'data')) as [Buffer];
    const { bytes } = JSON.parse(printed.toString()) as { bytes: number };
    await driver.stopContainer(fifo);
    const isLive = url !== deadEndpoint;
    if (isLive) await until('all is delivered', () => ackLsn(driver.walDir) > bytes);
    await until('all is sealed', () => driver.segments().every(({ name }) => name.endsWith('.z')));
    settleDisk();
    const after = driver.diskBytes();
    const written = after.written - before.written;
    const cancelled = after.cancelled - before.cancelled;
    const stored = driver.segments().reduce((sum, segment) => sum + segment.bytes, 0);
    return {
      streamBytes: bytes,
      amplification: (written - cancelled) / bytes,
      cancelled: cancelled / bytes,
      stored: stored / bytes,
    };
  } finally {
    await driver.dispose();
  }
}

const double = spawn(
  process.execPath,
  [`${import.meta.dirname}/../test/helpers/loki-double/main.ts`, '--port', String(port)],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
try {
  await once(double.stdout, 'data');
  const live = await measure(`http://127.0.0.1:${port}`);
  const dead = await measure(deadEndpoint);
  console.log(JSON.stringify({ bench: 'write-amplification', live, dead }));
} finally {
  double.kill();
}
