/** `docker service logs` on a swarm of one node: it reads through the same driver. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Engine, testImage } from '../../scripts/lib/engine.ts';
import { Plugin } from './helpers/plugin.ts';

describe('docker service logs', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);

  before(async () => {
    await engine.start();
    await engine.importTestImage();
    await plugin.create({ HISTORY_MAX_AGE: '1h' });
    await engine.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
  });

  after(async () => engine.dispose());

  it('shows what the tasks of a service print, while they run and when they have ended', async () => {
    const options = ['--no-resolve-image', '--network', 'host', '--restart-condition', 'none'];
    const program =
      'i=1; while [ $i -le 20 ]; do echo "n $i"; i=$((i+1)); done; echo oops >&2; sleep 5';
    const create = ['service', 'create', '-d', '--name', 'numbers', '--log-driver', 'holdfast'];
    await engine.docker(...create, ...options, testImage, 'sh', '-c', program);
    const expected = Array.from({ length: 20 }, (_, index) => `n ${index + 1}`).join('\n');
    const logs = async (...flags: string[]): Promise<string> =>
      engine.docker('service', 'logs', '--raw', ...flags, 'numbers');
    for (let wait = 0; (await logs()).trim() !== expected && wait < 300; wait += 1) {
      await setTimeout(100);
    }
    assert.equal((await logs()).trim(), expected);
    const { stderr } = await engine.tryDocker('service', 'logs', '--raw', 'numbers');
    assert.equal(stderr.trim(), 'oops');
    const state = ['service', 'ps', '--format', '{{.CurrentState}}', 'numbers'];
    for (
      let wait = 0;
      !(await engine.docker(...state)).startsWith('Complete') && wait < 300;
      wait += 1
    ) {
      await setTimeout(100);
    }
    // Its order among the streams of a service is nobody's promise; its lines are.
    assert.equal((await logs()).trim(), expected);
    assert.match((await logs('--tail', '2', '--timestamps')).trim(), /^\S+Z n \d+(\n\S+Z n \d+)?$/);
  });
});
