/** For how long data is held for an endpoint that a container's settings name no more. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { test } from 'node:test';
import {
  CursorFile,
  containerDirectory,
  createContainerDirectory,
  EndpointRegistry,
  openWalRoot,
  readEndpointIds,
} from '../../src/wal/index.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';

const one = 'a1'.repeat(32);
const two = 'b2'.repeat(32);
const graceMs = 1000;

/** A WAL with containers in which the endpoints 1 and 2 have cursors. */
async function prepare(
  ...containerIds: string[]
): Promise<{ root: string; disk: FaultyDisk } & Disposable> {
  const root = fs.mkdtempSync(`${os.tmpdir()}/holdfast-registry-`);
  const disk = new FaultyDisk();
  await openWalRoot(disk, root);
  for (const containerId of containerIds) {
    await createContainerDirectory(disk, root, containerId);
    const cursors = new CursorFile(disk, containerDirectory(root, containerId), containerId);
    const place = { sequence: 1, offset: 0 };
    for (const endpointId of [1, 2]) {
      cursors.set({ endpointId, ackLsn: 5, ackOrdinal: 1, place, ackedAtMs: 0 }, false);
    }
  }
  const remove = (): void => fs.rmSync(root, { recursive: true, force: true });
  return { root, disk, [Symbol.dispose]: remove };
}

function pins(
  registry: EndpointRegistry,
  containerId: string,
  namedIds: number[],
  nowMs: number,
): [number[], number | undefined] {
  const { ids, endAtMs } = registry.pinsOf({ containerId, namedIds, nowMs, graceMs });
  return [ids.toSorted((a, b) => a - b), endAtMs];
}

test('holds data for an endpoint that is named no more until its grace period is over', async () => {
  using wal = await prepare(one);
  const registry = new EndpointRegistry(wal.disk, wal.root);
  assert.deepEqual(pins(registry, one, [1, 2], 0), [[], undefined]);
  assert.deepEqual(pins(registry, one, [1], 100), [[2], 1100]);
  assert.deepEqual(pins(registry, one, [], 300), [[1, 2], 1100]);
  assert.deepEqual(pins(registry, one, [], 1099), [[1, 2], 1100]);
  assert.deepEqual(pins(registry, one, [], 1100), [[1], 1300]);
  assert.deepEqual(pins(registry, one, [], 1300), [[], undefined]);
  assert.deepEqual(pins(registry, one, [], 99_999), [[], undefined]);
});

test('begins the period anew for one that was named in between', async () => {
  using wal = await prepare(one);
  const registry = new EndpointRegistry(wal.disk, wal.root);
  assert.deepEqual(pins(registry, one, [1], 0), [[2], 1000]);
  assert.deepEqual(pins(registry, one, [1, 2], 500), [[], undefined]);
  assert.deepEqual(pins(registry, one, [1], 5000), [[2], 6000]);
});

test('holds nothing without a grace period, and nothing of an endpoint without a cursor', async () => {
  using wal = await prepare(one);
  const registry = new EndpointRegistry(wal.disk, wal.root);
  const none = { ids: [], endAtMs: undefined };
  assert.deepEqual(registry.pinsOf({ containerId: one, namedIds: [], nowMs: 0, graceMs: 0 }), none);
  await createContainerDirectory(wal.disk, wal.root, two);
  assert.deepEqual(pins(registry, two, [], 0), [[], undefined]);
});

test('remembers over a restart since when, container by container', async () => {
  using wal = await prepare(one, two);
  const registry = new EndpointRegistry(wal.disk, wal.root);
  pins(registry, one, [1], 100);
  pins(registry, two, [2], 200);
  await registry.idOf('key');
  await registry.settled();
  const again = new EndpointRegistry(wal.disk, wal.root);
  assert.deepEqual(pins(again, one, [1], 900), [[2], 1100]);
  assert.deepEqual(pins(again, two, [2], 900), [[1], 1200]);
  assert.equal(await again.idOf('key'), await registry.idOf('key'));
  again.forget(one);
  await again.settled();
  const last = new EndpointRegistry(wal.disk, wal.root);
  assert.deepEqual(pins(last, one, [1], 900), [[2], 1900]);
  assert.deepEqual(pins(last, two, [2], 900), [[1], 1200]);
});

test('forgets containers that are gone', async () => {
  using wal = await prepare(one);
  const registry = new EndpointRegistry(wal.disk, wal.root);
  pins(registry, one, [1], 100);
  await registry.settled();
  assert.match(fs.readFileSync(`${wal.root}/endpoints.json`, 'utf8'), new RegExp(one));
  fs.rmSync(containerDirectory(wal.root, one), { recursive: true });
  const again = new EndpointRegistry(wal.disk, wal.root);
  await again.idOf('key');
  assert.doesNotMatch(fs.readFileSync(`${wal.root}/endpoints.json`, 'utf8'), /unnamedSinceMs/);
});

test('a clock that begins anew makes nobody wait longer than one period', async () => {
  using wal = await prepare(one);
  const registry = new EndpointRegistry(wal.disk, wal.root);
  assert.deepEqual(pins(registry, one, [1], 1e12), [[2], 1e12 + 1000]);
  assert.deepEqual(pins(registry, one, [1], 50), [[2], 1050]);
});

test('a file whose memory of this is damaged keeps its numbers', async () => {
  using wal = await prepare(one);
  for (const damage of ['7', '{"x":7}', `{"${one}":{"2":-5}}`, `{"${one}":{"2":"soon"}}`, 'null']) {
    const text = `{"version":1,"endpoints":{"key":7},"unnamedSinceMs":${damage}}`;
    fs.writeFileSync(`${wal.root}/endpoints.json`, text);
    assert.deepEqual(readEndpointIds(wal.disk, wal.root), { key: 7 });
    const registry = new EndpointRegistry(wal.disk, wal.root);
    assert.equal(await registry.idOf('key'), 7);
    assert.deepEqual(pins(registry, one, [1], 10), [[2], 1010]);
    await registry.settled();
  }
});

test('goes on when it cannot be written down, and writes it with the next change', async () => {
  using wal = await prepare(one, two);
  const registry = new EndpointRegistry(wal.disk, wal.root);
  wal.disk.fail('fdatasync', 'EIO');
  assert.deepEqual(pins(registry, one, [1], 100), [[2], 1100]);
  await registry.settled();
  assert.ok(!fs.existsSync(`${wal.root}/endpoints.json`));
  assert.deepEqual(pins(registry, one, [1], 200), [[2], 1100]);
  pins(registry, two, [1], 300);
  await registry.settled();
  const again = new EndpointRegistry(wal.disk, wal.root);
  assert.deepEqual(pins(again, one, [1], 400), [[2], 1100]);
  assert.equal(wal.disk.openPaths.size, 0);
});
