/** The record of a container: what older versions wrote is read, and what is said once is not said twice. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import {
  isSameRun,
  readContainerRecord,
  runIdentityOf,
  writeContainerRecord,
} from '../../src/wal/index.ts';
import { temporaryDirectory } from '../helpers/stream-bench.ts';

const containerId = 'cd'.repeat(32);

/** As versions wrote it that knew neither runs nor commands. */
const old = {
  ...{ version: 1 as const, containerId, containerName: 'web', imageId: 'sha256:1' },
  ...{ imageName: 'app', createdAt: '2026-01-02T03:04:05Z', labels: { a: 'b' } },
  ...{ logOpts: { 'loki-url': 'http://a' }, fifos: ['/f'], endedAtMs: 5 },
};

test('reads the record of a version that knew less, and gives it back as it is', () => {
  using root = temporaryDirectory();
  fs.writeFileSync(`${root.path}/meta.json`, JSON.stringify(old));
  assert.deepEqual(readContainerRecord(disk, root.path), old);
});

test('passes over what a newer version may add', () => {
  using root = temporaryDirectory();
  fs.writeFileSync(`${root.path}/meta.json`, JSON.stringify({ ...old, later: { x: 1 } }));
  assert.deepEqual(readContainerRecord(disk, root.path), old);
});

test('gives back runs, command and picked variables as they were written', () => {
  using root = temporaryDirectory();
  const { version, ...others } = old;
  const now = {
    ...others,
    entrypoint: '/bin/app',
    args: ['-v', ''],
    env: ['A=b=c'],
    logPath: '/l',
  };
  const before = { ...runIdentityOf(now), containerName: 'older' };
  const runs = [
    { fromLsn: 0, identity: before },
    { fromLsn: 2 ** 50, identity: runIdentityOf(now) },
  ];
  writeContainerRecord(disk, root.path, { ...now, runs });
  assert.deepEqual(readContainerRecord(disk, root.path), { version, ...now, runs });
  const text = fs.readFileSync(`${root.path}/meta.json`, 'utf8');
  assert.equal(text.split('"containerName"').length - 1, 2, 'the latest run is not said twice');
});

test('a run that says nothing of itself is the container as it is', () => {
  using root = temporaryDirectory();
  const bare = { ...old, runs: [{ fromLsn: 0 }] };
  fs.writeFileSync(`${root.path}/meta.json`, JSON.stringify(bare));
  const identity = runIdentityOf(old);
  assert.deepEqual(readContainerRecord(disk, root.path)?.runs, [{ fromLsn: 0, identity }]);
});

test('runs that cannot be are a damaged record', () => {
  using root = temporaryDirectory();
  for (const runs of [
    [{ fromLsn: -1 }],
    [{ fromLsn: 0.5 }],
    [{}],
    [{ fromLsn: 0, identity: {} }],
  ]) {
    fs.writeFileSync(`${root.path}/meta.json`, JSON.stringify({ ...old, runs }));
    assert.throws(() => readContainerRecord(disk, root.path), { code: 'wal_corrupt' });
  }
});

test('runs are the same whatever the order of labels, and others for any field', () => {
  const one = runIdentityOf({ ...old, labels: { a: '1', b: '2' } });
  assert.ok(isSameRun(one, { ...one, labels: { b: '2', a: '1' } }));
  for (const other of [{ containerName: 'x' }, { env: ['A=b'] }, { labels: {} }, { args: [] }]) {
    assert.ok(!isSameRun(one, { ...one, ...other }), JSON.stringify(other));
  }
  assert.ok(!('logOpts' in one || 'fifos' in one || 'containerId' in one));
});
