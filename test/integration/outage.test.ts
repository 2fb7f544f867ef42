/**
 * Endpoints that are down, slow, broken or hostile: dockerd is answered at once all the same,
 * nothing is lost, no other endpoint is held up, no secret is told, no memory is taken.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { DriverProcess } from '../helpers/driver-process.ts';
import type { FakeFifo } from '../helpers/fake-dockerd.ts';
import { startLoggingBody } from '../helpers/fake-dockerd.ts';
import { numberedFrames, textFrame } from '../helpers/frames.ts';
import type { Counts } from '../helpers/loki-double/loki-double.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';

const lines = 2000;
const user = 'shop-user';
const password = 'Tr0ub4dor&3 @home';
const basicToken = Buffer.from(`${user}:${password}`).toString('base64');
/** Whoever waits for an endpoint waits longer: a push takes `pushMsMax` to fail in these tests. */
const atOnceMs = 2000;
const pushMsMax = 4000;

type Mode = LokiDouble['mode'];

/** How an endpoint is ill, and what tells that the driver has met it. */
interface Illness {
  name: string;
  mode: Mode;
  isMet: (counts: Counts, driver: DriverProcess) => boolean;
}

const answered = (status: number) => (counts: Counts) =>
  (counts.requestsByStatus[String(status)] ?? 0) > 1;

/** An answer that tells everything that it was told. */
const tellTale = `who are you? '${password}' (${encodeURIComponent(password)}, ${basicToken})`;

const illnesses: Illness[] = [
  {
    name: 'is down',
    mode: { kind: 'down' },
    isMet: (_counts, driver) => /ECONNREFUSED/.test(driver.output),
  },
  {
    name: 'answers 429 with Retry-After',
    mode: { kind: 'limited', retryAfterSeconds: 1 },
    isMet: answered(429),
  },
  { name: 'answers 500', mode: { kind: 'failing', status: 500 }, isMet: answered(500) },
  { name: 'never answers', mode: { kind: 'hang' }, isMet: ({ hung }) => hung > 0 },
  {
    name: 'takes pushes and cuts the connection instead of an answer',
    mode: { kind: 'cut', at: 'answer' },
    isMet: ({ duplicates }) => duplicates > 0,
  },
  {
    name: 'cuts the connection in the middle of a push',
    mode: { kind: 'cut', at: 'request' },
    isMet: ({ cut }) => cut > 1,
  },
  {
    name: 'answers 401 and repeats the password',
    mode: { kind: 'status', status: 401, body: tellTale },
    isMet: answered(401),
  },
];

describe('an endpoint that does not take logs', () => {
  const ill = new LokiDouble();
  const well = new LokiDouble();
  let driver: DriverProcess;
  let toIll: Record<string, string>;
  let toWell: Record<string, string>;

  before(async () => {
    await ill.start();
    await well.start();
    const settings = { LOKI_BATCH_WAIT: '100ms', LOKI_TIMEOUT: `${pushMsMax}ms` };
    const backoff = { LOKI_MIN_BACKOFF: '50ms', LOKI_MAX_BACKOFF: '200ms' };
    driver = new DriverProcess({ ...settings, ...backoff, LOG_LEVEL: 'trace' });
    await driver.start();
    const userinfo = `${user}:${encodeURIComponent(password)}@`;
    toIll = { 'loki-url': ill.url.replace('//', `//${userinfo}`) };
    toWell = { 'loki-url': well.url };
  });

  after(async () => {
    await driver.dispose();
    await ill.stop();
    await well.stop();
  });

  for (const { name, mode, isMet } of illnesses) {
    it(`holds nobody up and loses nothing when it ${name}`, async () => {
      ill.reset();
      well.reset();
      await ill.setMode(mode);
      const early = await startAtOnce('early', toIll);
      await early.fifo.write(numberedFrames('n ', 1, lines));
      await driver.until('the driver has met it', () => isMet(ill.counts(), driver));

      // By now a push is under way or waits for its next turn.
      const late = await startAtOnce('late', toIll);
      const other = await startAtOnce('other', toWell);
      for (const { fifo } of [late, other]) await fifo.write(numberedFrames('n ', 1, lines));
      for (const { fifo } of [early, late, other]) await stopAtOnce(fifo);
      await well.waitFor((double) => double.count({ container_name: 'other' }) >= lines);
      assertAll(well, 'other');
      for (const { containerId } of [early, late]) {
        assert.ok(driver.containersOnDisk().includes(containerId), 'what waits is kept');
      }

      await ill.setMode({ kind: 'up' });
      await driver.until('all is delivered', () => driver.containersOnDisk().length === 0, 60_000);
      for (const container of ['early', 'late']) assertAll(ill, container);
      assert.equal(ill.counts().entries, 2 * lines);
    });
  }

  it('loses only what it refused when it refuses entries of one container', async () => {
    ill.reset();
    // While the first push is tried again and again, the others gather for the next one.
    await ill.setMode({ kind: 'failing' });
    const blocker = await startAtOnce('blocker', toIll);
    await blocker.fifo.write(numberedFrames('n ', 1, lines));
    await driver.until('it is met', () => ill.counts().requests > 1);
    const refused = await startAtOnce('refused', toIll);
    const good = await startAtOnce('good', toIll);
    const step = lines / 20;
    for (let from = 1; from <= lines; from += step) {
      // This comes from 2023, and Loki takes nothing that is older than a week.
      await refused.fifo.write(textFrame('old', from));
      for (const { fifo } of [refused, good]) {
        await fifo.write(numberedFrames('n ', from, from + step - 1));
      }
    }
    for (const { fifo } of [blocker, refused, good]) await stopAtOnce(fifo);
    await ill.setMode({ kind: 'up' });
    await driver.until('all is delivered', () => driver.containersOnDisk().length === 0, 60_000);
    for (const container of ['blocker', 'refused', 'good']) assertAll(ill, container);
    // Found by halves and kept once each; the endpoint was asked for each of them more than once.
    assert.deepEqual(Object.keys(ill.counts().rejected), ['greater_than_max_sample_age']);
    // Said once a minute, of one batch: a slow machine sends them in more than one.
    const said = /"rejectedEntries":(\d+),.*refused entries of a batch/.exec(driver.output);
    assert.ok(said !== null && Number(said[1]) <= 20, driver.output);
    const files = fs.readdirSync(`${driver.walDir}/rejected`);
    const kept = files.flatMap((name) =>
      fs.readFileSync(`${driver.walDir}/rejected/${name}`, 'utf8').split('\n'),
    );
    const reasons = kept.filter((line) => line.includes('"reason":"too_old"'));
    assert.equal(reasons.length, 20);
  });

  it('never told user, password or token of an endpoint, not even of a wrong one', async () => {
    const { fifo } = await startAtOnce('asked', toIll);
    const wrong = [
      `http://${user}:${password}@host/#`,
      `ftp://${user}:${password}@host`,
      `http://${user}:${encodeURIComponent(password)}@host:port`,
      `http://${user}:${password}/@host`,
      `${user}:${password}@host`,
    ];
    for (const url of wrong) {
      const body = startLoggingBody(fifo.path, '0'.repeat(64), { 'loki-url': url });
      const answer = await driver.call('LogDriver.StartLogging', body);
      assert.equal(answer.status, 400, url);
      assertNoSecret(answer.body.Err ?? '');
    }
    await stopAtOnce(fifo);
    await driver.kill('SIGTERM');
    assert.match(
      driver.output,
      /who are you/,
      'what an endpoint says is told, but for the secrets',
    );
    assertNoSecret(driver.output);
  });

  async function startAtOnce(
    name: string,
    config: Record<string, string>,
  ): Promise<{ fifo: FakeFifo; containerId: string }> {
    return inTime(`StartLogging of ${name}`, () => driver.startContainer(name, config));
  }

  async function stopAtOnce(fifo: FakeFifo): Promise<void> {
    const answer = await inTime('StopLogging', () => driver.stopContainer(fifo));
    assert.deepEqual(answer, { status: 200, body: { Err: '' } });
  }
});

describe('an outage that lasts', () => {
  const loki = new LokiDouble({ limits: { oldMsMax: 0 } });
  const driver = new DriverProcess({ LOKI_BATCH_WAIT: '50ms', LOKI_MAX_BACKOFF: '200ms' });
  const containers = 4;
  const megabytesEach = 75;
  /** A line that is long enough for 300 MB to be made in time. */
  const padding = 'x'.repeat(4000);
  const linesEach = Math.ceil((megabytesEach * 1e6) / padding.length);
  /** Three batches, and a heap that grows before it is collected; 5 to 10 MB are usual. */
  const rssBytesMax = 96e6;

  before(async () => {
    await loki.start();
  });

  after(async () => {
    await driver.dispose();
    await loki.stop();
  });

  it('costs disk, not memory: 300 MB that wait take less than 96 MB, and all of it arrives', async () => {
    const child = driver.spawn({ LOKI_URL: loki.url });
    await driver.until('it listens', () => driver.output.includes('"listening"'));
    // Until everything has been used once, what a process takes says nothing.
    await print('warm-up', 2000);
    await driver.until('it is delivered', () => driver.containersOnDisk().length === 0);
    const idleBytes = rssOf(child);
    let peakBytes = 0;
    const look = (): void => {
      peakBytes = Math.max(peakBytes, rssOf(child));
    };
    const looking = setInterval(look, 20);
    try {
      await loki.setMode({ kind: 'down' });
      loki.reset();
      const names = Array.from({ length: containers }, (_, index) => `long${index}`);
      await Promise.all(names.map((name) => print(name, linesEach)));
      assert.ok(driver.streamBytes() > containers * megabytesEach * 1e6);
      look();
      const takenBytes = peakBytes - idleBytes;
      assert.ok(takenBytes < rssBytesMax, `${takenBytes} bytes over ${idleBytes} when idle`);
      await loki.setMode({ kind: 'up' });
      await driver.until('all arrives', () => driver.containersOnDisk().length === 0, 60_000);
      const drainedBytes = peakBytes - idleBytes;
      assert.ok(drainedBytes < 2 * rssBytesMax, `${drainedBytes} bytes over idle while it drained`);
      for (const name of names) assertAll(loki, name, linesEach);
    } finally {
      clearInterval(looking);
    }
  });

  /** Lines of one container, from its start to its end. */
  async function print(name: string, count: number): Promise<void> {
    const { fifo } = await driver.startContainer(name);
    for (let from = 1; from <= count; from += 100) {
      const numbers = Array.from({ length: Math.min(100, count + 1 - from) }, (_, at) => from + at);
      const frames = numbers.map((number) => textFrame(`n ${number} ${padding}`, number));
      await fifo.write(Buffer.concat(frames));
    }
    await driver.stopContainer(fifo);
  }
});

function assertAll(loki: LokiDouble, name: string, count = lines): void {
  const selector = { container_name: name };
  const report = loki.checkNumbered(selector, 'n ', count, { order: 'arrival' });
  assert.ok(report.ok, `${name}: ${report.summary}`);
}

function assertNoSecret(text: string): void {
  const forms = [user, password, encodeURIComponent(password), basicToken, 'Tr0ub4dor'];
  for (const form of forms) {
    const at = text.indexOf(form);
    assert.ok(at < 0, `'${form}' in …${text.slice(Math.max(0, at - 200), at + 200)}…`);
  }
}

async function inTime<T>(what: string, act: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const result = await act();
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < atOnceMs, `${what} took ${tookMs} ms`);
  return result;
}

/** Memory that a process has, as the kernel counts. */
function rssOf(child: ChildProcess): number {
  const status = fs.readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}
