/** `holdfast wal verify` as a process, on logs that are damaged on purpose. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { CursorFile, sealSegment, verifyContainer } from '../../src/wal/index.ts';
import { textFrame } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { describeContainer, holdfast, objectsOf } from './cli.ts';

const webId = `abc1${'0'.repeat(60)}`;
const line = 'x'.repeat(1000);
/** A frame of that line, and the block around it. */
const frameBytes = textFrame(line).length;

describe('holdfast wal verify', () => {
  let wal: TestWal;
  let log: TestLog;

  /** Three segments of about 60 blocks, one frame each. */
  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    log = await wal.log(webId, 64 * 1024);
    describeContainer(log, 'web');
    log.attach();
    for (let index = 0; index < 150; index += 1) log.write(textFrame(line, index));
    log.close();
    assert.equal(segments().length, 3);
  });

  afterEach(() => wal.remove());

  const segments = (): string[] =>
    fs
      .readdirSync(log.directory)
      .filter((name) => /\.[wz]$/.test(name))
      .sort();
  const pathOf = (at: number): string => `${log.directory}/${segments()[at]}`;

  function flip(path: string, ...places: number[]): void {
    const bytes = fs.readFileSync(path);
    for (const at of places) bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    fs.writeFileSync(path, bytes);
  }

  function seal(sequence: number): void {
    const { directory, containerId } = log;
    assert.ok(sealSegment(disk, { directory, containerId, sequence, level: 3 }));
  }

  type Found = Record<string, unknown> & { kind?: string; reason?: string; file?: string };

  async function verify(
    ...args: string[]
  ): Promise<{ code: number | null; found: Found[]; summary: Found; text: string }> {
    const ended = await holdfast(['--wal', wal.root, '--json', 'wal', 'verify', ...args]);
    const found: Found[] = objectsOf(ended);
    const summary = found.pop();
    assert.equal(summary?.kind, 'summary', ended.stderr);
    return { code: ended.code, found, summary: summary ?? {}, text: ended.stderr };
  }

  const short = ({ kind, reason, file, lostBytes, lostFrames }: Found): unknown[] => [
    kind,
    reason,
    String(file).split('/').at(-1),
    lostBytes,
    lostFrames,
  ];

  it('finds nothing in a sound log, raw or sealed, and counts what it read', async () => {
    const raw = await verify();
    assert.deepEqual([raw.code, raw.found], [0, []]);
    const { containers, segments: count, blocks } = raw.summary;
    assert.deepEqual([containers, count, blocks], [1, 3, 153]);
    for (const sequence of [1, 2]) seal(sequence);
    const sealed = await verify('web');
    assert.deepEqual([sealed.code, sealed.found], [0, []]);
    assert.equal(sealed.summary['segments'], 3);
  });

  it('counts exactly what one flipped bit costs, at any place of a segment', async () => {
    const size = fs.statSync(pathOf(1)).size;
    const step = Math.floor(size / 11);
    for (let at = 64; at < size; at += step) {
      flip(pathOf(1), at);
      const { code, found } = await verify();
      assert.equal(code, 1, `byte ${at}`);
      assert.equal(found.length, 1, `byte ${at}`);
      const [kind, reason, file, bytes, frames] = short(found[0] ?? {});
      assert.deepEqual([kind, reason, file], ['damage', 'block', segments()[1]]);
      // The first block is a remark, which takes no position.
      const isRemark = bytes === 0 && frames === 0 && found[0]?.['offset'] === 64;
      assert.ok(isRemark || (bytes === frameBytes && frames === 1), JSON.stringify(found));
      flip(pathOf(1), at);
    }
    assert.equal((await verify()).code, 0);
  });

  it('tells a damaged block at the end of a file from a write that was cut short', async () => {
    const last = pathOf(2);
    const { size } = fs.statSync(last);
    flip(last, size - 20);
    const damaged = await verify();
    assert.deepEqual([damaged.code, damaged.found.length], [1, 1]);
    assert.equal(damaged.found[0]?.reason, 'block');
    flip(last, size - 20);
    fs.truncateSync(last, size - 20);
    const torn = await verify();
    assert.deepEqual(torn.found.map(short), [['note', 'torn', segments()[2], 0, undefined]]);
    assert.equal(torn.code, 0, 'nobody knows of it yet but who wrote it');
  });

  it('counts what a truncated, a foreign and a missing segment cost', async () => {
    const middle = fs.readFileSync(pathOf(1));
    const path = pathOf(1);
    const header = 64;
    // Behind the remark and ten blocks of one frame each.
    const cut = middle.length - 10 * (frameBytes + 80);
    fs.truncateSync(path, cut);
    const truncated = await verify();
    assert.deepEqual(truncated.found.map(short), [
      ['damage', 'missing', segments()[2], 10 * frameBytes, 10],
    ]);
    fs.writeFileSync(path, middle);
    flip(path, header - 1);
    const foreign = await verify();
    const frames = Number(foreign.found[0]?.['lostFrames']);
    assert.ok(frames > 50);
    assert.deepEqual(foreign.found.map(short), [
      ['damage', 'foreign', segments()[1], frames * frameBytes, frames],
    ]);
    fs.unlinkSync(path);
    const missing = await verify();
    assert.deepEqual(missing.found.map(short), [
      ['damage', 'missing', segments()[1], frames * frameBytes, frames],
    ]);
    assert.match(String(missing.found[0]?.['detail']), /segments 2 to 2 are gone/);
  });

  it('finds damage in a sealed segment: a group, the index, the end', async () => {
    for (const sequence of [1, 2]) seal(sequence);
    const path = pathOf(1);
    const whole = fs.readFileSync(path);
    const frames = (await verify()).summary;
    assert.equal(frames['damages'], 0);
    flip(path, whole.length - 30);
    const index = await verify();
    assert.equal(index.code, 1);
    assert.deepEqual(index.found.map(short), [['damage', 'block', segments()[1], 0, 0]]);
    fs.writeFileSync(path, whole);
    flip(path, 400);
    const group = await verify();
    assert.equal(group.found.length, 1);
    const lost = Number(group.found[0]?.['lostFrames']);
    assert.ok(lost > 50);
    assert.equal(group.found[0]?.['lostBytes'], lost * frameBytes);
  });

  it('checks records, cursors and the files beside the containers', async () => {
    const cursors = new CursorFile(disk, log.directory, webId);
    const place = { sequence: 1, offset: 64 };
    for (const ackLsn of [10, 20]) {
      cursors.set({ endpointId: 1, ackLsn, ackOrdinal: 0, place, ackedAtMs: 1 }, false);
    }
    assert.equal((await verify()).code, 0);
    flip(`${log.directory}/cursors`, 256 + 20);
    const slot = await verify();
    assert.deepEqual(slot.found.map(short), [['note', 'cursors', 'cursors', 0, undefined]]);
    flip(`${log.directory}/cursors`, 3);
    fs.writeFileSync(`${log.directory}/meta.json`, '{"secret":');
    fs.writeFileSync(`${wal.root}/endpoints.json`, 'x');
    fs.writeFileSync(`${wal.root}/FORMAT`, 'garbage');
    fs.writeFileSync(`${log.directory}/meta.json.tmp`, '');
    fs.mkdirSync(`${wal.root}/removed.${webId}`);
    const { code, found, text } = await verify();
    assert.equal(code, 1);
    const reasons = found.map(({ kind, reason }) => `${kind} ${reason}`);
    assert.deepEqual(reasons, [
      'damage format',
      'damage endpoints',
      'note leftover',
      'damage record',
      'damage cursors',
      'note leftover',
    ]);
    assert.ok(!JSON.stringify(found).includes('secret') && !text.includes('secret'));
  });

  it('repairs: copies damage, moves away what is no segment, and rewrites nothing sound', async () => {
    flip(pathOf(1), 5000);
    const before = segments().map((name) => fs.readFileSync(`${log.directory}/${name}`));
    fs.writeFileSync(`${log.directory}/00000000000000000009.w`, 'no segment at all');
    fs.writeFileSync(`${log.directory}/cursors`, 'no cursors');
    fs.writeFileSync(`${log.directory}/meta.json.tmp`, 'half');
    fs.writeFileSync(`${wal.root}/FORMAT`, 'garbage');
    fs.mkdirSync(`${wal.root}/removed.x`);
    const { code, found } = await verify('--repair');
    assert.equal(code, 1, 'there was damage');
    assert.ok(found.filter(({ kind }) => kind === 'repair').length >= 6);
    const kept = fs.readdirSync(`${log.directory}/quarantine`).sort();
    assert.equal(kept.length, 3, kept.join());
    assert.ok(kept.includes('00000000000000000009.w') && kept.includes('cursors'));
    assert.match(kept[0] ?? '', /^00000000000000000002\.w\.\d+-\d+$/);
    assert.equal(fs.statSync(`${log.directory}/quarantine/${kept[0]}`).size, frameBytes + 80);
    const after = segments().map((name) => fs.readFileSync(`${log.directory}/${name}`));
    assert.deepEqual(after, before);
    assert.ok(!fs.existsSync(`${log.directory}/meta.json.tmp`));
    assert.ok(!fs.existsSync(`${wal.root}/removed.x`));
    const again = await verify('--repair');
    assert.deepEqual(
      again.found.map(({ reason }) => reason),
      ['block'],
      'what is lost stays lost',
    );
    assert.deepEqual(fs.readdirSync(`${log.directory}/quarantine`).sort(), kept);
  });

  it('reads beside a process that holds the lock, but repairs only without one', async () => {
    const holder = spawn(
      process.execPath,
      [`${import.meta.dirname}/../helpers/lock-holder.ts`, wal.root, 'the plugin'],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    try {
      await once(holder.stdout, 'data');
      assert.equal((await verify()).code, 0);
      const ended = await holdfast(['--wal', wal.root, 'wal', 'verify', '--repair']);
      assert.equal(ended.code, 3);
      assert.ok(ended.stderr.includes('in use by the plugin'), ended.stderr);
      assert.ok(ended.stderr.includes(wal.root), 'it names the directory as the user knows it');
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
    assert.equal((await verify('--repair')).code, 0, 'a dead holder holds nothing');
  });

  it('finds no damage in a log that is written, sealed and removed meanwhile', async () => {
    const over = new AbortController();
    const runs = Array.from({ length: 4 }, async () => {
      const ended = await holdfast(['--wal', wal.root, '--json', 'wal', 'verify']);
      const lines = await holdfast(['--wal', wal.root, 'wal', 'cat', 'web', '--tail', '50']);
      const list = await holdfast(['--wal', wal.root, 'wal', 'ls']);
      return { ended, lines, list };
    });
    const all = Promise.all(runs).finally(() => {
      over.abort();
    });
    for (let index = 150; !over.signal.aborted; index += 1) {
      log.write(textFrame(line, index));
      const [oldest = '', ...rest] = segments();
      if (index % 20 === 0 && rest.length > 30) {
        fs.unlinkSync(`${log.directory}/${oldest}`);
        const next = rest.find((name) => name.endsWith('.w') && name !== rest.at(-1));
        if (next !== undefined) seal(Number(next.slice(0, 20)));
      }
      await setImmediate();
    }
    for (const { ended, lines, list } of await all) {
      const damage = objectsOf(ended).filter(({ kind }) => kind === 'damage');
      assert.deepEqual([ended.code, damage], [0, []], ended.stderr);
      assert.deepEqual([lines.code, lines.stderr, list.code], [0, '', 0]);
      const seen = lines.stdout.toString();
      assert.ok(seen === `${line}\n`.repeat(50), `${seen.length} bytes`);
    }
  });

  it('takes a segment that is removed between the look at it and its opening for gone', () => {
    const gone = pathOf(0);
    const racing = Object.assign({}, disk, {
      openSync(path: string, flags: string, mode?: number): number {
        if (path === gone) fs.rmSync(path, { force: true });
        return disk.openSync(path, flags, mode);
      },
    });
    const totals = { segments: 0, blocks: 0, gaps: 0, storedBytes: 0 };
    assert.deepEqual([...verifyContainer(racing, wal.root, webId, totals)], []);
    assert.equal(totals.segments, 2);
  });

  it('takes the lock of a directory whose path is longer than a socket may have', async () => {
    const long = `${wal.root}/${'d'.repeat(120)}`;
    fs.mkdirSync(`${long}/c`, { recursive: true });
    fs.writeFileSync(`${long}/FORMAT`, 'holdfast-wal 1\n');
    const ended = await holdfast(['--wal', long, 'wal', 'verify', '--repair']);
    assert.deepEqual([ended.code, ended.stderr], [0, '']);
    assert.deepEqual(fs.readdirSync(long).sort(), ['FORMAT', 'c'], 'and gives it back');
  });

  it('refuses a WAL of a newer version, and a directory that is none, without touching them', async () => {
    fs.writeFileSync(`${wal.root}/FORMAT`, 'holdfast-wal 2\n');
    for (const args of [['wal', 'verify', '--repair'], ['wal', 'ls'], ['drain']]) {
      const { code, stderr } = await holdfast(['--wal', wal.root, ...args]);
      assert.equal(code, 2);
      assert.match(stderr, /newer version/);
    }
    const empty = `${wal.root}/empty`;
    fs.mkdirSync(`${empty}/wal/c`, { recursive: true });
    for (const args of [['wal', 'ls'], ['drain'], ['wal', 'verify', '--repair']]) {
      const { code, stderr } = await holdfast(['--wal', empty, ...args]);
      assert.equal(code, 4);
      assert.match(stderr, /did you mean .*\/empty\/wal\?/);
    }
    assert.deepEqual(fs.readdirSync(empty), ['wal']);
  });
});
