import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { replaceFile } from '../../src/base/file-system.ts';
import {
  type Cursor,
  CursorFile,
  containerDirectory,
  createContainerDirectory,
  EndpointRegistry,
  hasSegments,
  isContainerId,
  listContainers,
  openWalRoot,
  readContainerRecord,
  readCursors,
  removeContainer,
  writeContainerRecord,
  writeContainerRecordDurably,
} from '../../src/wal/index.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { temporaryDirectory } from '../helpers/stream-bench.ts';

const containerId = 'cd'.repeat(32);

const cursor = (endpointId: number, ackLsn: number, ackedAtMs = ackLsn): Cursor => ({
  endpointId,
  ackLsn,
  ackOrdinal: Math.floor(ackLsn / 7),
  place: { sequence: 3, offset: 64 + ackLsn },
  ackedAtMs,
});

test('gives back the cursor that was set last, in this process and the next', () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  const file = new CursorFile(disk, root.path, containerId);
  assert.equal(file.get(7), undefined);
  for (const ackLsn of [5, 90, 2 ** 52]) {
    file.set(cursor(7, ackLsn), ackLsn === 90);
    file.set(cursor(8, ackLsn + 1), false);
    const again = new CursorFile(disk, root.path, containerId);
    assert.deepEqual(again.get(7), cursor(7, ackLsn));
    assert.deepEqual(again.get(8), cursor(8, ackLsn + 1));
  }
  assert.equal(readCursors(disk, root.path, containerId).length, 2);
  assert.deepEqual(readCursors(disk, root.path, 'ef'.repeat(32)), []);
  assert.equal(disk.openPaths.size, 0);
  assert.equal(fs.statSync(`${root.path}/cursors`).mode & 0o777, 0o600);
});

test('falls back to the older cursor when the newer one is torn at any byte', () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  const path = `${root.path}/cursors`;
  const file = new CursorFile(disk, root.path, containerId);
  file.set(cursor(1, 10), false);
  const older = fs.readFileSync(path);
  file.set(cursor(1, 20), false);
  const newer = fs.readFileSync(path);
  for (let at = 0; at <= older.length; at += 1) {
    const torn = Buffer.concat([newer.subarray(0, at), older.subarray(at)]);
    fs.writeFileSync(path, torn);
    const found = readCursors(disk, root.path, containerId);
    assert.equal(found.length, 1);
    const isWhole = torn.equals(newer);
    assert.deepEqual(found[0], cursor(1, isWhole ? 20 : 10), `torn at ${at}`);
  }
  // Both hurt: no cursor, and a new one can be set.
  for (let at = 256; at < newer.length; at += 1) newer[at] = (newer[at] ?? 0) ^ 0x55;
  fs.writeFileSync(path, newer);
  const again = new CursorFile(disk, root.path, containerId);
  assert.equal(again.get(1), undefined);
  again.set(cursor(1, 30), true);
  assert.deepEqual(readCursors(disk, root.path, containerId), [cursor(1, 30)]);
});

test('keeps the cursor that is on disk when the next one cannot be written', () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  const file = new CursorFile(disk, root.path, containerId);
  file.set(cursor(1, 10), false);
  for (const [call, fault] of [
    ['writeSync', 'torn'],
    ['openSync', 'EMFILE'],
    ['writeSync', 'EIO'],
    ['fdatasyncSync', 'EIO'],
  ] as const) {
    disk.fail(call, fault);
    assert.throws(() => file.set(cursor(1, 20), true));
    assert.ok([10, 20].includes(readCursors(disk, root.path, containerId)[0]?.ackLsn ?? 0));
    assert.equal(file.get(1)?.ackLsn, 10);
    assert.equal(disk.openPaths.size, 0);
  }
  disk.fail('writeSync', 'short', 0, 2);
  file.set(cursor(1, 40), false);
  assert.deepEqual(readCursors(disk, root.path, containerId), [cursor(1, 40)]);
});

test('makes room for one more endpoint in the place of the one that was quiet longest', () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  const file = new CursorFile(disk, root.path, containerId);
  for (let id = 1; id <= 31; id += 1) file.set(cursor(id, 1000 + id), false);
  file.set(cursor(1, 2000), false);
  file.set(cursor(99, 3000), false);
  const ids = readCursors(disk, root.path, containerId).map((each) => each.endpointId);
  assert.equal(ids.length, 31);
  assert.ok(ids.includes(99) && ids.includes(1) && !ids.includes(2));
});

test('takes random bytes for a file without cursors, or for one with fewer, never with other ones', () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  const path = `${root.path}/cursors`;
  const file = new CursorFile(disk, root.path, containerId);
  for (let round = 1; round <= 3; round += 1) {
    for (let id = 1; id <= 5; id += 1) file.set(cursor(id, id * 100 + round), false);
  }
  const sound = fs.readFileSync(path);
  fc.assert(
    fc.property(
      fc.nat(),
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.nat(),
      (a, raw, b) => {
        const bytes = Buffer.from(sound);
        bytes.set(raw.subarray(0, bytes.length - (a % bytes.length)), a % bytes.length);
        fs.writeFileSync(path, b % 5 === 0 ? bytes.subarray(0, b % bytes.length) : bytes);
        for (const { endpointId, ackLsn } of readCursors(disk, root.path, containerId)) {
          assert.ok([2, 3].includes(ackLsn - endpointId * 100), `${endpointId} at ${ackLsn}`);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('gives an endpoint the same number for ever, and no number twice', async () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  await openWalRoot(disk, root.path);
  const registry = new EndpointRegistry(disk, root.path);
  const ids = await Promise.all(['a', 'b', 'a', '__proto__', 'c'].map((key) => registry.idOf(key)));
  assert.deepEqual(ids, [1, 2, 1, 3, 4]);
  const again = new EndpointRegistry(disk, root.path);
  assert.equal(await again.idOf('d'), 5);
  assert.equal(await again.idOf('b'), 2);
});

test('goes on with the numbers when one could not be written down', async () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  await openWalRoot(disk, root.path);
  const registry = new EndpointRegistry(disk, root.path);
  disk.fail('fdatasync', 'EIO');
  await assert.rejects(registry.idOf('a'), /EIO/);
  assert.equal(await registry.idOf('b'), 1);
  assert.equal(await registry.idOf('a'), 2);
  assert.equal(disk.openPaths.size, 0);
});

test('begins behind every number in use when the file of the numbers is damaged or gone', async () => {
  for (const damage of ['{"version":1,"endpoints":{"a":1.5}}', '{"vers', '[]', undefined]) {
    using root = temporaryDirectory();
    const disk = new FaultyDisk();
    await openWalRoot(disk, root.path);
    await createContainerDirectory(disk, root.path, containerId);
    const directory = containerDirectory(root.path, containerId);
    new CursorFile(disk, directory, containerId).set(cursor(6, 10), false);
    if (damage !== undefined) fs.writeFileSync(`${root.path}/endpoints.json`, damage);
    const registry = new EndpointRegistry(disk, root.path);
    assert.equal(await registry.idOf('new'), 7);
  }
});

const record = {
  containerId,
  containerName: '/web "ö"',
  imageId: 'sha256:1',
  imageName: 'nginx',
  createdAt: '2026-01-01T00:00:00Z',
  labels: { a: 'b', __proto: 'x' },
  logOpts: { 'loki-url': 'http://user:secret@loki' },
  fifos: ['/run/a', '/run/b'],
};

test('gives back the record of a container as it was written, readable by nobody else', async () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  assert.equal(readContainerRecord(disk, root.path), undefined);
  await writeContainerRecordDurably(disk, root.path, record);
  assert.deepEqual(readContainerRecord(disk, root.path), { version: 1, ...record });
  writeContainerRecord(disk, root.path, { ...record, fifos: [] });
  assert.deepEqual(readContainerRecord(disk, root.path)?.fifos, []);
  assert.equal(fs.statSync(`${root.path}/meta.json`).mode & 0o777, 0o600);
});

test('keeps the former record whole when a new one cannot be written, wherever it fails', async () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  await writeContainerRecordDurably(disk, root.path, record);
  for (const call of ['openSync', 'writeSync', 'fdatasync', 'renameSync'] as const) {
    disk.fail(call, call === 'writeSync' ? 'torn' : 'EIO');
    await assert.rejects(
      writeContainerRecordDurably(disk, root.path, { ...record, fifos: ['/c'] }),
    );
    assert.deepEqual(readContainerRecord(disk, root.path)?.fifos, record.fifos);
    assert.equal(disk.openPaths.size, 0);
  }
  disk.fail('writeSync', 'torn');
  assert.throws(() => replaceFile(disk, root.path, 'meta.json', Buffer.from('other')));
  assert.deepEqual(readContainerRecord(disk, root.path)?.fifos, record.fifos);
});

test('names the file of a damaged record, and quotes nothing of it', () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  const text = JSON.stringify({ version: 1, ...record });
  const bad = [
    text.slice(0, 200),
    `${text}secret`,
    text.replace('"version":1', '"version":2'),
    '[]',
    '',
  ];
  for (const content of bad) {
    fs.writeFileSync(`${root.path}/meta.json`, content);
    assert.throws(
      () => readContainerRecord(disk, root.path),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'wal_corrupt');
        assert.ok(error.message.includes(`${root.path}/meta.json`));
        assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /secret/);
        return true;
      },
    );
  }
});

test('refuses a log of another format, and says what to do', async () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  await openWalRoot(disk, root.path);
  await openWalRoot(disk, root.path);
  fs.writeFileSync(`${root.path}/FORMAT`, 'holdfast-wal 2\n');
  await assert.rejects(openWalRoot(disk, root.path), {
    code: 'wal_version',
    message: /has format 'holdfast-wal 2'; this version reads 'holdfast-wal 1'/,
  });
});

test('finds containers by their ids and passes over all else', async () => {
  using root = temporaryDirectory();
  const disk = new FaultyDisk();
  assert.deepEqual(listContainers(disk, root.path), []);
  await openWalRoot(disk, root.path);
  const other = `cd${'0'.repeat(62)}`;
  for (const id of [containerId, other]) await createContainerDirectory(disk, root.path, id);
  fs.writeFileSync(`${root.path}/c/ef`, 'a file');
  fs.mkdirSync(`${root.path}/c/lost+found`);
  fs.mkdirSync(`${root.path}/c/cd/short`);
  assert.deepEqual(listContainers(disk, root.path).toSorted(), [other, containerId]);
  assert.ok(!hasSegments(disk, root.path, containerId));
  fs.writeFileSync(`${containerDirectory(root.path, containerId)}/00000000000000000009.w`, '');
  assert.ok(hasSegments(disk, root.path, containerId));
  removeContainer(disk, root.path, containerId);
  assert.deepEqual(listContainers(disk, root.path), [other]);
  removeContainer(disk, root.path, other);
  removeContainer(disk, root.path, other);
  assert.deepEqual(listContainers(disk, root.path), []);
  for (const text of ['', '../../etc', `${containerId}\n`, containerId.toUpperCase()]) {
    assert.ok(!isContainerId(text), text);
  }
});
