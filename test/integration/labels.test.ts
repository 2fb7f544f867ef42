/**
 * A whole driver: lines go out under the labels that their container had when it printed them,
 * whatever it is called by now, and over a kill; relabelling and stages see every line.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { DriverProcess } from '../helpers/driver-process.ts';
import { newId, startLoggingBody } from '../helpers/fake-dockerd.ts';
import { encodeFrame, numberedFrames } from '../helpers/frames.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';

describe('labels', () => {
  const loki = new LokiDouble();
  let driver: DriverProcess;

  before(async () => {
    await loki.start();
    driver = new DriverProcess({ LOKI_URL: loki.url });
    await driver.start();
  });

  after(async () => {
    await driver.dispose();
    await loki.stop();
  });

  /** One run of a container from its first to its last line. */
  async function run(name: string, containerId: string, lines: number): Promise<void> {
    const { fifo } = await driver.startContainer(name, {}, containerId);
    await fifo.write(numberedFrames('line ', 1, lines));
    await driver.stopContainer(fifo);
  }

  const count = (name: string) => loki.count({ container_name: name });

  it('are those of the run that printed a line, though the container is renamed', async () => {
    const containerId = newId();
    await loki.setMode({ kind: 'down' });
    await run('old', containerId, 300);
    await run('new', containerId, 200);
    await driver.kill();
    await driver.start();
    // docker logs of the stopped container, which has yet another name.
    const { fifo } = await driver.startContainer('newest', {}, containerId);
    await driver.stopContainer(fifo);
    await loki.setMode({ kind: 'up' });
    await loki.waitFor(() => count('old') >= 300 && count('new') >= 200, 30_000);
    await run('newest', containerId, 100);
    await loki.waitFor(() => count('newest') >= 100, 30_000);
    assert.deepEqual([count('old'), count('new'), count('newest')], [300, 200, 100]);
  });

  it('and stages of a file and rules of relabelling are in force, and errors stop a start', async () => {
    const stages = `${driver.walDir}/stages.yaml`;
    const options = {
      'loki-relabel-config':
        '- {source_labels: [container_name], target_label: app, replacement: "x-$1"}\n' +
        '- {action: labeldrop, regex: host}',
      'loki-pipeline-stage-file': stages,
    };
    const start = async () => {
      const fifo = driver.makeFifo();
      const body = startLoggingBody(fifo.path, newId(), options, 'staged');
      return { fifo, answer: await driver.call('LogDriver.StartLogging', body) };
    };
    const refused = await start();
    assert.match(
      refused.answer.body.Err ?? '',
      /^loki-pipeline-stage-file: the file .* \(there is none\)/,
    );
    driver.endFifo(refused.fifo);
    fs.writeFileSync(
      stages,
      'pipeline_stages:\n  - json: {expressions: {lvl: }}\n  - labels: {lvl: }\n',
    );
    const { fifo, answer } = await start();
    assert.equal(answer.body.Err, '');
    const line = Buffer.from('{"lvl":"warn"}');
    const timeNano = BigInt(Date.now()) * 1_000_000n;
    await fifo.write(encodeFrame({ source: 'stdout', timeNano, line }));
    await driver.stopContainer(fifo);
    await loki.waitFor(() => count('staged') === 1);
    const found = loki.streams().find(({ labels }) => labels['container_name'] === 'staged');
    assert.deepEqual(found?.labels, {
      ...{ app: 'x-staged', container_name: 'staged', lvl: 'warn', source: 'stdout' },
    });
    fs.rmSync(stages);
  });

  it('of a container that relabelling drops are nowhere, and its lines do not wait', async () => {
    const drop = '[{source_labels: [container_name], regex: secret.*, action: drop}]';
    const { fifo, containerId } = await driver.startContainer('secret-1', {
      'loki-relabel-config': drop,
      'history-max-age': '0s',
    });
    await fifo.write(numberedFrames('line ', 1, 50));
    await driver.stopContainer(fifo);
    await driver.until('all is let go of', () => !driver.containersOnDisk().includes(containerId));
    assert.equal(count('secret-1'), 0);
    assert.equal(loki.count({ source: 'stdout', container_name: '' }), 0);
    assert.match(driver.output, /loki-relabel-config drops this container/);
  });
});
