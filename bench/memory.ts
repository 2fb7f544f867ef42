/**
 * Resident memory of the built plugin's program: idle, then while 2 GiB pile up behind a dead
 * endpoint. Prints one JSON line. Arguments: megabytes (2200), directory of a built plugin.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { buildPlugin } from '../scripts/build-plugin.ts';
import { callPlugin, newId, startLoggingBody } from '../test/helpers/fake-dockerd.ts';

const [megabytes = '2200', built] = process.argv.slice(2);
const directory = fs.mkdtempSync(`${os.tmpdir()}/holdfast-bench-`);
const plugin = built ?? `${directory}/plugin`;
if (built === undefined) await buildPlugin({ out: plugin });
const { entrypoint } = JSON.parse(fs.readFileSync(`${plugin}/config.json`, 'utf8')) as {
  entrypoint: string[];
};
const [node = '', ...args] = entrypoint.map((part) =>
  part.startsWith('/') ? `${plugin}/rootfs${part}` : part,
);
const socketPath = `${directory}/s`;
const driver = spawn(node, args, {
  env: {
    HOLDFAST_SOCKET: socketPath,
    WAL_DIR: `${directory}/wal`,
    // Nothing listens there.
    LOKI_URL: 'http://127.0.0.1:9',
    LOG_LEVEL: 'error',
  },
  stdio: 'inherit',
});

/** Resident megabytes of the driver. */
function residentMegabytes(): number {
  const status = fs.readFileSync(`/proc/${driver.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1000;
}

const startedMs = performance.now();
while (!fs.existsSync(socketPath)) await setTimeout(5);
const startMs = performance.now() - startedMs;
await setTimeout(4000);
const idleMegabytes = residentMegabytes();
const fifo = `${directory}/fifo`;
execFileSync('mkfifo', [fifo]);
const keeper = fs.openSync(fifo, fs.constants.O_RDWR);
const answer = await callPlugin(
  socketPath,
  'LogDriver.StartLogging',
  startLoggingBody(fifo, newId(), {}),
);
if (answer.status !== 200) throw new Error(answer.body.Err);
const writer = spawn(process.execPath, [
  `${import.meta.dirname}/fifo-writer.ts`,
  fifo,
  '100',
  megabytes,
]);
const samples: number[] = [];
const exit = once(writer, 'exit');
while ((await Promise.race([exit, setTimeout(250, 'more')])) === 'more')
  samples.push(residentMegabytes());
for (let wait = 0; wait < 8; wait += 1) {
  await setTimeout(500);
  samples.push(residentMegabytes());
}
const backlog = fs
  .readdirSync(`${directory}/wal/c`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.w'))
  .reduce((sum, name) => sum + fs.statSync(`${directory}/wal/c/${name}`).size, 0);
driver.kill();
await once(driver, 'exit');
fs.closeSync(keeper);
fs.rmSync(directory, { recursive: true });
console.log(
  JSON.stringify({
    bench: 'memory',
    startMs,
    idleMegabytes,
    backlogGibibytes: backlog / 2 ** 30,
    backlogMegabytesMax: Math.max(...samples),
    backlogMegabytesEnd: samples.at(-1),
  }),
);
