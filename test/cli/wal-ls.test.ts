/** `holdfast wal ls` as a process, and the search for the local plugin's WAL. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { endpointKey } from '../../src/config/settings.ts';
import { CursorFile, EndpointRegistry, evictSegment, sealSegment } from '../../src/wal/index.ts';
import { numberedFrames, textFrame } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { describeContainer, holdfast, objectsOf } from './cli.ts';

const webId = `abc1${'0'.repeat(60)}`;
const url = 'http://user:hunter2@loki:3100/loki/api/v1/push?token=hunter2';
const shownUrl = 'http://loki:3100/loki/api/v1/push';
const key = endpointKey('', `${shownUrl}?token=hunter2`, 'acme');

describe('holdfast wal ls', () => {
  let wal: TestWal;
  let log: TestLog;

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    log = await wal.log(webId, 64 * 1024);
    log.attach();
  });

  afterEach(() => wal.remove());

  const list = (...args: string[]): ReturnType<typeof holdfast> =>
    holdfast(['--wal', wal.root, 'wal', 'ls', ...args]);

  it('shows sizes, ages and the backlog of each endpoint, and no secret', async () => {
    const logOpts = { 'loki-url': url, 'loki-tenant-id': 'acme' };
    describeContainer(log, 'web', { logOpts, fifos: ['/run/docker/logging/x'] });
    for (let index = 0; index < 100; index += 1) log.write(textFrame(`line ${index}`, index));
    const registry = new EndpointRegistry(disk, wal.root);
    await registry.idOf('somebody else');
    const id = await registry.idOf(key);
    const [entry] = objectsOf(await list('--json'));
    assert.deepEqual(entry?.['backlogs'], [
      { endpoint: id, url: shownUrl, tenant: 'acme', bytes: log.endLsn, entries: 100 },
    ]);
    const cursors = new CursorFile(disk, log.directory, webId);
    const place = { sequence: 1, offset: 64 };
    const half = { ackLsn: log.endLsn - 500, ackOrdinal: 60, place, ackedAtMs: 1 };
    cursors.set({ endpointId: id, ...half }, false);
    cursors.set({ endpointId: 1, ...half, ackLsn: log.endLsn, ackOrdinal: 100 }, false);
    const [object, ...others] = objectsOf(await list('--json'));
    assert.deepEqual(others, []);
    assert.deepEqual(object, {
      id: webId,
      name: 'web',
      state: 'running',
      rawBytes: log.endLsn,
      storedBytes: fs.statSync(`${log.directory}/00000000000000000001.w`).size,
      segments: 1,
      firstLsn: 0,
      endLsn: log.endLsn,
      oldest: '2023-11-14T22:13:20.000000000Z',
      backlogs: [
        { endpoint: 1, url: null, tenant: null, bytes: 0, entries: 0 },
        { endpoint: id, url: shownUrl, tenant: 'acme', bytes: 500, entries: 40 },
      ],
    });
    const { code, stdout, stderr } = await list();
    const text = stdout.toString();
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(text, /^CONTAINER\s+NAME\s+STATE/);
    assert.match(text, /^abc100000000 {2}web {3}running .*2023-11-14T22:13:20Z {2}#1: none$/m);
    assert.ok(text.includes(`#2 ${shownUrl} tenant acme: 500 B, 40 entries`), text);
    assert.ok(!text.includes('hunter2') && !JSON.stringify(object).includes('hunter2'));
  });

  it('counts what is held: not what was given up, and sealed bytes as they are stored', async () => {
    describeContainer(log, 'web');
    log.write(numberedFrames('n ', 1, 10_000), 7000);
    log.close();
    const { directory, containerId } = log;
    for (const sequence of [1, 2])
      sealSegment(disk, { directory, containerId, sequence, level: 3 });
    const [before] = objectsOf(await list('--json'));
    assert.equal(before?.['rawBytes'], log.endLsn);
    evictSegment(disk, { directory, containerId, sequence: 1, reason: 'evicted', atMs: 1 });
    const [after] = objectsOf(await list('--json'));
    assert.ok(Number(after?.['rawBytes']) < log.endLsn - 50_000);
    assert.ok(Number(after?.['storedBytes']) < Number(before?.['storedBytes']));
  });

  it('lists containers without a readable record, and takes control bytes out of names', async () => {
    log.write(textFrame('x'));
    fs.writeFileSync(`${log.directory}/meta.json`, 'x');
    const { code, stdout } = await list();
    assert.equal(code, 0);
    assert.match(stdout.toString(), /abc100000000 {2}\? {5}unknown .*no endpoint known/);
    describeContainer(log, 'a\u001b[31mb');
    assert.match((await list()).stdout.toString(), /a\?\[31mb/);
  });

  it('lists nothing where there is nothing', async () => {
    const other = new TestWal();
    await other.open();
    const { code, stdout } = await holdfast(['--wal', other.root, 'wal', 'ls', '--json']);
    assert.deepEqual([code, stdout.length], [0, 0]);
    other.remove();
  });
});

describe('the search for a WAL', () => {
  let root: string;
  let server: http.Server;
  let plugins: object[];
  let env: Record<string, string>;

  beforeEach(async () => {
    root = new TestWal().root;
    plugins = [];
    server = http.createServer((request, response) => {
      const isInfo = request.url?.endsWith('/info') === true;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(isInfo ? { DockerRootDir: `${root}/docker` } : plugins));
    });
    await new Promise<void>((resolve) => {
      server.listen(`${root}/docker.sock`, resolve);
    });
    env = { DOCKER_HOST: `unix://${root}/docker.sock` };
  });

  afterEach(() => {
    server.close();
    fs.rmSync(root, { recursive: true, force: true });
  });

  const pluginOf = (Name: string, Id: string, changes: object = {}): object => ({
    Id,
    Name,
    Enabled: true,
    PluginReference: Name,
    Config: {
      Interface: { Types: ['docker.logdriver/1.0'], Socket: 'x.sock' },
      PropagatedMount: '/run/docker/logging',
    },
    Settings: { Env: [`LOKI_URL=${url}`, 'LOKI_TENANT_ID=acme'] },
    ...changes,
  });

  function makeWal(id: string): void {
    const at = `${root}/docker/plugins/${id}/propagated-mount/wal`;
    fs.mkdirSync(`${at}/c/ab/${webId}`, { recursive: true });
    fs.writeFileSync(`${at}/FORMAT`, 'holdfast-wal 1\n');
    describeContainer({ directory: `${at}/c/ab/${webId}`, containerId: webId }, `of-${id}`);
  }

  it('finds the one plugin there is and knows its settings', async () => {
    makeWal('p1');
    const other = { Config: { Interface: { Types: ['docker.volumedriver/1.0'] } } };
    plugins = [pluginOf('some/volume:latest', 'p0', other), pluginOf('me/holdfast:latest', 'p1')];
    const ended = await holdfast(['wal', 'ls', '--json'], env);
    assert.equal(ended.code, 0, ended.stderr);
    const [object] = objectsOf(ended);
    assert.equal(object?.['name'], 'of-p1');
    assert.deepEqual(object?.['backlogs'], [
      { endpoint: null, url: shownUrl, tenant: 'acme', bytes: 0, entries: 0 },
    ]);
    assert.ok(!ended.stdout.toString().includes('hunter2'));
  });

  it('finds a plugin of another name by its socket', async () => {
    makeWal('p1');
    const Config = {
      Interface: { Types: ['docker.logdriver/1.0'], Socket: 'holdfast.sock' },
      PropagatedMount: '/run/docker/logging',
    };
    plugins = [pluginOf('logs:latest', 'p1', { Config })];
    assert.equal((await holdfast(['wal', 'ls'], env)).code, 0);
  });

  it('asks which one, of several', async () => {
    for (const id of ['p1', 'p2']) makeWal(id);
    plugins = [pluginOf('holdfast:latest', 'p1'), pluginOf('holdfast:next', 'p2')];
    const both = await holdfast(['wal', 'ls'], env);
    assert.equal(both.code, 2);
    assert.match(both.stderr, /holdfast:latest, holdfast:next; choose one with --plugin/);
    const one = await holdfast(['wal', 'ls', '--json', '--plugin', 'holdfast:next'], env);
    assert.equal(objectsOf(one)[0]?.['name'], 'of-p2');
    const short = await holdfast(['wal', 'ls', '--json', '--plugin', 'holdfast'], env);
    assert.equal(objectsOf(short)[0]?.['name'], 'of-p1');
    assert.equal((await holdfast(['wal', 'ls', '--plugin', 'no'], env)).code, 4);
  });

  it('ends with 4 when there is no plugin, no engine, no WAL, or an engine elsewhere', async () => {
    assert.equal((await holdfast(['wal', 'ls'], env)).code, 4);
    plugins = [pluginOf('holdfast:latest', 'p1')];
    assert.equal((await holdfast(['wal', 'ls'], env)).code, 4);
    assert.equal((await holdfast(['wal', 'ls'])).code, 4);
    const remote = await holdfast(['wal', 'ls'], { DOCKER_HOST: 'ssh://me:hunter2@far' });
    assert.equal(remote.code, 4);
    assert.match(remote.stderr, /DOCKER_HOST is ssh:\/\/far, not this machine/);
  });
});
