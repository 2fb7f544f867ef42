/**
 * How soon a killed driver reads again: a log of 10 GiB in 1,000 container directories, and as
 * many FIFOs that containers have filled in the meantime. With a cold page cache, the median
 * of three, and with a warm one. Prints one JSON line; root. Arguments: gibibytes (10),
 * containers (1000), directory of a built plugin.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { nodeFileSystem as disk } from '../src/base/file-system.ts';
import { containerDirectory, sealSegment } from '../src/wal/index.ts';
import { fillContainer, openBacklog, settleDisk } from './backlog.ts';
import { BuiltDriver } from './built-driver.ts';
import { buildMixedText } from './texts.ts';

const [gibibytes = '10', count = '1000', built] = process.argv.slice(2);
const containers = Number(count);
const segmentBytes = 4 << 20;
/** Every so many containers have a sealed segment, too. */
const sealedEvery = 4;
const coldRuns = 3;
const recoveredMsMax = 120_000;

const driver = await BuiltDriver.build({ WAL_MAX_BYTES: '12g', LOG_LEVEL: 'info' }, built);
const fifos = Array.from({ length: containers }, (_, number) => `${driver.directory}/f${number}`);
const text = buildMixedText(200_000, Date.now()).bytes;

/** dockerd's end of one FIFO, full of output. */
class FullFifo {
  readonly #fd: number;
  #done = 0;

  constructor(path: string) {
    this.#fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  }

  /** Writes until nothing more fits; `onRead` is told when something does. */
  fill(onRead: () => void): void {
    try {
      for (;;) this.#done += fs.writeSync(this.#fd, this.#next(65_536));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
    const path = `/proc/self/fd/${this.#fd}`;
    const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
    // epoll tells of the first free room: nobody has to look again and again.
    const socket = new net.Socket({ fd, readable: false, writable: true });
    const next = this.#next(4096);
    this.#done += next.length;
    socket.write(next, () => {
      onRead();
      socket.destroy();
    });
  }

  #next(bytes: number): Buffer {
    const from = this.#done % text.length;
    return text.subarray(from, from + bytes);
  }
}

async function fillLog(): Promise<void> {
  await openBacklog(driver.walDir);
  // What is sealed takes less; a little more makes up for it.
  const bytes = ((Number(gibibytes) * 2 ** 30) / containers) * 1.11;
  const rounds = Math.ceil(bytes / text.length);
  for (const [number, fifo] of fifos.entries()) {
    const root = driver.walDir;
    const place = { root, number, text, rounds, segmentBytes };
    const containerId = await fillContainer({ ...place, fifo });
    if (number % sealedEvery !== 0) continue;
    const directory = containerDirectory(root, containerId);
    sealSegment(disk, { directory, containerId, sequence: 1, level: 1 });
  }
}

interface Told {
  listeningMs: number;
  recoveredMs: number;
  containers: number;
  failed: number;
}

/** Starts the driver; resolves when it says that it has recovered; times from now. */
async function recovered(): Promise<Told> {
  const done = Promise.withResolvers<Told>();
  const startedMs = performance.now();
  let listeningMs = Number.NaN;
  let output = '';
  driver.spawn((printed) => {
    output += printed;
    const nowMs = performance.now() - startedMs;
    if (Number.isNaN(listeningMs) && output.includes('"listening"')) listeningMs = nowMs;
    const line = output.split('\n').find((each) => each.includes('"recovered"'));
    if (line === undefined) return;
    const told = JSON.parse(line) as { containers: number; failed: number };
    done.resolve({ ...told, listeningMs, recoveredMs: nowMs });
  });
  const giveUp = (): void => done.reject(new Error(`not recovered:\n${output}`));
  const timer = setTimeout(giveUp, recoveredMsMax);
  try {
    return await done.promise;
  } finally {
    clearTimeout(timer);
  }
}

interface Times {
  listeningMs: number;
  firstReadMs: number;
  lastReadMs: number;
  recoveredMs: number;
}

/** One start on full FIFOs; times from the start of the process. */
async function measure(pipes: readonly FullFifo[], isCold: boolean): Promise<Times> {
  settleDisk();
  if (isCold) fs.writeFileSync('/proc/sys/vm/drop_caches', '3');
  const all = Promise.withResolvers<void>();
  const readMs: number[] = [];
  for (const pipe of pipes) {
    pipe.fill(() => {
      readMs.push(performance.now());
      if (readMs.length === pipes.length) all.resolve();
    });
  }
  const startedMs = performance.now();
  const told = await recovered();
  if (told.containers !== containers || told.failed !== 0) {
    throw new Error(`${told.containers} containers, ${told.failed} failed`);
  }
  await all.promise;
  const [first = Number.NaN] = readMs;
  const last = readMs.at(-1) ?? Number.NaN;
  await driver.kill('SIGKILL');
  return {
    listeningMs: told.listeningMs,
    firstReadMs: first - startedMs,
    lastReadMs: last - startedMs,
    recoveredMs: told.recoveredMs,
  };
}

try {
  execFileSync('mkfifo', fifos);
  await fillLog();
  const stored = driver.segments().reduce((sum, { bytes }) => sum + bytes, 0);
  const pipes = fifos.map((path) => new FullFifo(path));
  // A driver that was reading all of them is killed: it leaves what a driver leaves.
  await recovered();
  await driver.kill('SIGKILL');
  const colds: Times[] = [];
  for (let run = 0; run < coldRuns; run += 1) colds.push(await measure(pipes, true));
  const warm = await measure(pipes, false);
  colds.sort((a, b) => a.firstReadMs - b.firstReadMs);
  const cold = colds[Math.floor(coldRuns / 2)];
  const coldFirstReadsMs = colds.map(({ firstReadMs }) => Math.round(firstReadMs));
  const storedGibibytes = stored / 2 ** 30;
  console.log(
    JSON.stringify({
      bench: 'recovery',
      containers,
      storedGibibytes,
      cold,
      warm,
      coldFirstReadsMs,
    }),
  );
} finally {
  await driver.dispose();
}
process.exit(0);
