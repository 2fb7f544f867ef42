/**
 * The plugin of a real engine on a disk of 256 MiB that is filled to the brim under load and
 * freed again: no container waits, stops or cannot be removed, and each lost line is told of.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Engine } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { assertCounted, assertExact, readMetrics } from '../helpers/loss-account.ts';
import { SmallDisk } from '../helpers/small-disk.ts';
import { runArgs, runToEnd, tickLines } from './helpers/containers.ts';
import { builtPlugin, Plugin } from './helpers/plugin.ts';

const mib = 1 << 20;
const diskBytes = 256 * mib;
const lines = 500_000;
const metrics = { port: 9417 };
/** `docker stop` and `rm` beyond a container's own grace time. */
const atOnceMs = 4000;

/** Prints numbered lines of about 900 bytes that hardly compress, as fast as it is let. */
function printNoise(count: number): string[] {
  const noise =
    'for(j=0;j<512;j++){s="";for(k=0;k<900;k++)s=s sprintf("%c",40+int(rand()*80));p[j]=s}';
  return ['awk', `BEGIN{${noise} for(i=1;i<=${count};i++) print "n " i " " p[i%512]}`];
}

describe('a plugin whose disk is full, on a real engine', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const loki = new LokiDouble();
  let disk: SmallDisk;

  before(async () => {
    await loki.start();
    await engine.start();
    await engine.importTestImage();
    // dockerd makes this directory when it enables the plugin, and takes one that is there.
    await engine.docker('plugin', 'create', plugin.name, await builtPlugin());
    await plugin.set({ LOKI_URL: loki.url, LOKI_MAX_BACKOFF: '1s', HISTORY_MAX_AGE: '0s' });
    const statePath = await plugin.statePath();
    fs.mkdirSync(statePath, { recursive: true });
    disk = new SmallDisk(diskBytes, statePath);
    await plugin.enable();
    await plugin.started();
    assert.ok(fs.existsSync(`${disk.path}/wal/LOCK`), 'the log is not on the small disk');
  });

  after(async () => {
    await engine.dispose();
    disk.dispose();
    await loki.stop();
  });

  async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
    for (let wait = 0; wait < 600; wait += 1) {
      if (await condition()) return;
      await setTimeout(50);
    }
    throw new Error(`waited in vain until ${what}:\n${engine.log.slice(-3000)}`);
  }

  async function captured(): Promise<number> {
    return (await readMetrics(metrics)).get('holdfast_captured_frames_total') ?? 0;
  }

  async function stateOf(name: string): Promise<string> {
    return engine.docker('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', name);
  }

  async function atOnce(what: string, graceMs: number, ...args: string[]): Promise<void> {
    const startedMs = performance.now();
    await engine.docker(...args);
    const tookMs = performance.now() - startedMs - graceMs;
    assert.ok(tookMs < atOnceMs, `${what} took ${tookMs} ms`);
  }

  it('runs on, lets containers come and go, and tells of each line that is lost', async () => {
    await loki.setMode({ kind: 'down' });
    await engine.docker(...runArgs('brim'), ...printNoise(lines));
    await until('half is printed', async () => (await captured()) > lines / 2);
    // The driver gives up some of the log meanwhile, to write on.
    await until('the disk is full', async () => {
      disk.fill();
      return disk.freeBytes < mib;
    });
    assert.equal(await stateOf('brim'), 'running 0');
    assert.match(await engine.docker('ps', '--format', '{{.Names}}'), /^brim$/m);

    // Whoever comes while the disk is full is served as well.
    await engine.docker(...runArgs('late'), ...tickLines('n ', 1_000_000, 5));
    const before = await captured();
    await until('it prints', async () => (await captured()) > before + 200);
    await atOnce('docker stop', 1000, 'stop', '-t', '1', 'late');
    await atOnce('docker rm', 0, 'rm', 'late');

    assert.equal(await engine.docker('wait', 'brim'), '0');
    assert.equal(await stateOf('brim'), 'exited 0');
    await atOnce('docker rm', 0, 'rm', 'brim');
    const frames = await captured();

    disk.free();
    await loki.setMode({ kind: 'up' });
    for (const name of ['brim', 'late']) await plugin.drained(name);
    const brim = assertExact(loki, 'brim', lines);
    assert.ok(brim.lost > 0, 'nothing was lost');
    const late = assertExact(loki, 'late', frames - lines);
    await assertCounted(metrics, brim.lost + late.lost);
  });

  it('loses nothing any more when there is room again', async () => {
    loki.reset();
    await runToEnd(engine, 'after', printNoise(50_000));
    await engine.docker('rm', 'after');
    await plugin.drained('after');
    assert.equal(assertExact(loki, 'after', 50_000).lost, 0);
  });
});
