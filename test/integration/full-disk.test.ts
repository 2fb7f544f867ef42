/**
 * A whole driver whose log lies on a small file system that is filled to the brim: containers
 * run on, what is lost is told to the line, and it goes on by itself when there is room again.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DriverProcess } from '../helpers/driver-process.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import {
  assertCounted,
  assertExact,
  describeAccount,
  lossCounters,
  tellsAll,
} from '../helpers/loss-account.ts';
import { Printer } from '../helpers/printer.ts';
import { SmallDisk, whyNoSmallDisk } from '../helpers/small-disk.ts';

const mib = 1 << 20;
const diskBytes = 64 * mib;
/** A writer that waits longer is stuck; usual are some milliseconds. */
const stuckMs = 5000;

describe('a log on a disk that is full', { skip: whyNoSmallDisk() }, () => {
  let loki: LokiDouble;
  let disk: SmallDisk;
  let driver: DriverProcess;
  let metrics: { socketPath: string };

  beforeEach(async () => {
    loki = new LokiDouble();
    await loki.start();
    disk = new SmallDisk(diskBytes);
    driver = new DriverProcess({
      ...{ LOKI_URL: loki.url, LOKI_BATCH_WAIT: '50ms' },
      ...{ LOKI_MIN_BACKOFF: '50ms', LOKI_MAX_BACKOFF: '200ms' },
      ...{ WAL_DIR: `${disk.path}/wal`, WAL_SEGMENT_SIZE: '1m' },
    });
    metrics = { socketPath: `${driver.directory}/metrics.sock` };
  });

  afterEach(async () => {
    await driver.dispose();
    disk.dispose();
    await loki.stop();
  });

  async function start(settings: Record<string, string> = {}): Promise<void> {
    await driver.start({ METRICS_ADDRESS: `unix:${metrics.socketPath}`, ...settings });
  }

  async function startPrinter(
    name: string,
  ): Promise<{ printer: Printer; end: () => Promise<void> }> {
    const { fifo } = await driver.startContainer(name);
    const end = async (): Promise<void> => {
      const startedMs = performance.now();
      assert.equal((await driver.stopContainer(fifo)).status, 200);
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs < stuckMs, `StopLogging took ${tookMs} ms`);
    };
    return { printer: new Printer(fifo), end };
  }

  /** Prints now and then until nothing of the container is on its way any more. */
  async function caughtUp(name: string, printer: Printer): Promise<void> {
    for (let round = 0; round < 60; round += 1) {
      await printer.print(1);
      for (let look = 0; look < 50; look += 1) {
        if (tellsAll(loki, name, printer.printed)) return;
        await setTimeout(10);
      }
    }
    const account = describeAccount(loki, name, printer.printed);
    assert.fail(`${name} does not catch up:\n${account}\n${driver.output.slice(-3000)}`);
  }

  async function allDelivered(): Promise<void> {
    await driver.until('all is delivered', () => driver.containersOnDisk().length === 0, 30_000);
  }

  const modes: { full: string; also: Record<string, string> }[] = [
    { full: 'drop-oldest', also: {} },
    { full: 'drop-newest', also: {} },
    { full: 'block', also: { WAL_BLOCK_TIMEOUT: '200ms' } },
  ];
  for (const { full, also } of modes) {
    it(`holds no writer up and tells each line that is lost, with wal-full=${full}`, async () => {
      await start({ WAL_FULL: full, ...also });
      const { printer, end } = await startPrinter('loud');
      await printer.printBytes(4 * mib);
      await loki.waitFor((double) => double.count({ container_name: 'loud' }) === printer.printed);
      await loki.setMode({ kind: 'down' });
      await printer.printBytes(2.5 * diskBytes);
      assert.ok(printer.waitedMsMax < stuckMs, `it waited for ${printer.waitedMsMax} ms`);
      await loki.setMode({ kind: 'up' });
      await caughtUp('loud', printer);
      const before = assertExact(loki, 'loud', printer.printed);
      assert.ok(before.lost * printer.frameBytes > diskBytes, `only ${before.lost} lines lost`);
      const kept = before.arrived * printer.frameBytes;
      assert.ok(kept > diskBytes / 2, `only ${before.arrived} lines were kept`);

      await printer.printBytes(diskBytes / 4);
      await end();
      await allDelivered();
      assert.equal(assertExact(loki, 'loud', printer.printed).lost, before.lost);
      await assertCounted(metrics, before.lost);
    });
  }

  it('keeps what it has when others fill the disk, and goes on by itself when they are gone', async () => {
    await start();
    await loki.setMode({ kind: 'down' });
    const { printer, end } = await startPrinter('early');
    await printer.printBytes(8 * mib);
    disk.fill();
    await printer.printBytes(diskBytes / 2);
    const late = await startPrinter('late');
    await late.printer.printBytes(mib);
    await late.end();
    assert.ok(printer.waitedMsMax < stuckMs, `it waited for ${printer.waitedMsMax} ms`);

    disk.free();
    const lost = await settledLoss(printer);
    await printer.printBytes(8 * mib);
    assert.equal((await lossCounters(metrics)).lost, lost, 'nothing is lost any more');
    await loki.setMode({ kind: 'up' });
    await end();
    await allDelivered();
    const early = assertExact(loki, 'early', printer.printed);
    const later = assertExact(loki, 'late', late.printer.printed);
    assert.ok(early.lost > 0);
    await assertCounted(metrics, early.lost + later.lost);
  });

  it('runs on when the disk has room and no more files can be made', async () => {
    await start();
    await loki.setMode({ kind: 'down' });
    const { printer, end } = await startPrinter('files');
    await printer.printBytes(4 * mib);
    disk.limitFiles(0);
    await printer.printBytes(8 * mib);
    assert.ok(printer.waitedMsMax < stuckMs, `it waited for ${printer.waitedMsMax} ms`);
    disk.unlimitFiles();
    const lost = await settledLoss(printer);
    await printer.printBytes(4 * mib);
    await loki.setMode({ kind: 'up' });
    await end();
    await allDelivered();
    assert.equal(assertExact(loki, 'files', printer.printed).lost, lost);
    await assertCounted(metrics, lost);
  });

  it('runs on when the disk becomes read-only, and goes on by itself when it is not', async () => {
    await start();
    await loki.setMode({ kind: 'down' });
    const { printer, end } = await startPrinter('frozen');
    await printer.printBytes(2 * mib);
    disk.setReadOnly();
    await printer.printBytes(8 * mib);
    assert.ok(printer.waitedMsMax < stuckMs, `it waited for ${printer.waitedMsMax} ms`);
    disk.setWritable();
    const lost = await settledLoss(printer);
    await printer.printBytes(4 * mib);
    await loki.setMode({ kind: 'up' });
    await end();
    await allDelivered();
    assert.equal(assertExact(loki, 'frozen', printer.printed).lost, lost);
    assert.ok(lost > 0);
    await assertCounted(metrics, lost);
  });

  it('delivers what it has while the disk is read-only, each line once for all that read it', async () => {
    await start();
    await loki.setMode({ kind: 'down' });
    const { printer, end } = await startPrinter('reader');
    await printer.printBytes(8 * mib);
    disk.setReadOnly();
    await loki.setMode({ kind: 'up' });
    await loki.waitFor((double) => double.count({ source: 'stdout' }) === printer.printed);
    disk.setWritable();
    await printer.printBytes(mib);
    await end();
    await allDelivered();
    assert.equal(assertExact(loki, 'reader', printer.printed).lost, 0);
    await assertCounted(metrics, 0);
  });

  /** Prints until nothing more is lost; returns what the metrics say was lost by then. */
  async function settledLoss(printer: Printer): Promise<number> {
    for (let round = 0; round < 100; round += 1) {
      const { lost } = await lossCounters(metrics);
      await printer.print(100);
      await setTimeout(200);
      if ((await lossCounters(metrics)).lost === lost) return lost;
    }
    return assert.fail(`it does not store again:\n${driver.output.slice(-3000)}`);
  }
});
