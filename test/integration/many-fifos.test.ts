/**
 * A thousand containers at once in one driver process: all of them print, the process is
 * killed in the middle and comes back. Nothing may be lost, doubled or out of order, and file
 * descriptors must follow the number of running containers, not what they print.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { DriverProcess } from '../helpers/driver-process.ts';
import { startLoggingBody } from '../helpers/fake-dockerd.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';

const containers = 1000;
const linesEach = 300;
/** A prime, so that slices end anywhere in a frame. */
const sliceBytes = 1009;
/** Calls of dockerd that are under way at once. */
const callsAtOnce = 50;
/** One for the FIFO, one for the segment that is written. */
const fdsPerContainer = 2;
/** Segments that delivery holds open at most, and calls of dockerd that are under way. */
const fdsBeside = 256 + callsAtOnce;
/** Connections that are about to close. */
const fdsSlack = 16;
const arrivalMsMax = 30_000;

interface Running {
  name: string;
  containerId: string;
  path: string;
  fd: number;
  /** How much of the frames has been written. */
  written: number;
}

describe('a driver with a thousand containers', () => {
  const loki = new LokiDouble();
  const driver = new DriverProcess({ LOKI_MAX_BACKOFF: '1s' });
  const frames = numberedFrames('n ', 1, linesEach);
  let all: Running[] = [];

  before(async () => {
    await loki.start();
  });

  after(async () => {
    for (const { fd } of all) fs.closeSync(fd);
    await driver.dispose();
    await loki.stop();
  });

  it('delivers all lines once and in order over a kill, and then holds no more files than before', async () => {
    const first = await startDriver(driver, loki.url);
    await useOnce(driver, loki);
    const baseFds = openFds(first);
    const fdsMax = baseFds + containers * fdsPerContainer + fdsBeside;

    all = makeFifos(`${driver.directory}/fifos`, containers);
    await inGroups(all, async (container) => startLogging(driver, container));
    await writeUpTo(all, frames, frames.length / 2);
    // Half of that is delivered when it is killed: the rest is in the log or still in the pipes.
    const quarter = (containers * linesEach) / 4;
    await loki.waitFor((double) => double.entries >= quarter, arrivalMsMax);
    assertBelow(openFds(first), fdsMax, 'files while a thousand containers run');

    // It is killed, comes back and attaches again while everybody goes on printing.
    const writing = writeUpTo(all, frames, frames.length);
    await setImmediate();
    await driver.kill();
    const second = await startDriver(driver, loki.url);
    await writing;
    assert.equal(driver.containersOnDisk().length, containers);

    await inGroups(all.splice(0), async (container) => stopLogging(driver, container));
    assertBelow(openFds(second), fdsMax, 'files when all are stopped');
    await loki.waitFor((double) => double.entries >= containers * linesEach, arrivalMsMax);
    await driver.until('all is delivered', () => driver.containersOnDisk().length === 0, 30_000);
    assertDelivered(loki);
    assert.doesNotMatch(driver.output, /gap|cannot/);
    await driver.until('no file stays open', () => openFds(second) <= baseFds + fdsSlack);
  });
});

/** Starts the driver's process; resolves when its socket accepts. */
async function startDriver(driver: DriverProcess, url: string): Promise<ChildProcess> {
  const { length } = driver.output;
  const child = driver.spawn({ LOKI_URL: url });
  await driver.until('it listens', () => driver.output.slice(length).includes('"listening"'));
  return child;
}

/** One container comes and goes: from then on the driver has all that it needs for itself. */
async function useOnce(driver: DriverProcess, loki: LokiDouble): Promise<void> {
  const { fifo } = await driver.startContainer('first');
  await fifo.write(numberedFrames('n ', 1, 10));
  await driver.stopContainer(fifo);
  await driver.until('it is delivered', () => driver.containersOnDisk().length === 0);
  loki.reset();
}

/** Makes FIFOs as dockerd does; all with one command, because a thousand take long. */
function makeFifos(directory: string, count: number): Running[] {
  const ids = Array.from({ length: count }, () => randomBytes(32).toString('hex'));
  execFileSync('mkfifo', ['-m', '0700', ...ids], { cwd: directory });
  const flags = fs.constants.O_RDWR | fs.constants.O_NONBLOCK;
  return ids.map((id, index) => {
    const path = `${directory}/${id}`;
    const containerId = randomBytes(32).toString('hex');
    return { name: `many${index}`, containerId, path, fd: fs.openSync(path, flags), written: 0 };
  });
}

async function startLogging(driver: DriverProcess, container: Running): Promise<void> {
  const { path, containerId, name } = container;
  const body = startLoggingBody(path, containerId, {}, name);
  const answer = await driver.call('LogDriver.StartLogging', body);
  assert.deepEqual(answer, { status: 200, body: { Err: '' } });
}

/** In dockerd's order: the FIFO goes when the answer is there, with whatever is still in it. */
async function stopLogging(driver: DriverProcess, { path, fd }: Running): Promise<void> {
  const answer = await driver.call('LogDriver.StopLogging', { File: path });
  fs.closeSync(fd);
  fs.rmSync(path);
  assert.deepEqual(answer, { status: 200, body: { Err: '' } });
}

async function inGroups(all: readonly Running[], act: (one: Running) => Promise<void>) {
  for (let at = 0; at < all.length; at += callsAtOnce) {
    await Promise.all(all.slice(at, at + callsAtOnce).map(act));
  }
}

/** Writes a slice to each in turn, until all have `upTo` bytes of the frames. */
async function writeUpTo(all: readonly Running[], frames: Buffer, upTo: number): Promise<void> {
  for (let isWaiting = true; isWaiting; ) {
    let isFull = false;
    isWaiting = false;
    for (const [index, container] of all.entries()) {
      const before = container.written;
      const end = Math.min(Math.ceil(upTo), before + sliceBytes);
      container.written += writeSome(container.fd, frames.subarray(before, end));
      if (container.written < end) isFull = true;
      if (container.written < upTo) isWaiting = true;
      if (index % callsAtOnce === 0) await setImmediate();
    }
    if (isFull) await setTimeout(1);
  }
}

/** Writes what fits into the pipe. */
function writeSome(fd: number, bytes: Buffer): number {
  try {
    return bytes.length === 0 ? 0 : fs.writeSync(fd, bytes);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
    throw error;
  }
}

function openFds(child: ChildProcess): number {
  return fs.readdirSync(`/proc/${child.pid}/fd`).length;
}

function assertBelow(value: number, max: number, what: string): void {
  assert.ok(value <= max, `${what}: ${value}, allowed are ${max}`);
}

function assertDelivered(loki: LokiDouble): void {
  assert.equal(loki.entries, containers * linesEach);
  for (let index = 0; index < containers; index += 1) {
    const selector = { container_name: `many${index}` };
    const report = loki.checkNumbered(selector, 'n ', linesEach, { order: 'arrival' });
    assert.ok(report.ok, `many${index}: ${report.summary}`);
  }
}
