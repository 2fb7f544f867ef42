/** The plugin API of a whole driver process: good calls, bad calls, calls that come twice. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { DriverProcess } from '../helpers/driver-process.ts';
import { newId, startLoggingBody } from '../helpers/fake-dockerd.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';

describe('the plugin API', () => {
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

  it('answers Plugin.Activate and Capabilities to an empty body', async () => {
    const activate = await driver.call('Plugin.Activate');
    assert.deepEqual(activate, { status: 200, body: { Implements: ['LogDriver'] } });
    const capabilities = await driver.call('LogDriver.Capabilities');
    assert.deepEqual(capabilities, { status: 200, body: { Cap: { ReadLogs: true }, Err: '' } });
  });

  const badStarts: [string, unknown, RegExp][] = [
    ['an empty body', '', /StartLogging: the request has no body/],
    ['a body that is not JSON', '{"File":', /StartLogging: the body is not JSON/],
    ['a body without File', { Info: {} }, /StartLogging: File: /],
    ['a JSON null', 'null', /StartLogging: the body: /],
    ['a relative File', startLoggingBody('fifo', newId(), {}), /File: must be an absolute path/],
    [
      'an id that is a path',
      startLoggingBody('/x', '../../etc', {}),
      /ContainerID: must be 64 hex/,
    ],
    [
      'a FIFO that is not there',
      startLoggingBody('/nowhere/f', newId(), {}),
      /nothing at that path/,
    ],
    ['a File that is no FIFO', startLoggingBody('/etc/passwd', newId(), {}), /it is not a FIFO/],
  ];
  for (const [what, body, expected] of badStarts) {
    it(`refuses StartLogging with ${what} and says why`, async () => {
      const answer = await driver.call('LogDriver.StartLogging', body);
      assert.equal(answer.status, 400);
      assert.match(answer.body.Err ?? '', expected);
    });
  }

  it('leaves no directory behind for a start that it refused', async () => {
    const containerId = newId();
    await driver.call('LogDriver.StartLogging', startLoggingBody('/nowhere/f', containerId, {}));
    assert.ok(!driver.containersOnDisk().includes(containerId));
  });

  it('refuses a wrong value of a known option with option, value and what is allowed', async () => {
    const fifo = driver.makeFifo();
    const body = startLoggingBody(fifo.path, newId(), { 'loki-batch-size': 'many' });
    const answer = await driver.call('LogDriver.StartLogging', body);
    assert.equal(answer.status, 400);
    assert.match(answer.body.Err ?? '', /loki-batch-size/);
    assert.match(answer.body.Err ?? '', /many/);
  });

  it('only warns of an option that it does not know', async () => {
    const { fifo } = await driver.startContainer('unknown-option', { 'loki-batchsize': '1' });
    assert.match(driver.output, /loki-batchsize.*unknown/);
    await driver.stopContainer(fifo);
  });

  it('answers StopLogging with success whatever it names', async () => {
    for (const body of ['', '{', 'null', {}, { File: '/nowhere' }, { File: 7 }]) {
      const answer = await driver.call('LogDriver.StopLogging', body);
      assert.deepEqual(answer, { status: 200, body: { Err: '' } });
    }
  });

  it('takes StartLogging and StopLogging twice', async () => {
    const { fifo, containerId } = await driver.startContainer('twice');
    const body = startLoggingBody(fifo.path, containerId, {}, 'twice');
    const [second, third] = await Promise.all([
      driver.call('LogDriver.StartLogging', body),
      driver.call('LogDriver.StartLogging', body),
    ]);
    assert.deepEqual([second.status, third.status], [200, 200]);
    await fifo.write(numberedFrames('n ', 1, 100));
    assert.equal((await driver.call('LogDriver.StopLogging', { File: fifo.path })).status, 200);
    assert.equal((await driver.stopContainer(fifo)).status, 200);
    await loki.waitFor((double) => double.count({ container_name: 'twice' }) === 100);
    assert.ok(loki.checkNumbered({ container_name: 'twice' }, 'n ', 100).ok);
  });

  it('answers an unknown call with 404 and a body over the limit with 413', async () => {
    assert.equal((await driver.call('LogDriver.Nothing')).status, 404);
    const huge = JSON.stringify({ File: '/x', Info: { pad: 'x'.repeat(5 << 20) } });
    assert.equal((await driver.call('LogDriver.StartLogging', huge)).status, 413);
  });

  it('keeps what it writes to itself', async () => {
    const { fifo, containerId } = await driver.startContainer('private');
    const directory = `${driver.walDir}/c/${containerId.slice(0, 2)}/${containerId}`;
    assert.equal(fs.statSync(driver.walDir).mode & 0o777, 0o700);
    assert.equal(fs.statSync(directory).mode & 0o777, 0o700);
    assert.equal(fs.statSync(`${directory}/meta.json`).mode & 0o777, 0o600);
    assert.ok(!fs.readFileSync(`${directory}/meta.json`, 'utf8').includes('hunter2'));
    await driver.stopContainer(fifo);
  });
});
