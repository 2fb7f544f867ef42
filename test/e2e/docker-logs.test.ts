/**
 * `docker logs` under holdfast and under json-file, of the same programs on the same engine: the
 * same bytes on each stream, but for the differences that the README names.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Docker from 'dockerode';
import { Engine } from '../../scripts/lib/engine.ts';
import { runArgs } from './helpers/containers.ts';
import { dockerLogs, FollowedLogs, rawLogs } from './helpers/docker-logs.ts';
import { Plugin } from './helpers/plugin.ts';

const drivers = ['holdfast', 'json-file'] as const;
type Driver = (typeof drivers)[number];

interface Program {
  name: string;
  shell: string;
  isTty?: boolean;
  /** Lines over 16 KiB: json-file counts their pieces, and marks each for `--details`. */
  isLong?: boolean;
  /** What stdout holds where json-file does not have what was printed, but U+FFFD. */
  printed?: Buffer;
}

const long = (bytes: number, letter = 'x'): string =>
  `head -c ${bytes} /dev/zero | tr '\\0' ${letter}`;

/** Nine bytes; 16 KiB, at which dockerd cuts, is no multiple of that. */
const letters = 'ä€😀';
const letterLine = letters.repeat(6000);

const programs: Program[] = [
  { name: 'empty-lines', shell: String.raw`printf '\n\na\n \n\t\n\n'` },
  { name: 'piece', shell: `echo b; ${long(16_384)}; echo; echo a`, isLong: true },
  { name: 'piece-and-one', shell: `echo b; ${long(16_385)}; echo; echo a`, isLong: true },
  { name: 'long', shell: `${long(102_400)}; echo; echo after`, isLong: true },
  { name: 'megabytes', shell: `${long(6_500_000)}; echo; echo after`, isLong: true },
  { name: 'no-newline', shell: String.raw`printf 'a\nb'` },
  { name: 'carriage-returns', shell: String.raw`printf 'a\r\nb\r\n\r'` },
  { name: 'nul', shell: String.raw`printf 'a\000b\n\000\n\177\001\nä€😀\n\342\202\254\n'` },
  {
    name: 'interleaved',
    shell: `for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done; ${long(40_000)}; ${long(40_000, 'y')} >&2; echo; echo >&2`,
    isLong: true,
  },
  { name: 'final-piece', shell: long(40_000), isLong: true },
  { name: 'nothing', shell: 'true' },
  {
    name: 'terminal',
    shell: String.raw`printf 'a\nb\n'; echo err >&2; printf 'end'`,
    isTty: true,
  },
  {
    name: 'not-utf8',
    shell: String.raw`printf 'a\377\376b\n\300\200\n'`,
    printed: Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a, 0xc0, 0x80, 0x0a]),
  },
  {
    name: 'letters-cut',
    shell: `awk 'BEGIN{for(i=0;i<6000;i++) printf "${letters}"; print ""}'`,
    printed: Buffer.from(`${letterLine}\n`),
  },
];

/** Flags, and whether json-file counts pieces for them. */
const flagSets: { flags: string[]; countsPieces?: boolean; isStamped?: boolean }[] = [
  { flags: [] },
  { flags: ['--tail', '0'] },
  { flags: ['--tail', '1'], countsPieces: true },
  { flags: ['--tail', '3'], countsPieces: true },
  { flags: ['--tail', '100000'] },
  { flags: ['--tail', 'all'] },
  { flags: ['--details'], countsPieces: true },
  { flags: ['--follow'] },
  { flags: ['--follow', '--tail', '2'], countsPieces: true },
  { flags: ['--since', '2100-01-01T00:00:00Z'] },
  { flags: ['--until', '2000-01-01T00:00:00.5Z'] },
  { flags: ['--until', '4102444800'] },
  { flags: ['--since', '24h', '--until', '2100-01-01', '--tail', '2'], countsPieces: true },
  { flags: ['--since', '1h30m', '--until', '10ms'] },
  { flags: ['--since', '1600000000.000000001'] },
  { flags: ['--timestamps'], isStamped: true },
];

const stamp = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /g;

/** Without the times, which no two runs have in common. */
function withoutStamps(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll(stamp, ''), 'latin1');
}

/** Fails unless there are as many times in both: one for each line, in the same places. */
function assertSameStamps(ours: Buffer, theirs: Buffer, what: string): void {
  const marked = [ours, theirs].map((bytes) => bytes.toString('latin1').replaceAll(stamp, '@'));
  assert.ok(marked[0]?.includes('@') === marked[1]?.includes('@'), what);
  assert.equal(marked[0], marked[1], what);
}

describe('docker logs prints what json-file prints', () => {
  const engine = new Engine();
  const plugin = new Plugin(engine);
  const nameOf = (program: string, driver: Driver): string => `${program}-${driver}`;

  before(async () => {
    await engine.start();
    await engine.importTestImage();
    // Without an endpoint: docker logs needs none.
    await plugin.create({ HISTORY_MAX_AGE: '1h' });
  });

  after(async () => engine.dispose());

  for (const { name, shell, isTty, isLong, printed } of programs) {
    it(`for ${name}, over two runs, whatever the flags`, async () => {
      for (const driver of drivers) {
        const args = runArgs(nameOf(name, driver), { driver, isTty: isTty ?? false });
        await engine.docker(...args, 'sh', '-c', shell);
        await engine.docker('wait', nameOf(name, driver));
        await engine.docker('start', nameOf(name, driver));
        await engine.docker('wait', nameOf(name, driver));
      }
      for (const { flags, countsPieces, isStamped } of flagSets) {
        if (isLong === true && countsPieces === true) continue;
        if (printed !== undefined && flags.length > 0) continue;
        const [ours, theirs] = await Promise.all(
          drivers.map((driver) => dockerLogs(engine, nameOf(name, driver), ...flags)),
        );
        assert.ok(ours !== undefined && theirs !== undefined);
        const what = flags.join(' ');
        assert.equal(ours.code, theirs.code, what);
        if (printed !== undefined) {
          assert.ok(ours.stdout.equals(Buffer.concat([printed, printed])), 'as printed');
          assert.ok(theirs.stdout.includes('\u{fffd}'), 'json-file has what the README says');
          continue;
        }
        const streams: [Buffer, Buffer][] = [
          [ours.stdout, theirs.stdout],
          [ours.stderr, theirs.stderr],
        ];
        for (const [our, their] of streams) {
          assert.ok(withoutStamps(our).equals(withoutStamps(their)), what);
          // Of a long line json-file gives one to each piece.
          if (isStamped === true && isLong !== true) assertSameStamps(our, their, what);
        }
      }
    });
  }

  it('both streams in the order in which they were printed, in the same frames of the API', async () => {
    const step = String.raw`echo out$i; usleep 100000; printf 'err%d\n\n' $i >&2; usleep 100000`;
    const program = `i=1; while [ $i -le 8 ]; do ${step}; i=$((i+1)); done`;
    const [ours, theirs] = await Promise.all(
      drivers.map(async (driver) => {
        const name = nameOf('ordered', driver);
        await engine.docker(...runArgs(name, { driver }), 'sh', '-c', program);
        await engine.docker('wait', name);
        return rawLogs(engine, name);
      }),
    );
    assert.equal(ours?.length, 24);
    assert.deepEqual(ours, theirs);
  });

  it('--details shows no attributes, which json-file has of labels', async () => {
    const details = await Promise.all(
      drivers.map(async (driver) => {
        const name = nameOf('attributes', driver);
        const [run = '', ...args] = runArgs(name, { driver, logOpts: { labels: 'color' } });
        await engine.docker(run, '--label', 'color=red', ...args, 'echo', 'line');
        await engine.docker('wait', name);
        return (await dockerLogs(engine, name, '--details')).stdout.toString();
      }),
    );
    assert.deepEqual(details, [' line\n', 'color=red line\n']);
  });

  it('--timestamps of a long line has one, where json-file has one for each piece', async () => {
    const counts = await Promise.all(
      drivers.map(async (driver) => {
        const { stdout } = await dockerLogs(engine, nameOf('long', driver), '--timestamps');
        return stdout.toString('latin1').match(stamp)?.length;
      }),
    );
    // Two runs of a line of seven pieces and a short one.
    assert.deepEqual(counts, [4, 16]);
  });

  it('--tail counts lines, however long they are', async () => {
    const { stdout } = await dockerLogs(engine, nameOf('long', 'holdfast'), '--tail', '3');
    assert.equal(stdout.length, 'after\n'.length * 2 + 102_401);
    const one = await dockerLogs(engine, nameOf('final-piece', 'holdfast'), '--tail', '1');
    assert.equal(one.stdout.length, 40_000);
  });

  it('--timestamps has one for each line, and --since and --until take each of them exactly', async () => {
    const program = 'i=1; while [ $i -le 50 ]; do echo line $i; i=$((i+1)); done';
    await engine.docker(...runArgs('stamped'), 'sh', '-c', program);
    await engine.docker('wait', 'stamped');
    const { stdout } = await dockerLogs(engine, 'stamped', '--timestamps');
    const lines = stdout.toString().trimEnd().split('\n');
    const stamps = lines.map((line) => line.split(' ', 1)[0] ?? '');
    assert.equal(lines.length, 50);
    for (const stamp of stamps) assert.match(stamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    assert.deepEqual(stamps.toSorted(), stamps);
    const from = stamps[20] ?? '';
    const to = stamps[29] ?? '';
    const window = await dockerLogs(engine, 'stamped', '-t', '--since', from, '--until', to);
    const expected = lines.filter(
      (_, at) => (stamps[at] ?? '') >= from && (stamps[at] ?? '') <= to,
    );
    assert.deepEqual(window.stdout.toString().trimEnd().split('\n'), expected);
    // The same as Unix seconds with nanoseconds, and together with a tail.
    const seconds = Math.floor(Date.parse(from) / 1000);
    const unix = `${seconds}.${from.slice(-10, -1)}`;
    const tailed = await dockerLogs(engine, 'stamped', '-t', '--since', unix, '--tail', '40');
    const since = lines.filter((_, at) => (stamps[at] ?? '') >= from);
    assert.deepEqual(tailed.stdout.toString().trimEnd().split('\n'), since.slice(-40));
  });

  it('attach with logs gives what was printed before, and then what comes', async () => {
    const program = 'echo before; read -r word; echo "got $word"';
    const docker = new Docker({ socketPath: engine.socketPath });
    const [, , ...rest] = runArgs('attached');
    await engine.docker('run', '-d', '-i', ...rest, 'sh', '-c', program);
    const first = new FollowedLogs(engine, 'attached');
    await first.until('it has begun', () => first.stdout.includes('before'));
    const stream = await docker.getContainer('attached').attach({
      ...{ logs: true, stream: true, stdin: true, stdout: true, stderr: true, hijack: true },
    });
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    stream.write('hello\n');
    await first.until('attach shows both', () => /before[^]*got hello/.test(text));
    assert.equal(await first.end(), 0);
    assert.equal(first.stdout, 'before\ngot hello\n');
  });
});
