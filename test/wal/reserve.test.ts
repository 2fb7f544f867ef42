import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { Reserve } from '../../src/wal/index.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { temporaryDirectory } from '../helpers/stream-bench.ts';

const mib = 1 << 20;

/** A disk of 400 MiB in all, of which the reserve takes 4. */
function smallDisk(freeBytes = 300 * mib): FaultyDisk {
  const disk = new FaultyDisk();
  disk.space = { totalBytes: 400 * mib, freeBytes };
  return disk;
}

describe('the reserve', () => {
  it('takes one percent of the disk in real bytes, and gives it back at once', async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/reserve.bin`;
    const reserve = new Reserve(smallDisk(), directory.path);
    assert.equal(reserve.isFilled, false);
    assert.equal(reserve.release(), false, 'there is nothing to let go');
    assert.equal(await reserve.fill(0), true);
    const { size, blocks } = fs.statSync(path);
    assert.equal(size, 4 * mib);
    assert.ok(blocks * 512 >= size, 'it is not a hole');
    assert.equal(reserve.release(), true);
    assert.ok(!fs.existsSync(path));
    assert.equal(reserve.isFilled, false);
  });

  it('never takes more than 64 MiB', async () => {
    using directory = temporaryDirectory();
    const disk = new FaultyDisk();
    disk.space = { totalBytes: 1e15, freeBytes: 1e15 };
    const reserve = new Reserve(disk, directory.path);
    assert.equal(await reserve.fill(0), true);
    assert.equal(fs.statSync(`${directory.path}/reserve.bin`).size, 64 * mib);
  });

  it('is not what fills the disk', async () => {
    using directory = temporaryDirectory();
    const reserve = new Reserve(smallDisk(27 * mib), directory.path);
    assert.equal(await reserve.fill(20 * mib), false);
    assert.equal(await reserve.fill(19 * mib), true);
  });

  it('takes over a whole file of a former process and removes a part of one', async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/reserve.bin`;
    await new Reserve(smallDisk(), directory.path).fill(0);
    assert.equal(new Reserve(smallDisk(), directory.path).isFilled, true);
    fs.truncateSync(path, mib);
    assert.equal(new Reserve(smallDisk(), directory.path).isFilled, false);
    assert.ok(!fs.existsSync(path));
  });

  it('lets go at once of what it is just filling, and stops', async () => {
    using directory = temporaryDirectory();
    const disk = smallDisk();
    const path = `${directory.path}/reserve.bin`;
    const reserve = new Reserve(disk, directory.path);
    const filling = reserve.fill(0);
    assert.ok(fs.statSync(path).size > 0, 'it is at it');
    assert.equal(reserve.release(), true);
    assert.equal(fs.statSync(path).size, 0, 'the space is there before anything is awaited');
    assert.equal(reserve.release(), false);
    assert.equal(await filling, false);
    assert.equal(reserve.isFilled, false);
    assert.deepEqual(fs.readdirSync(directory.path), []);
    assert.equal(disk.openPaths.size, 0);
    assert.equal(await reserve.fill(0), true, 'it can be filled again later');
  });

  it('leaves nothing behind when the disk refuses it', async () => {
    using directory = temporaryDirectory();
    for (const call of ['openSync', 'writeSync', 'closeSync', 'statfsSync'] as const) {
      const disk = smallDisk();
      const reserve = new Reserve(disk, directory.path);
      disk.fail(call, 'ENOSPC', call === 'writeSync' ? 2 : 0);
      assert.equal(await reserve.fill(0), false, call);
      assert.equal(reserve.isFilled, false);
      assert.deepEqual(fs.readdirSync(directory.path), [], call);
      assert.equal(disk.openPaths.size, 0, call);
    }
  });
});
