/**
 * The main job on a real engine: every line of every container arrives, once and in order,
 * however short the container lives and whether or not the endpoint is there meanwhile.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { printLines, runArgs, runToEnd, tickLines } from './helpers/containers.ts';
import { namesIn } from './helpers/files.ts';
import { Plugin } from './helpers/plugin.ts';

const million = 1_000_000;

describe('delivery on a real engine', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const loki = new LokiDouble();
  let statePath: string;

  before(async () => {
    await loki.start();
    await engine.start();
    await engine.importTestImage();
    await plugin.create({ LOKI_URL: loki.url, LOKI_MAX_BACKOFF: '2s' });
    statePath = await plugin.statePath();
  });

  after(async () => {
    await engine.dispose();
    await loki.stop();
  });

  async function assertAll(name: string, count: number): Promise<void> {
    await loki.waitFor((double) => double.count({ container_name: name }) >= count, 60_000);
    const report = loki.checkNumbered({ container_name: name }, 'n ', count);
    assert.ok(report.ok, report.summary);
  }

  async function timed(...command: string[]): Promise<number> {
    const startedMs = performance.now();
    await engine.docker(...command);
    return performance.now() - startedMs;
  }

  /** Directories go when all is delivered; nothing of a container stays behind for ever. */
  async function assertNothingKept(): Promise<void> {
    const kept = (): string[] => {
      const root = `${statePath}/wal/c`;
      return fs.readdirSync(root).flatMap((prefix) => namesIn(`${root}/${prefix}`));
    };
    for (let wait = 0; wait < 500 && kept().length > 0; wait += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(kept(), []);
  }

  it('delivers 1,000,000 lines of one container once and in order', async () => {
    await runToEnd(engine, 'million', printLines('n ', million));
    await assertAll('million', million);
    await engine.docker('rm', '-f', 'million');
    assert.equal(loki.counts().duplicates, 0);
    await assertNothingKept();
  });

  it('delivers all of five containers that are gone at once', async () => {
    loki.reset();
    const names = [1, 2, 3, 4, 5].map((index) => `brief${index}`);
    for (const name of names) {
      await engine.docker(...runArgs(name, { isRemoved: true }), ...printLines('n ', 200_000));
    }
    for (const name of names) await assertAll(name, 200_000);
    assert.equal(loki.counts().duplicates, 0);
    await assertNothingKept();
  });

  it('delivers what was printed while the endpoint was away, after the containers are removed', async () => {
    loki.reset();
    await loki.setMode({ kind: 'down' });
    await engine.docker(...runArgs('away1', { isRemoved: true }), ...printLines('n ', million));
    const names = [1, 2, 3, 4, 5].map((index) => `outage${index}`);
    for (const name of names) {
      await engine.docker(...runArgs(name, { isRemoved: true }), ...printLines('n ', 200_000));
    }
    for (let wait = 0; wait < 3000; wait += 1) {
      if ((await engine.docker('ps', '-aq')) === '') break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(await engine.docker('ps', '-aq'), '');
    await loki.setMode({ kind: 'up' });
    await assertAll('away1', million);
    for (const name of names) await assertAll(name, 200_000);
    assert.equal(loki.counts().duplicates, 0);
    await assertNothingKept();
  });

  it('stops and removes containers at once while the endpoint is away', async () => {
    loki.reset();
    await loki.setMode({ kind: 'hang' });
    for (const name of ['stopped', 'removed']) {
      await engine.docker(...runArgs(name), ...tickLines('n ', 1_000_000, 1));
    }
    // What the engine itself takes for it, on this machine, shows at containers of json-file.
    for (const name of ['stopped-twin', 'removed-twin']) {
      const args = runArgs(name, { driver: 'json-file' });
      await engine.docker(...args, ...tickLines('n ', 1_000_000, 1));
    }
    // The program does not listen to SIGTERM, so the grace time is the container's own.
    const [stopMs, twinStopMs] = [
      await timed('stop', '-t', '1', 'stopped'),
      await timed('stop', '-t', '1', 'stopped-twin'),
    ];
    const [removeMs, twinRemoveMs] = [
      await timed('rm', '-f', 'removed'),
      await timed('rm', '-f', 'removed-twin'),
    ];
    assert.ok(stopMs < twinStopMs + 2000, `docker stop took ${stopMs} ms, not ${twinStopMs}`);
    assert.ok(
      removeMs < twinRemoveMs + 2000,
      `docker rm -f took ${removeMs} ms, not ${twinRemoveMs}`,
    );
    await engine.docker('rm', '-f', 'stopped', 'stopped-twin');
    await loki.setMode({ kind: 'up' });
    for (const name of ['stopped', 'removed']) {
      await loki.waitFor((double) => double.count({ container_name: name }) > 0, 60_000);
    }
    await assertNothingKept();
    for (const name of ['stopped', 'removed']) {
      const count = loki.count({ container_name: name });
      const report = loki.checkNumbered({ container_name: name }, 'n ', count);
      assert.ok(report.ok, report.summary);
    }
  });

  it('refuses a container whose option is wrong, and says which and why', async () => {
    const wrong = { 'loki-batch-wait': 'soon' };
    const result = await engine.tryDocker(...runArgs('wrong', { logOpts: wrong }), 'true');
    assert.notEqual(result.status, 0);
    assert.match(result.stderr, /loki-batch-wait/);
    assert.match(result.stderr, /soon/);
    await engine.tryDocker('rm', '-f', 'wrong');
  });
});
