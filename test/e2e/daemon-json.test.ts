/**
 * The plugin as the default driver of daemon.json, with its options there: they hold for every
 * container that says nothing else, and for those that live on while dockerd is restarted.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Engine, testImage } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { release, waitFor } from './helpers/logs-checks.ts';
import { Plugin } from './helpers/plugin.ts';

const arrivalMsMax = 30_000;
const printed = 300;

describe('options in daemon.json', () => {
  const engine = new Engine({ isLiveRestore: true });
  const plugin = new Plugin(engine);
  const loki = new LokiDouble();

  before(async () => {
    await loki.start();
    await engine.start();
    await engine.importTestImage();
    await plugin.create({ LOKI_MAX_BACKOFF: '1s', HISTORY_MAX_AGE: '1h' });
    // dockerd takes only a driver that is there as its default.
    await restart({
      'log-driver': 'holdfast',
      'log-opts': {
        'loki-url': loki.url,
        'loki-external-labels': 'name={{.Name}},image={{.ImageName}}',
        'loki-relabel-config':
          '- { source_labels: [name], regex: "(.*)-\\\\d+", target_label: app }\n' +
          '- { action: labeldrop, regex: host|image }\n',
        'loki-pipeline-stages':
          '- json: { expressions: { level: , n: } }\n' +
          '- labels: { level: }\n' +
          '- output: { source: n }\n',
        labels: 'team',
      },
    });
  });

  after(async () => {
    await engine.dispose();
    await loki.stop();
  });

  /** Starts dockerd anew, with more in its daemon.json; containers live on. */
  async function restart(settings: Record<string, unknown> = {}): Promise<void> {
    await engine.stop();
    Object.assign(engine.settings, settings);
    await engine.start();
    await plugin.started();
  }

  /** A container that names no driver, with these options. */
  async function start(name: string, script: string, ...options: string[]): Promise<void> {
    const run = ['run', '-d', '--network', 'none', '--name', name, ...options];
    await engine.docker(...run, testImage, 'sh', '-c', script);
  }

  /** A part of a shell program: prints lines of JSON numbered within these bounds. */
  const print = (from: number, to: number): string =>
    `awk 'BEGIN{for(i=${from};i<=${to};i++) print "{\\"level\\":\\"info\\",\\"n\\":" i "}"}'`;

  const labelsOf = (name: string): Readonly<Record<string, string>>[] =>
    loki.streams().flatMap(({ labels }) => (labels['name'] === name ? [labels] : []));

  async function linesOf(name: string, count: number): Promise<string[]> {
    await loki.waitFor((double) => double.count({ name }) >= count, arrivalMsMax);
    return [...loki.lines({ name })].map(({ line }) => line.toString());
  }

  const numbers = (from: number, to: number): string[] =>
    Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

  it('hold for a container that says nothing of its log', async () => {
    await start('web-1', print(1, printed), '--label', 'team=red');
    assert.equal(await driverOf('web-1'), 'holdfast');
    assert.deepEqual(await linesOf('web-1', printed), numbers(1, printed));
    const labels = { name: 'web-1', app: 'web', level: 'info', team: 'red', source: 'stdout' };
    assert.deepEqual(labelsOf('web-1'), [labels]);
  });

  it('give way, one by one, to what a container says itself', async () => {
    const own = ['--log-opt', 'loki-pipeline-stages=[]', '--log-opt', 'labels=other'];
    await start('web-2', print(1, 2), '--label', 'other=1', '--label', 'team=red', ...own);
    const lines = ['{"level":"info","n":1}', '{"level":"info","n":2}'];
    assert.deepEqual(await linesOf('web-2', 2), lines);
    const labels = { name: 'web-2', app: 'web', other: '1', source: 'stdout' };
    assert.deepEqual(labelsOf('web-2'), [labels]);
    await start('quiet-1', print(1, 2), '--log-driver', 'json-file');
    assert.equal(await driverOf('quiet-1'), 'json-file');
  });

  it('hold on for containers that live on while dockerd is restarted', async () => {
    const script = `${print(1, printed)}; ${waitFor('go')}; ${print(printed + 1, 2 * printed)}`;
    await start('api-1', `${script}; ${waitFor('end')}`);
    await linesOf('api-1', printed);
    await restart();
    await release(engine, 'api-1', 'go');
    assert.deepEqual(await linesOf('api-1', 2 * printed), numbers(1, 2 * printed));
    const labels = { name: 'api-1', app: 'api', level: 'info', source: 'stdout' };
    assert.deepEqual(labelsOf('api-1'), [labels]);
  });

  it('that are changed hold for containers that are created from then on', async () => {
    const defaults = engine.settings['log-opts'] as Record<string, string>;
    await restart({ 'log-opts': { ...defaults, 'loki-relabel-config': '[]' } });
    await release(engine, 'api-1', 'end');
    await start('api-2', print(1, 3));
    await engine.docker('wait', 'api-1');
    await engine.docker('start', 'api-1');
    assert.deepEqual(await linesOf('api-2', 3), numbers(1, 3));
    const [labels] = labelsOf('api-2');
    assert.deepEqual([labels?.['app'], labels?.['image']], [undefined, testImage]);
    // Its second run prints all of it again, and still has the options of its creation.
    assert.equal((await linesOf('api-1', 4 * printed)).length, 4 * printed);
    assert.equal(labelsOf('api-1').length, 1);
  });

  const driverOf = async (name: string): Promise<string> =>
    engine.docker('inspect', '-f', '{{.HostConfig.LogConfig.Type}}', name);
});
