import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { errnoOf } from '../../src/base/errors.ts';
import { type FileSystem, nodeFileSystem } from '../../src/base/file-system.ts';
import { ProcessDied } from './disk-faults.ts';
import { MemoryDisk } from './memory-disk.ts';
import { loseAll, lossOf } from './memory-file.ts';

/** One call, in words that fit both disks. */
type Call =
  | { do: 'open'; path: string; flags: string }
  | { do: 'close' | 'fstat' | 'sync'; fd: number }
  | { do: 'read'; fd: number; length: number; at: number }
  | { do: 'write' | 'writev'; fd: number; size: number; at: number }
  | { do: 'truncate'; fd: number; size: number }
  | { do: 'rename'; path: string; to: string }
  | { do: 'mkdir'; path: string; recursive: boolean }
  | { do: 'rm'; path: string; force: boolean; recursive: boolean }
  | { do: 'unlink' | 'rmdir' | 'readdir' | 'readFile' | 'stat'; path: string };

const path = fc.constantFrom('a', 'b', 'd', 'd/a', 'd/e', 'd/e/a', 'a/x', 'd//a', './a');
const fd = fc.nat({ max: 4 });
const size = fc.nat({ max: 300 });
const record = fc.record;
const one = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);

const anyCall: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 5,
    arbitrary: record({
      do: one('open'),
      path,
      flags: fc.constantFrom('r', 'r+', 'w', 'wx', 'w+', 'wx+'),
    }),
  },
  { weight: 2, arbitrary: record({ do: fc.constantFrom('close', 'fstat', 'sync'), fd }) },
  { weight: 3, arbitrary: record({ do: one('read'), fd, length: size, at: size }) },
  { weight: 6, arbitrary: record({ do: fc.constantFrom('write', 'writev'), fd, size, at: size }) },
  { weight: 2, arbitrary: record({ do: one('truncate'), fd, size }) },
  { weight: 3, arbitrary: record({ do: one('rename'), path, to: path }) },
  { weight: 3, arbitrary: record({ do: one('mkdir'), path, recursive: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: record({ do: one('rm'), path, force: fc.boolean(), recursive: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: record({
      do: fc.constantFrom('unlink', 'rmdir', 'readdir', 'readFile', 'stat'),
      path,
    }),
  },
);

type Outcome = string | number | Buffer | string[] | { read: number; target: Buffer };

/** Makes the calls on one disk and says what came of each. */
class Caller {
  readonly #disk: FileSystem;
  readonly #root: string;
  readonly #fds: number[] = [];
  #count = 0;

  constructor(disk: FileSystem, root: string) {
    this.#disk = disk;
    this.#root = root;
  }

  /** What the call returned, or the code of its error. */
  outcome(call: Call): Outcome {
    try {
      return 'fd' in call ? this.#onDescriptor(call) : this.#onPath(call);
    } catch (error) {
      return errnoOf(error) ?? String(error);
    }
  }

  closeAll(): void {
    for (const fd of this.#fds) if (fd >= 0) this.#disk.closeSync(fd);
  }

  #onDescriptor(call: Extract<Call, { fd: number }>): Outcome {
    const fd = this.#fds[call.fd] ?? -1;
    if (fd < 0) return 'not open';
    switch (call.do) {
      case 'close':
        this.#fds[call.fd] = -1;
        this.#disk.closeSync(fd);
        return 'done';
      case 'fstat':
        return this.#disk.fstatSync(fd).size % 4096;
      case 'sync':
        this.#disk.fdatasyncSync(fd);
        return 'done';
      case 'truncate':
        this.#disk.ftruncateSync(fd, call.size);
        return 'done';
      case 'read': {
        const target = Buffer.alloc(call.length + 3, 0xaa);
        const read = this.#disk.readSync(fd, target, 3, call.length, call.at);
        return { read, target };
      }
      case 'write':
        return this.#disk.writeSync(fd, this.#bytes(call.size + 2), 2, call.size, call.at);
      case 'writev':
      default:
        return this.#disk.writevSync(
          fd,
          [this.#bytes(1), this.#bytes(call.size), this.#bytes(7)],
          call.at,
        );
    }
  }

  #onPath(call: Extract<Call, { path: string }>): Outcome {
    const disk = this.#disk;
    const path = `${this.#root}/${call.path}`;
    switch (call.do) {
      case 'open': {
        const free = this.#fds.indexOf(-1);
        const fd = disk.openSync(path, call.flags, 0o600);
        this.#fds[free < 0 ? this.#fds.length : free] = fd;
        return 'open';
      }
      case 'rename':
        disk.renameSync(path, `${this.#root}/${call.to}`);
        return 'done';
      case 'unlink':
        disk.unlinkSync(path);
        return 'done';
      case 'rmdir':
        disk.rmdirSync(path);
        return 'done';
      case 'mkdir':
        disk.mkdirSync(path, { recursive: call.recursive, mode: 0o700 });
        return 'made';
      case 'rm':
        disk.rmSync(path, call);
        return 'done';
      case 'readdir':
        return disk.readdirSync(path).sort();
      case 'readFile':
        return disk.readFileSync(path);
      case 'stat':
      default:
        // A directory has a size of its own on every real disk.
        return (disk.statSync(path)?.size ?? -1) % 4096;
    }
  }

  #bytes(length: number): Buffer {
    this.#count += 1;
    return Buffer.alloc(length, this.#count);
  }
}

test('answers every call as the real disk does', () => {
  fc.assert(
    fc.property(fc.array(anyCall, { maxLength: 80, size: 'max' }), (calls) => {
      const root = fs.mkdtempSync(`${os.tmpdir()}/holdfast-disk-`);
      const memory = new MemoryDisk({ blockBytes: 64 });
      memory.mkdirSync('/tmp/root', { recursive: true, mode: 0o700 });
      const real = new Caller(nodeFileSystem, root);
      const double = new Caller(memory, '/tmp/root');
      try {
        for (const call of calls) {
          const expected = real.outcome(call);
          assert.deepEqual(double.outcome(call), expected, JSON.stringify(call));
        }
      } finally {
        real.closeAll();
        fs.rmSync(root, { recursive: true, force: true });
      }
    }),
    { numRuns: 250 },
  );
});

/** A disk with a directory that is durable. */
function diskWithDirectory(blockBytes = 64): MemoryDisk {
  const disk = new MemoryDisk({ blockBytes });
  disk.mkdirSync('/d', { recursive: true, mode: 0o700 });
  disk.syncAll();
  return disk;
}

function create(disk: MemoryDisk, path: string, content: Uint8Array): number {
  const fd = disk.openSync(path, 'w');
  disk.writeSync(fd, content, 0, content.length, 0);
  return fd;
}

function syncDirectory(disk: MemoryDisk, path: string): void {
  const fd = disk.openSync(path, 'r');
  disk.fdatasyncSync(fd);
  disk.closeSync(fd);
}

test('a kill keeps all that was written, and takes the descriptors', () => {
  const disk = diskWithDirectory();
  const fd = create(disk, '/d/a', Buffer.from('content'));
  disk.renameSync('/d/a', '/d/b');
  disk.kill();
  assert.equal(disk.readFileSync('/d/b').toString(), 'content');
  assert.throws(() => disk.closeSync(fd), /EBADF/);
  assert.deepEqual(disk.openPaths, []);
});

test('a loss of power takes a name that was not synced, and keeps one that was', () => {
  const disk = diskWithDirectory();
  const fd = create(disk, '/d/a', Buffer.from('content'));
  disk.fdatasyncSync(fd);
  disk.crash(loseAll);
  assert.deepEqual(disk.readdirSync('/d'), []);
  const again = create(disk, '/d/a', Buffer.from('content'));
  disk.fdatasyncSync(again);
  syncDirectory(disk, '/d');
  disk.renameSync('/d/a', '/d/b');
  create(disk, '/d/a', Buffer.from('other'));
  disk.crash(loseAll);
  assert.deepEqual(disk.readdirSync('/d'), ['a']);
  assert.equal(disk.readFileSync('/d/a').toString(), 'content');
  disk.unlinkSync('/d/a');
  disk.crash(lossOf(1, 0));
  assert.deepEqual(disk.readdirSync('/d'), []);
});

test('a loss of power brings back what was unlinked and what was replaced', () => {
  const disk = diskWithDirectory();
  for (const name of ['a', 'b', 'tmp']) {
    disk.fdatasyncSync(create(disk, `/d/${name}`, Buffer.from(name)));
  }
  syncDirectory(disk, '/d');
  disk.unlinkSync('/d/a');
  disk.renameSync('/d/tmp', '/d/b');
  disk.crash(loseAll);
  assert.deepEqual(disk.readdirSync('/d').sort(), ['a', 'b', 'tmp']);
  assert.equal(disk.readFileSync('/d/a').toString(), 'a');
  assert.equal(disk.readFileSync('/d/b').toString(), 'b');
});

test('a loss of power keeps what was synced and any part of the rest, block by block', () => {
  const lengths = new Set<number>();
  const patterns = new Set<string>();
  for (let seed = 0; seed < 300; seed += 1) {
    const disk = diskWithDirectory();
    const fd = create(disk, '/d/a', Buffer.alloc(100, 1));
    syncDirectory(disk, '/d');
    disk.fdatasyncSync(fd);
    disk.writeSync(fd, Buffer.alloc(400, 2), 0, 400, 100);
    disk.crash(lossOf(seed, 50));
    const left = disk.readFileSync('/d/a');
    assert.ok(left.length >= 100 && left.length <= 500);
    assert.deepEqual(left.subarray(0, 100), Buffer.alloc(100, 1));
    for (let at = 128; at + 64 <= left.length; at += 64) {
      assert.equal(new Set(left.subarray(at, at + 64)).size, 1, 'a block is old or new');
    }
    assert.ok(left.subarray(100).every((byte) => byte === 0 || byte === 2));
    lengths.add(left.length);
    patterns.add(left.subarray(100).toString('latin1'));
    assert.equal(disk.statSync('/d/a')?.size, left.length);
    const after = disk.contents();
    disk.crash(loseAll);
    assert.deepEqual(disk.contents(), after, 'what a crash leaves is durable');
  }
  assert.ok(lengths.size > 50 && patterns.size > 100, `${lengths.size} ${patterns.size}`);
});

test('a loss of power may undo an overwriting and a cut that were not synced', () => {
  const disk = diskWithDirectory();
  const fd = create(disk, '/d/a', Buffer.alloc(200, 1));
  disk.syncAll();
  disk.writeSync(fd, Buffer.alloc(64, 9), 0, 64, 64);
  disk.ftruncateSync(fd, 150);
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed += 1) {
    const copy = diskWithDirectory();
    const other = create(copy, '/d/a', Buffer.alloc(200, 1));
    copy.syncAll();
    copy.writeSync(other, Buffer.alloc(64, 9), 0, 64, 64);
    copy.ftruncateSync(other, 150);
    copy.crash(lossOf(seed, 50));
    const left = copy.readFileSync('/d/a');
    assert.ok(left.length >= 150 && left.length <= 200);
    seen.add(`${left[64]} ${left.length === 150}`);
  }
  assert.deepEqual([...seen].sort(), ['1 false', '1 true', '9 false', '9 true']);
});

test('a sync that failed leaves blocks that no later sync writes', () => {
  const disk = diskWithDirectory();
  const fd = create(disk, '/d/a', Buffer.alloc(64, 1));
  disk.syncAll();
  disk.writeSync(fd, Buffer.alloc(64, 2), 0, 64, 64);
  disk.faults.fail('fdatasyncSync', 'EIO');
  assert.throws(() => disk.fdatasyncSync(fd), /EIO/);
  disk.fdatasyncSync(fd);
  assert.deepEqual(disk.readFileSync('/d/a').subarray(64), Buffer.alloc(64, 2));
  disk.crash(lossOf(0, 0));
  assert.deepEqual(disk.readFileSync('/d/a').subarray(64), Buffer.alloc(64, 0));
});

test('a sync covers what was written before it began, and nothing after a kill', async () => {
  const disk = diskWithDirectory();
  const fd = create(disk, '/d/a', Buffer.alloc(64, 1));
  syncDirectory(disk, '/d');
  const syncing = disk.fdatasync(fd);
  disk.writeSync(fd, Buffer.alloc(64, 2), 0, 64, 64);
  await syncing;
  void disk.fdatasync(fd);
  disk.crash(loseAll);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.deepEqual(disk.readFileSync('/d/a'), Buffer.alloc(64, 1));
});

test('a full disk takes what fits, and gives room back when the last descriptor is closed', () => {
  const disk = new MemoryDisk({ blockBytes: 64, capacityBytes: 64 * 4 });
  const fd = disk.openSync('/a', 'w');
  assert.equal(disk.writeSync(fd, Buffer.alloc(500, 1), 0, 500, 10), 246);
  assert.throws(() => disk.writeSync(fd, Buffer.alloc(5), 0, 5, 256), /ENOSPC/);
  assert.equal(disk.writeSync(fd, Buffer.alloc(5), 0, 5, 20), 5, 'there is room for what is there');
  assert.equal(disk.statfsSync('/').freeBytes, 0);
  disk.ftruncateSync(fd, 65);
  assert.equal(disk.statfsSync('/').freeBytes, 128);
  disk.unlinkSync('/a');
  assert.equal(disk.statfsSync('/').freeBytes, 128);
  assert.throws(() => disk.readFileSync('/a'), /ENOENT/);
  disk.closeSync(fd);
  assert.equal(disk.statfsSync('/').freeBytes, 256);
});

test('an unlinked file can be read as long as it is open', () => {
  const disk = diskWithDirectory();
  create(disk, '/d/a', Buffer.from('content'));
  const fd = disk.openSync('/d/a', 'r');
  disk.unlinkSync('/d/a');
  const target = Buffer.alloc(7);
  assert.equal(disk.readSync(fd, target, 0, 7, 0), 7);
  assert.equal(target.toString(), 'content');
  assert.throws(() => disk.writeSync(fd, target, 0, 7, 0), /EBADF/);
});

test('fails a call as told: at all, half way, for one path only', () => {
  const disk = diskWithDirectory();
  const fd = create(disk, '/d/a', Buffer.alloc(0));
  disk.faults.fail('writeSync', 'short', 1);
  disk.faults.fail('writeSync', 'torn', 1);
  const bytes = Buffer.alloc(10, 1);
  assert.equal(disk.writeSync(fd, bytes, 0, 10, 0), 10);
  assert.equal(disk.writeSync(fd, bytes, 0, 10, 10), 5);
  assert.throws(() => disk.writeSync(fd, bytes, 0, 10, 15), /ENOSPC/);
  assert.equal(disk.fstatSync(fd).size, 20, 'half of it was written');
  disk.faults.fail('openSync', 'EMFILE', 0, 2, /b$/);
  assert.throws(() => disk.openSync('/d/b', 'w'), /EMFILE/);
  assert.equal(disk.statSync('/d/b'), undefined);
  disk.closeSync(disk.openSync('/d/a', 'r'));
  disk.faults.fail('closeSync', 'EIO');
  assert.throws(() => disk.closeSync(fd), /EIO/);
  assert.deepEqual(disk.openPaths, [], 'a close that fails has closed');
  assert.equal(disk.faults.struck, 4);
  disk.faults.heal();
  disk.faults.isReadOnly = true;
  assert.throws(() => disk.openSync('/d/b', 'w'), /EROFS/);
  assert.throws(() => disk.unlinkSync('/d/a'), /EROFS/);
  assert.equal(disk.readFileSync('/d/a').length, 20);
});

test('a process that has died changes nothing any more, whatever its code still calls', () => {
  for (const how of ['before', 'half', 'after'] as const) {
    const disk = diskWithDirectory();
    const fd = create(disk, '/d/a', Buffer.alloc(10, 1));
    disk.faults.dieAt(1, how);
    disk.writeSync(fd, Buffer.alloc(10, 2), 0, 10, 10);
    assert.throws(() => disk.writeSync(fd, Buffer.alloc(10, 3), 0, 10, 20), ProcessDied);
    assert.throws(() => disk.ftruncateSync(fd, 0), ProcessDied);
    assert.throws(() => disk.unlinkSync('/d/a'), ProcessDied);
    assert.throws(() => disk.readFileSync('/d/a'), ProcessDied);
    assert.throws(() => disk.closeSync(fd), ProcessDied);
    disk.kill();
    const lengths = { before: 20, half: 25, after: 30 };
    assert.equal(disk.readFileSync('/d/a').length, lengths[how]);
  }
});
