/** Kills, restarts and dead ends: what a driver that comes back must pick up where it was. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DriverProcess } from '../helpers/driver-process.ts';
import { startLoggingBody } from '../helpers/fake-dockerd.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';

describe('a driver that is killed', () => {
  let loki: LokiDouble;
  let driver: DriverProcess;

  beforeEach(async () => {
    loki = new LokiDouble();
    await loki.start();
    driver = new DriverProcess({ LOKI_URL: loki.url, LOKI_MAX_BACKOFF: '1s' });
    await driver.start();
  });

  afterEach(async () => {
    await driver.dispose();
    await loki.stop();
  });

  it('goes on in the middle of a frame that it had half of', async () => {
    const { fifo } = await driver.startContainer('half');
    const frames = numberedFrames('n ', 1, 1000);
    const middle = Math.floor(frames.length / 2) + 7;
    await fifo.write(frames.subarray(0, middle));
    await driver.until('the pipe is read', () => logSize(driver) >= middle);
    await driver.kill();
    await fifo.write(frames.subarray(middle));
    await driver.start();
    await driver.stopContainer(fifo);
    await loki.waitFor((double) => double.count({ container_name: 'half' }) === 1000);
    assert.ok(loki.checkNumbered({ container_name: 'half' }, 'n ', 1000).ok);
    assert.doesNotMatch(driver.output, /gap/);
  });

  it('finds its place again when a read is lost, and records the gap', async () => {
    const { fifo } = await driver.startContainer('lost');
    const frames = numberedFrames('n ', 1, 3000);
    const third = Math.floor(frames.length / 3);
    await fifo.write(frames.subarray(0, third));
    await driver.until('the pipe is read', () => logSize(driver) >= third);
    await driver.kill();
    // What a kill between reading and writing takes away: bytes that left the pipe for nowhere.
    await driver.start();
    await fifo.write(frames.subarray(third + 1001));
    await driver.stopContainer(fifo);
    await driver.until('all is delivered', () => driver.containersOnDisk().length === 0);
    const stdout = { container_name: 'lost', source: 'stdout' };
    const report = loki.checkNumbered(stdout, 'n ', 3000);
    assert.equal(report.doubled.count + report.outOfOrder.count + report.unexpected.count, 0);
    assert.ok(report.missing.count > 0 && report.missing.count < 60, report.summary);
    const told = [...loki.lines({ container_name: 'lost', source: 'stderr' })];
    assert.equal(told.length, 1);
    assert.match(String(told[0]?.line), /missing here: what Docker sent .* \(desync\)$/);
  });

  it('loses and doubles nothing over 15 kills in full flow', async () => {
    const { fifo } = await driver.startContainer('kills');
    const count = 60_000;
    const frames = numberedFrames('n ', 1, count);
    const written = fifo.write(frames);
    for (let kill = 0; kill < 15; kill += 1) {
      const before = logSize(driver);
      await driver.kill();
      await driver.start();
      await driver.until(
        'it captures',
        () => logSize(driver) > before || isWritten(driver, frames),
      );
    }
    await written;
    await driver.stopContainer(fifo);
    await loki.waitFor((double) => double.count({ container_name: 'kills' }) >= count, 30_000);
    const report = loki.checkNumbered({ container_name: 'kills' }, 'n ', count);
    assert.ok(report.ok, report.summary);
  });

  it('delivers after a restart what a container that is gone left behind', async () => {
    await loki.setMode({ kind: 'down' });
    const { fifo } = await driver.startContainer('gone');
    await fifo.write(numberedFrames('n ', 1, 500));
    await driver.stopContainer(fifo);
    await driver.kill();
    await driver.start();
    await loki.setMode({ kind: 'up' });
    await loki.waitFor((double) => double.count({ container_name: 'gone' }) === 500, 20_000);
    await driver.until('its directory goes', () => driver.containersOnDisk().length === 0);
  });

  it('ships what no endpoint was set for once one is', async () => {
    await driver.kill();
    await driver.start({ LOKI_URL: '', HISTORY_MAX_AGE: '1h' });
    const { fifo } = await driver.startContainer('local');
    await fifo.write(numberedFrames('n ', 1, 500));
    await driver.stopContainer(fifo);
    assert.equal(driver.containersOnDisk().length, 1);
    await driver.kill('SIGTERM');
    await driver.start();
    await loki.waitFor((double) => double.count({ container_name: 'local' }) === 500);
    await driver.until('its directory goes', () => driver.containersOnDisk().length === 0);
  });

  it('reads a new FIFO of a container whose old one dockerd left without stopping it', async () => {
    const first = await driver.startContainer('restored');
    await first.fifo.write(numberedFrames('n ', 1, 300));
    driver.endFifo(first.fifo);
    const second = await driver.startContainer('restored', {}, first.containerId);
    await second.fifo.write(numberedFrames('n ', 301, 600));
    await driver.stopContainer(second.fifo);
    await loki.waitFor((double) => double.count({ container_name: 'restored' }) === 600);
    assert.ok(loki.checkNumbered({ container_name: 'restored' }, 'n ', 600).ok);
  });

  it('is not held up by a FIFO that nobody will ever write to again', async () => {
    const zombie = await driver.startContainer('zombie');
    await zombie.fifo.write(numberedFrames('n ', 1, 100));
    const second = await driver.startContainer('zombie', {}, zombie.containerId);
    await second.fifo.write(numberedFrames('n ', 101, 200));
    await loki.waitFor((double) => double.count({ container_name: 'zombie' }) === 200);
    assert.ok(loki.checkNumbered({ container_name: 'zombie' }, 'n ', 200).ok);
  });

  it('leaves no trace of a FIFO without bytes', async () => {
    const first = await driver.startContainer('looked-at');
    await driver.stopContainer(first.fifo);
    await driver.until('its directory goes', () => driver.containersOnDisk().length === 0);
    assert.equal(loki.counts().entries, 0);
  });

  it('does not share its log with a second driver, and says who has it', async () => {
    const other = new DriverProcess({ WAL_DIR: driver.walDir });
    const child = other.spawn();
    await other.until('it gives up', () => child.exitCode !== null);
    assert.notEqual(child.exitCode, 0);
    assert.match(other.output, /is in use by holdfast .*pid \d+/);
    await other.dispose();
    assert.equal((await driver.call('LogDriver.Capabilities')).status, 200);
  });

  it('answers StartLogging that comes during recovery', async () => {
    const { fifo, containerId } = await driver.startContainer('early');
    await fifo.write(numberedFrames('n ', 1, 50));
    await driver.kill();
    await driver.start();
    const again = await driver.call(
      'LogDriver.StartLogging',
      startLoggingBody(fifo.path, containerId, {}, 'early'),
    );
    assert.equal(again.status, 200);
    await fifo.write(numberedFrames('n ', 51, 100));
    await driver.stopContainer(fifo);
    await loki.waitFor((double) => double.count({ container_name: 'early' }) === 100);
    assert.ok(loki.checkNumbered({ container_name: 'early' }, 'n ', 100).ok);
  });
});

/** Bytes of all segments of the only container in the log. */
function logSize(driver: DriverProcess): number {
  return driver.streamBytes();
}

/** Whether the log holds all of the frames: then there is nothing left to capture. */
function isWritten(driver: DriverProcess, frames: Buffer): boolean {
  return logSize(driver) >= frames.length;
}
