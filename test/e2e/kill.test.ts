/**
 * The plugin is killed, disabled, upgraded, and dockerd itself restarted, while containers
 * print: nothing is lost, nothing shows up twice in a query, and the order is kept.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Engine } from '../../scripts/lib/engine.ts';
import { Registry } from '../../scripts/lib/registry.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { runArgs, tickLines } from './helpers/containers.ts';
import { builtPlugin, Plugin } from './helpers/plugin.ts';

const names = ['c1', 'c2', 'c3'];

describe('a plugin that dies and comes back', () => {
  const engine = new Engine({ isLiveRestore: true });
  const registry = new Registry();
  const loki = new LokiDouble();
  const plugin = new Plugin(engine, 'holdfast');

  before(async () => {
    await loki.start();
    await registry.start();
    await engine.start();
    await engine.importTestImage();
    const first = `${registry.address}/holdfast:1`;
    const second = `${registry.address}/holdfast:2`;
    for (const reference of [first, second]) {
      const directory = await builtPlugin({ version: reference.slice(-1) });
      await engine.docker('plugin', 'create', reference, directory);
      await engine.docker('plugin', 'push', reference);
      await engine.docker('plugin', 'rm', reference);
    }
    const settings = [`LOKI_URL=${loki.url}`, 'LOKI_MAX_BACKOFF=1s', 'HISTORY_MAX_AGE=0s'];
    const install = ['plugin', 'install', '--grant-all-permissions', '--alias', 'holdfast'];
    await engine.docker(...install, first, ...settings);
  });

  after(async () => {
    await engine.dispose();
    await registry.stop();
    await loki.stop();
  });

  /**
   * Runs `disturb` while three containers print, then checks every line of each. At most
   * `missingMax` of a container may be missing: lines that dockerd itself took to its grave.
   */
  async function assertUndisturbed(disturb: () => Promise<void>, missingMax = 0): Promise<void> {
    loki.reset();
    for (const name of names) {
      await engine.docker(...runArgs(name), ...tickLines('n ', 1_000_000, 2));
    }
    try {
      await disturb();
    } finally {
      for (const name of names) await engine.docker('rm', '-f', name);
    }
    for (const name of names) await plugin.drained(name);
    for (const name of names) {
      const count = loki.count({ container_name: name });
      const report = loki.checkNumbered({ container_name: name }, 'n ', count);
      const { missing, doubled, outOfOrder, unexpected } = report;
      assert.ok(missing.count <= missingMax, `${name}: ${report.summary}`);
      // Numbers beyond the count are those that take the places of missing ones.
      assert.equal(unexpected.count, missing.count, `${name}: ${report.summary}`);
      assert.equal(doubled.count + outOfOrder.count, 0, `${name}: ${report.summary}`);
      assert.ok(count > 100, `${name} printed only ${count} lines`);
    }
    assert.doesNotMatch(engine.log, /recorded as a gap/);
  }

  // dockerd dials a plugin 0.5 s after it started it, and disables one that is gone by then.
  // Our socket accepts sooner than that; so a kill waits for this dial, too.
  it('loses and doubles nothing over 30 kills, each 300 ms after its socket accepts', async () => {
    await assertUndisturbed(async () => {
      let pid = await plugin.started();
      for (let kill = 0; kill < 30; kill += 1) {
        await setTimeout(300);
        await plugin.dialed(pid);
        await captured(pid);
        plugin.kill(pid);
        pid = await plugin.restarted(pid);
      }
      // It comes back by itself; more than a few would be no slow machine.
      assert.ok(plugin.givenUp <= 3, `dockerd gave the plugin up ${plugin.givenUp} times`);
      await setTimeout(500);
    });
  });

  it('loses nothing when a kill makes dockerd disable it, once it is enabled again', async () => {
    await assertUndisturbed(async () => {
      const first = await plugin.started();
      await plugin.dialed(first);
      await plugin.killUntilGivenUp();
      await plugin.enable();
      await plugin.started();
      await setTimeout(500);
    });
  });

  it('loses nothing over disable, upgrade to another version, and enable', async () => {
    await assertUndisturbed(async () => {
      await setTimeout(500);
      await plugin.disable();
      const second = `${registry.address}/holdfast:2`;
      const upgrade = ['plugin', 'upgrade', '--grant-all-permissions', '--skip-remote-check'];
      await engine.docker(...upgrade, 'holdfast', second);
      await plugin.enable();
      await plugin.started();
      assert.match((await plugin.info()).Config.Description, /\(2\)/);
      await setTimeout(500);
    });
  });

  // A line that dockerd has read from the container and not yet written to the FIFO dies with
  // it (seen in one of six restarts); whatever it has handed over must be there.
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`loses nothing when dockerd ends by ${signal} and starts again with live-restore`, async () => {
      await assertUndisturbed(async () => {
        await setTimeout(500);
        await engine.stop(signal);
        await setTimeout(300);
        await engine.start();
        await plugin.started();
        await setTimeout(500);
      }, 1);
    });
  }
});

/** Waits until the process has written to the log: more than its own messages come to. */
async function captured(pid: number): Promise<void> {
  for (let wait = 0; wait < 500 && bytesWritten(pid) < 2000; wait += 1) await setTimeout(10);
  assert.ok(bytesWritten(pid) >= 2000, 'no line was captured before a kill');
}

/** Bytes that the process has written since it started, as the kernel counts. */
function bytesWritten(pid: number): number {
  const io = fs.readFileSync(`/proc/${pid}/io`, 'utf8');
  return Number(/^wchar: (\d+)$/m.exec(io)?.[1] ?? 0);
}
