/**
 * From printing to the endpoint: one container of a whole driver prints lines at a steady rate,
 * each with its time in it, and the endpoint notes how old they are. Prints one JSON line.
 * Arguments: lines a second, comma-separated (10,1000,50000); seconds each (10); directory of a
 * built plugin.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { BuiltDriver } from './built-driver.ts';
import { encodeFrame } from './frames.ts';

const [rates = '10,1000,50000', seconds = '10', built] = process.argv.slice(2);
const tickMs = 5;

const server = spawn(process.execPath, [`${import.meta.dirname}/latency-server.ts`], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const [port] = (await once(server.stdout, 'data')) as [Buffer];
const driver = await BuiltDriver.build(
  { LOKI_URL: `http://127.0.0.1:${port.toString().trim()}` },
  built,
);

/** Prints lines at a rate; each is as old as its tick at most. */
async function print(fd: number, linesPerSecond: number): Promise<void> {
  const startedMs = performance.now();
  let done = 0;
  for (;;) {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs > Number(seconds) * 1000) return;
    const due = Math.ceil((elapsedMs / 1000) * linesPerSecond);
    const frames: Buffer[] = [];
    for (; done < due; done += 1) {
      const line = Buffer.from(`@at ${process.hrtime.bigint()}@`.padEnd(100, 'x'));
      frames.push(encodeFrame('stdout', BigInt(Date.now()) * 1_000_000n + BigInt(done), line));
    }
    if (frames.length > 0) fs.writeSync(fd, Buffer.concat(frames));
    await setTimeout(tickMs);
  }
}

async function report(): Promise<Record<string, number>> {
  server.stdin.write('\n');
  const [printed] = (await once(server.stdout, 'data')) as [Buffer];
  return JSON.parse(printed.toString()) as Record<string, number>;
}

try {
  await driver.start();
  const fifo = await driver.startContainer();
  const fd = fs.openSync(fifo, 'w');
  const results: Record<string, unknown>[] = [];
  for (const rate of rates.split(',').map(Number)) {
    await print(fd, rate);
    await setTimeout(1500);
    results.push({ linesPerSecond: rate, ...(await report()) });
  }
  fs.closeSync(fd);
  console.log(JSON.stringify({ bench: 'latency', rates: results }));
} finally {
  await driver.dispose();
  server.kill();
}
