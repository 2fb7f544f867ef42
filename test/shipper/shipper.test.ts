/**
 * Delivery against a sink in memory: order, batches, retries with the same body, cursors that
 * move only on an answer, and a start that goes on where the cursor stands.
 */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import type { EndpointOptions, StreamOptions } from '../../src/shipper/endpoint-options.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import { readCursors } from '../../src/wal/index.ts';
import { encodeFrame, numberedFrames } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { rulesOf } from '../helpers/runs.ts';
import { endpointOf, linesOf, outage, planOf, TestSink, tick, until } from './ship-bench.ts';

const loud = 'aa'.repeat(32);
const quiet = 'bb'.repeat(32);
const batchSizeBytes = 64 * 1024;

describe('the shipper', () => {
  let wal: TestWal;
  let sink: TestSink;
  let acked: Map<string, number>;
  let shipper: Shipper;

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    sink = new TestSink();
    startShipper();
  });

  afterEach(async () => {
    await shipper.close();
    wal.remove();
  });

  function startShipper(): void {
    acked = new Map();
    shipper = new Shipper({
      disk,
      log: silentLog,
      createSink: () => sink,
      onAcknowledged: (containerId, { lsn }) => acked.set(containerId, lsn),
    });
  }

  function optionsOf(log: TestLog, changes: Partial<EndpointOptions> = {}): StreamOptions {
    return planOf(log, [endpointOf('k', changes)]);
  }

  async function delivered(log: TestLog): Promise<void> {
    await until('all is acknowledged', () => (acked.get(log.containerId) ?? 0) >= log.endLsn);
  }

  const numbered = (name: string, from: number, to: number): string[] =>
    Array.from({ length: to - from + 1 }, (_, index) => `{out="${name}"} n ${from + index}`);

  it('delivers every line in order, in batches under the size, and moves the cursor', async () => {
    const log = await wal.log(loud, 100_000);
    log.attach();
    log.write(numberedFrames('n ', 1, 20_000), 7_777);
    shipper.stream(optionsOf(log));
    await delivered(log);
    assert.deepEqual(sink.lines, numbered('aa', 1, 20_000));
    assert.ok(sink.pushes.length > 1);
    for (const { bytes } of sink.pushes) {
      assert.ok(bytes <= batchSizeBytes, `a batch has ${bytes} bytes`);
    }
    assert.equal(readCursors(disk, log.directory, loud)[0]?.ackLsn, log.endLsn);
  });

  it('sends the very same body again until it is taken, encoded once, and moves no cursor before', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 10));
    // One more failure would make it read the lines anew.
    sink.rule = (_push, index) => {
      assert.equal(acked.get(loud), 0);
      return index < 4 ? outage() : { kind: 'delivered' };
    };
    shipper.stream(optionsOf(log));
    await delivered(log);
    assert.equal(sink.pushes.length, 5);
    for (const { body } of sink.pushes) assert.ok(body === sink.pushes[0]?.body);
    assert.equal(sink.encoded, 1);
  });

  it('goes on at the cursor after a stop in the middle of a send, and repeats only that', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 100));
    shipper.stream(optionsOf(log));
    await delivered(log);
    sink.rule = () => undefined;
    log.write(numberedFrames('n ', 101, 200));
    shipper.appended([loud]);
    await until('a second push is under way', () => sink.open.length > 0);
    await shipper.close();
    assert.ok((acked.get(loud) ?? 0) < log.endLsn);
    sink = new TestSink();
    startShipper();
    shipper.stream(optionsOf(log));
    await delivered(log);
    assert.deepEqual(sink.lines, numbered('aa', 101, 200));
  });

  it('does not let a loud container keep a quiet one waiting', async () => {
    const noisy = await wal.log(loud);
    noisy.attach();
    noisy.write(numberedFrames('n ', 1, 100_000));
    const calm = await wal.log(quiet);
    calm.attach();
    calm.write(numberedFrames('n ', 1, 1));
    const changes = { batchSizeBytes: 1 << 20 };
    shipper.stream(optionsOf(noisy, changes));
    shipper.stream(optionsOf(calm, changes));
    await delivered(calm);
    const first = linesOf(sink.pushes.slice(0, 2));
    assert.ok(first.includes('{out="bb"} n 1'), 'the quiet line is not in the first two batches');
    await delivered(noisy);
  });

  it('joins pieces, keeps the cursor before an open line, and flushes it when the FIFO ends', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 2));
    const openLsn = log.endLsn;
    const timeNano = BigInt(Date.now()) * 1_000_000n;
    const piece = { source: 'stdout', timeNano, partial: true, id: 'x', last: false } as const;
    log.write(encodeFrame({ ...piece, line: Buffer.from('begin '), ordinal: 1 }));
    const other = { source: 'stderr', timeNano, line: Buffer.from('between') };
    log.write(encodeFrame(other));
    shipper.stream(optionsOf(log));
    await until('the lines before are acknowledged', () => (acked.get(loud) ?? 0) >= openLsn);
    assert.equal(acked.get(loud), openLsn);
    log.write(encodeFrame({ ...piece, line: Buffer.from('end'), ordinal: 2 }));
    log.detach();
    shipper.appended([loud]);
    await delivered(log);
    assert.ok(sink.lines.includes('{out="aa"} begin end'));
  });

  it('calls no position durable that a loss of power could take back', async () => {
    const log = await wal.log(loud, 20_000);
    log.attach();
    log.write(numberedFrames('n ', 1, 10_000), 3_000);
    await shipper.close();
    sink = new TestSink();
    let syncedLsn = 0;
    let durableMax = 0;
    const syncing = {
      ...disk,
      fdatasyncSync: (fd: number) => {
        disk.fdatasyncSync(fd);
        syncedLsn = readCursors(disk, log.directory, loud)[0]?.ackLsn ?? 0;
      },
    };
    const done = Promise.withResolvers<void>();
    shipper = new Shipper({
      disk: syncing,
      log: silentLog,
      createSink: () => sink,
      onAcknowledged: (_id, { lsn, durableLsn }) => {
        assert.ok(durableLsn <= syncedLsn, `${durableLsn} is called durable, ${syncedLsn} is`);
        durableMax = Math.max(durableMax, durableLsn);
        if (lsn === log.endLsn) done.resolve();
      },
    });
    shipper.stream(optionsOf(log));
    await done.promise;
    assert.ok(durableMax > 0, 'nothing ever became durable');
  });

  it('tells of a gap in one line, and loses nothing behind it', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 5));
    log.gap(1000);
    log.write(numberedFrames('n ', 6, 10));
    shipper.stream(optionsOf(log));
    await delivered(log);
    const lines = sink.lines;
    const told = lines.filter((line) => line.startsWith('{err="aa"} holdfast: '));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /\(1,000 bytes\) is missing here: .* \(disk\)$/);
    assert.deepEqual(
      lines.filter((line) => !told.includes(line)),
      numbered('aa', 1, 10),
    );
  });

  it('takes new labels for what comes after', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 1));
    shipper.stream(optionsOf(log));
    await delivered(log);
    const labels = { stdout: '{out="new"}', stderr: '{err="new"}' };
    shipper.stream(planOf(log, [{ endpointId: 1, endpoint: endpointOf('k'), ...rulesOf(labels) }]));
    log.write(numberedFrames('n ', 2, 2));
    shipper.appended([loud]);
    await delivered(log);
    assert.deepEqual(sink.lines, ['{out="aa"} n 1', '{out="new"} n 2']);
  });

  it('touches nothing of a container that it was asked to let go of', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 5));
    sink.rule = () => undefined;
    shipper.stream(optionsOf(log));
    await until('a push is under way', () => sink.open.length > 0);
    shipper.release(loud);
    log.close();
    wal.remove();
    shipper.appended([loud]);
    sink.answer(sink.open[0]);
    // Longer than a round of writing cursors.
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(acked.get(loud), 0);
  });

  it('goes on with a directory that could not be read, once it can be', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 5));
    await shipper.close();
    sink = new TestSink();
    let isIll = true;
    shipper = new Shipper({
      disk: {
        ...disk,
        readFileSync: (path) => {
          if (isIll) throw Object.assign(new Error('EIO: bad disk'), { code: 'EIO' });
          return disk.readFileSync(path);
        },
      },
      log: silentLog,
      createSink: () => sink,
      onAcknowledged: (containerId, { lsn }) => acked.set(containerId, lsn),
    });
    acked.clear();
    shipper.stream(optionsOf(log));
    await tick();
    assert.equal(acked.size, 0);
    isIll = false;
    // The plan comes again, or the shipper tries again by itself after some seconds.
    shipper.stream(optionsOf(log));
    await delivered(log);
    assert.deepEqual(sink.lines, numbered('aa', 1, 5));
  });
});
