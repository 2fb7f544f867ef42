/**
 * A container's FIFO against a log without room: it waits as long as it may, loses what is
 * counted and no more, and what it waits with survives the process.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { silentLog } from '../../src/base/log.ts';
import { ContainerCapture } from '../../src/capture/container-capture.ts';
import { LandingArea } from '../../src/capture/landing.ts';
import type { CapturePolicy } from '../../src/capture/stream-appender.ts';
import { type StreamWriter, Syncer } from '../../src/wal/index.ts';
import { deliveredOf } from '../helpers/capture-bench.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { textFrame } from '../helpers/frames.ts';
import { StreamBench } from '../helpers/stream-bench.ts';

describe('a container capture', () => {
  let disk: FaultyDisk;
  let stream: StreamBench;
  let fifo: string;
  let keeper: number;
  let policy: CapturePolicy;
  let toClose: (() => void)[];

  beforeEach(() => {
    disk = new FaultyDisk();
    stream = new StreamBench(disk);
    fifo = `${stream.directory}/fifo`;
    execFileSync('mkfifo', [fifo]);
    keeper = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
    policy = { full: 'block', blockTimeoutMs: 60_000, sync: 'off' };
    toClose = [];
  });

  afterEach(() => {
    for (const close of toClose) close();
    fs.closeSync(keeper);
    stream[Symbol.dispose]();
  });

  interface Process {
    capture: ContainerCapture;
    writer: StreamWriter;
    /** How often something was appended. */
    appended: () => number;
  }

  /** A process that captures the FIFO; it dies by never being used again. */
  function startProcess(syncer?: Pick<Syncer, 'syncNow'>): Process {
    const tail = stream.tail();
    const writer = stream.writer();
    let appended = 0;
    const capture = new ContainerCapture({
      writer,
      tail,
      landing: new LandingArea(stream.directory, silentLog),
      events: { onAppended: () => (appended += 1), onFifoEnded: () => {} },
      log: silentLog,
      now: Date.now,
      policy: () => policy,
      ...(syncer === undefined ? {} : { syncer }),
    });
    toClose.push(() => capture.close());
    return { capture, writer, appended: () => appended };
  }

  function write(...texts: string[]): void {
    fs.writeSync(keeper, Buffer.concat(texts.map((text) => textFrame(text))));
  }

  it('waits with a full disk and loses nothing when there is room in time', async () => {
    const { capture, writer } = startProcess();
    capture.open(fifo);
    write('one');
    await until(() => writer.endOrdinal === 1);
    disk.fail('writevSync', 'ENOSPC', 0, 1_000_000);
    write('two');
    await until(() => capture.isWaiting);
    const struck = disk.struck;
    write('three', 'four');
    await until(() => disk.struck > struck);
    assert.equal(writer.endOrdinal, 1);
    disk.heal();
    await until(() => writer.endOrdinal === 4);
    assert.equal(capture.isWaiting, false);
    const { lines, gaps } = deliveredOf(stream);
    assert.deepEqual(lines, ['one', 'two', 'three', 'four']);
    assert.deepEqual(gaps, []);
  });

  it('does not read what is in the pipe while it waits', async () => {
    const { capture } = startProcess();
    capture.open(fifo);
    disk.fail('writevSync', 'ENOSPC', 0, 1_000_000);
    write('one');
    await until(() => capture.isWaiting);
    write('two');
    const { struck } = disk;
    await until(() => disk.struck > struck);
    const inPipe = fs.readSync(keeper, Buffer.alloc(1000));
    assert.equal(inPipe, textFrame('two').length);
  });

  it('drops after the wait, and goes on dropping without waiting until there is room', async () => {
    policy = { ...policy, blockTimeoutMs: 150 };
    const { capture, writer } = startProcess();
    capture.open(fifo);
    write('one');
    await until(() => writer.endOrdinal === 1);
    disk.fail('writevSync', 'EIO', 0, 1_000_000);
    write('two');
    await until(() => capture.isWaiting);
    const startedAtMs = performance.now();
    await until(() => !capture.isWaiting);
    assert.ok(performance.now() - startedAtMs >= 100);
    assert.equal(capture.pendingLoss.frames, 1);
    policy = { ...policy, blockTimeoutMs: 60_000 };
    write('three');
    await until(() => capture.pendingLoss.frames === 2);
    assert.equal(capture.isWaiting, false);
    disk.heal();
    write('four');
    await until(() => writer.endOrdinal === 2);
    // Having found room it may wait again.
    disk.fail('writevSync', 'EIO', 0, 1_000_000);
    write('five');
    await until(() => capture.isWaiting);
    const { lines, gaps } = deliveredOf(stream);
    assert.deepEqual(lines, ['one', 'four']);
    assert.deepEqual(
      gaps.map(({ reason, frames }) => [reason, frames]),
      [['disk', 2]],
    );
  });

  it('stops without waiting: one more try, and all that is in the pipe', async () => {
    for (const isHealed of [true, false]) {
      const { capture, writer } = startProcess();
      capture.open(fifo);
      disk.fail('writevSync', 'ENOSPC', 0, 1_000_000);
      write('waits');
      await until(() => capture.isWaiting);
      write('in the pipe');
      if (isHealed) disk.heal();
      capture.stop(fifo);
      assert.equal(capture.isWaiting, false);
      assert.deepEqual(capture.openPaths, []);
      assert.equal(capture.pendingLoss.frames, isHealed ? 0 : 2);
      if (isHealed) assert.equal(writer.endOrdinal, 2);
      disk.heal();
    }
    assert.deepEqual(deliveredOf(stream).lines, ['waits', 'in the pipe']);
  });

  it('keeps what it waits with through a kill and through an orderly end', async () => {
    for (const isOrderly of [false, true]) {
      const { capture, writer } = startProcess();
      capture.open(fifo);
      const endOrdinal = writer.endOrdinal + 1;
      write('before');
      await until(() => writer.endOrdinal === endOrdinal);
      disk.fail('writevSync', 'ENOSPC', 0, 1_000_000);
      write('waits');
      await until(() => capture.isWaiting);
      write('in the pipe');
      const killed = isOrderly ? undefined : copyOfLanding();
      capture.close();
      // The slot would be given back when the handle is closed.
      for (let turn = 0; turn < 50; turn += 1) await nextTurn();
      killed?.restore();
      disk.heal();
      const second = startProcess();
      assert.ok(second.capture.salvage('fifo'));
      second.capture.open(fifo);
      await until(() => second.writer.endOrdinal === endOrdinal + 2);
      second.capture.close();
    }
    const three = ['before', 'waits', 'in the pipe'];
    assert.deepEqual(deliveredOf(stream).lines, [...three, ...three]);
    assert.deepEqual(deliveredOf(stream).gaps, []);
  });

  /** What the landing files hold now, as a kill would leave them. */
  function copyOfLanding(): { restore(): void } {
    const names = fs.readdirSync(stream.directory).filter((name) => name.startsWith('landing'));
    const files = names.map(
      (name) => [name, fs.readFileSync(`${stream.directory}/${name}`)] as const,
    );
    return {
      restore: () => {
        for (const [name, bytes] of files) fs.writeFileSync(`${stream.directory}/${name}`, bytes);
      },
    };
  }

  it('tells of a loss though the container falls silent behind it', async () => {
    policy = { ...policy, full: 'drop-newest' };
    const { capture, writer, appended } = startProcess();
    capture.open(fifo);
    write('one');
    await until(() => writer.endOrdinal === 1);
    disk.fail('writevSync', 'ENOSPC', 0, 1);
    write('two');
    await until(() => capture.pendingLoss.frames === 1);
    const before = appended();
    await until(() => capture.pendingLoss.bytes === 0);
    assert.equal(appended(), before + 1, 'delivery is told');
    write('three');
    await until(() => writer.endOrdinal === 2);
    const { lines, gaps } = deliveredOf(stream);
    assert.deepEqual(lines, ['one', 'three']);
    assert.deepEqual(
      gaps.map(({ frames }) => frames),
      [1],
    );
  });

  it('reads no further before a read is synced, where that is asked for', async () => {
    policy = { full: 'drop-oldest', blockTimeoutMs: 0, sync: 'always' };
    const syncs: (() => void)[] = [];
    const syncer = {
      syncNow: () => new Promise<void>((resolve) => void syncs.push(resolve)),
    };
    const { capture, writer } = startProcess(syncer);
    capture.open(fifo);
    write('one');
    await until(() => syncs.length === 1);
    write('two');
    for (let turn = 0; turn < 50; turn += 1) await nextTurn();
    assert.equal(writer.endOrdinal, 1);
    syncs[0]?.();
    await until(() => writer.endOrdinal === 2);
    write('three');
    // A stop takes all that is there; its answer waits for one sync.
    capture.stop(fifo);
    assert.equal(writer.endOrdinal, 3);
    let isSynced = false;
    const synced = capture.synced().then(() => (isSynced = true));
    await nextTurn();
    assert.equal(isSynced, false);
    for (const resolve of syncs) resolve();
    await synced;
  });

  it('has what it read on the platter with a real syncer, also when syncing fails', async () => {
    policy = { full: 'drop-oldest', blockTimeoutMs: 0, sync: 'always' };
    const failures: string[] = [];
    const syncer = new Syncer({ disk, onSyncFailed: ({ path }) => failures.push(path) });
    const { capture, writer } = startProcess(syncer);
    syncer.add(writer, () => policy.sync);
    toClose.push(() => syncer.remove(writer));
    capture.open(fifo);
    write('one');
    await until(() => writer.syncedLsn === writer.endLsn && writer.endOrdinal === 1);
    disk.fail('fdatasync', 'EIO');
    write('two');
    await until(() => failures.length === 1);
    write('three');
    await until(() => writer.endOrdinal === 3);
    capture.stop(fifo);
    await capture.synced();
    assert.equal(writer.syncedLsn, writer.endLsn);
    assert.deepEqual(deliveredOf(stream).lines, ['one', 'two', 'three']);
  });
});

async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!condition()) {
    assert.ok(performance.now() < endMs, 'it never happened');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
