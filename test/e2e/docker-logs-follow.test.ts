/**
 * `docker logs --follow` on a real engine, beside json-file where that has the same: what was
 * printed and what comes, each line once, to the end of the container, while segments are
 * sealed and removed under it and the plugin is killed.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Engine } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { readMetrics } from '../helpers/loss-account.ts';
import { runArgs, tickLines } from './helpers/containers.ts';
import { dockerLogs, FollowedLogs } from './helpers/docker-logs.ts';
import {
  assertRange,
  bytesIn,
  logDirectory,
  numbersIn,
  PausedLogs,
  release,
  segmentsIn,
  stampMs,
  stampsIn,
  until,
  waitFor,
} from './helpers/logs-checks.ts';
import { Plugin } from './helpers/plugin.ts';

const drivers = ['holdfast', 'json-file'] as const;
const mib = 1 << 20;
/** Half of all lines take no longer; a busy machine may hold up some. */
const arrivalMsMax = 100;
/** So late may the end of a time be noticed. */
const untilMsMax = 2000;

/** The word of a loss: how many lines at most, if that is known. */
const tellsLoss =
  /^holdfast: (?:up to )?(an unknown number of|[\d,]+) lines? .*\((?:evicted|let-go)\)$/;
const tellsLetGo = /^holdfast: (an unknown number of|[\d,]+) lines? .*\(let-go\)$/;

const count = (from: number, to: number): string =>
  `awk 'BEGIN{for(i=${from};i<=${to};i++) print "n " i}'`;

describe('docker logs --follow', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const loki = new LokiDouble();

  before(async () => {
    await loki.start();
    await engine.start();
    await engine.importTestImage();
    const small = { WAL_SEGMENT_SIZE: '64k', WAL_SEGMENT_AGE: '1s' };
    const settings = { LOKI_URL: loki.url, LOKI_MAX_BACKOFF: '1s', HISTORY_MAX_AGE: '1h' };
    await plugin.create({ ...settings, ...small });
  });

  after(async () => {
    await engine.dispose();
    await loki.stop();
  });

  // Nothing is open for a container that is gone, whatever became of its test.
  afterEach(async () => {
    const ids = await engine.docker('ps', '-aq');
    if (ids !== '') await engine.docker('rm', '-f', ...ids.split('\n'));
    await until('nobody reads any more', async () => (await readers()) === 0);
  });

  async function run(name: string, program: string, driver = 'holdfast'): Promise<void> {
    await engine.docker(...runArgs(name, { driver }), 'sh', '-c', program);
  }

  async function readers(): Promise<number> {
    return (await readMetrics({ port: 9417 })).get('holdfast_log_readers') ?? Number.NaN;
  }

  it('shows each line soon after it is printed, also of a container that was silent', async () => {
    const lines = 40;
    const tick = `i=1; while [ $i -le ${lines} ]; do echo "n $i"; i=$((i+1)); usleep 70000; done`;
    await run('soon', `${waitFor('go')}; ${tick}; ${waitFor('end')}`);
    const logs = new FollowedLogs(engine, 'soon', '--timestamps');
    await until('it is followed', async () => (await readers()) === 1);
    assert.equal(logs.stdout, '');
    await release(engine, 'soon', 'go');
    const tookMs: number[] = [];
    for (let line = 0; line < lines; line += 1) {
      await logs.until(`line ${line} is there`, () => stampsIn(logs.stdout).length > line);
      tookMs.push(Date.now() - stampMs(stampsIn(logs.stdout)[line] ?? ''));
    }
    const median = tookMs.toSorted((a, b) => a - b)[lines / 2] ?? Number.POSITIVE_INFINITY;
    assert.ok(median < arrivalMsMax, `lines took ${tookMs.join()} ms`);
    await release(engine, 'soon', 'end');
    assert.equal(await logs.end(), 0);
    assertRange(numbersIn(logs.stdout), 1, lines);
  });

  it('begins where --tail and --since say, and goes on from there, as json-file does', async () => {
    for (const driver of drivers) {
      const name = `begins-${driver}`;
      await run(name, `${count(1, 10)}; ${waitFor('go')}; ${count(11, 15)}`, driver);
      let stamps: string[] = [];
      await until('ten lines are there', async () => {
        const { stdout } = await dockerLogs(engine, name, '--timestamps');
        stamps = stampsIn(stdout.toString());
        return stamps.length === 10;
      });
      const stamp = stamps[5] ?? '';
      const followed = [
        { flags: [], first: 1 },
        { flags: ['--tail', 'all'], first: 1 },
        { flags: ['--tail', '100'], first: 1 },
        { flags: ['--tail', '2'], first: 9 },
        { flags: ['--since', stamp], first: 6 },
        { flags: ['--since', stamp, '--tail', '3'], first: 8 },
        { flags: ['--since', stamp, '--tail', '8'], first: 6 },
      ].map(({ flags, first }) => ({ first, logs: new FollowedLogs(engine, name, ...flags) }));
      for (const { first, logs } of followed) {
        await logs.until('what was printed is there', () => logs.stdout.endsWith('n 10\n'));
        assertRange(numbersIn(logs.stdout), first, 10);
      }
      // What says that such a one has begun is nothing that it prints.
      const none = driver === 'holdfast' ? [new FollowedLogs(engine, name, '--tail', '0')] : [];
      const open = followed.length + 1;
      if (none.length > 0) await until('all follow', async () => (await readers()) === open);
      await release(engine, name, 'go');
      for (const { first, logs } of [...followed, ...none.map((logs) => ({ first: 11, logs }))]) {
        assert.equal(await logs.end(), 0);
        assertRange(numbersIn(logs.stdout), first, 15);
        assert.equal(logs.stderr, '');
      }
    }
  });

  it('--until ends it at that time, whether or not anything is printed', async () => {
    await engine.docker(...runArgs('timed'), ...tickLines('n ', 1_000_000, 10));
    await run('timed-silent', 'echo n 1; sleep 600');
    const untilMs = Date.now() + 3000;
    const end = new Date(untilMs).toISOString();
    const silent = new FollowedLogs(engine, 'timed-silent', '--until', end);
    const logs = new FollowedLogs(engine, 'timed', '--timestamps', '--until', end);
    assert.equal(await logs.end(), 0);
    assert.equal(await silent.end(), 0);
    assert.ok(Date.now() >= untilMs);
    const numbers = numbersIn(logs.stdout);
    assertRange(numbers, 1, numbers.length);
    const last = stampMs(stampsIn(logs.stdout).at(-1) ?? '');
    assert.ok(last <= untilMs && last > untilMs - untilMsMax, `${last} of ${untilMs}`);
    assert.equal(silent.stdout, 'n 1\n');
    // A limit that is over gives what there was before it, and nothing of what goes on.
    const past = new FollowedLogs(engine, 'timed', '--until', end);
    assert.equal(await past.end(), 0);
    assertRange(numbersIn(past.stdout), 1, numbers.length);
  });

  const lastWords = `trap 'printf "bye\\nno end"; exit 0' TERM; echo hello; ${waitFor('go')}; echo last`;
  const endings = {
    exit: { said: 'hello\nlast\n', by: async (name: string) => release(engine, name, 'go') },
    stop: {
      said: 'hello\nbye\nno end',
      by: async (name: string) => engine.docker('stop', '-t', '20', name),
    },
    restart: {
      said: 'hello\nbye\nno end',
      by: async (name: string) => engine.docker('restart', '-t', '20', name),
    },
    kill: { said: 'hello\n', by: async (name: string) => engine.docker('kill', name) },
  };

  for (const [how, { said, by }] of Object.entries(endings)) {
    it(`ends by itself with the last line at ${how}, as with json-file`, async () => {
      await Promise.all(
        drivers.map(async (driver) => {
          const name = `${how}-${driver}`;
          await run(name, lastWords, driver);
          const logs = new FollowedLogs(engine, name);
          await logs.until('it has begun', () => logs.stdout === 'hello\n');
          await by(name);
          assert.equal(await logs.end(), 0, driver);
          assert.equal(logs.stderr, '', driver);
          // json-file itself leaves a last line without an end out when it is followed.
          if (driver === 'holdfast') assert.equal(logs.stdout, said);
          const all = (await dockerLogs(engine, name)).stdout.toString();
          assert.ok(all.startsWith(said), `${driver}: ${all}`);
        }),
      );
    });
  }

  it('gives each line once and in order, quick or slow, while segments are sealed under it', async () => {
    const lines = 200_000;
    const pad = 'x'.repeat(90);
    const tick = `while [ ! -e /go ]; do i=$((i+1)); echo "n $i"; usleep 5000; done`;
    await run(
      'sealed',
      `${waitFor('start')}; awk 'BEGIN{for(i=1;i<=${lines};i++) print "n " i " ${pad}"}'; i=${lines}; ${tick}`,
    );
    using slow = await PausedLogs.open(engine, 'sealed');
    const quick = new FollowedLogs(engine, 'sealed');
    await until('both follow', async () => (await readers()) === 2);
    await release(engine, 'sealed', 'start');
    await quick.until(
      'all of the many lines are there',
      () =>
        quick.stdout.endsWith(`n ${lines} ${pad}\n`) || quick.stdout.includes(`\nn ${lines + 1}\n`),
      90_000,
    );
    const directory = await logDirectory(engine, plugin, 'sealed');
    await until('most is sealed', () => segmentsIn(directory, '.z').length > 100, 60_000);
    await release(engine, 'sealed', 'go');
    await engine.docker('wait', 'sealed');
    await slow.resume();
    assert.equal(await quick.end(), 0);
    const total = numbersIn(quick.stdout).length;
    assert.ok(total > lines, `${total} lines`);
    assertRange(numbersIn(quick.stdout), 1, total);
    assertRange(numbersIn(slow.stdout), 1, total);
    assert.equal(quick.stderr + slow.stderr, '');
  });

  it('tells a slow client of each line that history let go of before it', async () => {
    const lines = 60_000;
    // 24 MB that do not compress well: more than the sockets on the way take.
    const print = `awk 'BEGIN{srand(7);for(i=1;i<=${lines};i++){t="n " i " ";for(k=0;k<44;k++)t=t rand();print t}}'`;
    const logOpts = { 'max-size': '1m', 'max-file': '1' };
    const program = `${waitFor('start')}; ${print}; ${waitFor('go')}; echo n ${lines + 1}`;
    await engine.docker(...runArgs('overtaken', { logOpts }), 'sh', '-c', program);
    using slow = await PausedLogs.open(engine, 'overtaken');
    await until('it follows', async () => (await readers()) === 1);
    await release(engine, 'overtaken', 'start');
    const selector = { container_name: 'overtaken' };
    await loki.waitFor((double) => double.count(selector) === lines, 60_000);
    const directory = await logDirectory(engine, plugin, 'overtaken');
    await until('history is small', () => bytesIn(directory) < 3 * mib, 60_000);
    await release(engine, 'overtaken', 'go');
    await slow.resume();
    const numbers = numbersIn(slow.stdout);
    assert.equal(numbers[0], 1);
    assert.equal(numbers.at(-1), lines + 1);
    const wrong = numbers.findIndex((number, index) => number <= (numbers[index - 1] ?? 0));
    assert.equal(wrong, -1, 'a line came twice or late');
    // What is gone is told of where it is missing; how many lines only where it is known.
    const words = slow.stderr.trimEnd().split('\n');
    const told = words.map((word) => tellsLetGo.exec(word)?.[1] ?? assert.fail(word));
    assert.ok(numbers.length < lines + 1, 'nothing was let go of under the reader');
    const missing = told.reduce((sum, n) => sum + Number(n.replaceAll(',', '')), 0);
    if (!Number.isNaN(missing)) assert.equal(numbers.length + missing, lines + 1, slow.stderr);
  });

  it('tells a slow client of undelivered lines that were given up before it', async () => {
    const lines = 60_000;
    await loki.setMode({ kind: 'down' });
    try {
      const print = `awk 'BEGIN{srand(7);for(i=1;i<=${lines};i++){t="n " i " ";for(k=0;k<44;k++)t=t rand();print t}}'`;
      const logOpts = { 'wal-max-size': '1m' };
      const program = `${waitFor('start')}; ${print}; ${waitFor('go')}; echo n ${lines + 1}`;
      await engine.docker(...runArgs('given-up', { logOpts }), 'sh', '-c', program);
      using slow = await PausedLogs.open(engine, 'given-up');
      await until('it follows', async () => (await readers()) === 1);
      await release(engine, 'given-up', 'start');
      const isPrinted = async (): Promise<boolean> =>
        numbersIn((await dockerLogs(engine, 'given-up', '--tail', '1')).stdout.toString())[0] ===
        lines;
      await until('all is printed', isPrinted, 60_000);
      await release(engine, 'given-up', 'go');
      await slow.resume();
      const numbers = numbersIn(slow.stdout);
      assert.equal(numbers[0], 1);
      assert.equal(numbers.at(-1), lines + 1);
      const wrong = numbers.findIndex((number, index) => number <= (numbers[index - 1] ?? 0));
      assert.equal(wrong, -1, 'a line came twice or late');
      assert.ok(numbers.length < lines + 1, 'nothing was given up under the reader');
      const words = slow.stderr.trimEnd().split('\n');
      for (const word of words) assert.match(word, tellsLoss);
      const told = words.map((word) => Number(tellsLoss.exec(word)?.[1]?.replaceAll(',', '')));
      const missing = lines + 1 - numbers.length;
      const most = told.reduce((sum, n) => sum + n, 0);
      // How many were lost is known; of those this reader had some already.
      assert.ok(Number.isNaN(most) || most >= missing, `${missing} are missing: ${slow.stderr}`);
    } finally {
      await loki.setMode({ kind: 'up' });
    }
  });

  it('breaks off at the timeout under which its container was started, which 0 has not', async () => {
    const enableWith = async (seconds: number): Promise<void> => {
      await plugin.disable();
      await plugin.enable(seconds);
      await plugin.started();
    };
    const follow = async (): Promise<FollowedLogs> => {
      const logs = new FollowedLogs(engine, 'timeout');
      await logs.until('it has begun', () => numbersIn(logs.stdout).length > 10);
      return logs;
    };
    await enableWith(2);
    try {
      await engine.docker(...runArgs('timeout'), ...tickLines('n ', 1_000_000, 20));
      // Not as at the end of a container.
      assert.equal(await (await follow()).end(), 1);
    } finally {
      await enableWith(0);
    }
    // dockerd keeps what it calls a running container's driver with.
    assert.equal(await (await follow()).end(), 1);
    await engine.docker('restart', '-t', '0', 'timeout');
    const unlimited = await follow();
    const seen = numbersIn(unlimited.stdout).length;
    // More than twice as long as the others had.
    await unlimited.until('it goes on', () => numbersIn(unlimited.stdout).length > seen + 250);
    await engine.docker('kill', 'timeout');
    assert.equal(await unlimited.end(), 0);
  });

  it('a client that goes away disturbs no other; when the plugin is killed, a new one has all', async () => {
    await engine.docker(...runArgs('many'), ...tickLines('n ', 1_000_000, 5));
    const clients = [1, 2, 3].map(() => new FollowedLogs(engine, 'many'));
    const [first, ...others] = clients;
    for (const logs of clients) {
      await logs.until('it has begun', () => numbersIn(logs.stdout).length > 10);
    }
    first?.kill();
    await first?.ended;
    for (const logs of others) {
      const seen = numbersIn(logs.stdout).length;
      await logs.until('it goes on', () => numbersIn(logs.stdout).length > seen + 50);
    }
    await until('the one is let go of', async () => (await readers()) === others.length);
    const pid = await plugin.started();
    await plugin.dialed(pid);
    plugin.kill(pid);
    // It must not look like the end of the container.
    for (const logs of others) assert.notEqual(await logs.end(), 0);
    await plugin.started(pid);
    const again = new FollowedLogs(engine, 'many');
    const seen = Math.max(...others.map((logs) => numbersIn(logs.stdout).length));
    await again.until('it goes on', () => numbersIn(again.stdout).length > seen + 100);
    await engine.docker('kill', 'many');
    assert.equal(await again.end(), 0);
    const all = numbersIn(again.stdout);
    assertRange(all, 1, all.length);
    for (const logs of others) {
      const numbers = numbersIn(logs.stdout);
      assertRange(numbers, 1, numbers.length);
    }
  });
});
