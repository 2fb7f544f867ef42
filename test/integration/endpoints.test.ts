/**
 * Endpoints of a whole driver over restarts: which one a container ships to is decided anew each
 * time, where one goes on does not hang on its password, and what is named no more is let go of.
 * And what a host with many of them costs.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DriverProcess } from '../helpers/driver-process.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { type MetricsPlace, metricsPage } from '../helpers/loss-account.ts';
import { samplesOf } from '../metrics/helpers.ts';

const lines = 1000;

describe('endpoints of a driver', () => {
  let driver: DriverProcess;
  /** The password that the double wants; undefined: none. */
  let wanted: string | undefined;
  let loki: LokiDouble;
  let other: LokiDouble;

  beforeEach(async () => {
    wanted = undefined;
    loki = new LokiDouble({
      auth: true,
      look: ({ authorization }) => {
        const basic = `Basic ${Buffer.from(`me:${wanted}`).toString('base64')}`;
        const isLetIn = wanted === undefined || authorization === basic;
        return isLetIn ? undefined : { status: 401, body: 'who are you?' };
      },
    });
    other = new LokiDouble();
    await loki.start();
    await other.start();
    driver = new DriverProcess({ LOKI_TENANT_ID: 'one', LOKI_MAX_BACKOFF: '200ms' });
  });

  afterEach(async () => {
    await driver.dispose();
    await loki.stop();
    await other.stop();
  });

  async function expectWhole(double: LokiDouble, name: string, count: number): Promise<void> {
    const selector = { container_name: name };
    await double
      .waitFor(() => double.count(selector) >= count, 30_000)
      .catch((error: unknown) => {
        throw new Error(`${String(error)}\n${driver.output}`);
      });
    const report = double.checkNumbered(selector, 'n ', count, { order: 'arrival' });
    assert.ok(report.ok, report.summary);
  }

  it('are those of the settings of today: a corrected LOKI_URL frees what an ended container left', async () => {
    await driver.start({ LOKI_URL: 'http://127.0.0.1:1' });
    const { fifo } = await driver.startContainer('ended');
    await fifo.write(numberedFrames('n ', 1, lines));
    await driver.until('it was tried', () => driver.output.includes('ECONNREFUSED'));
    await driver.stopContainer(fifo);
    await driver.kill('SIGTERM');
    assert.equal(driver.containersOnDisk().length, 1);
    await driver.start({ LOKI_URL: loki.url });
    await expectWhole(loki, 'ended', lines);
    await driver.until('its directory goes', () => driver.containersOnDisk().length === 0);
  });

  it('go on where they were when a password is rotated, and get nothing a second time', async () => {
    const urlWith = (password: string): string => loki.url.replace('//', `//me:${password}@`);
    wanted = 'old';
    await driver.start({ LOKI_URL: urlWith('old') });
    const { fifo } = await driver.startContainer('rotated');
    await fifo.write(numberedFrames('n ', 1, lines));
    await expectWhole(loki, 'rotated', lines);
    wanted = 'new';
    await fifo.write(numberedFrames('n ', lines + 1, 2 * lines));
    await driver.until('it is shut out', () => /401.*who are you/.test(driver.output));
    await driver.kill('SIGTERM');
    const { messageBytes } = loki.counts();
    await driver.start({ LOKI_URL: urlWith('new') });
    await expectWhole(loki, 'rotated', 2 * lines);
    assert.equal(loki.counts().duplicates, 0);
    // A cursor that had moved would have sent twice as much.
    assert.ok(loki.counts().messageBytes - messageBytes < 1.5 * messageBytes);
    await driver.stopContainer(fifo);
    await driver.until('its directory goes', () => driver.containersOnDisk().length === 0);
  });

  it('keep their data for ENDPOINT_GRACE when settings name them no more, then let it go', async () => {
    const both = `loki-url.a=${loki.url};loki-url.b=${other.url}`;
    const onlyA = `loki-url.a=${loki.url}`;
    await driver.start({ HOLDFAST_OPTS: both });
    const { fifo, containerId } = await driver.startContainer('left');
    await fifo.write(numberedFrames('n ', 1, lines));
    for (const double of [loki, other]) await expectWhole(double, 'left', lines);
    await other.setMode({ kind: 'down' });
    await fifo.write(numberedFrames('n ', lines + 1, 2 * lines));
    await expectWhole(loki, 'left', 2 * lines);
    await driver.stopContainer(fifo);
    await driver.kill('SIGTERM');

    await other.setMode({ kind: 'up' });
    await driver.start({ HOLDFAST_OPTS: onlyA });
    // One that lacks nothing goes meanwhile.
    const witness = await driver.startContainer('witness');
    await witness.fifo.write(numberedFrames('n ', 1, 1));
    await driver.stopContainer(witness.fifo);
    const isKept = (): boolean => driver.containersOnDisk().includes(witness.containerId);
    await loki.waitFor(() => loki.count({ container_name: 'witness' }) === 1);
    await driver.until('the other goes', () => !isKept());
    assert.deepEqual(driver.containersOnDisk(), [containerId], 'it is kept for who may come back');
    assert.equal(other.count({ container_name: 'left' }), lines);
    await driver.kill('SIGTERM');
    await driver.start({ HOLDFAST_OPTS: both });
    await expectWhole(other, 'left', 2 * lines);
    assert.equal(other.counts().duplicates, 0);
    await driver.until('its directory goes', () => driver.containersOnDisk().length === 0);

    await other.setMode({ kind: 'down' });
    const next = await driver.startContainer('given-up', {}, 'ab'.repeat(32));
    await next.fifo.write(numberedFrames('n ', 1, lines));
    await driver.kill('SIGTERM');
    await driver.start({ HOLDFAST_OPTS: onlyA, ENDPOINT_GRACE: '1s' });
    await driver.stopContainer(next.fifo);
    await expectWhole(loki, 'given-up', lines);
    await driver.until('it is let go', () => driver.containersOnDisk().length === 0);
  });

  it('that are new to a container begin with the oldest line that is kept, or with the next one', async () => {
    await driver.start({ HOLDFAST_OPTS: `loki-url.a=${loki.url}`, HISTORY_MAX_AGE: '1h' });
    const { fifo } = await driver.startContainer('old');
    await fifo.write(numberedFrames('n ', 1, lines));
    await expectWhole(loki, 'old', lines);
    await driver.kill('SIGTERM');
    const newest = `loki-url.late=${other.url};loki-start.late=newest`;
    await driver.start({
      HOLDFAST_OPTS: `loki-url.a=${loki.url};${newest}`,
      HISTORY_MAX_AGE: '1h',
    });
    // What is printed before the endpoint is taken up is not new to it.
    let printed = lines;
    while (other.entries === 0) {
      printed += 1;
      await fifo.write(numberedFrames('n ', printed, printed));
      await setTimeout(20);
      assert.ok(printed < 2 * lines, driver.output);
    }
    await fifo.write(numberedFrames('n ', printed + 1, printed + 10));
    printed += 10;
    await loki.waitFor(() => loki.entries === printed);
    const isLast = (text: string): boolean => text === `n ${printed}`;
    await other.waitFor(() => textsOf(other).some(isLast));
    const got = textsOf(other);
    const expected = Array.from(
      { length: got.length },
      (_, at) => `n ${printed - got.length + 1 + at}`,
    );
    assert.deepEqual(got, expected);
    assert.ok(got.length < printed - lines + 1, 'and nothing of what was there before');
    await driver.kill('SIGTERM');
    other.reset();
    const all = `loki-url.a=${loki.url};loki-url.whole=${other.url}`;
    await driver.start({ HOLDFAST_OPTS: all, HISTORY_MAX_AGE: '1h' });
    await expectWhole(other, 'old', printed);
  });

  it('share the threads there are: a hundred tenants cost none more, and few names of figures', async () => {
    const socketPath = `${driver.directory}/metrics.sock`;
    const child = driver.spawn({ LOKI_URL: loki.url, METRICS_ADDRESS: `unix:${socketPath}` });
    await driver.until('it listens', () => driver.output.includes('"recovered"'));
    const threads = (): number => fs.readdirSync(`/proc/${child.pid}/task`).length;
    const print = async (index: number): Promise<void> => {
      const tenant = `tenant-${index}`;
      const { fifo } = await driver.startContainer(tenant, { 'loki-tenant-id': tenant });
      await fifo.write(numberedFrames('n ', 1, 10));
    };
    await print(0);
    await loki.waitFor(() => loki.entries === 10);
    const before = threads();
    const tenants = 105;
    for (let index = 1; index < tenants; index += 1) await print(index);
    await loki.waitFor(() => loki.entries === 10 * tenants, 30_000);
    assert.equal(new Set(loki.streams().map(({ tenant }) => tenant)).size, tenants);
    // The pool of libuv has four threads, made when they are first wanted.
    assert.ok(threads() <= before + 4, `${before} threads for one tenant, ${threads()} for 105`);
    const entries = /^holdfast_delivery_entries_total\{endpoint="(.*)"\}$/;
    await untilSamples({ socketPath }, (samples) => {
      const own = [...samples].filter(([name]) => entries.test(name));
      const sum = own.reduce((total, [, value]) => total + value, 0);
      const others = samples.get('holdfast_delivery_entries_total{endpoint="other"}');
      return sum === 10 * tenants && own.length === 101 && others === 50;
    });
  });

  it('get the first line after a silence at once, however long a batch may wait', async () => {
    await driver.start({ LOKI_URL: loki.url, LOKI_BATCH_WAIT: '10m' });
    const { fifo } = await driver.startContainer('quiet');
    for (let number = 1; number <= 10; number += 1) {
      await fifo.write(numberedFrames('n ', number, number));
      // For the first one the thread and the connection are made as well.
      await loki.waitFor(() => loki.entries === number, number === 1 ? 15_000 : 2500);
      // Longer than the pause between two pushes on an idle machine.
      await setTimeout(150);
    }
  });

  it('with options that people copy are warned of, and lose nothing by them', async () => {
    await driver.start({ LOKI_URL: loki.url });
    await loki.setMode({ kind: 'failing', times: 8 });
    const copied = { 'loki-retries': '2', 'loki-batch-size': '400', 'loki-min-backoff': '10ms' };
    const { fifo } = await driver.startContainer('copied', copied);
    await fifo.write(numberedFrames('n ', 1, lines));
    await expectWhole(loki, 'copied', lines);
    const warnings = driver.output.split('\n').filter((line) => line.includes('"level":"warn"'));
    assert.ok(
      warnings.some((line) => /loki-retries has no effect without loki-give-up/.test(line)),
    );
    assert.ok(warnings.some((line) => /loki-batch-size.*16384 is used/.test(line)));
    // 30 bytes a line or so: batches of 400 bytes would be some hundred requests.
    assert.ok(loki.counts().requests < 8 + 20, `${loki.counts().requests} requests`);
    assert.ok(!fs.existsSync(`${driver.walDir}/rejected`) || filesIn('rejected').length === 0);
  });

  const filesIn = (name: string): string[] => fs.readdirSync(`${driver.walDir}/${name}`);

  it('are in the metrics of a driver whose port is taken, once it is free', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await driver.start({ LOKI_URL: loki.url, METRICS_ADDRESS: `127.0.0.1:${port}` });
    const { fifo } = await driver.startContainer('served');
    await fifo.write(numberedFrames('n ', 1, lines));
    await expectWhole(loki, 'served', lines);
    assert.match(driver.output, /"level":"warn".*EADDRINUSE.*metrics cannot be served/);
    holder.close();
    await once(holder, 'close');
    await driver.kill('SIGTERM');
    await driver.start({ LOKI_URL: loki.url, METRICS_ADDRESS: `127.0.0.1:${port}` });
    await driver.until('it is ready', () => driver.output.split('"recovered"').length === 3);
    for (const path of ['/healthz', '/readyz']) assert.equal(await statusOf(port, path), 200, path);
    await fifo.write(numberedFrames('n ', lines + 1, 2 * lines));
    await expectWhole(loki, 'served', 2 * lines);
    const label = `endpoint="127.0.0.1:${loki.port}/one"`;
    const name = `holdfast_delivery_entries_total{${label}}`;
    await untilSamples({ port }, (samples) => samples.get(name) === lines);
  });
});

/** Waits until a page of metrics says so; the figures of endpoints are told once a second. */
async function untilSamples(
  place: MetricsPlace,
  isSo: (samples: Map<string, number>) => boolean,
): Promise<void> {
  for (let wait = 0; wait < 200; wait += 1) {
    if (isSo(samplesOf(await metricsPage(place)))) return;
    await setTimeout(50);
  }
  assert.fail(await metricsPage(place));
}

/** All lines of a double, in the order in which they came. */
function textsOf(double: LokiDouble): string[] {
  return [...double.lines({}, { order: 'arrival' })].map(({ line }) => line.toString());
}

async function statusOf(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    http
      .get({ port, path, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
      .on('error', reject);
  });
}
