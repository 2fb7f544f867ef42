/** `holdfast rejected` as a process, against the double of Loki. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { endpointKey } from '../../src/config/settings.ts';
import type { RejectedEntry } from '../../src/rejected/entry.ts';
import { RejectedStore } from '../../src/rejected/store.ts';
import { TestWal } from '../helpers/log-writer.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { describeContainer, holdfast, objectsOf, start } from './cli.ts';

const atMs = 1_700_000_000_000;

describe('holdfast rejected', () => {
  let wal: TestWal;
  let loki: LokiDouble;
  let store: RejectedStore;

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    loki = new LokiDouble();
    await loki.start();
    store = new RejectedStore(disk, wal.root, { maxBytes: 1 << 20 });
  });

  afterEach(async () => {
    await loki.stop();
    wal.remove();
  });

  const pushUrl = (): string => `${loki.url}/loki/api/v1/push`;

  /** An entry that the double takes, of the endpoint without a name at the double. */
  function entryOf(text: string, more: Partial<RejectedEntry> = {}): RejectedEntry {
    return {
      atMs,
      endpointKey: endpointKey('', pushUrl(), undefined),
      endpoint: new URL(loki.url).host,
      reason: 'given_up',
      detail: 'given up after 3 attempts: down',
      labels: '{app="web"}',
      timestampNs: `${BigInt(Date.now()) * 1_000_000n}`,
      line: Buffer.from(text),
      ...more,
    };
  }

  const eu = (): Partial<RejectedEntry> => ({
    endpoint: 'eu',
    endpointKey: endpointKey('eu', pushUrl(), undefined),
  });

  const rejected = (...args: string[]): ReturnType<typeof holdfast> =>
    holdfast(['--wal', wal.root, 'rejected', ...args]);
  const kept = async (): Promise<unknown[]> =>
    objectsOf(await rejected('show', '--json')).map(({ line }) => line);
  const linesOf = (): string[] => [...loki.lines({})].map(({ line }) => line.toString());

  it('lists how much was refused, by endpoint and reason, and when', async () => {
    store.add([
      entryOf('abc', { endpoint: 'us', reason: 'too_old' }),
      entryOf('ab', { endpoint: 'eu', reason: 'too_old', atMs: atMs + 5000 }),
      entryOf('abcd', { endpoint: 'eu', reason: 'too_old', atMs: atMs + 61_000 }),
      entryOf('x', { endpoint: 'eu', reason: 'other' }),
    ]);
    const { code, stdout, stderr } = await rejected('ls');
    assert.deepEqual([code, stderr], [0, '']);
    const rows = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    const first = '2023-11-14T22:13:20Z';
    assert.deepEqual(rows, [
      ['ENDPOINT', 'REASON', 'ENTRIES', 'BYTES', 'FIRST', 'LAST'],
      ['eu', 'other', '1', '1 B', first, first],
      ['eu', 'too_old', '2', '6 B', '2023-11-14T22:13:25Z', '2023-11-14T22:14:21Z'],
      ['us', 'too_old', '1', '3 B', first, first],
    ]);
    assert.deepEqual(objectsOf(await rejected('ls', '--json'))[1], {
      endpoint: 'eu',
      reason: 'too_old',
      entries: 2,
      bytes: 6,
      first: '2023-11-14T22:13:25Z',
      last: '2023-11-14T22:14:21Z',
    });
  });

  it('says that there is nothing where there is nothing', async () => {
    for (const command of ['ls', 'show', 'retry']) {
      const { code, stdout } = await rejected(command);
      assert.deepEqual([code, stdout.length], [0, 0], command);
    }
    assert.match((await rejected('ls')).stderr, /^nothing is kept of refused entries$/m);
  });

  it('shows entries, those of one endpoint, of one reason, the last ones, with all that is known', async () => {
    const bytes = Buffer.from([0xff, 0x00]);
    const when = { timestampNs: '1700000000000000001' };
    store.add([
      entryOf('one \u001b[31m', { ...when, endpoint: 'eu', reason: 'too_old' }),
      entryOf('two', { ...when, endpoint: 'us', reason: 'too_old', tenantId: 't', status: 400 }),
      entryOf('', { ...when, endpoint: 'us', reason: 'other', line: bytes }),
    ]);
    const text = (await rejected('show')).stdout.toString();
    const time = '2023-11-14T22:13:20.000000001Z';
    assert.deepEqual(text.split('\n').slice(0, 4), [
      'eu, too_old: given up after 3 attempts: down',
      `  ${time} {app="web"} one ?[31m`,
      'us, too_old: given up after 3 attempts: down',
      `  ${time} {app="web"} two`,
    ]);
    assert.deepEqual(objectsOf(await rejected('show', '--endpoint', 'us', '--json')), [
      {
        time: '2023-11-14T22:13:20.000000001Z',
        refusedAt: '2023-11-14T22:13:20Z',
        endpoint: 'us',
        tenant: 't',
        reason: 'too_old',
        status: 400,
        detail: 'given up after 3 attempts: down',
        labels: '{app="web"}',
        line: 'two',
      },
      {
        time: '2023-11-14T22:13:20.000000001Z',
        refusedAt: '2023-11-14T22:13:20Z',
        endpoint: 'us',
        tenant: null,
        reason: 'other',
        status: null,
        detail: 'given up after 3 attempts: down',
        labels: '{app="web"}',
        lineBase64: '/wA=',
      },
    ]);
    const count = async (...args: string[]): Promise<number> =>
      objectsOf(await rejected('show', '--json', ...args)).length;
    assert.deepEqual(
      [
        await count('--reason', 'too_old'),
        await count('-n', '1'),
        await count('-n', '9'),
        await count('--endpoint', 'us', '--reason', 'other'),
        await count('--endpoint', 'nobody'),
      ],
      [2, 1, 3, 1, 0],
    );
    const [last] = objectsOf(await rejected('show', '--json', '-n', '1', '--reason', 'too_old'));
    assert.equal(last?.['line'], 'two');
  });

  it('tells of what is damaged or of another version, and shows the rest', async () => {
    store.add([entryOf('one')]);
    const directory = `${wal.root}/rejected`;
    fs.appendFileSync(`${directory}/000000000001.jsonl`, 'damaged\n{"torn":');
    fs.writeFileSync(`${directory}/000000000009.jsonl`, '{"holdfast":"rejected","version":7}\n');
    const { code, stderr } = await rejected('ls');
    assert.equal(code, 0);
    assert.match(stderr, /000000000001\.jsonl: 2 damaged lines/);
    assert.match(stderr, /000000000009\.jsonl was written by another version, or is damaged/);
    assert.deepEqual(await kept(), ['one']);
  });

  it('sends entries again with their labels, times and bytes, and those leave the store', async () => {
    const log = await wal.log('a'.repeat(64));
    describeContainer(log, 'web', { logOpts: { 'loki-url.eu': loki.url } });
    store.add(Array.from({ length: 30 }, (_, index) => entryOf(`plain ${index}`)));
    const two = entryOf('named', { ...eu(), labels: '{app="db"}' });
    store.add([two, entryOf('raw', { ...eu(), line: Buffer.from([0xff, 0x0a]) })]);
    const { code, stdout, stderr } = await rejected('retry', '--opt', `loki-url.xx=${loki.url}`);
    assert.equal(code, 1, stderr);
    const host = new URL(loki.url).host;
    const text = stdout.toString();
    assert.ok(text.includes(`${host}: 0 entries delivered, 0 refused again, 30 not sent`), text);
    assert.match(text, /no container and no setting names this endpoint; name it with --opt/);
    assert.ok(text.includes(`eu (${pushUrl()}): 2 entries delivered, 0 refused again, 0 not sent`));
    const [stored] = [...loki.lines({ app: 'db' })];
    assert.deepEqual(
      [stored?.line.toString(), stored?.timestampNs],
      ['named', BigInt(two.timestampNs)],
    );
    assert.equal((await kept()).length, 30);
    const again = await rejected('retry', '--json', '--opt', `loki-url=${loki.url}`);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(objectsOf(again), [
      { endpoint: host, url: pushUrl(), delivered: 30, refused: 0, left: 0, problem: null },
    ]);
    assert.equal(loki.entries, 32);
    assert.deepEqual(fs.readdirSync(`${wal.root}/rejected`), []);
  });

  it('finds files that options of containers name as the plugin sees them', async () => {
    const files = fs.mkdtempSync(`${wal.root}-files-`);
    const log = await wal.log('a'.repeat(64));
    const token = { 'loki-bearer-token-file.eu': '/files/token' };
    describeContainer(log, 'web', { logOpts: { 'loki-url.eu': loki.url, ...token } });
    store.add([entryOf('named', eu())]);
    try {
      const missing = await rejected('retry', '--files', files);
      assert.equal(missing.code, 1, missing.stderr);
      fs.writeFileSync(`${files}/token`, 'b3arer\n');
      const found = await rejected('retry', '--files', files);
      assert.equal(found.code, 0, found.stderr);
      assert.deepEqual(linesOf(), ['named']);
    } finally {
      fs.rmSync(files, { recursive: true });
    }
  });

  it('leaves what is refused again in the store, and all else goes', async () => {
    const old = { timestampNs: '1500000000000000000', reason: 'too_old' } as const;
    store.add([entryOf('a'), entryOf('old', old), entryOf('b'), entryOf('c')]);
    const { code, stdout } = await rejected('retry', '--opt', `loki-url=${loki.url}`);
    assert.equal(code, 1);
    assert.match(stdout.toString(), /: 3 entries delivered, 1 refused again, 0 not sent/);
    assert.deepEqual(linesOf(), ['a', 'b', 'c']);
    const [left] = objectsOf(await rejected('show', '--json'));
    assert.deepEqual([left?.['line'], left?.['refusedAt']], ['old', '2023-11-14T22:13:20Z']);
  });

  it('sends only what was chosen', async () => {
    store.add([
      entryOf('a', { reason: 'other' }),
      entryOf('b'),
      entryOf('c', { ...eu(), reason: 'other' }),
    ]);
    const url = ['--opt', `loki-url=${loki.url}`, '--opt', `loki-url.eu=${loki.url}`];
    // A name for which there is an option has an endpoint, and the plain URL is one, too.
    const chosen = ['--reason', 'other', '--endpoint', 'eu'];
    assert.equal((await rejected('retry', ...url, ...chosen)).code, 0);
    assert.deepEqual(linesOf(), ['c']);
    assert.deepEqual(await kept(), ['a', 'b']);
  });

  it('follows an endpoint with a name to its new URL', async () => {
    store.add([entryOf('a', { endpoint: 'eu', endpointKey: 'of another URL' })]);
    const { code, stderr } = await rejected('retry', '--opt', `loki-url.eu=${loki.url}`);
    assert.equal(code, 0, stderr);
    assert.deepEqual(linesOf(), ['a']);
  });

  it('sends for the tenant that an endpoint has now, and for those that stages chose', async () => {
    const shared = new LokiDouble({ auth: true });
    await shared.start();
    try {
      const push = `${shared.url}/loki/api/v1/push`;
      const of = (tenantId?: string): Partial<RejectedEntry> => ({
        endpoint: 'eu',
        endpointKey: endpointKey('eu', push, tenantId),
        ...(tenantId && { tenantId }),
      });
      const chosen = entryOf('chosen', { ...of('wrong'), tenantId: 'seven' });
      store.add([entryOf('own', of('wrong')), chosen, entryOf('none', of())]);
      const url = ['--opt', `loki-url.eu=${shared.url}`, '--opt', 'loki-tenant-id.eu=right'];
      const { code, stderr } = await rejected('retry', ...url);
      assert.equal(code, 0, stderr);
      const textsOf = (tenant: string): string[] =>
        [...shared.lines({}, { tenant })].map(({ line }) => line.toString());
      assert.deepEqual(textsOf('right').toSorted(), ['none', 'own']);
      assert.deepEqual(textsOf('seven'), ['chosen']);
      assert.deepEqual(textsOf('wrong'), []);
    } finally {
      await shared.stop();
    }
  });

  it('sends without structured metadata where none is taken, and says so', async () => {
    const reason = 'stream includes structured metadata, but this feature is disallowed';
    const server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const isRefused = Buffer.concat(chunks).includes('container_id');
        response.writeHead(isRefused ? 400 : 204).end(isRefused ? reason : undefined);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const metadata = [{ name: 'container_id', value: 'c1' }];
      store.add([entryOf('a', { ...eu(), metadata }), entryOf('b', { ...eu(), metadata })]);
      const url = ['--opt', `loki-url.eu=http://127.0.0.1:${port}`];
      const { code, stdout, stderr } = await rejected('retry', ...url);
      assert.equal(code, 0, stdout.toString());
      assert.match(stderr, /eu: the endpoint takes no structured metadata: entries go without it/);
      assert.deepEqual(await kept(), []);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('says what it would send where, sends nothing and takes no lock, with --dry-run', async () => {
    store.add([entryOf('a'), entryOf('b'), entryOf('c', { endpoint: 'gone', endpointKey: 'x' })]);
    await whileLocked(async () => {
      const url = ['--opt', `loki-url=${loki.url}`];
      const { code, stdout } = await rejected('retry', '--dry-run', ...url);
      assert.equal(code, 1);
      const text = stdout.toString();
      assert.ok(text.includes(`(${pushUrl()}): 2 entries would be sent\n`), text);
      assert.match(text, /^gone: 1 entry cannot be sent: no container/m);
    });
    assert.equal(loki.entries, 0);
    assert.equal((await kept()).length, 3);
  });

  it('refuses with 3, naming the holder, while a plugin has the lock; ls and show do not', async () => {
    store.add([entryOf('a')]);
    await whileLocked(async () => {
      const { code, stderr } = await rejected('retry', '--opt', `loki-url=${loki.url}`);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /in use by holdfast 9\.9, pid 7/);
      assert.equal((await rejected('ls')).code, 0);
      assert.deepEqual(await kept(), ['a']);
    });
    assert.equal(loki.entries, 0);
  });

  it('gives up an endpoint that does not answer or does not let us in, and keeps all', async () => {
    store.add([entryOf('a'), entryOf('b')]);
    const url = loki.url.replace('http://', 'http://user:hunter2@');
    await loki.setMode({ kind: 'status', status: 401, body: 'hunter2 is wrong' });
    const denied = await rejected('retry', '--opt', `loki-url=${url}`);
    assert.equal(denied.code, 1);
    const said = `${denied.stdout.toString()}${denied.stderr}`;
    assert.match(said, /0 entries delivered, 0 refused again, 2 not sent: .*answered 401/);
    assert.ok(!said.includes('hunter2'), said);
    await loki.setMode({ kind: 'status', status: 503, body: 'down' });
    const quick = ['--opt', 'loki-min-backoff=10ms', '--opt', 'loki-max-backoff=20ms'];
    const down = await rejected('retry', '--opt', `loki-url=${loki.url}`, ...quick);
    assert.equal(down.code, 1);
    assert.match(down.stdout.toString(), /2 not sent: .*answered 503/);
    assert.deepEqual(await kept(), ['a', 'b']);
  });

  it('keeps what has no verdict when it is stopped, and ends with 130', async () => {
    store.add([entryOf('a'), entryOf('b')]);
    await loki.setMode({ kind: 'hang' });
    const url = ['--opt', `loki-url=${loki.url}`, '--opt', 'loki-timeout=60s'];
    const { child, ended } = start(['--wal', wal.root, 'rejected', 'retry', ...url]);
    await loki.waitFor((double) => double.counts().hung > 0);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    assert.equal(code, 130);
    assert.match(stdout.toString(), /0 entries delivered, 0 refused again, 2 not sent/);
    assert.deepEqual(await kept(), ['a', 'b']);
  });

  it('refuses reasons, numbers and options that are none', async () => {
    const wrong: [string[], RegExp][] = [
      [['show', '--reason', 'old'], /--reason 'old' is none; there are too_old, too_new/],
      [['show', '-n', 'x'], /--tail 'x' is no number of entries/],
      [['retry', '--reason', 'x'], /--reason 'x' is none/],
      [['retry', '--opt', 'loki-ulr=x'], /did you mean loki-url\?/],
    ];
    for (const [given, message] of wrong) {
      const { code, stderr } = await rejected(...given);
      assert.equal(code, 2, given.join(' '));
      assert.match(stderr, message);
    }
  });

  it('is no damage to wal verify', async () => {
    store.add([entryOf('a')]);
    const { code, stdout } = await holdfast(['--wal', wal.root, 'wal', 'verify', '--json']);
    assert.equal(code, 0);
    assert.deepEqual(stdout.toString().trim().split('\n').length, 1);
  });

  async function whileLocked(run: () => Promise<void>): Promise<void> {
    const script = `${import.meta.dirname}/../helpers/lock-holder.ts`;
    const holder = spawn(process.execPath, [script, wal.root, 'holdfast 9.9, pid 7'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    try {
      await once(holder.stdout, 'data');
      await run();
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
  }
});
