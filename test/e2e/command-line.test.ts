/**
 * `holdfast` on the host of a real engine: it finds the plugin's log through the docker socket,
 * reads it while the plugin runs, and delivers it when the plugin is off.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { type Ended, holdfast, objectsOf } from '../cli/cli.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { printLines, runArgs, runToEnd, tickLines } from './helpers/containers.ts';
import { Plugin } from './helpers/plugin.ts';

const lines = 200_000;

// One after the other: each begins with what the one before has left in the log.
describe('the command line on a real engine', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const loki = new LokiDouble();

  before(async () => {
    await loki.start();
    await engine.start();
    await engine.importTestImage();
    const files = `${engine.directory}/files`;
    fs.mkdirSync(files);
    fs.writeFileSync(`${files}/stages.yaml`, "- static_labels: {stage: 'yes'}\n");
    const staged = { 'files.source': files, LOKI_PIPELINE_STAGE_FILE: '/files/stages.yaml' };
    await plugin.create({ LOKI_URL: loki.url, LOKI_MAX_BACKOFF: '1s', ...staged });
    await loki.setMode({ kind: 'down' });
    await runToEnd(engine, 'waits', printLines('n ', lines));
    await engine.docker(...runArgs('ticks'), ...tickLines('n ', 1_000_000, 5));
  });

  after(async () => {
    await engine.dispose();
    await loki.stop();
  });

  /** Runs it as somebody would who has nothing but the engine's socket. */
  async function cli(...args: string[]): Promise<Ended> {
    return holdfast(args, { DOCKER_HOST: `unix://${engine.socketPath}` });
  }

  async function idOf(name: string): Promise<string> {
    return engine.docker('inspect', '--format', '{{.Id}}', name);
  }

  it('lists the containers, their state and what waits, while the plugin runs', async () => {
    const ended = await cli('--json', 'wal', 'ls');
    assert.equal(ended.code, 0, ended.stderr);
    const rows = new Map(objectsOf(ended).map((row) => [row['name'], row]));
    const waits = rows.get('waits');
    assert.equal(waits?.['id'], await idOf('waits'));
    assert.equal(waits?.['state'], 'ended');
    assert.equal(rows.get('ticks')?.['state'], 'running');
    assert.equal(rows.size, 2);
    assert.match(JSON.stringify(waits?.['backlogs']), new RegExp(`"entries":${lines}\\b`));
    assert.ok(JSON.stringify(waits?.['backlogs']).includes(loki.url));
    const table = await cli('wal', 'ls');
    assert.equal(table.code, 0, table.stderr);
    assert.match(table.stdout.toString(), /RAW.*STORED.*OLDEST.*BACKLOG/);
    assert.match(table.stdout.toString(), /waits/);
  });

  it('prints each line of a container that has ended, and the last of one that prints', async () => {
    const { code, stdout, stderr } = await cli('wal', 'cat', 'waits');
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    const printed = stdout.toString().split('\n');
    assert.equal(printed.pop(), '');
    assert.equal(printed.length, lines);
    const wrong = printed.findIndex((line, index) => !line.startsWith(`n ${index + 1} `));
    assert.equal(wrong, -1, `line ${wrong + 1} is: ${printed[wrong]}`);
    const id = await idOf('ticks');
    const tail = await cli('wal', 'cat', '--tail', '5', id.slice(0, 12));
    assert.equal(tail.code, 0, tail.stderr);
    assert.match(tail.stdout.toString(), /^(n \d+\n){5}$/);
  });

  it('finds no damage in a log that is being written', async () => {
    const { code, stdout, stderr } = await cli('wal', 'verify');
    assert.equal(code, 0, stdout.toString() + stderr);
  });

  it('does not drain, and says why, while the plugin runs', async () => {
    const { code, stderr } = await cli('drain');
    assert.equal(code, 3, stderr);
    assert.match(stderr, /in use/);
  });

  it('drains when the plugin is off, so that it can be removed: every line arrives', async () => {
    await engine.docker('rm', '-f', 'ticks');
    const listed = await cli('--json', 'wal', 'ls');
    const ticked = objectsOf(listed).find(({ name }) => name === 'ticks');
    const [backlog] = (ticked?.['backlogs'] ?? []) as { entries: number }[];
    const ticks = backlog?.entries ?? 0;
    assert.ok(ticks > 100, `only ${ticks} lines were printed`);
    await plugin.disable();

    const late = await cli('drain', '--timeout', '2s');
    assert.equal(late.code, 5, `with the endpoint down: ${late.stderr}`);
    await loki.setMode({ kind: 'up' });
    const root = `${await plugin.statePath()}/wal`;
    const drained = await cli('drain', '--timeout', '60s');
    assert.equal(drained.code, 0, drained.stderr);
    for (const [name, count] of [['waits', lines] as const, ['ticks', ticks] as const]) {
      const report = loki.checkNumbered({ container_name: name }, 'n ', count);
      assert.ok(report.ok, `${name}: ${report.summary}`);
    }
    assert.equal(loki.counts().entries, lines + ticks);
    assert.equal(loki.count({ stage: 'yes' }), lines + ticks, "drain has the plugin's stages");
    await engine.docker('plugin', 'rm', plugin.name);
    assert.ok(!fs.existsSync(root), 'the log goes with the plugin');
    const gone = await cli('wal', 'ls');
    assert.equal(gone.code, 4, gone.stderr);
  });
});
