/**
 * Six endpoints at once on a real engine, five of them ill in their own ways: none is in another's
 * way, each gets all that it takes, once and in order, and the counters of each add up.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, before, describe, it } from 'node:test';
import Docker from 'dockerode';
import { Engine } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { runArgs } from './helpers/containers.ts';
import { type Samples, scrape, sumOf } from './helpers/metrics.ts';
import { Plugin } from './helpers/plugin.ts';

const containers = 20;
const linesEach = 10_000;
const lines = containers * linesEach;
/** Every third container has one label more than endpoint E takes. */
const isRefusedByE = (index: number): boolean => index % 3 === 0;
const refusedByE = Array.from({ length: containers }, (_, index) => index).filter(isRefusedByE);
const freshMsMax = 2000;
/**
 * All containers together print twice as much a second as the endpoint that is limited takes,
 * for ten seconds: as a burst it would be a figure of the machine whether another one keeps up.
 */
const portion = 500;
const portionMs = 500;
const printing = [
  `BEGIN{for(i=1;i<=${linesEach};i++){print "n " i " ${'x'.repeat(90)}"`,
  `if(i%${portion}==0&&i<${linesEach}){fflush();system("usleep ${portionMs * 1000}")}}}`,
].join(';');

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

/** What each endpoint got, refused, lacks and waits for, as the metrics say. */
function accountsOf(samples: Samples): Account[] {
  return names.map((name) => ({
    name,
    delivered: sumOf(samples, 'delivery_entries_total', name),
    refused: sumOf(samples, 'delivery_rejected_entries_total', name),
    waiting: sumOf(samples, 'delivery_backlog_entries', name),
    missing: sumOf(samples, 'delivery_gap_frames_total', name),
  }));
}

interface Account {
  name: Name;
  delivered: number;
  refused: number;
  waiting: number;
  missing: number;
}

const refusedLines = refusedByE.length * linesEach;
const refusedOf = (name: Name): number => (name === 'picky' ? refusedLines : 0);

/** Waits until all of them are right; the figures of the threads are a second old at most. */
async function untilAccounts(isRight: (account: Account) => boolean): Promise<Samples> {
  const settled = Date.now() + 15_000;
  for (;;) {
    const samples = await scrape();
    const accounts = accountsOf(samples);
    if (accounts.every(isRight)) return samples;
    if (Date.now() > settled) assert.fail(JSON.stringify(accounts, undefined, 1));
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

describe('six endpoints at once, five of them ill', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  /** Of each container. */
  let lateMs: number[] = [];
  /** The longest time for which this process stood still meanwhile. */
  let stalledMs = 0;
  /** Containers look here whether they are to begin. */
  let signalDirectory: string;

  before(async () => {
    for (const double of Object.values(endpoints)) await double.start();
    await engine.start();
    await engine.importTestImage();
    signalDirectory = fs.mkdtempSync(`${engine.directory}/signal-`);
    const urls = names.map((name) => `loki-url.${name}=${endpoints[name].url}`);
    await plugin.create({ HOLDFAST_OPTS: urls.join(';'), LOKI_MAX_BACKOFF: '2s' });
    await endpoints.dead.setMode({ kind: 'down' });
    await endpoints.slow.setMode({ kind: 'slow', delayMs: 1000 });
    await endpoints.cutting.setMode({ kind: 'cut', at: 'answer', everyNth: 2 });
    for (let index = 0; index < containers; index += 1) await startWaiting(index);
    const arrivals = Array.from({ length: containers }, (_, index) => lateness(nameOf(index)));
    fs.writeFileSync(`${signalDirectory}/go`, '');
    // While this process stands still, its endpoints do: that is not the driver's doing.
    const stalls = monitorEventLoopDelay({ resolution: 20 });
    stalls.enable();
    lateMs = await Promise.all(arrivals);
    stalls.disable();
    stalledMs = stalls.max / 1e6;
  });

  /** A container that begins to print when it is told to, so that all of them print at once. */
  async function startWaiting(index: number): Promise<void> {
    const labels = isRefusedByE(index) ? ',extra=1' : '';
    const logOpts = { 'loki-external-labels': `container_name={{.Name}}${labels}` };
    const [run = '', ...rest] = runArgs(nameOf(index), { logOpts });
    const script = `until [ -e /signal/go ]; do usleep 20000; done; exec awk '${printing}'`;
    const mount = ['--volume', `${signalDirectory}:/signal:ro`];
    await engine.docker(run, ...mount, ...rest, 'sh', '-c', script);
  }

  /** How long after the end of a container the endpoint that is well has all of it. */
  async function lateness(name: string): Promise<number> {
    const container = new Docker({ socketPath: engine.socketPath }).getContainer(name);
    const selector = { container_name: name };
    const isWhole = (double: LokiDouble): boolean => double.count(selector) === linesEach;
    await endpoints.fine.waitFor(isWhole, 120_000);
    const arrivedMs = Date.now();
    await container.wait();
    const { State: state } = await container.inspect();
    return arrivedMs - Date.parse(state.FinishedAt);
  }

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

  it('the one that is well has everything of each container within two seconds of its end', () => {
    const late = lateMs.filter((ms) => ms > freshMsMax + stalledMs);
    assert.deepEqual(late, [], `of ${lateMs.join(', ')} ms; the test stalled for ${stalledMs} ms`);
    assert.equal(endpoints.fine.entries, lines);
    assertWhole('fine');
  });

  it('a slow one, a limited one and one that cuts connections get everything, later', async () => {
    for (const name of ['slow', 'limited', 'cutting'] as const) {
      await endpoints[name].waitFor((double) => double.entries === lines, 120_000);
      assertWhole(name);
    }
  });

  it('one that refuses streams gets all others, and what it refused is kept aside', async () => {
    const taken = lines - refusedLines;
    await endpoints.picky.waitFor((double) => double.entries === taken, 60_000);
    assertWhole('picky', (index) => !isRefusedByE(index));
    for (const index of refusedByE) {
      assert.equal(endpoints.picky.count({ container_name: nameOf(index) }), 0);
    }
    await untilAccounts(({ name, refused }) => refused === refusedOf(name));
    const kept = await keptLines();
    for (const index of refusedByE) {
      const own = kept.get(nameOf(index)) ?? new Set();
      assert.equal(own.size, linesEach, `${nameOf(index)} in rejected/`);
    }
    assert.equal(kept.size, refusedByE.length);
  });

  /** The lines in `rejected/`, by container; each stands there once. */
  async function keptLines(): Promise<Map<string, Set<string>>> {
    const directory = `${await plugin.statePath()}/wal/rejected`;
    const kept = new Map<string, Set<string>>();
    for (const file of fs.readdirSync(directory)) {
      const rows = fs.readFileSync(`${directory}/${file}`, 'utf8').trimEnd().split('\n');
      for (const row of rows.slice(1)) {
        const entry = JSON.parse(row) as Record<'endpoint' | 'labels' | 'line' | 'reason', string>;
        assert.deepEqual([entry.endpoint, entry.reason], ['picky', 'label_limit']);
        const name = /container_name="(\w+)"/.exec(entry.labels)?.[1] ?? '';
        const own = kept.get(name) ?? new Set();
        kept.set(name, own);
        assert.ok(!own.has(entry.line), `twice in rejected/: ${row}`);
        own.add(entry.line);
      }
    }
    return kept;
  }

  it('the counters of each endpoint add up to what was printed', async () => {
    const samples = await untilAccounts(
      ({ name, delivered, refused, waiting, missing }) =>
        delivered + refused + waiting + missing === lines &&
        refused === refusedOf(name) &&
        waiting === (name === 'dead' ? lines : 0),
    );
    assert.equal(samples.get('holdfast_captured_frames_total'), lines);
    assert.equal(samples.get('holdfast_rejected_lost_entries_total'), 0);
    assert.equal(samples.get('holdfast_delivery_breaker_state{endpoint="dead",state="open"}'), 1);
    assert.equal(samples.get('holdfast_delivery_breaker_state{endpoint="fine",state="closed"}'), 1);
  });

  it('each of them was ill indeed, and its figures say how', async () => {
    const { slow, limited, picky, cutting } = endpoints;
    assert.ok((limited.counts().requestsByStatus['429'] ?? 0) > 0);
    assert.ok((picky.counts().requestsByStatus['400'] ?? 0) > 0);
    assert.ok(cutting.counts().cut > 0 && cutting.counts().duplicates > 0);
    assert.ok(slow.counts().requests > 0);
    const samples = await scrape();
    const of = (metric: string, endpoint: Name, label: string): number =>
      samples.get(`holdfast_delivery_${metric}{endpoint="${endpoint}",${label}}`) ?? Number.NaN;
    for (const [name, cause] of [
      ['dead', 'outage'],
      ['cutting', 'outage'],
      ['limited', 'limit'],
    ] as const) {
      for (const metric of ['retries_total', 'retried_entries_total', 'retried_bytes_total']) {
        assert.ok(of(metric, name, `cause="${cause}"`) > 0, `${metric} of ${name}`);
      }
    }
    const refusedBytes = of('rejected_bytes_total', 'picky', 'reason="label_limit"');
    assert.ok(refusedBytes > refusedLines * 80, `${refusedBytes} bytes of refused lines`);
    const quick = samples.get('holdfast_delivery_request_seconds_bucket{le="0.5",endpoint="slow"}');
    assert.equal(quick, 0, 'no answer of the slow one came before its time');
    assert.equal(sumOf(samples, 'delivery_retries_total', 'fine'), 0);
  });

  it('a dead one gets everything once it is back', async () => {
    assert.equal(endpoints.dead.entries, 0);
    await endpoints.dead.setMode({ kind: 'up' });
    await endpoints.dead.waitFor((double) => double.entries === lines, 60_000);
    assertWhole('dead');
    await untilAccounts(
      ({ name, delivered, waiting, missing }) =>
        delivered === endpoints[name].entries && waiting === 0 && missing === 0,
    );
  });

  it('no endpoint that answered got anything twice', () => {
    for (const name of ['fine', 'slow', 'limited', 'dead'] as const) {
      assert.equal(endpoints[name].counts().duplicates, 0, name);
    }
  });
});
