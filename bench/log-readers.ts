/**
 * Resident memory of the built plugin's program while 100 `ReadLogs` of one container with 5 GiB
 * of history run at once: half of the clients take all they can get, half read slowly or not at
 * all. It ends after a while: to read all would take hours. Prints one JSON line; about
 * two minutes and 7 GB of disk. Arguments: gibibytes (5), clients (100), seconds (30), directory
 * of a built plugin.
 */
import fs from 'node:fs';
import http from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { readLogsBody } from '../test/helpers/log-answer.ts';
import { TestLog } from '../test/helpers/log-writer.ts';
import { fillContainer, openBacklog, settleDisk } from './backlog.ts';
import { BuiltDriver } from './built-driver.ts';
import { buildMixedText } from './texts.ts';

const [gibibytes = '5', clientCount = '100', seconds = '30', built] = process.argv.slice(2);
const clients = Number(clientCount);
const sampleMs = 100;
const waitMsMax = 300_000;
const segmentBytes = 16 << 20;
/** A slow client takes so much, and then waits so long. */
const slowBytes = 64 * 1024;
const slowPauseMs = 500;
/** One in ten never reads anything. */
const stuckEvery = 10;
/** How far the time goes on with each round of the text. */
const roundMs = 1000;
const timeBytes = 9;
/** An idle sealing thread is ended after 30 s. */
const sealerMs = 33_000;
/** What clients leave behind goes in this time. */
const settleMs = 5000;

/** Reads an answer and keeps nothing of it; asks again when it was through. */
class Client {
  readonly pace: 'all' | 'slow' | 'stuck';
  bytes = 0;
  #failure: string | undefined;
  #request: http.ClientRequest;

  constructor(socketPath: string, body: string, pace: Client['pace']) {
    this.pace = pace;
    this.#request = this.#ask(socketPath, body);
  }

  /** Throws what went wrong so far. */
  check(): void {
    if (this.#failure !== undefined) throw new Error(`a client failed: ${this.#failure}`);
  }

  close(): void {
    this.#failure ??= 'closed';
    this.#request.destroy();
  }

  #ask(socketPath: string, body: string): http.ClientRequest {
    const options = { socketPath, path: '/LogDriver.ReadLogs', method: 'POST', agent: false };
    const request = http.request(options, (response) => {
      if (response.statusCode !== 200) this.#failure ??= `status ${response.statusCode}`;
      response.on('error', (error) => (this.#failure ??= error.message));
      response.on('end', () => {
        if (this.#failure === undefined) this.#request = this.#ask(socketPath, body);
      });
      if (this.pace !== 'stuck') this.#read(response);
    });
    request.on('error', (error) => (this.#failure ??= error.message));
    request.end(body);
    return request;
  }

  #read(response: http.IncomingMessage): void {
    let pauseAtBytes = this.bytes + slowBytes;
    response.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (this.pace === 'all' || this.bytes < pauseAtBytes) return;
      pauseAtBytes = this.bytes + slowBytes;
      response.pause();
      globalThis.setTimeout(() => response.resume(), slowPauseMs);
    });
  }
}

/** Unix nanoseconds as dockerd's encoder writes them: nine bytes in our time. */
function encodeTime(timeMs: number): Buffer {
  const bytes = Buffer.alloc(timeBytes);
  let rest = BigInt(Math.floor(timeMs)) * 1_000_000n;
  for (let at = 0; at < timeBytes; at += 1, rest >>= 7n) {
    bytes[at] = Number(rest & 0x7fn) | (at === timeBytes - 1 ? 0 : 0x80);
  }
  return bytes;
}

/** A log of real text whose times go on; no driver has read it yet. */
async function fill(root: string, fromMs: number): Promise<{ containerId: string; toMs: number }> {
  await openBacklog(root);
  const { bytes, starts } = buildMixedText(400_000, fromMs);
  const place = { root, number: 1, text: bytes, rounds: 0, segmentBytes };
  const containerId = await fillContainer(place);
  const log = new TestLog(root, containerId, segmentBytes);
  log.attach();
  let atMs = fromMs;
  for (; log.endLsn < Number(gibibytes) * 2 ** 30; atMs += roundMs) {
    const time = encodeTime(atMs);
    // Behind the frame's length, its source (`stdout`) and the time's tag.
    for (let frame = 0; frame < starts.length - 1; frame += 1) {
      bytes.set(time, (starts[frame] ?? 0) + 13);
    }
    log.write(bytes);
  }
  log.detach();
  log.close();
  return { containerId, toMs: atMs };
}

/** Resident megabytes of a process at most, since `forgetPeak`; the kernel keeps count. */
function peakMegabytes(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return (Number(/VmHWM:\s+(\d+)/.exec(text)?.[1]) * 1024) / 1e6;
}

function forgetPeak(pid: number): void {
  fs.writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Clients that begin at places all over the log, so that they share as little as can be. */
function startClients(
  socketPath: string,
  { containerId, fromMs, toMs }: { containerId: string; fromMs: number; toMs: number },
): Client[] {
  return Array.from({ length: clients }, (_, index) => {
    const sinceMs = fromMs + ((toMs - fromMs) * 0.8 * index) / clients;
    const query = index === 0 ? {} : { since: new Date(sinceMs).toISOString() };
    const pace = index % stuckEvery === 1 ? 'stuck' : index % 2 === 0 ? 'all' : 'slow';
    return new Client(socketPath, JSON.stringify(readLogsBody(containerId, query)), pace);
  });
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const untilMs = performance.now() + waitMsMax;
  while (!condition()) {
    if (performance.now() > untilMs) throw new Error(`waited in vain until ${what}`);
    await setTimeout(sampleMs);
  }
}

/** Resident megabytes, sampled while the clients read; half of the samples are below. */
async function watch(driver: BuiltDriver, readers: readonly Client[]): Promise<number> {
  const samples: number[] = [];
  const untilMs = performance.now() + Number(seconds) * 1000;
  while (performance.now() < untilMs) {
    samples.push(driver.residentMegabytes());
    for (const reader of readers) reader.check();
    await setTimeout(sampleMs);
  }
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? Number.NaN;
}

/** Megabytes that the clients of one pace got: all together, the least and the most of one. */
function gotBy(readers: readonly Client[], pace: Client['pace']): Record<string, number> {
  const got = readers.filter((reader) => reader.pace === pace).map(({ bytes }) => bytes / 1e6);
  const total = got.reduce((sum, megabytes) => sum + megabytes, 0);
  return { clients: got.length, total, least: Math.min(...got), most: Math.max(...got) };
}

const driver = await BuiltDriver.build({ WAL_MAX_BYTES: '20g' }, built);
try {
  const fromMs = Date.now() - 3_600_000;
  const { containerId, toMs } = await fill(driver.walDir, fromMs);
  const { pid = 0 } = driver.spawn();
  await until('the driver listens', () => fs.existsSync(driver.socketPath));
  const isSealed = ({ name }: { name: string }): boolean => name.endsWith('.z');
  await until('all is sealed', () => driver.segments().every(isSealed));
  settleDisk();
  // What sealed has ended by then, and gave its memory back.
  await setTimeout(sealerMs);
  const beforeMegabytes = driver.residentMegabytes();
  forgetPeak(pid);
  const readers = startClients(driver.socketPath, { containerId, fromMs, toMs });
  const medianMegabytes = await watch(driver, readers);
  const peak = peakMegabytes(pid);
  for (const reader of readers) reader.close();
  await setTimeout(settleMs);
  const figures = {
    ...{ gibibytes: Number(gibibytes), clients, seconds: Number(seconds) },
    ...{ beforeMegabytes, medianMegabytes, peakMegabytes: peak },
    afterMegabytes: driver.residentMegabytes(),
    gotMegabytes: { all: gotBy(readers, 'all'), slow: gotBy(readers, 'slow') },
  };
  console.log(JSON.stringify({ bench: 'log-readers', ...figures }));
} finally {
  await driver.dispose();
}
