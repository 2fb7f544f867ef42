/**
 * The landing area: what a kill leaves between reading a FIFO and writing the log is taken in
 * by the next process exactly once, at its place.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import type { ContainerIdentity } from '../../src/capture/container-log.ts';
import type { Containers } from '../../src/capture/containers.ts';
import { LandingArea } from '../../src/capture/landing.ts';
import {
  blockType,
  containerDirectory,
  openWalRoot,
  recoverTail,
  SegmentFiles,
  StreamReader,
} from '../../src/wal/index.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { testContainers } from '../helpers/test-containers.ts';

const containerId = 'cd'.repeat(32);
const identity: ContainerIdentity = {
  containerId,
  containerName: 'landing',
  imageId: '',
  imageName: '',
  createdAt: '',
  labels: {},
  logOpts: {},
};

describe('the landing area', () => {
  let root: string;
  let fifo: string;
  let keeper: number;

  beforeEach(async () => {
    root = fs.mkdtempSync(`${os.tmpdir()}/holdfast-landing-`);
    fifo = `${root}/fifo`;
    execFileSync('mkfifo', [fifo]);
    keeper = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
    await openWalRoot(disk, root);
  });

  afterEach(() => {
    fs.closeSync(keeper);
    fs.rmSync(root, { recursive: true, force: true });
  });

  /** A process's registry. It dies by never being used again: nothing is closed in order. */
  function startProcess(): { containers: Containers; landing: LandingArea } {
    const { containers, landing } = testContainers(root);
    return { containers, landing };
  }

  /** Every raw byte of the stream, in order. */
  function streamBytes(): Buffer {
    const directory = containerDirectory(root, containerId);
    const files = new SegmentFiles(disk);
    const reader = new StreamReader({ disk, directory, containerId, files });
    reader.seek(0);
    const parts: Buffer[] = [];
    const { endLsn } = recoverTail(disk, directory, containerId);
    for (let found = reader.next(endLsn); found !== 'idle'; found = reader.next(endLsn)) {
      assert.equal(found, 'block');
      if (reader.header.type === blockType.raw) parts.push(Buffer.from(reader.payload));
    }
    files.closeDirectory(directory);
    return Buffer.concat(parts);
  }

  /** Puts bytes where the kernel would for this FIFO, without the log getting them. */
  function land(bytes: Buffer, lsn: number | undefined): void {
    const slot = new LandingArea(root, silentLog).slot('fifo', lsn);
    bytes.copy(slot.readBuffer);
  }

  const frames = numberedFrames('n ', 1, 50);
  const head = frames.subarray(0, 777);
  const rest = frames.subarray(777);

  async function captureHead(): Promise<number> {
    const { containers } = startProcess();
    await containers.start(fifo, identity);
    fs.writeSync(keeper, head);
    await containers.stop(fifo);
    // A stop ends the FIFO in the log; a kill would not have. So the record is as before a kill.
    return recoverTail(disk, containerDirectory(root, containerId), containerId).endLsn;
  }

  it('takes in what landed behind the end of the log, once, however often it starts', async () => {
    const first = startProcess();
    await first.containers.start(fifo, identity);
    await new Promise((resolve) => setImmediate(resolve));
    fs.writeSync(keeper, head);
    await until(() =>
      fs.existsSync(`${containerDirectory(root, containerId)}/00000000000000000001.w`),
    );
    const { endLsn } = recoverTail(disk, containerDirectory(root, containerId), containerId);
    first.containers.close();
    land(rest, endLsn);
    for (let start = 0; start < 3; start += 1) {
      const next = startProcess();
      next.containers.recover(containerId);
      next.containers.close();
    }
    assert.deepEqual(streamBytes(), frames);
  });

  it('passes over what the log already has', async () => {
    const first = startProcess();
    await first.containers.start(fifo, identity);
    fs.writeSync(keeper, head);
    await until(() =>
      fs.existsSync(`${containerDirectory(root, containerId)}/00000000000000000001.w`),
    );
    first.containers.close();
    // Landed at the position where the log was before it got them: the attach takes 0 to 1.
    land(head, 1);
    const next = startProcess();
    next.containers.recover(containerId);
    next.containers.close();
    assert.deepEqual(streamBytes(), head);
  });

  it('takes in the very first bytes of a FIFO', async () => {
    const first = startProcess();
    await first.containers.start(fifo, identity);
    first.containers.close();
    land(frames, undefined);
    for (let start = 0; start < 2; start += 1) {
      const next = startProcess();
      next.containers.recover(containerId);
      next.containers.close();
    }
    assert.deepEqual(streamBytes(), frames);
  });

  it('takes in nothing of a FIFO that was stopped', async () => {
    const endLsn = await captureHead();
    land(rest, endLsn);
    const next = startProcess();
    next.containers.recover(containerId);
    next.containers.close();
    assert.deepEqual(streamBytes(), head);
  });

  it('survives landing files full of garbage, cut short, or empty', () => {
    fs.writeFileSync(`${root}/landing.7`, Buffer.alloc(300_000, 0xa5));
    fs.writeFileSync(`${root}/landing.8`, Buffer.alloc(69_631));
    fs.writeFileSync(`${root}/landing.9`, '');
    const area = new LandingArea(root, silentLog);
    assert.equal(area.leftoverOf('fifo'), undefined);
    area.forgetLeftovers();
    assert.deepEqual(
      fs.readdirSync(root).filter((name) => name.startsWith('landing')),
      ['landing.10'],
    );
  });

  it('is memory that a file holds: other processes see it at once, nobody else may', () => {
    const area = new LandingArea(root, silentLog);
    const slot = area.slot('some-fifo', 5);
    slot.readBuffer.write('landed');
    const path = `${root}/landing.1`;
    assert.ok(fs.readFileSync(path).includes('landed'));
    assert.equal(fs.statSync(path).mode & 0o777, 0o600);
    slot.consumed(6, 11);
    assert.ok(!fs.readFileSync(path).includes('landed'));
    slot.release();
    assert.ok(!fs.readFileSync(path).includes('some-fifo'));
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000 && !condition(); turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(condition());
}
