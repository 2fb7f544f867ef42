/** What endpoints refused is kept, capped, and found again, whatever the disk does. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { afterEach, beforeEach, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { type FileSystem, nodeFileSystem } from '../../src/base/file-system.ts';
import { type RejectedEntry, rejectReasons } from '../../src/rejected/entry.ts';
import { listFiles, readLines, rejectedDirectory, replaceLines } from '../../src/rejected/files.ts';
import { decodeFile, encodeEntry, fileHead } from '../../src/rejected/format.ts';
import { RejectedStore } from '../../src/rejected/store.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { MemoryDisk } from '../helpers/memory-disk.ts';

const mib = 1 << 20;

function entryOf(text: string | Buffer, more: Partial<RejectedEntry> = {}): RejectedEntry {
  return {
    atMs: 1_700_000_000_000,
    endpointKey: 'ab'.repeat(32),
    endpoint: 'eu',
    reason: 'too_old',
    detail: 'loki answered 400: timestamp too old',
    status: 400,
    labels: '{a="1"}',
    timestampNs: '1700000000000000001',
    line: Buffer.from(text),
    ...more,
  };
}

const entries = (from: number, to: number, pad = 0): RejectedEntry[] =>
  Array.from({ length: to - from + 1 }, (_, at) => entryOf(`${from + at}${'.'.repeat(pad)}`));

/** The entries that can be read of a store. */
function soundIn(disk: FileSystem, root: string): RejectedEntry[] {
  return listFiles(disk, rejectedDirectory(root)).flatMap(({ path }) => {
    const lines = readLines(disk, path);
    if (lines === 'unreadable') return [];
    return lines.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
  });
}

describe('the store of refused entries', () => {
  let root: string;
  let disk: FaultyDisk;

  beforeEach(() => {
    root = fs.mkdtempSync(`${os.tmpdir()}/holdfast-rejected-`);
    disk = new FaultyDisk();
  });

  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  const open = (maxBytes = mib): RejectedStore => new RejectedStore(disk, root, { maxBytes });
  const files = (): string[] =>
    listFiles(nodeFileSystem, rejectedDirectory(root)).map(({ path }) => path);
  const read = (): RejectedEntry[] =>
    files().flatMap((path) => {
      const lines = readLines(nodeFileSystem, path);
      assert.ok(lines !== 'unreadable', path);
      return lines.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
    });
  const texts = (): number[] => read().map(({ line }) => Number.parseInt(line.toString(), 10));
  const numbers = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, at) => from + at);

  it('gives entries back as they were, bytes that are no text and all fields', () => {
    const any = fc.record(
      {
        atMs: fc.nat(),
        endpointKey: fc.string(),
        endpoint: fc.string({ unit: 'grapheme' }),
        tenantId: fc.string(),
        reason: fc.constantFrom(...rejectReasons),
        detail: fc.string({ unit: 'grapheme' }),
        status: fc.nat(),
        labels: fc.string({ unit: 'grapheme' }),
        timestampNs: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }).map(String),
        line: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      },
      {
        noNullPrototype: true,
        requiredKeys: [
          ...(['atMs', 'endpointKey', 'endpoint', 'reason', 'detail'] as const),
          ...(['labels', 'timestampNs', 'line'] as const),
        ],
      },
    );
    fc.assert(
      fc.property(fc.array(any, { maxLength: 5 }), (given) => {
        const content = Buffer.concat([fileHead, ...given.map((each) => encodeEntry(each))]);
        assert.deepEqual(
          decodeFile(content)?.map(({ entry }) => entry),
          given,
        );
      }),
    );
    assert.equal(open().add([entryOf('a'), entryOf(Buffer.from([0xff, 0x0a, 0]))]), 0);
    assert.deepEqual(read(), [entryOf('a'), entryOf(Buffer.from([0xff, 0x0a, 0]))]);
  });

  it('is for its owner only: the lines may hold anything', () => {
    const store = open();
    store.add(entries(1, 3));
    const [path = ''] = files();
    assert.equal(fs.statSync(path).mode & 0o777, 0o600);
    assert.equal(fs.statSync(rejectedDirectory(root)).mode & 0o777, 0o700);
    assert.match(fs.readFileSync(path, 'utf8'), /^\{"holdfast":"rejected","version":1\}\n/);
    assert.equal(store.storedBytes, fs.statSync(path).size);
  });

  it('keeps the newest within its size, in files of an eighth of it', () => {
    const store = open(80_000);
    for (let at = 1; at <= 1000; at += 10) {
      assert.equal(store.add(entries(at, at + 9, 100)), 0);
      assert.ok(store.storedBytes <= 80_000, `${store.storedBytes} bytes`);
    }
    const kept = texts();
    assert.ok(kept.length > 100, `${kept.length} entries`);
    assert.deepEqual(kept, numbers(1000 - kept.length + 1, 1000));
    assert.ok(files().length >= 7);
    for (const path of files()) assert.ok(fs.statSync(path).size <= 10_000);
  });

  it('keeps an entry larger than a file, and not one larger than all', () => {
    const store = open(100_000);
    assert.equal(store.add(entries(1, 5)), 0);
    const lost = store.add([entryOf(`6${'x'.repeat(60_000)}`), entryOf('x'.repeat(100_000))]);
    assert.equal(lost, 1);
    assert.equal(store.add(entries(7, 9)), 0);
    assert.deepEqual(texts(), numbers(1, 5).concat(numbers(6, 9)));
    // Another large one has the first one go, and what is older.
    assert.equal(store.add([entryOf(`10${'x'.repeat(70_000)}`), entryOf('11')]), 0);
    assert.deepEqual(texts(), [7, 8, 9, 10, 11]);
    // One that needs all of the room takes it from the file that is written, too.
    assert.equal(store.add([entryOf(`12${'x'.repeat(74_650)}`)]), 0);
    assert.deepEqual(texts(), [12]);
    assert.ok(store.storedBytes <= 100_000);
  });

  it('keeps nothing where none is wanted, and says so', () => {
    assert.equal(open(0).add(entries(1, 3)), 3);
    assert.deepEqual(fs.readdirSync(root), []);
  });

  it('lets several write at once, each into a file of its own, within the size of all', () => {
    const [a, b] = [open(50_000), open(50_000)];
    for (let at = 1; at <= 400; at += 1) {
      assert.equal((at % 2 === 0 ? a : b).add(entries(at, at, 100)), 0);
      assert.ok(a.storedBytes <= 50_000);
    }
    const kept = texts();
    assert.equal(new Set(kept).size, kept.length);
    assert.deepEqual(
      kept.filter((text) => text > 370).sort((x, y) => x - y),
      numbers(371, 400),
    );
  });

  it('does not write into a file that it has just let go, being the oldest', () => {
    const [a, b] = [open(50_000), open(50_000)];
    assert.equal(a.add(entries(1, 1)), 0);
    for (let at = 2; b.storedBytes < 49_000; at += 1) assert.equal(b.add(entries(at, at)), 0);
    assert.ok(texts().includes(1), 'nothing had to go so far');
    // The first still fits beside the oldest; for the others that file has to go, while it is open.
    assert.equal(a.add([...entries(9000, 9000), ...entries(9001, 9003, 500)]), 0);
    const kept = texts();
    assert.ok(!kept.includes(1));
    assert.deepEqual(kept.slice(-3), [9001, 9002, 9003]);
    assert.ok(a.storedBytes <= 50_000);
  });

  it('goes on in a file of its own after a restart, and behind those of others', () => {
    open().add(entries(1, 3));
    open().add(entries(4, 6));
    assert.deepEqual(texts(), numbers(1, 6));
    assert.equal(files().length, 2);
  });

  it('goes on when its file or the whole directory was removed under it', () => {
    const store = open();
    store.add(entries(1, 3));
    fs.rmSync(rejectedDirectory(root), { recursive: true });
    assert.equal(store.storedBytes, 0);
    assert.equal(store.add(entries(4, 6)), 0);
    assert.deepEqual(texts(), numbers(4, 6));
  });

  it('passes over a torn end, damaged lines and files of another version, and keeps all others', () => {
    open().add(entries(1, 3));
    const [path = ''] = files();
    fs.appendFileSync(path, '{"atMs":1,\n"no object"\n\n');
    fs.appendFileSync(path, encodeEntry(entryOf('4')));
    const whole = encodeEntry(entryOf('5'));
    for (let cut = 1; cut < whole.length; cut += 1) {
      const content = Buffer.concat([fs.readFileSync(path), whole.subarray(0, cut)]);
      const lines = decodeFile(content) ?? [];
      assert.equal(lines.filter(({ entry }) => entry !== undefined).length, 4, `cut at ${cut}`);
      assert.deepEqual(Buffer.concat([fileHead, ...lines.map(({ bytes }) => bytes)]), content);
    }
    const newer = Buffer.concat([Buffer.from('{"holdfast":"rejected","version":2}\n'), whole]);
    assert.equal(decodeFile(newer), undefined);
    assert.equal(decodeFile(fileHead.subarray(0, 9)), undefined);
    assert.equal(decodeFile(Buffer.alloc(0)), undefined);
  });

  it('says how many it could not keep at each fault of the disk, throws none of them, and goes on', () => {
    const calls = ['openSync', 'writeSync', 'closeSync', 'mkdirSync', 'readdirSync'] as const;
    for (const call of calls) {
      for (let after = 0; after < 5; after += 1) {
        fs.rmSync(rejectedDirectory(root), { recursive: true, force: true });
        const store = open(3000);
        disk.fail(call, call === 'writeSync' ? 'torn' : 'EIO', after);
        let lost = 0;
        const given: number[] = [];
        for (let at = 1; at <= 6; at += 2) {
          lost += store.add(entries(at, at + 1));
          given.push(at, at + 1);
        }
        disk.heal();
        const kept = texts();
        assert.equal(kept.length, given.length - lost, `${call} ${after}: ${kept.join()}`);
        assert.equal(store.add(entries(7, 8)), 0);
        assert.deepEqual(texts(), [...kept, 7, 8]);
        assert.equal(disk.openPaths.size, 0, 'no file is left open');
      }
    }
    assert.ok(disk.struck >= 20);
  });

  it('keeps what it said it kept when a write was torn and the tear could not be mended', () => {
    const store = open();
    store.add(entries(1, 2));
    disk.fail('writeSync', 'torn');
    disk.fail('ftruncateSync', 'EIO');
    assert.equal(store.add(entries(3, 3)), 1);
    assert.equal(store.add(entries(4, 5)), 0);
    assert.deepEqual(texts(), [1, 2, 4, 5]);
    disk.fail('writeSync', 'torn');
    assert.equal(store.add(entries(6, 6)), 1);
    const damaged = files().filter((path) => !fs.readFileSync(path, 'utf8').endsWith('\n'));
    assert.deepEqual(damaged, [], 'where it can be mended, it is');
  });

  it('leaves a disk that is full as it was, whole lines only, and keeps entries again when it can', () => {
    const memory = new MemoryDisk({ blockBytes: 64, capacityBytes: 8192 });
    memory.mkdirSync(root, { recursive: true, mode: 0o700 });
    const store = new RejectedStore(memory, root, { maxBytes: mib });
    let kept = 0;
    for (let at = 0; at < 60; at += 3) kept += 3 - store.add(entries(at, at + 2));
    assert.ok(kept > 3 && kept < 60, `${kept} kept`);
    const sound = (): number => soundIn(memory, root).length;
    assert.equal(sound(), kept);
    memory.capacityBytes = mib;
    assert.equal(store.add(entries(60, 62)), 0);
    assert.equal(sound(), kept + 3);
  });

  it('survives the death of its process at any change, with whole lines of all that came before', () => {
    for (let change = 0; change < 12; change += 1) {
      for (const how of ['before', 'half', 'after'] as const) {
        const memory = new MemoryDisk();
        memory.mkdirSync(root, { recursive: true, mode: 0o700 });
        const options = { maxBytes: 1600 };
        const store = new RejectedStore(memory, root, options);
        memory.faults.dieAt(change, how);
        let kept = 0;
        for (let at = 1; at <= 4; at += 1) kept += 1 - store.add(entries(at, at));
        memory.kill();
        const found = soundIn(memory, root);
        assert.ok(
          found.length >= Math.min(kept, 3),
          `${change} ${how}: ${found.length} of ${kept}`,
        );
        assert.equal(new RejectedStore(memory, root, options).add(entries(9, 9)), 0);
      }
    }
  });

  it('replaces the lines of a file as they are, and removes a file without any', () => {
    open().add(entries(1, 4));
    const [file] = listFiles(nodeFileSystem, rejectedDirectory(root));
    assert.ok(file !== undefined);
    fs.appendFileSync(file.path, 'damaged\n');
    const lines = readLines(nodeFileSystem, file.path);
    assert.ok(lines !== 'unreadable');
    replaceLines(nodeFileSystem, root, file, lines.slice(2));
    assert.deepEqual(texts(), [3, 4]);
    assert.ok(fs.readFileSync(file.path, 'utf8').endsWith('\ndamaged\n'));
    assert.equal(fs.statSync(file.path).mode & 0o777, 0o600);
    replaceLines(nodeFileSystem, root, file, []);
    replaceLines(nodeFileSystem, root, file, []);
    assert.deepEqual(files(), []);
    assert.deepEqual(readLines(nodeFileSystem, file.path), []);
  });
});
