/**
 * A container that is renamed keeps the labels of what it printed before: which run has which part
 * of its stream, over restarts, kills and `docker logs`.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { afterEach, beforeEach, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import type { ContainerIdentity } from '../../src/capture/container-log.ts';
import type { DeliverableStream } from '../../src/capture/open-log.ts';
import { recoverRuns, runsBytesMax, runsMax, withRun } from '../../src/capture/runs.ts';
import { containerDirectory, openWalRoot, readContainerRecord } from '../../src/wal/index.ts';
import { textFrame } from '../helpers/frames.ts';
import { type TestContainers, testContainers } from '../helpers/test-containers.ts';

const containerId = 'ab'.repeat(32);
const logOpts = { 'loki-url': 'http://nowhere' };

function identityOf(containerName: string, more: Partial<ContainerIdentity> = {}) {
  const image = { imageId: 'sha256:1', imageName: 'app', createdAt: '' };
  return { containerId, containerName, ...image, labels: {}, logOpts, ...more };
}

function runOf(fromLsn: number, containerName: string, labels: Record<string, string> = {}) {
  const { imageId, imageName, createdAt } = identityOf(containerName);
  return { fromLsn, identity: { containerName, imageId, imageName, createdAt, labels } };
}

describe('the runs of a container', () => {
  let root: string;
  let processes: TestContainers[];
  let told: DeliverableStream[];
  let keepers: Map<string, number>;

  beforeEach(async () => {
    root = fs.mkdtempSync(`${os.tmpdir()}/holdfast-runs-`);
    await openWalRoot(disk, root);
    processes = [];
    told = [];
    keepers = new Map();
  });

  afterEach(() => {
    for (const { containers } of processes) containers.close();
    for (const keeper of keepers.values()) fs.closeSync(keeper);
    fs.rmSync(root, { recursive: true, force: true });
  });

  function startProcess(): TestContainers {
    const made = testContainers(root, { onStream: (stream) => told.push(stream) });
    processes.push(made);
    return made;
  }

  /** Nothing is written any more by a process that was killed. */
  function kill(): TestContainers {
    processes.at(-1)?.containers.close();
    const next = startProcess();
    for (const id of next.containers.listOnDisk()) assert.ok(next.containers.recover(id));
    return next;
  }

  function fifo(name: string): string {
    const path = `${root}/fifo-${name}`;
    execFileSync('mkfifo', [path]);
    keepers.set(path, fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK));
    return path;
  }

  function write(path: string, text: string): void {
    fs.writeSync(keepers.get(path) ?? 0, textFrame(text));
  }

  async function run({ containers }: TestContainers, name: string, who: ContainerIdentity) {
    const path = fifo(name);
    await containers.start(path, who);
    write(path, name);
    await containers.stop(path);
  }

  function recorded(): [number, string][] {
    const record = readContainerRecord(disk, containerDirectory(root, containerId));
    return (record?.runs ?? []).map(({ fromLsn, identity }) => [fromLsn, identity.containerName]);
  }

  const endOf = ({ containers }: TestContainers) =>
    containers.find(containerId)?.writer.endLsn ?? assert.fail('no container');

  it('are one as long as it is the same container', async () => {
    const first = startProcess();
    await run(first, 'a', identityOf('web'));
    await run(first, 'b', identityOf('web'));
    assert.deepEqual(recorded(), [[0, 'web']]);
    await run(kill(), 'c', identityOf('web'));
    assert.deepEqual(recorded(), [[0, 'web']]);
  });

  it('begin where the bytes of another one begin', async () => {
    const first = startProcess();
    await run(first, 'a', identityOf('old'));
    const endLsn = endOf(first);
    await run(first, 'b', identityOf('new'));
    assert.deepEqual(recorded(), [
      [0, 'old'],
      [endLsn, 'new'],
    ]);
    const labels = { a: 'b' };
    await run(first, 'c', identityOf('new', { labels }));
    assert.deepEqual(
      recorded().map(([, name]) => name),
      ['old', 'new', 'new'],
    );
    const runs = readContainerRecord(disk, containerDirectory(root, containerId))?.runs;
    assert.deepEqual(runs?.[2]?.identity.labels, labels);
  });

  it('are not changed by docker logs of a stopped container', async () => {
    const first = startProcess();
    await run(first, 'a', identityOf('old'));
    const path = fifo('logs');
    await first.containers.start(path, identityOf('new'));
    await first.containers.stop(path);
    assert.deepEqual(recorded(), [[0, 'old']]);
    assert.equal(first.containers.find(containerId)?.record.containerName, 'new');
    // The next process knows as well whose the old lines are.
    const next = kill();
    assert.deepEqual(told.at(-1)?.record.runs?.[0]?.identity.containerName, 'old');
    await run(next, 'b', identityOf('old'));
    assert.deepEqual(recorded(), [[0, 'old']]);
  });

  it('are told to delivery before the first byte, and again where they begin elsewhere', async () => {
    const first = startProcess();
    await run(first, 'a', identityOf('old'));
    const endLsn = endOf(first);
    const path = fifo('b');
    await first.containers.start(path, identityOf('new'));
    const named = () =>
      told.at(-1)?.record.runs?.map((each) => [each.fromLsn, each.identity.containerName]);
    const both = [
      [0, 'old'],
      [endLsn, 'new'],
    ];
    assert.deepEqual(named(), both);
    assert.deepEqual(recorded(), [[0, 'old']]);
    write(path, 'b');
    await first.containers.stop(path);
    assert.deepEqual(recorded(), both);
    assert.deepEqual(named(), both);
  });

  it('leave what an open FIFO still brings to the run that it is of', async () => {
    const first = startProcess();
    const [old, next] = [fifo('old'), fifo('next')];
    await first.containers.start(old, identityOf('old'));
    write(old, 'one');
    while (endOf(first) === 0) await new Promise(setImmediate);
    // As with live-restore: dockerd has a new FIFO for the container that runs on.
    await first.containers.start(next, identityOf('new'));
    assert.equal(told.at(-1)?.record.runs?.length, 1);
    write(old, 'two');
    write(next, 'three');
    await first.containers.stop(next);
    const [, second] = recorded();
    assert.deepEqual(second?.[1], 'new');
    assert.ok((second?.[0] ?? 0) >= 2 * textFrame('one').length);
    assert.equal(told.at(-1)?.record.runs?.[1]?.fromLsn, second?.[0]);
  });

  it('are there when the process dies between the record and the first byte', async () => {
    const first = startProcess();
    await run(first, 'a', identityOf('old'));
    const log = first.containers.find(containerId) ?? assert.fail('no container');
    const endLsn = endOf(first);
    const path = fifo('b');
    await first.containers.start(path, identityOf('new'));
    // The disk takes the record and no byte of the stream: as if the process had been killed there.
    log.writer.appendAttach = () => assert.fail('killed');
    log.writer.appendRaw = () => assert.fail('killed');
    write(path, 'lost');
    while (recorded().length < 2) await new Promise(setImmediate);
    const next = kill();
    assert.deepEqual(recorded(), [
      [0, 'old'],
      [endLsn, 'new'],
    ]);
    write(path, 'kept');
    await next.containers.stop(path);
    assert.ok(endOf(next) > endLsn);
    assert.deepEqual(recorded(), [
      [0, 'old'],
      [endLsn, 'new'],
    ]);
  });

  it('begin with the record of a version that knew none', async () => {
    const first = startProcess();
    await run(first, 'a', identityOf('old'));
    const path = `${containerDirectory(root, containerId)}/meta.json`;
    const { runs, ...old } = JSON.parse(fs.readFileSync(path, 'utf8')) as { runs: unknown };
    assert.ok(runs !== undefined);
    first.containers.close();
    fs.writeFileSync(path, JSON.stringify(old));
    const next = kill();
    const endLsn = endOf(next);
    await run(next, 'b', identityOf('new'));
    assert.deepEqual(recorded(), [
      [0, 'old'],
      [endLsn, 'new'],
    ]);
  });

  it('are of the container that is on disk, though dockerd starts it before it is taken up', async () => {
    const first = startProcess();
    await run(first, 'a', identityOf('old'));
    first.containers.close();
    await run(startProcess(), 'b', identityOf('new'));
    assert.deepEqual(
      recorded().map(([, name]) => name),
      ['old', 'new'],
    );
  });
});

describe('the list of runs', () => {
  it('is bounded in number: the oldest go, and those first of which nothing is on disk', () => {
    let runs = recoverRuns(runOf(0, 'x').identity, 0);
    for (let n = 0; n < 200; n += 1) {
      const { identity } = runOf(0, `n${n}`);
      runs = [...withRun(runs, identity, { fromLsn: n * 10, firstLsn: 0 })];
    }
    assert.equal(runs.length, runsMax);
    assert.equal(runs.at(-1)?.identity.containerName, 'n199');
    assert.equal(runs[0]?.identity.containerName, `n${200 - runsMax}`);
    const { identity } = runOf(0, 'last');
    const kept = withRun(runs, identity, { fromLsn: 2000, firstLsn: 1985 });
    // The run from 1980 on reaches beyond 1985.
    assert.deepEqual(
      kept.map(({ fromLsn }) => fromLsn),
      [1980, 1990, 2000],
    );
  });

  it('is bounded in bytes, of the latest apart', () => {
    let runs: ReturnType<typeof recoverRuns> = [];
    for (let n = 0; n < 10; n += 1) {
      const { identity } = runOf(0, `n${n}`, { big: 'x'.repeat(700_000) });
      runs = [...withRun(runs, identity, { fromLsn: n, firstLsn: 0 })];
    }
    assert.equal(runs.length, 3);
    assert.ok(JSON.stringify(runs.slice(0, -1)).length < runsBytesMax);
    const huge = runOf(0, 'huge', { big: 'x'.repeat(4_000_000) });
    assert.equal(withRun(runs, huge.identity, { fromLsn: 99, firstLsn: 0 }).length, 3);
  });

  it('has no run behind the end of the stream, and ascends', () => {
    const names = fc.constantFrom('a', 'b', 'c');
    const pair = fc.tuple(fc.nat(100), names);
    fc.assert(
      fc.property(fc.array(pair), fc.nat(100), (pairs, endLsn) => {
        const sorted = pairs.toSorted(([a], [b]) => a - b).map(([lsn, name]) => runOf(lsn, name));
        const { identity } = runOf(0, 'x');
        const runs = recoverRuns({ ...identity, runs: sorted }, endLsn);
        runs.forEach(({ fromLsn }, index) => {
          assert.ok(fromLsn <= endLsn);
          assert.ok(index === 0 || fromLsn > (runs[index - 1]?.fromLsn ?? -1));
        });
        if (sorted.length > 0) assert.deepEqual(runs.at(-1)?.identity, sorted.at(-1)?.identity);
      }),
    );
  });
});
