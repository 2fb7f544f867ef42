/**
 * A driver that is told to end: it delivers what can be delivered, waits for nobody who is dead,
 * and is gone before dockerd's patience is over. What it told in its metrics adds up until then.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DriverProcess } from '../helpers/driver-process.ts';
import { numberedFrames, textFrame } from '../helpers/frames.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { metricsPage } from '../helpers/loss-account.ts';
import { samplesOf } from '../metrics/helpers.ts';

const lines = 2000;
const waitMsMax = 15_000;
/** dockerd kills a plugin that has not ended after 10 s. */
const patienceMs = 10_000;
/** For so long it delivers what it can. */
const drainMs = 5000;

describe('a driver that is told to end', () => {
  let loki: LokiDouble;
  let ill: LokiDouble;
  let driver: DriverProcess;
  let metrics: { socketPath: string };
  let toBoth: Record<string, string>;

  beforeEach(async () => {
    loki = new LokiDouble();
    ill = new LokiDouble();
    await loki.start();
    await ill.start();
    driver = new DriverProcess({ DELIVERY_THREADS: '2', LOKI_BATCH_WAIT: '50ms' });
    metrics = { socketPath: `${driver.directory}/metrics.sock` };
    toBoth = { 'loki-url.well': loki.url, 'loki-url.ill': ill.url };
    await driver.start({ METRICS_ADDRESS: `unix:${metrics.socketPath}` });
  });

  afterEach(async () => {
    await driver.dispose();
    await loki.stop();
    await ill.stop();
  });

  async function end(): Promise<number> {
    const startedMs = performance.now();
    await driver.kill('SIGTERM');
    return performance.now() - startedMs;
  }

  /** The figures of one endpoint by name, without the prefix and without further labels. */
  async function figuresOf(endpoint: string): Promise<(name: string, label?: string) => number> {
    const samples = samplesOf(await metricsPage(metrics));
    return (name, label = '') => {
      const more = label === '' ? '' : `,${label}`;
      return samples.get(`holdfast_delivery_${name}{endpoint="${endpoint}"${more}}`) ?? Number.NaN;
    };
  }

  /** Waits until the figures say so; they are told once a second. */
  async function untilFigures(
    endpoint: string,
    condition: (figure: (name: string, label?: string) => number) => boolean,
  ): Promise<(name: string, label?: string) => number> {
    const startedMs = performance.now();
    let figures = await figuresOf(endpoint);
    while (!condition(figures)) {
      if (performance.now() - startedMs > waitMsMax) {
        throw new Error(`the figures never say so:\n${await metricsPage(metrics)}`);
      }
      await setTimeout(50);
      figures = await figuresOf(endpoint);
    }
    return figures;
  }

  it('delivers what was printed, and sends none of it again at the next start', async () => {
    // What is under way and what comes behind it take most of the time that there is.
    await loki.setMode({ kind: 'slow', delayMs: 1500 });
    const { fifo } = await driver.startContainer('busy', { 'loki-url': loki.url });
    const first = numberedFrames('n ', 1, lines);
    const second = numberedFrames('n ', lines + 1, 2 * lines);
    await fifo.write(first);
    await driver.until('a push is under way', () => loki.counts().requests > 0);
    await fifo.write(second);
    const bytes = first.length + second.length;
    await driver.until('all is captured', () => driver.streamBytes() >= bytes);
    assert.ok((await end()) < patienceMs);
    const report = loki.checkNumbered({ container_name: 'busy' }, 'n ', 2 * lines);
    assert.ok(report.ok, report.summary);
    const { requests } = loki.counts();
    await driver.start();
    await driver.stopContainer(fifo);
    await driver.until('nothing is left', () => driver.containersOnDisk().length === 0);
    assert.equal(loki.counts().requests, requests);
    assert.equal(loki.counts().duplicates, 0);
  });

  it('does not wait for an endpoint that is dead, and keeps what that one lacks', async () => {
    await ill.setMode({ kind: 'down' });
    const { fifo } = await driver.startContainer('both', {
      ...toBoth,
      'loki-min-backoff.ill': '60s',
    });
    await fifo.write(numberedFrames('n ', 1, lines));
    await loki.waitFor((double) => double.entries === lines);
    await untilFigures('ill', (figure) => figure('retries_total', 'cause="outage"') > 0);
    const tookMs = await end();
    assert.ok(tookMs < patienceMs / 2, `took ${tookMs} ms`);
    await ill.setMode({ kind: 'up' });
    await driver.start();
    await driver.stopContainer(fifo);
    await driver.until('nothing is left', () => driver.containersOnDisk().length === 0);
    for (const double of [loki, ill]) {
      const report = double.checkNumbered({ container_name: 'both' }, 'n ', lines);
      assert.ok(report.ok, report.summary);
      assert.equal(double.counts().duplicates, 0);
    }
  });

  it('is gone in time although an endpoint never answers', async () => {
    await ill.setMode({ kind: 'hang' });
    const { fifo } = await driver.startContainer('both', { ...toBoth, 'loki-timeout.ill': '1m' });
    await fifo.write(numberedFrames('n ', 1, lines));
    await loki.waitFor((double) => double.entries === lines);
    await ill.waitFor((double) => double.counts().hung > 0);
    const tookMs = await end();
    assert.ok(tookMs >= drainMs && tookMs < patienceMs, `took ${tookMs} ms`);
    assert.match(driver.output, /"delivery has stopped"/, 'its cursors are written');
    assert.doesNotMatch(driver.output, /does not end/);
  });

  it('told before how much each endpoint got, refused and lacks, and all of it adds up', async () => {
    await ill.setMode({ kind: 'down' });
    const { fifo } = await driver.startContainer('both', toBoth);
    const refused = 5;
    // From 2023, and Loki takes nothing that is older than a week.
    for (let index = 0; index < refused; index += 1) await fifo.write(textFrame('old', index));
    await fifo.write(numberedFrames('n ', 1, lines));
    await loki.waitFor((double) => double.entries === lines);
    const isDone = (figure: (name: string) => number): boolean =>
      figure('entries_total') === lines && figure('backlog_bytes') === 0;
    const well = await untilFigures('well', isDone);
    assert.equal(well('entries_total'), lines);
    assert.equal(well('rejected_entries_total', 'reason="too_old"'), refused);
    assert.equal(well('sent_bytes_total'), loki.counts().bodyBytes);
    assert.equal(well('request_seconds_count'), loki.counts().requests);
    assert.equal(well('breaker_state', 'state="closed"'), 1);
    assert.equal(well('streams'), 1);
    const waiting = lines + refused;
    const dead = await untilFigures('ill', (figure) => figure('backlog_entries') === waiting);
    assert.equal(dead('entries_total'), 0);
    assert.ok(dead('backlog_seconds') >= 0);
    const page = samplesOf(await metricsPage(metrics));
    assert.equal(page.get('holdfast_captured_frames_total'), waiting);
    assert.ok((page.get('holdfast_rejected_stored_bytes') ?? 0) > 0);
    assert.equal(page.get('holdfast_rejected_lost_entries_total'), 0);
  });
});
