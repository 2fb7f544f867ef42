/**
 * Six endpoints at once on a real engine, five of them ill in their own ways: none is in another's
 * way, each gets all that it takes, once and in order, and the counters of each add up.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { printLines, runArgs } from './helpers/containers.ts';
import { Plugin } from './helpers/plugin.ts';

const metricsUrl = 'http://127.0.0.1:9417/metrics';
const containers = 20;
const linesEach = 10_000;
const lines = containers * linesEach;
/** Every third container has one label more than endpoint E takes. */
const isRefusedByE = (index: number): boolean => index % 3 === 0;
const refusedByE = Array.from({ length: containers }, (_, index) => index).filter(isRefusedByE);
const freshMsMax = 2000;

const endpoints = {
  fine: new LokiDouble(),
  dead: new LokiDouble(),
  slow: new LokiDouble(),
  limited: new LokiDouble({ limits: { tenantBytesPerSecond: 1 << 20, tenantBurstBytes: 2 << 20 } }),
  picky: new LokiDouble({ limits: { labelsMax: 3 } }),
  cutting: new LokiDouble(),
};
type Name = keyof typeof endpoints;
const names = Object.keys(endpoints) as Name[];
const nameOf = (index: number): string => `many${index}`;

/** One number of the metrics page. */
type Samples = Map<string, number>;

async function scrape(): Promise<Samples> {
  const response = await fetch(metricsUrl);
  const samples: Samples = new Map();
  for (const line of (await response.text()).split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at > 0 && !line.startsWith('#')) samples.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return samples;
}

/** The sum of a metric's samples with this endpoint. */
function sumOf(samples: Samples, metric: string, endpoint: string): number {
  let sum = 0;
  for (const [name, value] of samples) {
    const isIt = name.startsWith(`holdfast_${metric}{`) && name.includes(`endpoint="${endpoint}"`);
    if (isIt) sum += value;
  }
  return sum;
}

describe('six endpoints at once, five of them ill', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);

  before(async () => {
    for (const double of Object.values(endpoints)) await double.start();
    await engine.start();
    await engine.importTestImage();
    const urls = names.map((name) => `loki-url.${name}=${endpoints[name].url}`);
    await plugin.create({ HOLDFAST_OPTS: urls.join(';'), LOKI_MAX_BACKOFF: '2s' });
    await endpoints.dead.setMode({ kind: 'down' });
    await endpoints.slow.setMode({ kind: 'slow', delayMs: 1000 });
    await endpoints.cutting.setMode({ kind: 'cut', at: 'answer', everyNth: 2 });
    for (let index = 0; index < containers; index += 1) {
      const labels = isRefusedByE(index) ? ',extra=1' : '';
      const logOpts = { 'loki-external-labels': `container_name={{.Name}}${labels}` };
      await engine.docker(...runArgs(nameOf(index), { logOpts }), ...printLines('n ', linesEach));
    }
    for (let index = 0; index < containers; index += 1) await engine.docker('wait', nameOf(index));
  });

  after(async () => {
    await engine.dispose();
    for (const double of Object.values(endpoints)) await double.stop();
  });

  /** All lines of these containers, each once, in the order in which they were printed. */
  function assertWhole(name: Name, isWanted: (index: number) => boolean = () => true): void {
    for (let index = 0; index < containers; index += 1) {
      if (!isWanted(index)) continue;
      const selector = { container_name: nameOf(index) };
      for (const order of ['time', 'arrival'] as const) {
        const report = endpoints[name].checkNumbered(selector, 'n ', linesEach, { order });
        assert.ok(report.ok, `${name}: ${report.summary}`);
      }
    }
  }

  it('the one that is well has everything within two seconds of printing', async () => {
    await endpoints.fine.waitFor((double) => double.entries === lines, freshMsMax);
    assertWhole('fine');
  });

  it('a slow one, a limited one and one that cuts connections get everything, later', async () => {
    for (const name of ['slow', 'limited', 'cutting'] as const) {
      await endpoints[name].waitFor((double) => double.entries === lines, 120_000);
      assertWhole(name);
    }
  });

  it('one that refuses streams gets all others, and what it refused is kept aside', async () => {
    const taken = lines - refusedByE.length * linesEach;
    await endpoints.picky.waitFor((double) => double.entries === taken, 60_000);
    assertWhole('picky', (index) => !isRefusedByE(index));
    for (const index of refusedByE) {
      assert.equal(endpoints.picky.count({ container_name: nameOf(index) }), 0);
    }
  });

  it('the counters of each endpoint add up to what was printed', async () => {
    const settled = Date.now() + 15_000;
    for (;;) {
      const samples = await scrape();
      const sums = names.map((name) => {
        const refused = sumOf(samples, 'delivery_rejected_entries_total', name);
        return {
          name,
          delivered: sumOf(samples, 'delivery_entries_total', name),
          refused,
          waiting: sumOf(samples, 'delivery_backlog_entries', name),
          missing: sumOf(samples, 'delivery_gap_frames_total', name),
        };
      });
      const isRight = sums.every(({ name, delivered, refused, waiting, missing }) => {
        const expected = name === 'picky' ? refusedByE.length * linesEach : 0;
        return delivered + refused + waiting + missing === lines && refused === expected;
      });
      // The figures of the threads are a second old at most.
      if (isRight) break;
      if (Date.now() > settled) assert.fail(JSON.stringify(sums, undefined, 1));
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const samples = await scrape();
    assert.equal(samples.get('holdfast_delivery_breaker_state{endpoint="dead",state="open"}'), 1);
    assert.equal(samples.get('holdfast_delivery_breaker_state{endpoint="fine",state="closed"}'), 1);
  });

  it('a dead one gets everything once it is back', async () => {
    assert.equal(endpoints.dead.entries, 0);
    await endpoints.dead.setMode({ kind: 'up' });
    await endpoints.dead.waitFor((double) => double.entries === lines, 60_000);
    assertWhole('dead');
  });

  it('no endpoint that was well got anything twice', () => {
    for (const name of ['fine', 'slow'] as const) {
      assert.equal(endpoints[name].counts().duplicates, 0, name);
    }
  });
});
