import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { containerDirectory } from '../../src/wal/index.ts';
import { DriverProcess } from '../helpers/driver-process.ts';
import { encodeFrame, numberedFrames, textFrame } from '../helpers/frames.ts';
import { LogAnswer, readLogs } from '../helpers/log-answer.ts';

const driver = new DriverProcess({ HISTORY_MAX_AGE: '1h', WAL_SEGMENT_SIZE: '64k' });

before(async () => driver.start());
after(async () => driver.dispose());

/** Frames of a line that dockerd has cut. */
function pieces(text: string, size: number, id: string, isEnded: boolean): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0, ordinal = 1; at < text.length; at += size, ordinal += 1) {
    const last = isEnded && at + size >= text.length;
    const line = Buffer.from(text.slice(at, at + size));
    const piece = { partial: true, last, id, ordinal };
    parts.push(encodeFrame({ source: 'stdout', timeNano: 1_700_000_000n, line, ...piece }));
  }
  return Buffer.concat(parts);
}

/** Everything in a container's directory, by content. */
function pictureOf(containerId: string): string[] {
  const directory = containerDirectory(driver.walDir, containerId);
  return fs
    .readdirSync(directory)
    .sort()
    .map((name) => {
      const bytes = fs.readFileSync(`${directory}/${name}`);
      return `${name} ${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
    });
}

test('says that it reads logs', async () => {
  const answer = await driver.call('LogDriver.Capabilities');
  assert.deepEqual(answer.body, { Cap: { ReadLogs: true }, Err: '' });
});

test('gives back what a running container printed, a newline behind each line', async () => {
  const { fifo, containerId } = await driver.startContainer('running');
  await fifo.write(Buffer.concat([textFrame('one'), textFrame('', 1), textFrame('two', 2)]));
  await fifo.write(textFrame('wrong', 3, 'stderr'));
  await fifo.write(textFrame('x'.repeat(127), 4));
  await driver.until('all is written', () => driver.streamBytes() > 250);
  const answer = await readLogs(driver.socketPath, containerId);
  assert.equal(answer.text(), `one\n\ntwo\n${'x'.repeat(127)}\n`);
  assert.equal(answer.text('stderr'), 'wrong\n');
  assert.deepEqual(
    answer.frames.map(({ timeNano }) => timeNano - 1_700_000_000_000_000_000n),
    [0n, 1n, 2n, 3n, 4n],
  );
  await driver.stopContainer(fifo);
});

test('a line of any length comes back whole, in frames that every engine takes', async () => {
  const { fifo, containerId } = await driver.startContainer('long');
  const long = 'abcdefgh'.repeat(400_000);
  await fifo.write(pieces(long, 16_384, 'a', true));
  await fifo.write(pieces('no end', 3, 'b', false));
  await driver.stopContainer(fifo);
  const again = await driver.startContainer('long', {}, containerId);
  await again.fifo.write(textFrame('next run'));
  await driver.stopContainer(again.fifo);
  const answer = await readLogs(driver.socketPath, containerId);
  assert.equal(answer.text(), `${long}\nno endnext run\n`);
  assert.ok(Math.max(...answer.frames.map(({ line }) => line.length)) <= 600_000);
  const tail = await readLogs(driver.socketPath, containerId, { tail: 3 });
  assert.equal(tail.text(), answer.text());
  const two = await readLogs(driver.socketPath, containerId, { tail: 2 });
  assert.equal(two.text(), 'no endnext run\n');
});

test('tail, since and until choose the same lines as a filter over all of them', async () => {
  const { fifo, containerId } = await driver.startContainer('choose');
  await fifo.write(numberedFrames('n ', 1, 5000));
  await driver.stopContainer(fifo);
  const all = await readLogs(driver.socketPath, containerId);
  assert.equal(all.frames.length, 5000);
  const lines = all.frames.map(({ line }) => line.toString());
  for (const tail of [0, 1, 2, 999, 4999, 5000, 5001, 1_000_000]) {
    const some = await readLogs(driver.socketPath, containerId, { tail });
    const expected = tail === 0 ? [] : lines.slice(-tail);
    assert.deepEqual(
      some.frames.map(({ line }) => line.toString()),
      expected,
      `tail ${tail}`,
    );
  }
  const timeOf = (index: number): string => rfc3339(all.frames[index]?.timeNano ?? 0n);
  const window = await readLogs(driver.socketPath, containerId, {
    since: timeOf(2000),
    until: timeOf(2009),
  });
  assert.deepEqual(
    window.frames.map(({ line }) => line.toString()),
    lines.slice(2000, 2010),
  );
  const tailed = await readLogs(driver.socketPath, containerId, { since: timeOf(10), tail: 5 });
  assert.deepEqual(
    tailed.frames.map(({ line }) => line.toString()),
    lines.slice(-5),
  );
});

function rfc3339(timeNs: bigint): string {
  const iso = new Date(Number(timeNs / 1_000_000n)).toISOString();
  return `${iso.slice(0, 19)}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}Z`;
}

test('docker logs of a stopped container changes nothing', async () => {
  const { fifo, containerId } = await driver.startContainer('stopped');
  await fifo.write(textFrame('only line'));
  await driver.stopContainer(fifo);
  const picture = pictureOf(containerId);
  for (let round = 0; round < 3; round += 1) {
    const one = await driver.startContainer('stopped', {}, containerId);
    const two = await driver.startContainer('stopped', {}, containerId);
    const answers = await Promise.all([
      readLogs(driver.socketPath, containerId),
      readLogs(driver.socketPath, containerId),
    ]);
    for (const answer of answers) assert.equal(answer.text(), 'only line\n');
    await driver.stopContainer(two.fifo);
    await driver.stopContainer(one.fifo);
    assert.deepEqual(pictureOf(containerId), picture);
  }
});

test('many calls of StartLogging for one container at once all succeed, and none is forgotten', async () => {
  const { fifo, containerId } = await driver.startContainer('crowd');
  await fifo.write(textFrame('line'));
  await driver.stopContainer(fifo);
  const picture = pictureOf(containerId);
  for (let round = 0; round < 5; round += 1) {
    const started = await Promise.all(
      Array.from({ length: 8 }, () => driver.startContainer('crowd', {}, containerId)),
    );
    const record = `${containerDirectory(driver.walDir, containerId)}/meta.json`;
    const { fifos } = JSON.parse(fs.readFileSync(record, 'utf8')) as { fifos: string[] };
    assert.deepEqual(fifos.toSorted(), started.map(({ fifo: { path } }) => path).toSorted());
    await Promise.all(started.map(({ fifo: one }) => driver.stopContainer(one)));
    assert.deepEqual(pictureOf(containerId), picture);
  }
});

test('docker logs of a container that history let go of is empty and leaves nothing behind', async () => {
  const { fifo, containerId } = await driver.startContainer('unknown');
  const answer = await readLogs(driver.socketPath, containerId);
  assert.deepEqual(answer.frames, []);
  await driver.stopContainer(fifo);
  await driver.until('it is forgotten', () => !driver.containersOnDisk().includes(containerId));
});

test('follows: at once, line by line, and to the end of the container', async () => {
  const { fifo, containerId } = await driver.startContainer('followed');
  const answer = new LogAnswer(driver.socketPath, containerId, { follow: true });
  assert.equal(await answer.head.promise, 200);
  await fifo.write(textFrame('first'));
  await driver.until('the first line is there', () => answer.text() === 'first\n');
  await fifo.write(pieces('a prompt without an end', 40, 'p', false));
  await driver.until('what an open line has is there', () => answer.text().endsWith('an end'));
  await fifo.write(numberedFrames('n ', 1, 20_000));
  await driver.stopContainer(fifo);
  await answer.end.promise;
  assert.ok(answer.text().startsWith('first\na prompt without an endn 1\nn 2\n'));
  assert.ok(answer.text().endsWith('\nn 20000\n'));
  assert.equal(answer.frames.length, 20_002);
});

test('a follower of a new run gets no line of the next one, and ends with its own', async () => {
  const first = await driver.startContainer('runs');
  await first.fifo.write(textFrame('run 1'));
  await driver.stopContainer(first.fifo);
  const { containerId } = first;
  const second = await driver.startContainer('runs', {}, containerId);
  const answer = new LogAnswer(driver.socketPath, containerId, { follow: true, tail: 0 });
  await answer.head.promise;
  // A reader of a stopped container: its FIFO goes, and nothing ends by that.
  const silent = await driver.startContainer('runs', {}, containerId);
  await second.fifo.write(textFrame('run 2'));
  await driver.stopContainer(silent.fifo);
  await driver.until('the line is there', () => answer.text() === 'run 2\n');
  await driver.stopContainer(second.fifo);
  const third = await driver.startContainer('runs', {}, containerId);
  await third.fifo.write(textFrame('run 3'));
  await answer.end.promise;
  assert.equal(answer.text(), 'run 2\n');
  await driver.stopContainer(third.fifo);
  const all = await readLogs(driver.socketPath, containerId);
  assert.equal(all.text(), 'run 1\nrun 2\nrun 3\n');
});

test('until ends a follower when that time is over', async () => {
  const { fifo, containerId } = await driver.startContainer('until');
  const until = new Date(Date.now() + 300).toISOString();
  const answer = new LogAnswer(driver.socketPath, containerId, { follow: true, until });
  await answer.head.promise;
  await answer.end.promise;
  await driver.stopContainer(fifo);
});

test('a client that reads nothing holds up neither the container nor other clients', async () => {
  const { fifo, containerId } = await driver.startContainer('slow', { 'max-size': '100m' });
  const slow = new LogAnswer(driver.socketPath, containerId, { follow: true });
  await slow.head.promise;
  slow.pause();
  const lines = numberedFrames(`${'x'.repeat(80)} `, 1, 100_000);
  await fifo.write(lines);
  const other = await readLogs(driver.socketPath, containerId, { tail: 1 });
  assert.match(other.text(), /^x{80} \d+\n$/);
  await driver.stopContainer(fifo);
  slow.resume();
  await slow.end.promise;
  assert.equal(slow.frames.filter(({ source }) => source === 'stdout').length, 100_000);
});

test('a follower whose client goes away is let go of', async () => {
  const metrics = new DriverProcess({ HISTORY_MAX_AGE: '1h' });
  const socket = `${metrics.directory}/metrics.sock`;
  await metrics.start({ METRICS_ADDRESS: `unix:${socket}` });
  try {
    const { fifo, containerId } = await metrics.startContainer('gone');
    const answers = Array.from(
      { length: 3 },
      () => new LogAnswer(metrics.socketPath, containerId, { follow: true }),
    );
    for (const answer of answers) await answer.head.promise;
    assert.equal(await readers(socket), 3);
    for (const answer of answers) answer.abort();
    while ((await readers(socket)) > 0);
    await fifo.write(textFrame('nobody hears it'));
    await metrics.stopContainer(fifo);
  } finally {
    await metrics.dispose();
  }
});

async function readers(socketPath: string): Promise<number> {
  const text = await scrape(socketPath);
  return Number(/^holdfast_log_readers (\d+)$/m.exec(text)?.[1]);
}

async function scrape(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ socketPath, path: '/metrics', agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(text));
      })
      .on('error', reject);
  });
}

test('bad requests are told what is wrong, before the head of an answer', async () => {
  const id = 'a'.repeat(64);
  const config = { Since: '0001-01-01T00:00:00Z', Until: '', Tail: -1, Follow: false };
  const bad: [object, RegExp][] = [
    [{}, /^ReadLogs: Info: .*; Config: /],
    [{ Info: { ContainerID: '../etc' }, Config: config }, /Info.ContainerID: must be 64/],
    [
      { Info: { ContainerID: id }, Config: { ...config, Until: 'soon' } },
      /Config.Until: must be a date such as/,
    ],
    [{ Info: { ContainerID: id }, Config: { ...config, Until: null, Tail: 1.5 } }, /Config.Tail/],
  ];
  for (const [body, text] of bad) {
    const answer = await driver.call('LogDriver.ReadLogs', body);
    assert.equal(answer.status, 400);
    assert.match(answer.body.Err ?? '', text);
  }
});
