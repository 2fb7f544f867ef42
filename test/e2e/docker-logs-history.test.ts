/**
 * The history that `docker logs` reads is one over an upgrade of the plugin, and damage on the disk
 * costs what was hit.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { Registry } from '../../scripts/lib/registry.ts';
import { printLines, runArgs, tickLines } from './helpers/containers.ts';
import { dockerLogs } from './helpers/docker-logs.ts';
import { assertRange, logDirectory, numbersIn, segmentsIn, until } from './helpers/logs-checks.ts';
import { builtPlugin, Plugin } from './helpers/plugin.ts';

describe('docker logs of an old history', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const registry = new Registry();

  before(async () => {
    await registry.start();
    await engine.start();
    await engine.importTestImage();
    await plugin.create({ HISTORY_MAX_AGE: '1h', WAL_SEGMENT_SIZE: '64k', WAL_SEGMENT_AGE: '1s' });
  });

  after(async () => {
    await engine.dispose();
    await registry.stop();
  });

  async function numbersOf(name: string): Promise<number[]> {
    const { stdout, stderr, code } = await dockerLogs(engine, name);
    assert.equal(code, 0, stderr.toString());
    return numbersIn(stdout.toString());
  }

  it('moby#53631: a damaged file costs what was hit and one line, and is no end', async () => {
    await engine.docker(...runArgs('damaged'), ...printLines('n ', 5000));
    await engine.docker('wait', 'damaged');
    const directory = await logDirectory(engine, plugin, 'damaged');
    await until('it is sealed', () => segmentsIn(directory, '.w').length === 0, 60_000);
    const sealed = segmentsIn(directory, '.z');
    const file = `${directory}/${sealed[Math.floor(sealed.length / 2)]}`;
    const bytes = fs.readFileSync(file);
    // A run of zeros, as a file system leaves it after a loss of power.
    fs.writeFileSync(file, bytes.fill(0, bytes.length >> 2, bytes.length >> 1));
    const { stdout, stderr, code } = await dockerLogs(engine, 'damaged');
    assert.equal(code, 0);
    assert.match(stderr.toString(), /^holdfast: .* missing here: .*\(damage\)\n$/);
    const numbers = numbersIn(stdout.toString());
    const hole = numbers.findIndex((number, index) => number !== index + 1);
    const missing = 5000 - numbers.length;
    assert.ok(hole > 0 && missing > 0, `${missing} are missing from ${hole}`);
    assertRange(numbers.slice(0, hole), 1, hole);
    assertRange(numbers.slice(hole), hole + missing + 1, 5000);
  });

  it('history is one over an upgrade, of a container that runs on and of one that is stopped', async () => {
    const next = `${registry.address}/holdfast:next`;
    await engine.docker('plugin', 'create', next, await builtPlugin({ version: 'next' }));
    await engine.docker('plugin', 'push', next);
    await engine.docker('plugin', 'rm', next);
    await engine.docker(...runArgs('before'), ...printLines('n ', 500));
    await engine.docker('wait', 'before');
    await engine.docker(...runArgs('across'), ...tickLines('n ', 1_000_000, 5));
    await until('it prints', async () => (await numbersOf('across')).length > 50);
    await plugin.disable();
    const upgrade = ['plugin', 'upgrade', '--grant-all-permissions', '--skip-remote-check'];
    await engine.docker(...upgrade, 'holdfast', next);
    await plugin.enable();
    await plugin.started();
    assert.match((await plugin.info()).Config.Description, /\(next\)/);
    assertRange(await numbersOf('before'), 1, 500);
    const { length } = await numbersOf('across');
    await until('it goes on', async () => (await numbersOf('across')).length > length + 50);
    await engine.docker('kill', 'across');
    const numbers = await numbersOf('across');
    assertRange(numbers, 1, numbers.length);
    await engine.docker('start', 'before');
    await engine.docker('wait', 'before');
    assert.equal((await numbersOf('before')).length, 1000);
  });
});
