/** `holdfast wal cat` as a process: bytes, bounds of time, tails, gaps, and outputs that stall. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { sealSegment } from '../../src/wal/index.ts';
import { encodeFrame, numberedFrames, textFrame } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { bin, describeContainer, holdfast, objectsOf } from './cli.ts';

const webId = `abc1${'0'.repeat(60)}`;
const dbId = `abc2${'0'.repeat(60)}`;

const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, at) => `n ${from + at}\n`).join('');

describe('holdfast wal cat', () => {
  let wal: TestWal;
  let log: TestLog;

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    log = await wal.log(webId, 64 * 1024);
    describeContainer(log, 'web');
    log.attach();
  });

  afterEach(() => wal.remove());

  const cat = (...args: string[]): ReturnType<typeof holdfast> =>
    holdfast(['--wal', wal.root, 'wal', 'cat', ...args]);

  function sealAll(): void {
    for (const name of fs.readdirSync(log.directory)) {
      if (!name.endsWith('.w')) continue;
      const { directory, containerId } = log;
      sealSegment(disk, { directory, containerId, sequence: Number(name.slice(0, 20)), level: 3 });
    }
  }

  it('prints lines byte for byte, whatever is in them, and joins the pieces of long ones', async () => {
    const wild = Buffer.from([0, 0xff, 0xfe, 0x1b, 0x0d, 9]);
    const timeNano = 1_700_000_000_000_000_000n;
    log.write(encodeFrame({ source: 'stdout', timeNano, line: wild }));
    const piece = { source: 'stdout', timeNano, partial: true, id: 'f'.repeat(64) };
    log.write(encodeFrame({ ...piece, line: Buffer.alloc(16_384, 'a'), ordinal: 1 }));
    log.write(textFrame('between', 1, 'stderr'));
    log.write(encodeFrame({ ...piece, line: Buffer.from('end'), last: true, ordinal: 2 }));
    log.write(encodeFrame({ source: 'stdout', timeNano, line: Buffer.alloc(0) }));
    const { code, stdout, stderr } = await cat('web');
    const expected = [wild, '\nbetween\n', Buffer.alloc(16_384, 'a'), 'end\n', '\n'];
    assert.deepEqual(stdout, Buffer.concat(expected.map((part) => Buffer.from(part))));
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('prints a line that has no end yet as it is', async () => {
    const frame = { source: 'stdout', timeNano: 1n, partial: true, id: 'f'.repeat(64), ordinal: 1 };
    log.write(encodeFrame({ ...frame, line: Buffer.from('begun') }));
    log.write(textFrame('half of this frame is not there').subarray(0, 20));
    assert.equal((await cat('web')).stdout.toString(), 'begun\n');
  });

  it('prints the same from raw and from sealed segments, whole or by their end', async () => {
    log.write(numberedFrames('n ', 1, 20_000), 7000);
    log.close();
    assert.ok(fs.readdirSync(log.directory).length > 8, 'several segments');
    for (const form of ['raw', 'sealed']) {
      if (form === 'sealed') sealAll();
      const isSealed = fs.readdirSync(log.directory).every((name) => !name.endsWith('.w'));
      assert.equal(isSealed, form === 'sealed');
      assert.equal((await cat('web')).stdout.toString(), numbered(1, 20_000), form);
      for (const tail of [1, 10, 4000]) {
        const { stdout } = await cat('web', '--tail', String(tail));
        assert.equal(stdout.toString(), numbered(20_001 - tail, 20_000), `${form} ${tail}`);
      }
      assert.equal((await cat('web', '-n', '0')).stdout.length, 0);
      assert.equal((await cat('web', '-n', '999999')).stdout.toString(), numbered(1, 20_000));
    }
  });

  it('keeps a long line whole that begins segments before the tail', async () => {
    const piece = { source: 'stdout', timeNano: 5n, partial: true, id: 'e'.repeat(64) };
    log.write(numberedFrames('n ', 1, 2000), 7000);
    for (let ordinal = 1; ordinal <= 40; ordinal += 1) {
      const line = Buffer.alloc(16_384, 97 + (ordinal % 26));
      log.write(encodeFrame({ ...piece, line, ordinal, last: ordinal === 40 }));
    }
    log.write(textFrame('after'));
    log.close();
    const [long = '', after] = (await cat('web', '--tail', '2')).stdout.toString().split('\n');
    assert.deepEqual([long.length, long[0], after], [40 * 16_384, 'b', 'after']);
  });

  it('takes bounds of time in each form, both belonging to the range', async () => {
    for (let second = 0; second < 10; second += 1) {
      log.write(textFrame(`s${second}`, second * 1_000_000_000 + 5));
    }
    const lines = async (...args: string[]): Promise<string> =>
      (await cat('web', ...args)).stdout.toString().replaceAll('\n', ' ').trim();
    assert.equal(await lines('--since', '1700000008'), 's8 s9');
    assert.equal(await lines('--since', '1700000008.000000006'), 's9');
    assert.equal(await lines('--until', '1700000001.000000005'), 's0 s1');
    assert.equal(await lines('--since', '2023-11-14T22:13:27Z', '--tail', '2'), 's8 s9');
    assert.equal(await lines('--since', '2023-11-14T23:13:28.000000005+01:00'), 's8 s9');
    assert.equal(await lines('--until', '1700000004', '--tail', '2'), 's2 s3');
    assert.equal(await lines('--since', '10m'), '');
    assert.equal(await lines('--until', '10m', '--tail', '1'), 's9');
  });

  it('begins at a time in a log of many segments, also where clocks went back', async () => {
    for (let index = 0; index < 4000; index += 1) {
      const second = index < 2000 ? index : index - 1000;
      log.write(textFrame(`${index} ${'x'.repeat(100)}`, second * 1_000_000_000));
    }
    log.close();
    sealAll();
    const { stdout } = await cat('web', '--since', '1700001900');
    const seen = stdout.toString().split('\n').filter(Boolean);
    const expected = Array.from({ length: 4000 }, (_, index) => index).filter(
      (index) => (index < 2000 ? index : index - 1000) >= 1900,
    );
    assert.deepEqual(
      seen.map((line) => Number(line.split(' ')[0])),
      expected,
    );
  });

  it('tells sources apart, shows times, and prints objects', async () => {
    log.write(textFrame('out', 1));
    log.write(textFrame('err', 2, 'stderr'));
    log.write(encodeFrame({ source: 'stdout', timeNano: 3n, line: Buffer.from([0xff, 0x41]) }));
    assert.equal((await cat('web', '--source', 'stderr')).stdout.toString(), 'err\n');
    assert.equal(
      (await cat('web', '-t', '-n', '2', '--source', 'stderr')).stdout.toString(),
      '2023-11-14T22:13:20.000000002Z err\n',
    );
    assert.deepEqual(objectsOf(await cat('web', '--json')), [
      { time: '2023-11-14T22:13:20.000000001Z', source: 'stdout', line: 'out' },
      { time: '2023-11-14T22:13:20.000000002Z', source: 'stderr', line: 'err' },
      { time: '1970-01-01T00:00:00.000000003Z', source: 'stdout', lineBase64: '/0E=' },
    ]);
  });

  it('tells of gaps on standard error, those recorded and those it meets', async () => {
    log.write(textFrame('before'));
    log.gap(500);
    log.write(textFrame('behind'));
    log.write(textFrame('damaged'));
    log.write(textFrame('last'));
    log.close();
    const path = `${log.directory}/${fs.readdirSync(log.directory).find((name) => name.endsWith('.w'))}`;
    const bytes = fs.readFileSync(path);
    const at = bytes.indexOf('damaged');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    fs.writeFileSync(path, bytes);
    const { code, stdout, stderr } = await cat('web');
    assert.equal(stdout.toString(), 'before\nbehind\nlast\n');
    assert.equal(code, 0);
    const told = stderr.trim().split('\n');
    assert.equal(told.length, 2, stderr);
    assert.match(told[0] ?? '', /500 bytes.*\(disk\)$/);
    assert.match(told[1] ?? '', /1 line .*\(damage\)$/);
    assert.equal((await cat('web', '--since', '10m')).stderr, '', 'gaps have times, too');
  });

  it('takes a whole id, a name, or the beginning of an id, and lists what it could be', async () => {
    const other = await wal.log(dbId);
    describeContainer(other, 'db', { fifos: ['/run/docker/logging/x'] });
    other.attach();
    other.write(textFrame('from db'));
    log.write(textFrame('from web'));
    for (const name of [webId, 'web', '/web', 'abc1']) {
      assert.equal((await cat(name)).stdout.toString(), 'from web\n', name);
    }
    const { code, stderr } = await cat('abc');
    assert.equal(code, 2);
    assert.ok(stderr.includes(`${webId}  web (ended)`), stderr);
    assert.ok(stderr.includes(`${dbId}  db (running)`), stderr);
    describeContainer(other, 'web');
    assert.equal((await cat('web')).code, 2, 'two of one name');
    const none = await cat('abd');
    assert.equal(none.code, 2);
    assert.match(none.stderr, /no container 'abd'/);
  });

  it('refuses times, tails and sources that it does not understand', async () => {
    const wrong = [
      ['--since', 'yesterday'],
      ['--until', '2026-02-30T00:00:00Z'],
      ['--since', '10m5'],
      ['--tail', '-1'],
      ['--tail', '1.5'],
      ['--source', 'stdin'],
    ];
    for (const args of wrong) {
      const { code, stderr } = await cat('web', ...args);
      assert.equal(code, 2, args.join(' '));
      assert.notEqual(stderr, '');
    }
  });

  it('ends quietly when its reader goes away, and says so when a disk takes no more', async () => {
    log.write(numberedFrames('n ', 1, 100_000));
    const child = spawn(bin, ['--wal', wal.root, 'wal', 'cat', 'web'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = (await once(child, 'close')) as [number];
    assert.deepEqual([code, stderr], [0, '']);
    const full = spawn(`"${bin}" --wal "${wal.root}" wal cat web > /dev/full`, {
      shell: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let complaint = '';
    full.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    const [fullCode] = (await once(full, 'close')) as [number];
    assert.equal(fullCode, 2);
    assert.match(complaint, /standard output cannot be written: ENOSPC/);
  });

  it('holds no more for a reader that does not read', async () => {
    for (let part = 0; part < 20; part += 1) {
      log.write(numberedFrames(`${'y'.repeat(200)} `, 1, 10_000));
    }
    const child = spawn(bin, ['--wal', wal.root, 'wal', 'cat', 'web'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      await once(child.stdout, 'readable');
      const anonKib = await settledAnonKib(child.pid ?? 0);
      assert.ok(anonKib < 80 * 1024, `${anonKib} KiB for a log of 47 MB and a pipe that is full`);
      child.stdout.resume();
      const [code] = (await once(child, 'close')) as [number];
      assert.equal(code, 0);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

/** Memory of a process once it does not use the processor any more. */
async function settledAnonKib(pid: number): Promise<number> {
  const ticksOf = (): number => {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  for (let before = -1, now = ticksOf(); now !== before; now = ticksOf()) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]);
}
