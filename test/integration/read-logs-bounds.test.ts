/**
 * What `docker logs` may cost, seen at the socket of a whole driver: how long a line takes to a
 * follower, how long the answer takes to begin, and the memory of a hundred clients at once.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { containerDirectory } from '../../src/wal/index.ts';
import { DriverProcess } from '../helpers/driver-process.ts';
import { numberedFrames, textFrame } from '../helpers/frames.ts';
import { LogAnswer, readLogs } from '../helpers/log-answer.ts';

const driver = new DriverProcess({ HISTORY_MAX_AGE: '1h', WAL_SEGMENT_SIZE: '64k' });
let child: ChildProcess;

before(async () => {
  child = await started();
});
after(async () => driver.dispose());

async function started(): Promise<ChildProcess> {
  const began = driver.output.length;
  const process = driver.spawn();
  await driver.until('it listens', () => driver.output.slice(began).includes('"listening"'));
  return process;
}

test('a follower has each line within 100 ms of its printing, also after a silence', async () => {
  const { fifo, containerId } = await driver.startContainer('quick');
  const answer = new LogAnswer(driver.socketPath, containerId, { follow: true });
  await answer.head.promise;
  // The first line starts the thread that reads; it is no line of the measured ones.
  await fifo.write(textFrame('first'));
  await driver.until('it follows', () => answer.frames.length === 1);
  const tookMs: number[] = [];
  for (let line = 0; line < 40; line += 1) {
    // Pauses of several lengths, all of them shorter than the interval at which a reader polls.
    await setTimeout(37 + (line % 5) * 11);
    const writtenAtMs = performance.now();
    await fifo.write(textFrame(`line ${line}`, line));
    while (answer.frames.length < line + 2) {
      assert.ok(performance.now() - writtenAtMs < 5000, `line ${line} never comes`);
      await setTimeout(1);
    }
    tookMs.push(performance.now() - writtenAtMs);
  }
  // A busy machine may hold one up. Without its signal nearly two of three would be late.
  const late = tookMs.filter((ms) => ms > 100);
  assert.ok(late.length <= 8, `of 40 lines ${late.length} took over 100 ms: ${late.join()}`);
  await driver.stopContainer(fifo);
  await answer.end.promise;
});

test('a log that is asked for while the driver still starts is there in full', async () => {
  const ids: string[] = [];
  for (let container = 0; container < 30; container += 1) {
    const { fifo, containerId } = await driver.startContainer(`early${container}`);
    await fifo.write(numberedFrames('n ', 1, 50));
    await driver.stopContainer(fifo);
    ids.push(containerId);
  }
  await driver.kill();
  const next = driver.spawn();
  try {
    // From the first connection that is taken, with most of the log not taken up yet.
    for (const containerId of ids.toReversed()) {
      const answer = await asSoonAsPossible(containerId);
      const expected = Array.from({ length: 50 }, (_, index) => `n ${index + 1}\n`).join('');
      assert.equal(answer.text(), expected);
    }
  } finally {
    child = next;
  }
});

/** The answer of a driver that may not listen yet. */
async function asSoonAsPossible(containerId: string): Promise<LogAnswer> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await readLogs(driver.socketPath, containerId);
    } catch (error) {
      if (attempt === 5000) throw error;
      await setTimeout(2);
    }
  }
}

test('a hundred clients of one long log stay under 300 MB, whether they read or not', async () => {
  const lines = 8000;
  const sizes = { 'max-size': '1g', 'wal-segment-size': '1m' };
  const { fifo, containerId } = await driver.startContainer('long', sizes);
  // 8 MB: a hundred times that is far beyond the limit.
  await fifo.write(numberedFrames(`${'x'.repeat(980)} `, 1, lines));
  await driver.stopContainer(fifo);
  const isSealed = (name: string): boolean => name.endsWith('.z');
  const directory = containerDirectory(driver.walDir, containerId);
  await driver.until(
    'some of it is sealed',
    () => fs.readdirSync(directory).some(isSealed),
    60_000,
  );
  fs.writeFileSync(`/proc/${child.pid}/clear_refs`, '5');
  const clients = Array.from({ length: 100 }, () => new LogAnswer(driver.socketPath, containerId));
  for (const [index, client] of clients.entries()) {
    assert.equal(await client.head.promise, 200);
    // Most read nothing; the others all that they can get.
    if (index % 33 > 0) client.pause();
  }
  const eager = clients.filter((_, index) => index % 33 === 0);
  for (const client of eager) await client.end.promise;
  const peak = peakMegabytes(child);
  for (const client of eager) assert.equal(client.frames.length, lines);
  for (const client of clients) client.abort();
  assert.ok(peak < 300, `${peak} MB`);
});

/** The most memory that a process has had since the kernel was told to forget. */
function peakMegabytes({ pid }: ChildProcess): number {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1000;
}
