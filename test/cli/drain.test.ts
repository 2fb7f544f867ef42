/** `holdfast drain` as a process, against the double of Loki. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { LandingArea } from '../../src/capture/landing.ts';
import { encodeFrame, numberedFrames, textFrame } from '../helpers/frames.ts';
import { TestWal } from '../helpers/log-writer.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { describeContainer, type Ended, holdfast, objectsOf, start } from './cli.ts';

const idOf = (digit: string): string => digit.repeat(64);

describe('holdfast drain', () => {
  let wal: TestWal;
  let loki: LokiDouble;

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    loki = new LokiDouble();
    await loki.start();
  });

  afterEach(async () => {
    await loki.stop();
    wal.remove();
  });

  /** A container with the lines `<name> 1` to `<name> <lines>`. */
  async function container(
    digit: string,
    name: string,
    lines: number,
    logOpts: Record<string, string> = {},
  ): Promise<string> {
    const log = await wal.log(idOf(digit));
    describeContainer(log, name, { logOpts });
    log.attach();
    log.write(numberedFrames(`${name} `, 1, lines));
    log.detach();
    log.close();
    return log.directory;
  }

  const args = (...more: string[]): string[] => ['--wal', wal.root, 'drain', ...more];
  const toLoki = (): string[] => ['--opt', `loki-url=${loki.url}`];
  const drain = (...more: string[]): Promise<Ended> => holdfast(args(...more));
  const endOf = (ended: Ended): Record<string, unknown> => objectsOf(ended).at(-1) ?? {};

  function assertAll(name: string, lines: number): void {
    const report = loki.checkNumbered({ container_name: name }, `${name} `, lines);
    assert.ok(report.ok, report.summary);
  }

  it('delivers every line once, from several containers, and has nothing to do again', async () => {
    await container('a', 'web', 20_000);
    await container('b', 'db', 5000, { 'loki-url': `${loki.url}/loki/api/v1/push` });
    const first = await drain(...toLoki(), '--host', 'box');
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /done: .* with 25,000 entries delivered$/m);
    assert.equal(first.stdout.length, 0);
    assertAll('web', 20_000);
    assertAll('db', 5000);
    assert.equal(loki.count({ host: 'box' }), 25_000);
    assert.equal(loki.counts().duplicates, 0);
    const { requests } = loki.counts();
    const again = await drain(...toLoki(), '--json');
    assert.equal(again.code, 0);
    assert.equal(endOf(again)['totalBytes'], 0);
    assert.equal(loki.counts().requests, requests);
    const [entry] = objectsOf(await holdfast(['--wal', wal.root, '--json', 'wal', 'ls'], {}));
    assert.deepEqual(entry?.['backlogs'], [
      { endpoint: 1, url: `${loki.url}/loki/api/v1/push`, tenant: null, bytes: 0, entries: 0 },
    ]);
  });

  it('sends lines for the tenants that stages choose', async () => {
    const shared = new LokiDouble({ auth: true });
    await shared.start();
    try {
      const stages =
        '[{match: {selector: \'{container_name="web"} |= "7"\', stages: [{tenant: {value: seven}}]}}]';
      await container('a', 'web', 100, { 'loki-pipeline-stages': stages });
      const url = ['--opt', `loki-url=${shared.url}`, '--opt', 'loki-tenant-id=own'];
      const ended = await drain(...url);
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(shared.count({}, { tenant: 'seven' }), 19);
      assert.equal(shared.count({}, { tenant: 'own' }), 81);
    } finally {
      await shared.stop();
    }
  });

  it('finds files that options name as the plugin sees them', async () => {
    const files = fs.mkdtempSync(`${wal.root}-files-`);
    fs.writeFileSync(`${files}/stages.yaml`, "- static_labels: {stage: 'yes'}\n");
    try {
      await container('a', 'web', 10, { 'loki-pipeline-stage-file': '/files/stages.yaml' });
      const blind = await drain(...toLoki());
      assert.equal(blind.code, 1);
      assert.match(
        blind.stderr,
        /the file "\/files\/stages.yaml" cannot be read \(there is none\)/,
      );
      const token = ['--opt', 'loki-bearer-token-file=/files/token', '--files', files];
      const missing = await drain(...toLoki(), ...token, '--timeout', '2s');
      assert.equal(missing.code, 5, 'nothing is sent without a token');
      fs.writeFileSync(`${files}/token`, 'b3arer\n');
      const ended = await drain(...toLoki(), ...token);
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(loki.count({ container_name: 'web', stage: 'yes' }), 10);
    } finally {
      fs.rmSync(files, { recursive: true });
    }
  });

  it('stops in the middle at Ctrl-C, and the next run delivers the rest', async () => {
    await container('a', 'web', 200_000);
    await loki.setMode({ kind: 'slow', delayMs: 60 });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const before = loki.entries;
      const run = start(args(...toLoki(), '--json', '--opt', 'loki-batch-size=128k'));
      await loki.waitFor((double) => double.entries > before + 20_000);
      run.child.kill(signal);
      const ended = await run.ended;
      assert.equal(ended.code, 130, ended.stderr);
      const { end, left, deliveredEntries } = endOf(ended);
      assert.equal(end, 'interrupted');
      assert.ok(Number(deliveredEntries) > 0);
      assert.equal((left as unknown[]).length, 1);
    }
    assert.ok(loki.entries < 200_000);
    await loki.setMode({ kind: 'up' });
    const last = await drain(...toLoki(), '--json');
    assert.equal(last.code, 0, last.stderr);
    assert.ok(Number(endOf(last)['totalEntries']) < 200_000, 'it goes on where it was');
    assertAll('web', 200_000);
  });

  it('shows progress as objects whose numbers only grow, up to all there is', async () => {
    await container('a', 'web', 60_000);
    await loki.setMode({ kind: 'slow', delayMs: 300 });
    const ended = await drain(...toLoki(), '--json', '--opt', 'loki-batch-size=256k');
    assert.equal(ended.code, 0, ended.stderr);
    const objects = objectsOf(ended);
    const shown = objects.filter(({ kind }) => kind === 'progress');
    assert.ok(shown.length >= 2);
    const bytes = shown.map(({ deliveredBytes }) => Number(deliveredBytes));
    assert.deepEqual(
      bytes,
      bytes.toSorted((a, b) => a - b),
    );
    const { end, deliveredBytes, totalBytes, deliveredEntries } = objects.at(-1) ?? {};
    assert.deepEqual([end, deliveredEntries], ['done', 60_000]);
    assert.equal(deliveredBytes, totalBytes);
  });

  it('ends with 3 and names the holder while somebody has the lock', async () => {
    await container('a', 'web', 10);
    const script = `${import.meta.dirname}/../helpers/lock-holder.ts`;
    const holder = spawn(process.execPath, [script, wal.root, 'holdfast 9.9, pid 7'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    try {
      await once(holder.stdout, 'data');
      const { code, stderr } = await drain(...toLoki());
      assert.equal(code, 3);
      assert.match(stderr, /in use by holdfast 9\.9, pid 7/);
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
    assert.equal(loki.entries, 0);
    assert.equal((await drain(...toLoki())).code, 0);
  });

  it('ends with 5 when the time is up, and says what is left and why', async () => {
    await container('a', 'web', 100);
    await loki.setMode({ kind: 'failing' });
    const { code, stderr } = await drain(...toLoki(), '--timeout', '1s');
    assert.equal(code, 5);
    assert.match(stderr, /warning: .*: the endpoint does not take logs/);
    assert.match(stderr, /left: aaaaaaaaaaaa web, .* with 100 entries/);
    assert.match(stderr, /the time is up; run it again/);
  });

  it('lists what it has no endpoint for, delivers the rest, and ends with 1', async () => {
    await container('a', 'web', 100);
    await container('b', 'db', 100, { 'loki-url': loki.url });
    await container('c', 'bad', 100, { 'loki-url': 'no url' });
    fs.writeFileSync(`${await container('d', 'lost', 100)}/meta.json`, 'x');
    const { code, stderr, ...rest } = await drain('--json');
    assert.equal(code, 1);
    assertAll('db', 100);
    assert.equal(loki.entries, 100);
    assert.match(
      stderr,
      /not delivered: aaaaaaaaaaaa web, .* with 100 entries: no endpoint is set/,
    );
    assert.match(stderr, /not delivered: cccccccccccc bad, .*loki-url/);
    assert.match(stderr, /not delivered: dddddddddddd \?, .*not readable/);
    const { undeliverable, end } = endOf({ code, stderr, ...rest });
    assert.equal(end, 'done');
    assert.equal((undeliverable as unknown[]).length, 3);
  });

  it('lets the log-opts of a container win over --opt, and --endpoint over both', async () => {
    await container('a', 'web', 100, { 'loki-url': 'http://127.0.0.1:1', 'loki-tenant-id': 't' });
    const own = await drain(...toLoki(), '--timeout', '500ms');
    assert.equal(own.code, 5, 'nobody is at its own URL');
    const given = await drain('--endpoint', loki.url, '--env', 'LOKI_EXTERNAL_LABELS=app=x');
    assert.equal(given.code, 0, given.stderr);
    assert.equal(loki.count({ app: 'x' }), 100);
  });

  it('delivers to each endpoint of a container, from where that one stands', async () => {
    const other = new LokiDouble();
    await other.start();
    try {
      await container('a', 'web', 50, { 'loki-url': `${loki.url},${other.url}` });
      await container('b', 'db', 30, { 'loki-url.eu': other.url });
      const { code, stderr } = await drain('--opt', `loki-url.us=${loki.url}`);
      // What names no endpoint of its own has the one that was given; so has everybody else.
      assert.equal(code, 0, stderr);
      assert.deepEqual([loki.count({ container_name: 'web' }), other.entries], [50, 80]);
      assert.equal(loki.count({ container_name: 'db' }), 30);
      assert.match(stderr, /: 80 entries|with 80 entries/);
      const [db, web] = objectsOf(await holdfast(['--wal', wal.root, '--json', 'wal', 'ls']));
      const amounts = [db, web].map((each) => {
        const backlogs = each?.['backlogs'] as { name?: string; bytes: number }[] | undefined;
        return backlogs?.map(({ name, bytes }) => [name ?? '-', bytes]);
      });
      assert.deepEqual(amounts, [
        [
          ['eu', 0],
          ['-', 0],
        ],
        [
          ['-', 0],
          ['-', 0],
          ['-', 0],
        ],
      ]);
    } finally {
      await other.stop();
    }
  });

  it('ships to --endpoint alone, whatever endpoints a container and HOLDFAST_OPTS name', async () => {
    await container('a', 'web', 20, {
      'loki-url': 'http://127.0.0.1:1',
      'loki-url.eu': 'http://127.0.0.1:2',
      'loki-tenant-id.eu': 't',
    });
    const opts = 'loki-url.us=http://127.0.0.1:3;loki-timeout.us=1s';
    const { code, stderr } = await drain('--endpoint', loki.url, '--env', `HOLDFAST_OPTS=${opts}`);
    assert.equal(code, 0, stderr);
    assert.equal(loki.count({ container_name: 'web' }), 20);
  });

  it('counts nothing for an endpoint that is to begin with what comes', async () => {
    await container('a', 'web', 20, { 'loki-url': loki.url, 'loki-start': 'newest' });
    const { code, stderr } = await drain();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^done: 0 B with 0 entries delivered$/m);
    assert.equal(loki.entries, 0);
  });

  it('takes settings from the shell by their names alone, and shows no password', async () => {
    await container('a', 'web', 10);
    const url = loki.url.replace('http://', 'http://user:hunter2@');
    await loki.setMode({ kind: 'status', status: 401, body: 'hunter2 is wrong' });
    const env = { LOKI_URL: url };
    const denied = await holdfast(args('--env', 'LOKI_URL', '--timeout', '1s', '--json'), env);
    assert.equal(denied.code, 5);
    assert.ok(!`${denied.stdout.toString()}${denied.stderr}`.includes('hunter2'), denied.stderr);
    assert.equal((await holdfast(args(), env)).code, 1, 'what is not named is not taken');
  });

  it('ends with 1 when the endpoint refuses entries for good', async () => {
    await container('a', 'web', 10);
    await loki.setMode({ kind: 'status', status: 400, body: 'no' });
    const { code, stderr } = await drain(...toLoki());
    assert.equal(code, 1);
    assert.match(stderr, /delivered, 10 entries refused \('holdfast rejected ls' says why\)/);
    const [kept] = objectsOf(await holdfast(['--wal', wal.root, '--json', 'rejected', 'ls']));
    assert.deepEqual([kept?.['entries'], kept?.['reason']], [10, 'other']);
  });

  it('delivers a line without an end, and comes to an end before half a frame', async () => {
    const log = await wal.log(idOf('a'));
    describeContainer(log, 'web', { fifos: ['/run/docker/logging/x'] });
    log.attach();
    const timeNano = BigInt(Date.now()) * 1_000_000n;
    const piece = { source: 'stdout', timeNano, partial: true, id: 'f'.repeat(64), ordinal: 1 };
    log.write(encodeFrame({ ...piece, line: Buffer.from('begun') }));
    log.write(textFrame('half').subarray(0, 15));
    const { code, stderr } = await drain(...toLoki());
    assert.equal(code, 0, stderr);
    const lines = [...loki.lines({})].map((entry) => entry.line.toString());
    assert.deepEqual(lines, ['begun']);
  });

  it('delivers what stages still hold at the end at once, and once', async () => {
    const stages = "[{multiline: {firstline: '^ERR', max_wait_time: 1h}}]";
    const log = await wal.log(idOf('a'));
    const logOpts = { 'loki-pipeline-stages': stages };
    describeContainer(log, 'web', { logOpts, fifos: ['/run/docker/logging/x'] });
    log.attach();
    const write = (text: string, more: { partial?: boolean; id?: string } = {}): void => {
      const timeNano = BigInt(Date.now()) * 1_000_000n;
      log.write(encodeFrame({ source: 'stdout', timeNano, line: Buffer.from(text), ...more }));
    };
    for (const text of ['ERR 1', '  at a', 'ERR 2', '  at b']) write(text);
    write('  at c, cut', { partial: true, id: 'f'.repeat(64) });
    const linesOf = (): string[] => [...loki.lines({})].map((entry) => entry.line.toString());
    // Less than an open line, and than a block, waits for its end.
    const first = await drain(...toLoki(), '--timeout', '8s');
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(linesOf(), ['ERR 1\n  at a', 'ERR 2\n  at b\n  at c, cut']);
    // The plugin is back, and the container goes on.
    for (const text of ['  at d', 'ERR 3']) write(text);
    const second = await drain(...toLoki(), '--timeout', '8s');
    assert.equal(second.code, 0, second.stderr);
    assert.deepEqual(linesOf().slice(2), ['  at d', 'ERR 3']);
    assert.equal(loki.counts().duplicates, 0);
  });

  it('waits for stages that let lines through slowly, longer than for anything else', async () => {
    // The second line comes 16.7 s behind the first.
    const stages = '[{limit: {rate: 0.06, burst: 1}}]';
    const logOpts = { 'loki-pipeline-stages': stages, 'loki-batch-wait': '10ms' };
    await container('a', 'web', 2, logOpts);
    const ended = await drain(...toLoki());
    assert.equal(ended.code, 0, ended.stderr);
    assertAll('web', 2);
  });

  it('says when a killed plugin had read more than it wrote', async () => {
    const log = await wal.log(idOf('a'));
    describeContainer(log, 'web');
    log.attach('fifo');
    log.write(numberedFrames('web ', 1, 10));
    // Another process had a FIFO of the same name, and all of its bytes are in the log.
    for (const lsn of [5, log.endLsn]) {
      new LandingArea(wal.root, silentLog).slot('fifo', lsn).readBuffer.write('half a frame');
    }
    const { code, stderr } = await drain(...toLoki());
    assert.equal(code, 1);
    assertAll('web', 10);
    assert.match(stderr, /aaaaaaaaaaaa web, 12 B .*: a killed plugin had read this/);
    assert.equal(stderr.match(/a killed plugin/g)?.length, 1);
  });

  it('tells the endpoint of what is damaged', async () => {
    const directory = await container('a', 'web', 5000);
    const path = `${directory}/00000000000000000001.w`;
    const bytes = fs.readFileSync(path);
    bytes[100_000] = (bytes[100_000] ?? 0) ^ 1;
    fs.writeFileSync(path, bytes);
    assert.equal((await drain(...toLoki())).code, 0);
    const told = [...loki.lines({ source: 'stderr' })].map((entry) => entry.line.toString());
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /^holdfast: .*\(damage\)$/);
  });

  it('refuses options that are none and values that are wrong before it touches anything', async () => {
    await container('a', 'web', 10);
    const wrong: [string[], RegExp][] = [
      [['--opt', 'loki-ulr=http://x'], /did you mean loki-url\?/],
      [['--env', 'LOKI_ULR=http://x'], /did you mean LOKI_URL\?/],
      [['--opt', 'loki-url'], /needs a value/],
      [['--opt', 'loki-url.eu'], /needs a value/],
      [['--opt', 'loki-url.EU=http://x'], /there is no such option/],
      [['--opt', 'loki-header.X-A=a\nb'], /loki-header.X-A: its value has a line break/],
      [['--opt', 'loki-timeout.eu=soon'], /loki-timeout.eu/],
      [['--opt', 'http://user:hunter2@x'], /there is no such option/],
      [['--opt', 'loki-url=user:hunter2@x'], /loki-url/i],
      [['--opt', 'loki-timeout=soon'], /LOKI_TIMEOUT/],
      [['--endpoint', 'x'], /loki-url/],
      [['--timeout', '0'], /--timeout '0' is no duration/],
    ];
    for (const [given, message] of wrong) {
      const { code, stderr } = await drain(...given);
      assert.equal(code, 2, given.join(' '));
      assert.match(stderr, message);
      assert.ok(!stderr.includes('hunter2'));
    }
    assert.ok(!fs.existsSync(`${wal.root}/endpoints.json`));
  });
});
