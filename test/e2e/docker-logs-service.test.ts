/** `docker service logs` on a swarm of one node: it reads through the same driver. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Engine, testImage } from '../../scripts/lib/engine.ts';
import { release, until, waitFor } from './helpers/logs-checks.ts';
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

  /** A `docker service logs --follow`, and what it has printed on stdout. */
  function follow(...flags: string[]): { child: ChildProcess; text: string } {
    const args = ['service', 'logs', '--raw', '--follow', ...flags, 'numbers'];
    const child = spawn('docker', args, { env: engine.env, stdio: ['ignore', 'pipe', 'ignore'] });
    const followed = { child, text: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      followed.text += chunk.toString();
    });
    return followed;
  }

  it('shows what the tasks of a service print, while they run and when they have ended', async () => {
    const options = ['--no-resolve-image', '--network', 'host', '--restart-condition', 'none'];
    const print = 'i=1; while [ $i -le 20 ]; do echo "n $i"; i=$((i+1)); done; echo oops >&2';
    const program = `${print}; ${waitFor('go')}; echo n 21; sleep 3`;
    const create = ['service', 'create', '-d', '--name', 'numbers', '--log-driver', 'holdfast'];
    await engine.docker(...create, ...options, testImage, 'sh', '-c', program);
    let expected = Array.from({ length: 20 }, (_, index) => `n ${index + 1}`).join('\n');
    const logs = async (...flags: string[]): Promise<string> =>
      engine.docker('service', 'logs', '--raw', ...flags, 'numbers');
    for (let wait = 0; (await logs()).trim() !== expected && wait < 300; wait += 1) {
      await setTimeout(100);
    }
    assert.equal((await logs()).trim(), expected);
    const { stderr } = await engine.tryDocker('service', 'logs', '--raw', 'numbers');
    assert.equal(stderr.trim(), 'oops');
    const followed = follow();
    const since = follow('--since', '2100-01-01');
    await until('the follower has begun', () => followed.text === `${expected}\n`);
    await release(engine, await engine.docker('ps', '-q'), 'go');
    await until('the new line is there', () => followed.text === `${expected}\nn 21\n`);
    assert.equal(since.text, '');
    for (const { child } of [followed, since]) child.kill('SIGKILL');
    expected += '\nn 21';
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
