/**
 * `docker logs` over the life of a container and of the plugin: followed, stopped, restarted,
 * killed, undelivered, lost in part; by clients that read slowly or go away.
 */
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Engine } from '../../scripts/lib/engine.ts';
import { LokiDouble } from '../helpers/loki-double/loki-double.ts';
import { printLines, runArgs, tickLines } from './helpers/containers.ts';
import { dockerLogs, FollowedLogs } from './helpers/docker-logs.ts';
import { pictureOf } from './helpers/files.ts';
import { logDirectory, segmentsIn, until } from './helpers/logs-checks.ts';
import { Plugin } from './helpers/plugin.ts';

const readersUrl = 'http://127.0.0.1:9417/metrics';

describe('docker logs over the life of a container', () => {
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

  // One that fails must not take the endpoint from those behind it.
  afterEach(() => loki.setMode({ kind: 'up' }));

  async function numbersOf(name: string, ...flags: string[]): Promise<number[]> {
    const { stdout, stderr, code } = await dockerLogs(engine, name, ...flags);
    assert.equal(code, 0, stderr.toString());
    return numbersIn(stdout.toString('latin1'));
  }

  function numbersIn(text: string): number[] {
    return [...text.matchAll(/^n (\d+)/gm)].map(([, number]) => Number(number));
  }

  function assertCounts(numbers: readonly number[], count: number): void {
    assert.deepEqual(
      numbers.filter((number, index) => number !== index + 1).slice(0, 5),
      [],
      `of ${numbers.length} numbers`,
    );
    assert.equal(numbers.length, count);
  }

  async function logReaders(): Promise<number> {
    const text = await (await fetch(readersUrl)).text();
    return Number(/^holdfast_log_readers (\d+)$/m.exec(text)?.[1]);
  }

  it('follows from the first line to the last, over many segments', async () => {
    const program = `sleep 1; ${['awk', `'BEGIN{for(i=1;i<=60000;i++) print "n " i " ${'x'.repeat(60)}"}'`].join(' ')}`;
    await engine.docker(...runArgs('followed'), 'sh', '-c', program);
    const logs = new FollowedLogs(engine, 'followed');
    assert.equal(await logs.end(60_000), 0);
    assertCounts(numbersIn(logs.stdout), 60_000);
    assert.equal(logs.stderr, '');
  });

  for (const [how, ...command] of [
    ['stopped', 'stop', '-t', '0'],
    ['killed', 'kill'],
    ['removed', 'rm', '-f'],
  ]) {
    it(`a follower ends when the container is ${how}`, async () => {
      const name = `ends-${how}`;
      await engine.docker(...runArgs(name), ...tickLines('n ', 1_000_000, 5));
      const logs = new FollowedLogs(engine, name, '--tail', '0');
      await logs.until('a line is there', () => numbersIn(logs.stdout).length > 0);
      await engine.docker(...command, name);
      assert.equal(await logs.end(), 0);
      const numbers = numbersIn(logs.stdout);
      const [first = 0] = numbers;
      assertCounts(
        numbers.map((number) => number - first + 1),
        numbers.length,
      );
    });
  }

  it('a slow follower neither hangs nor fails when history lets go before it', async () => {
    const logOpts = { 'max-size': '1m', 'max-file': '1' };
    await engine.docker(
      ...runArgs('overtaken', { logOpts }),
      'sh',
      '-c',
      'sleep 1; awk \'BEGIN{for(i=1;i<=150000;i++) print "n " i " xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}\'; sleep 4',
    );
    const id = await engine.docker('inspect', '--format', '{{.Id}}', 'overtaken');
    const response = await openLogs(id);
    response.pause();
    await engine.docker('wait', 'overtaken');
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    response.resume();
    await new Promise((resolve) => response.on('end', resolve));
    assert.ok(bytes > 0);
  });

  /** A followed log over the engine's API, read as slowly as the caller wants. */
  async function openLogs(id: string): Promise<http.IncomingMessage> {
    const path = `/containers/${id}/logs?follow=1&stdout=1&stderr=1`;
    return new Promise((resolve, reject) => {
      http.get({ socketPath: engine.socketPath, path, agent: false }, resolve).on('error', reject);
    });
  }

  it('a client that reads nothing does not slow the container', async () => {
    await engine.docker(
      ...runArgs('unread'),
      'sh',
      '-c',
      'sleep 1; awk \'BEGIN{for(i=1;i<=500000;i++) print "n " i " xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}\'',
    );
    const id = await engine.docker('inspect', '--format', '{{.Id}}', 'unread');
    const response = await openLogs(id);
    response.pause();
    const startedMs = performance.now();
    await engine.docker('wait', 'unread');
    assert.ok(performance.now() - startedMs < 30_000);
    await loki.waitFor((double) => double.count({ container_name: 'unread' }) === 500_000, 60_000);
    response.destroy();
  });

  it('a follower whose client went away is let go of, also when the container is silent', async () => {
    const readersAre = async (wanted: number): Promise<void> =>
      until(`there are ${wanted} readers`, async () => (await logReaders()) === wanted);
    await readersAre(0);
    await engine.docker(...runArgs('silent'), 'sleep', '600');
    const logs = new FollowedLogs(engine, 'silent');
    const stays = new FollowedLogs(engine, 'silent', '--timestamps', '--details');
    await readersAre(2);
    logs.kill();
    await logs.ended;
    // dockerd notices at the next frame; there is one every ten seconds.
    await readersAre(1);
    await engine.docker('rm', '-f', 'silent');
    assert.equal(await stays.end(), 0);
    // Nobody sees those frames.
    assert.equal(stays.stdout + stays.stderr, '');
  });

  it('history is one over restarts of the container, and over kill and disable of the plugin', async () => {
    const file = '/n';
    const program = `i=$(cat ${file} 2>/dev/null || echo 1); end=$((i+199)); while [ $i -le $end ]; do echo "n $i"; i=$((i+1)); usleep 5000; done; echo $i > ${file}`;
    await engine.docker(...runArgs('lives'), 'sh', '-c', program);
    const pid = await plugin.started();
    await plugin.dialed(pid);
    plugin.kill(pid);
    await plugin.started(pid);
    await engine.docker('wait', 'lives');
    assertCounts(await numbersOf('lives'), 200);
    await engine.docker('start', 'lives');
    await plugin.disable();
    await plugin.enable();
    await engine.docker('wait', 'lives');
    await engine.docker('restart', 'lives');
    await engine.docker('wait', 'lives');
    assertCounts(await numbersOf('lives'), 600);
    assert.deepEqual(await numbersOf('lives', '--tail', '2'), [599, 600]);
  });

  it('docker logs of a stopped container changes nothing and sends nothing again', async () => {
    await engine.docker(...runArgs('still'), ...printLines('n ', 1000));
    await engine.docker('wait', 'still');
    await loki.waitFor((double) => double.count({ container_name: 'still' }) === 1000, 30_000);
    const directory = await logDirectory(engine, plugin, 'still');
    let picture = pictureOf(directory);
    await until(
      'sealing and the last cursor are done',
      async () => {
        await setTimeout(1500);
        const before = picture;
        picture = pictureOf(directory);
        return picture.join() === before.join() && segmentsIn(directory, '.w').length === 0;
      },
      60_000,
    );
    // The kill in a test before may have cost duplicates, which nothing here may add to.
    const { duplicates } = loki.counts();
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all([numbersOf('still'), numbersOf('still', '--tail', '5')]);
      assertCounts(answers[0] ?? [], 1000);
      assert.equal(answers[1]?.length, 5);
      // dockerd answers its client first, and then lets go of the FIFO that it made for it.
      await until('all is as before', () => pictureOf(directory).join() === picture.join());
    }
    assert.equal(loki.counts().duplicates, duplicates);
    assert.equal(loki.count({ container_name: 'still' }), 1000);
  });

  it('many docker logs while a container is started again and again work, and its lines are complete', async () => {
    await engine.docker(...runArgs('again'), ...printLines('n ', 100));
    await engine.docker('wait', 'again');
    for (let round = 1; round <= 8; round += 1) {
      const reads = [numbersOf('again'), numbersOf('again', '--tail', '3')];
      await engine.docker('start', 'again');
      reads.push(numbersOf('again'));
      const [whole = [], tail = [], later = []] = await Promise.all(reads);
      for (const numbers of [whole, later]) {
        assert.ok(numbers.length >= round * 100, `${numbers.length} lines in round ${round}`);
        assert.deepEqual(
          numbers.map((number, index) => number - (index % 100)),
          numbers.map(() => 1),
        );
      }
      assert.equal(tail.length, 3);
      await engine.docker('wait', 'again');
    }
    assert.equal((await numbersOf('again')).length, 900);
    await loki.waitFor((double) => double.count({ container_name: 'again' }) === 900, 30_000);
  });

  it('works while the endpoint is away; what is undelivered at docker rm is delivered after it', async () => {
    await loki.setMode({ kind: 'down' });
    await engine.docker(...runArgs('away'), ...printLines('n ', 5000));
    await engine.docker('wait', 'away');
    assertCounts(await numbersOf('away'), 5000);
    await engine.docker('rm', '-f', 'away');
    await loki.setMode({ kind: 'up' });
    await loki.waitFor((double) => double.count({ container_name: 'away' }) === 5000, 60_000);
  });

  it('lost lines show as one line between those before and behind them', async () => {
    await loki.setMode({ kind: 'down' });
    const logOpts = { 'wal-max-size': '1m' };
    await engine.docker(
      ...runArgs('lossy', { logOpts }),
      'awk',
      'BEGIN{srand(1); for(i=1;i<=60000;i++) print "n " i " " rand() rand() rand() rand()}',
    );
    await engine.docker('wait', 'lossy');
    // Rounds of upkeep enforce the limit, also after the last line, and under a reader's feet.
    let logs = await dockerLogs(engine, 'lossy');
    await until('no more is evicted', async () => {
      await setTimeout(1000);
      const before = logs;
      logs = await dockerLogs(engine, 'lossy');
      return logs.stderr.length > 0 && logs.stdout.equals(before.stdout);
    });
    const { stdout, stderr, code } = logs;
    assert.equal(code, 0);
    // One line, whatever it was made of.
    const told =
      /^holdfast: (?:up to )?([\d,]+) lines \([\d,]+ bytes\) are missing here: .*\(evicted\)\n$/;
    const missing = Number(told.exec(stderr.toString())?.[1]?.replaceAll(',', ''));
    const numbers = numbersIn(stdout.toString('latin1'));
    assert.ok(numbers.length < 60_000);
    assert.equal(missing, 60_000 - numbers.length, stderr.toString());
    assertCounts(
      numbers.map((number) => number - missing),
      numbers.length,
    );
    // It began before the first line that is left, and is told to who asks from there on.
    const dated = await dockerLogs(engine, 'lossy', '--timestamps');
    const [first = '', second = ''] = dated.stdout.toString('latin1').match(/^\S+/gm) ?? [];
    const fromFirst = await dockerLogs(engine, 'lossy', '--since', first);
    assert.deepEqual([fromFirst.stdout, fromFirst.stderr], [stdout, stderr]);
    const fromSecond = await dockerLogs(engine, 'lossy', '--since', second);
    assert.equal(fromSecond.stderr.toString(), '');
    assert.equal(numbersIn(fromSecond.stdout.toString('latin1')).length, numbers.length - 1);
    await engine.docker('rm', '-f', 'lossy');
  });

  it('is empty and no error once history has let go', async () => {
    const logOpts = { 'history-max-age': '1s' };
    await engine.docker(...runArgs('gone', { logOpts }), ...printLines('n ', 10));
    await engine.docker('wait', 'gone');
    await plugin.drained('gone');
    assert.deepEqual(await numbersOf('gone'), []);
    await plugin.drained('gone');
  });
});
