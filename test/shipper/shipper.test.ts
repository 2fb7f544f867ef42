/**
 * Delivery against a sink in memory: order, batches, retries with the same body, cursors that
 * move only on an answer, and a start that goes on where the cursor stands.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { uncompressSync } from 'snappy';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import { type EndpointOptions, Shipper, type StreamOptions } from '../../src/shipper/shipper.ts';
import type { SendResult, Sink } from '../../src/sink/sink.ts';
import { readCursors } from '../../src/wal/index.ts';
import { encodeFrame, numberedFrames } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { decodePush } from '../helpers/logproto.ts';

const loud = 'aa'.repeat(32);
const quiet = 'bb'.repeat(32);

const endpoint: EndpointOptions = {
  key: 'k',
  url: 'http://test',
  timeoutMs: 1000,
  batchSizeBytes: 64 * 1024,
  batchWaitMs: 10,
  minBackoffMs: 1,
  maxBackoffMs: 2,
};

/** Takes batches and answers as told. */
class MemorySink implements Sink {
  readonly bodies: Buffer[] = [];
  /** Answers in turn; when they are used up, everything is delivered. */
  answers: SendResult[] = [];
  /** While set, answers wait for it. */
  hold: Promise<void> | undefined;
  #closed = Promise.withResolvers<void>();

  async send(body: Buffer): Promise<SendResult> {
    this.bodies.push(body);
    if (this.hold !== undefined) await Promise.race([this.hold, this.#closed.promise]);
    return this.answers.shift() ?? { kind: 'delivered' };
  }

  async close(): Promise<void> {
    this.#closed.resolve();
  }

  /** Lines of all bodies, or of some, in order. */
  lines(bodies = this.bodies): string[] {
    return bodies.flatMap((body) =>
      decodePush(uncompressSync(body) as Buffer).flatMap((stream) =>
        stream.entries.map((entry) => `${stream.labels} ${entry.line.toString()}`),
      ),
    );
  }
}

describe('the shipper', () => {
  let wal: TestWal;
  let sink: MemorySink;
  let acked: Map<string, number>;
  let shipper: Shipper;
  let moved = Promise.withResolvers<void>();

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    sink = new MemorySink();
    startShipper();
  });

  afterEach(async () => {
    await shipper.close();
    wal.remove();
  });

  function startShipper(): void {
    acked = new Map();
    const options = { disk, log: silentLog, createSink: () => sink };
    shipper = new Shipper({
      ...options,
      onAcknowledged: (containerId, ackLsn) => {
        acked.set(containerId, ackLsn);
        moved.resolve();
        moved = Promise.withResolvers<void>();
      },
    });
  }

  function optionsOf(log: TestLog, changes: Partial<EndpointOptions> = {}): StreamOptions {
    const name = log.containerId.slice(0, 2);
    return {
      containerId: log.containerId,
      directory: log.directory,
      committed: log.committed.buffer,
      endpointId: 1,
      endpoint: { ...endpoint, ...changes },
      labels: { stdout: `{out="${name}"}`, stderr: `{err="${name}"}` },
    };
  }

  async function delivered(log: TestLog): Promise<void> {
    while ((acked.get(log.containerId) ?? 0) < log.endLsn) await moved.promise;
  }

  const numbered = (name: string, from: number, to: number): string[] =>
    Array.from({ length: to - from + 1 }, (_, index) => `{out="${name}"} n ${from + index}`);

  it('delivers every line in order, in batches under the size, and moves the cursor', async () => {
    const log = await wal.log(loud, 100_000);
    log.attach();
    log.write(numberedFrames('n ', 1, 20_000), 7_777);
    shipper.stream(optionsOf(log));
    await delivered(log);
    assert.deepEqual(sink.lines(), numbered('aa', 1, 20_000));
    assert.ok(sink.bodies.length > 1);
    for (const body of sink.bodies) {
      const size = (uncompressSync(body) as Buffer).length;
      assert.ok(size <= endpoint.batchSizeBytes, `a batch has ${size} bytes`);
    }
    assert.equal(readCursors(disk, log.directory, loud)[0]?.ackLsn, log.endLsn);
  });

  it('sends the very same body again until it is taken, and moves no cursor before', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 10));
    sink.answers = Array.from({ length: 5 }, () => ({ kind: 'retry', reason: 'busy' }));
    shipper.stream(optionsOf(log));
    while (sink.answers.length > 0) {
      assert.equal(acked.get(loud), 0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await delivered(log);
    assert.equal(new Set(sink.bodies).size, 1);
    assert.equal(sink.bodies.length, 6);
  });

  it('moves on behind what an endpoint refuses for good', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 10));
    sink.answers = [{ kind: 'rejected', reason: 'too old', status: 400 }];
    shipper.stream(optionsOf(log));
    await delivered(log);
    log.write(numberedFrames('n ', 11, 20));
    shipper.appended([loud]);
    await delivered(log);
    assert.deepEqual(sink.lines(sink.bodies.slice(1)), numbered('aa', 11, 20));
  });

  it('goes on at the cursor after a stop in the middle of a send, and repeats only that', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 100));
    shipper.stream(optionsOf(log));
    await delivered(log);
    sink.hold = new Promise(() => {});
    log.write(numberedFrames('n ', 101, 200));
    shipper.appended([loud]);
    while (sink.bodies.length < 2) await new Promise((resolve) => setImmediate(resolve));
    sink.answers = [{ kind: 'retry', reason: 'closed' }];
    await shipper.close();
    assert.ok((acked.get(loud) ?? 0) < log.endLsn);
    sink = new MemorySink();
    startShipper();
    shipper.stream(optionsOf(log));
    await delivered(log);
    assert.deepEqual(sink.lines(), numbered('aa', 101, 200));
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
    const first = sink.lines(sink.bodies.slice(0, 2));
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
    while ((acked.get(loud) ?? 0) < openLsn) await moved.promise;
    assert.equal(acked.get(loud), openLsn);
    log.write(encodeFrame({ ...piece, line: Buffer.from('end'), ordinal: 2 }));
    log.detach();
    shipper.appended([loud]);
    await delivered(log);
    assert.ok(sink.lines().includes('{out="aa"} begin end'));
  });

  it('calls no position durable that a loss of power could take back', async () => {
    const log = await wal.log(loud, 20_000);
    log.attach();
    log.write(numberedFrames('n ', 1, 10_000), 3_000);
    await shipper.close();
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
    const createSink = (): Sink => sink;
    const onAcknowledged = (_id: string, ackLsn: number, durableLsn: number): void => {
      assert.ok(durableLsn <= syncedLsn, `${durableLsn} is called durable, ${syncedLsn} is`);
      durableMax = Math.max(durableMax, durableLsn);
      if (ackLsn === log.endLsn) done.resolve();
    };
    shipper = new Shipper({ disk: syncing, log: silentLog, createSink, onAcknowledged });
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
    const lines = sink.lines();
    const told = lines.filter((line) => line.startsWith('{err="aa"} holdfast: '));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /\(1,000 bytes\) is missing here: .* \(disk\)$/);
    assert.deepEqual(
      lines.filter((line) => !told.includes(line)),
      numbered('aa', 1, 10),
    );
  });

  it('takes new labels and a new endpoint for what comes after', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 1));
    shipper.stream(optionsOf(log));
    await delivered(log);
    const labels = { stdout: '{out="new"}', stderr: '{err="new"}' };
    shipper.stream({ ...optionsOf(log, { batchWaitMs: 5 }), labels });
    log.write(numberedFrames('n ', 2, 2));
    shipper.appended([loud]);
    await delivered(log);
    assert.deepEqual(sink.lines(), ['{out="aa"} n 1', '{out="new"} n 2']);
  });

  it('touches nothing of a container that it was asked to let go of', async () => {
    const log = await wal.log(loud);
    log.attach();
    log.write(numberedFrames('n ', 1, 5));
    sink.hold = new Promise(() => {});
    shipper.stream(optionsOf(log));
    while (sink.bodies.length === 0) await new Promise((resolve) => setImmediate(resolve));
    shipper.release(loud);
    log.close();
    wal.remove();
    shipper.appended([loud]);
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(acked.get(loud), 0);
  });
});
