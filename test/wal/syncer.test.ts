/** What a loss of power leaves of a stream that is being synced, also by a disk that refuses to. */
import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';
import { type FileSystem, nodeFileSystem } from '../../src/base/file-system.ts';
import {
  type StreamWriter,
  Syncer,
  type SyncFailure,
  type SyncPolicy,
} from '../../src/wal/index.ts';
import { numberedFrames, slices } from '../helpers/frames.ts';
import { MemoryDisk } from '../helpers/memory-disk.ts';
import { loseAll, lossOf } from '../helpers/memory-file.ts';
import { gapsOf, rawOf, StreamBench } from '../helpers/stream-bench.ts';

/** A stream on a disk in memory, and a syncer whose rounds the test runs by itself. */
class SyncBench {
  readonly disk = new MemoryDisk({ blockBytes: 64 });
  readonly stream = new StreamBench(this.disk);
  readonly failures: SyncFailure[] = [];
  readonly syncer: Syncer;
  policy: SyncPolicy = 'interval';
  writer: StreamWriter;

  constructor(segmentBytesMax = 1 << 20) {
    this.disk.mkdirSync(this.stream.directory, { recursive: true, mode: 0o700 });
    this.disk.syncAll();
    this.stream.limits.segmentBytesMax = segmentBytesMax;
    this.writer = this.stream.writer();
    this.syncer = new Syncer({
      disk: this.disk,
      onSyncFailed: (failure) => this.failures.push(failure),
      intervalMs: 1000,
    });
    this.syncer.add(this.writer, () => this.policy);
  }

  [Symbol.dispose](): void {
    this.syncer.remove(this.writer);
    this.stream[Symbol.dispose]();
  }

  append(bytes: Uint8Array): void {
    for (const piece of slices(Buffer.from(bytes), 300)) this.stream.append(this.writer, piece);
  }

  /** Every raw byte, all of them committed, none missing. */
  read(): Buffer {
    const seen = this.stream.read();
    assert.deepEqual(gapsOf(seen), []);
    return rawOf(seen);
  }

  /** The power goes; what the next process finds. */
  afterPowerLoss(loss = loseAll): { bytes: Buffer; endLsn: number } {
    this.disk.crash(loss);
    const { endLsn } = this.stream.tail();
    return { bytes: rawOf(this.stream.read(0, undefined, endLsn)), endLsn };
  }
}

const first = numberedFrames('first ', 1, 40);
const second = numberedFrames('second ', 1, 40);
const third = numberedFrames('third ', 1, 40);

afterEach(() => mock.timers.reset());

test('what was there when a sync began survives a loss of power, in all files', async () => {
  using bench = new SyncBench(700);
  bench.stream.attach(bench.writer, 'fifo');
  bench.append(first);
  const { endLsn } = bench.writer;
  const synced = bench.syncer.syncNow(bench.writer);
  bench.append(second);
  await synced;
  assert.ok(bench.writer.syncedLsn >= endLsn);
  const { bytes } = bench.afterPowerLoss();
  assert.ok(bytes.length >= first.length);
  assert.deepEqual(bytes, Buffer.concat([first, second]).subarray(0, bytes.length));
});

test('what is called durable is, whatever the power takes', async () => {
  for (let seed = 0; seed < 30; seed += 1) {
    using bench = new SyncBench(900);
    bench.append(first.subarray(0, 40 * seed + 1));
    const synced = bench.syncer.syncNow(bench.writer);
    bench.append(second);
    if (seed % 2 === 0) await synced;
    bench.append(third);
    const { syncedLsn } = bench.writer;
    const { endLsn } = bench.afterPowerLoss(lossOf(seed, 60));
    assert.ok(endLsn >= syncedLsn, `${endLsn} ${syncedLsn}`);
  }
});

test('after a failed sync nothing is lost or doubled, and a copy that is durable is in place', async () => {
  for (const isRotated of [false, true]) {
    using bench = new SyncBench();
    const { disk, writer, syncer } = bench;
    bench.stream.attach(writer, 'fifo');
    bench.append(first);
    await syncer.syncNow(writer);
    bench.append(second);
    if (isRotated) writer.rotate();
    disk.faults.fail('fdatasync', 'EIO', 0, 1, /\.w$/);
    const { endLsn, endOrdinal } = writer;
    await syncer.syncNow(writer);
    assert.deepEqual(
      bench.failures.map(({ errno, isRescued }) => [errno, isRescued]),
      [['EIO', true]],
    );
    assert.deepEqual([writer.endLsn, writer.endOrdinal], [endLsn, endOrdinal]);
    assert.equal(writer.activeSegment, undefined, 'nothing more is appended to that file');
    bench.append(third);
    const whole = Buffer.concat([first, second, third]);
    assert.deepEqual(bench.read(), whole);
    await syncer.syncNow(writer);
    assert.deepEqual(bench.afterPowerLoss().bytes, whole);
    assert.ok([...disk.contents().keys()].every((path) => path.endsWith('.w')));
  }
});

test('without the copy the kernel would have lost it: this disk takes failed blocks for clean', async () => {
  using bench = new SyncBench();
  const { disk, writer } = bench;
  bench.append(first);
  bench.syncer.remove(writer);
  writer.closeSegment();
  const [path = ''] = [...disk.contents().keys()];
  const fd = disk.openSync(path, 'r');
  disk.faults.fail('fdatasync', 'EIO');
  await assert.rejects(disk.fdatasync(fd), /EIO/);
  await disk.fdatasync(fd);
  await disk.fdatasync(disk.openSync(bench.stream.directory, 'r'));
  assert.equal(bench.afterPowerLoss().bytes.length, 0);
});

test('a power cut at any step of the rescue leaves what was durable before, once', async () => {
  for (let step = 0; step < 12; step += 1) {
    for (const how of ['before', 'half', 'after'] as const) {
      using bench = new SyncBench();
      const { disk, writer, syncer } = bench;
      bench.append(first);
      await syncer.syncNow(writer);
      bench.append(second);
      const { endLsn } = writer;
      disk.faults.fail('fdatasync', 'EIO', 0, 1, /\.w$/);
      disk.faults.dieAt(step, how);
      const done = syncer.syncNow(writer);
      // What a dead disk is asked never ends.
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 20))]);
      const { bytes } = bench.afterPowerLoss(lossOf(step, 50));
      assert.ok(bytes.length >= first.length, `${step} ${how}`);
      assert.deepEqual(bytes, Buffer.concat([first, second]).subarray(0, bytes.length));
      assert.ok(bench.stream.tail().endLsn <= endLsn);
    }
  }
});

test('a file that cannot be brought to safety stays as it is, and the disk gets a rest', async () => {
  using bench = new SyncBench();
  const { disk, writer, syncer } = bench;
  bench.append(first);
  disk.faults.fail('fdatasync', 'EIO', 0, 2);
  await syncer.syncNow(writer);
  assert.deepEqual(
    bench.failures.map(({ isRescued }) => isRescued),
    [false],
  );
  bench.append(second);
  await syncer.syncNow(writer);
  assert.equal(bench.failures.length, 1, 'nothing is synced for a while');
  assert.equal(writer.sequence, 2);
  assert.deepEqual(bench.read(), Buffer.concat([first, second]));
  const paths = [...disk.contents().keys()];
  assert.equal(paths.length, 2);
  assert.ok(paths.every((path) => path.endsWith('.w')));
});

test('a file that goes while it is being rescued is not brought back', async () => {
  using bench = new SyncBench();
  const { disk, writer, syncer } = bench;
  bench.append(first);
  const later = [...disk.contents().keys()].at(-1) ?? '';
  disk.faults.fail('fdatasync', 'EIO', 0, 1, /\.w$/);
  const synced = syncer.syncNow(writer);
  while (bench.disk.faults.struck === 0) await new Promise((resolve) => setImmediate(resolve));
  disk.unlinkSync(later);
  await synced;
  assert.deepEqual([...disk.contents().keys()], []);
});

test('a directory whose entry cannot be synced is tried again, and its file is trusted', async () => {
  using bench = new SyncBench();
  const { disk, writer, syncer } = bench;
  bench.append(first);
  disk.faults.fail('fdatasync', 'EIO', 0, 1, /[^w]$/);
  await syncer.syncNow(writer);
  assert.equal(bench.failures.length, 1);
  assert.equal(writer.sequence, 1);
  assert.notEqual(writer.activeSegment, undefined);
  assert.equal(writer.syncedLsn, 0);
});

test('a file system that cannot sync at all is no failure', async () => {
  const disk: FileSystem = {
    ...nodeFileSystem,
    fdatasync: () => Promise.reject(Object.assign(new Error('EINVAL'), { code: 'EINVAL' })),
  };
  using stream = new StreamBench(disk);
  const writer = stream.writer();
  const failures: SyncFailure[] = [];
  const syncer = new Syncer({ disk, onSyncFailed: (failure) => failures.push(failure) });
  syncer.add(writer, () => 'always');
  stream.append(writer, first);
  await syncer.syncNow(writer);
  assert.deepEqual(failures, []);
  writer.closeSegment();
  syncer.remove(writer);
});

/** A real disk that says which syncs it was asked for and ends them when told. */
class SlowDisk {
  readonly asked: number[] = [];
  readonly open = new Set<number>();
  most = 0;
  readonly system: FileSystem;
  #pending: (() => void)[] = [];

  constructor() {
    this.system = {
      ...nodeFileSystem,
      openSync: (path, flags, mode) => {
        const fd = nodeFileSystem.openSync(path, flags, mode);
        this.open.add(fd);
        return fd;
      },
      closeSync: (fd) => {
        this.open.delete(fd);
        nodeFileSystem.closeSync(fd);
      },
      fdatasync: (fd) => {
        assert.ok(this.open.has(fd), 'a descriptor that is open');
        this.asked.push(fd);
        return new Promise((resolve) => {
          this.#pending.push(resolve);
          this.most = Math.max(this.most, this.#pending.length);
        });
      },
      fdatasyncSync: () => assert.fail('the thread that captures never waits for the platter'),
    };
  }

  /** Ends what is under way, and what comes of it. */
  async end(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) {
      for (const resolve of this.#pending.splice(0)) resolve();
      await Promise.resolve();
    }
  }
}

test('each writer is synced once an interval, spread over it, at most two at a time', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const disk = new SlowDisk();
  const syncer = new Syncer({
    disk: disk.system,
    onSyncFailed: () => assert.fail(),
    intervalMs: 1000,
  });
  const benches = Array.from({ length: 40 }, () => new StreamBench(disk.system));
  const writers = benches.map((bench) => bench.writer());
  for (const writer of writers) syncer.add(writer, () => 'interval');
  const perStep: number[] = [];
  for (let round = 0; round < 2; round += 1) {
    benches.forEach((bench, at) => {
      const writer = writers[at];
      if (writer !== undefined) bench.append(writer, first);
    });
    for (let step = 0; step < 10; step += 1) {
      disk.asked.length = 0;
      mock.timers.tick(100);
      for (let turn = 0; turn < 10; turn += 1) await disk.end();
      perStep.push(disk.asked.length);
    }
  }
  assert.equal(disk.most, 2);
  // In the first round each file's directory entry is synced as well.
  assert.deepEqual(
    perStep,
    perStep.map((_, step) => (step < 10 ? 8 : 4)),
  );
  assert.equal(perStep.length, 20);
  disk.asked.length = 0;
  mock.timers.tick(2000);
  assert.deepEqual(disk.asked, [], 'nothing was appended since');
  for (const writer of writers) {
    writer.closeSegment();
    syncer.remove(writer);
  }
  assert.equal(disk.open.size, 0);
  for (const bench of benches) bench[Symbol.dispose]();
});

test('`seal` syncs a file when it is closed and not before, `off` never', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const disk = new SlowDisk();
  using stream = new StreamBench(disk.system);
  const syncer = new Syncer({ disk: disk.system, onSyncFailed: () => assert.fail() });
  const writer = stream.writer();
  let policy: SyncPolicy = 'seal';
  syncer.add(writer, () => policy);
  stream.append(writer, first);
  mock.timers.tick(3000);
  assert.equal(disk.asked.length, 0);
  writer.rotate();
  assert.equal(disk.asked.length, 1);
  assert.equal(disk.open.size, 1, 'open until it is synced');
  await disk.end();
  assert.equal(disk.open.size, 0);
  assert.equal(disk.asked.length, 2, 'the file and its entry');
  policy = 'off';
  stream.append(writer, second);
  writer.rotate();
  mock.timers.tick(3000);
  assert.equal(disk.asked.length, 2);
  assert.equal(disk.open.size, 0);
  syncer.remove(writer);
});

test('descriptors stay few however slowly the disk syncs what was closed', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const disk = new SlowDisk();
  using stream = new StreamBench(disk.system);
  const syncer = new Syncer({ disk: disk.system, onSyncFailed: () => assert.fail() });
  const writer = stream.writer();
  syncer.add(writer, () => 'interval');
  for (let index = 0; index < 50; index += 1) {
    stream.append(writer, first);
    writer.rotate();
  }
  assert.ok(disk.open.size <= 5, `${disk.open.size}`);
  assert.equal(writer.unsyncedFiles.length, 50);
  const closed = syncer.close();
  for (let turn = 0; turn < 20; turn += 1) await disk.end();
  await closed;
  assert.equal(writer.unsyncedFiles.length, 0);
  assert.equal(disk.open.size, 0);
  assert.equal(writer.syncedLsn, writer.endLsn);
  syncer.remove(writer);
});

test('a closed file that is gone before its turn is not synced', async () => {
  const disk = new SlowDisk();
  using stream = new StreamBench(disk.system);
  const syncer = new Syncer({ disk: disk.system, onSyncFailed: () => assert.fail() });
  const writer = stream.writer();
  syncer.add(writer, () => 'interval');
  for (const bytes of [first, second]) {
    stream.append(writer, bytes);
    writer.rotate();
  }
  const gone = stream.segments()[1] ?? '';
  nodeFileSystem.unlinkSync(gone);
  await disk.end();
  assert.equal(disk.asked.length, 2, 'the file that is there, and its entry');
  assert.equal(disk.open.size, 0);
  syncer.remove(writer);
});

test('a writer that is removed amid a sync keeps no descriptor, and nobody waits for it', async () => {
  const disk = new SlowDisk();
  using stream = new StreamBench(disk.system);
  const syncer = new Syncer({ disk: disk.system, onSyncFailed: () => assert.fail() });
  const writer = stream.writer();
  syncer.add(writer, () => 'always');
  stream.append(writer, first);
  const synced = syncer.syncNow(writer);
  const later = syncer.syncNow(writer);
  syncer.remove(writer);
  writer.closeSegment();
  await later;
  await disk.end();
  await synced;
  assert.equal(disk.open.size, 0);
});
