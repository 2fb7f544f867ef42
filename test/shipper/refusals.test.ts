/**
 * What delivery makes of refusals: nothing is sent again as a whole, what was refused is handed
 * out with its reason, the rest counts as delivered; and what becomes of lines that are too long.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { createLog } from '../../src/base/log.ts';
import type { RejectedEntry } from '../../src/rejected/entry.ts';
import type { EndpointOptions } from '../../src/shipper/endpoint-options.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import type { SendResult } from '../../src/sink/sink.ts';
import { readCursors } from '../../src/wal/index.ts';
import { encodeFrame, numberedFrames, textFrame } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import {
  delivered,
  endpointOf,
  numbered,
  outage,
  type Push,
  planOf,
  TestSink,
  textsOf,
  until,
} from './ship-bench.ts';

const first = 'aa'.repeat(32);

describe('what an endpoint refuses', () => {
  let wal: TestWal;
  let sink: TestSink;
  let shipper: Shipper;
  let rejected: RejectedEntry[];
  let said: string[];

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    start();
  });

  afterEach(async () => {
    await shipper.close();
    wal.remove();
  });

  function start(): void {
    sink = new TestSink();
    rejected = [];
    said = [];
    shipper = new Shipper({
      disk,
      log: createLog({ level: 'info', thread: 'delivery', write: (text) => said.push(text) }),
      createSink: () => sink,
      onAcknowledged: () => {},
      onRejected: (entries) => rejected.push(...entries),
    });
  }

  async function ship(log: TestLog, changes: Partial<EndpointOptions> = {}): Promise<void> {
    shipper.stream(planOf(log, [endpointOf('k', changes)]));
    await until('all is acknowledged', () => ackedOf(log) === log.endLsn);
  }

  const ackedOf = (log: TestLog): number =>
    readCursors(disk, log.directory, log.containerId)[0]?.ackLsn ?? 0;

  const rejectedTexts = (): string[] => rejected.map(({ line }) => line.toString());

  /** As Loki: stores what is good and refuses the rest, with one status for all. */
  const refuses =
    (isBad: (text: string) => boolean) =>
    (push: Push): SendResult =>
      textsOf([push]).some(isBad)
        ? { kind: 'rejected', reason: 'entry too far behind', status: 400 }
        : delivered;

  it('is handed out with what the endpoint said; all else is delivered, and no whole comes twice', async () => {
    const log = await wal.log(first);
    log.attach();
    log.write(numberedFrames('n ', 1, 40));
    sink.rule = refuses((text) => text === 'n 7' || text === 'n 30');
    shipper.stream(planOf(log, [endpointOf('k')]));
    await until('all is acknowledged', () => ackedOf(log) === log.endLsn);
    assert.deepEqual(rejectedTexts(), ['n 7', 'n 30']);
    for (const { endpoint, endpointKey, status, labels, timestampNs, atMs, detail } of rejected) {
      assert.deepEqual([endpoint, endpointKey, status], ['k', 'k', 400]);
      assert.equal(labels, '{out="aa"}');
      assert.match(timestampNs, /^\d{19}$/);
      assert.match(detail, /entry too far behind/);
      assert.ok(Math.abs(atMs - Date.now()) < 60_000);
    }
    const got = new Set([...sink.texts, ...rejectedTexts()]);
    assert.deepEqual([...got].toSorted(), numbered(1, 40).toSorted());
    assert.equal(sink.pushes.filter((push) => textsOf([push]).length === 40).length, 1);
    const [stats] = shipper.stats();
    assert.equal(stats?.deliveredEntries, 38);
    assert.equal(stats?.rejectedBytes.too_far_behind, 'n 7'.length + 'n 30'.length);
    assert.equal(
      Object.values(stats?.rejectedEntries ?? {}).reduce((a, b) => a + b, 0),
      2,
    );
    assert.match(said.join(''), /"endpoint":"k".*"rejectedEntries":2,"entries":2/);
  });

  it('holds nobody up: what comes after goes out, in order', async () => {
    const log = await wal.log(first);
    log.attach();
    log.write(numberedFrames('n ', 1, 3));
    sink.rule = refuses((text) => text === 'n 2');
    await ship(log);
    log.write(numberedFrames('n ', 4, 9));
    shipper.appended([first]);
    await until('all is acknowledged', () => ackedOf(log) === log.endLsn);
    assert.deepEqual(sink.texts, ['n 1', 'n 3', ...numbered(4, 9)]);
  });

  it('is found in spite of failures on the way, and counted once', async () => {
    const log = await wal.log(first);
    log.attach();
    log.write(numberedFrames('n ', 1, 12));
    const isRefused = refuses((text) => text === 'n 5');
    sink.rule = (push, index) => (index % 3 === 1 ? outage() : isRefused(push));
    await ship(log);
    assert.deepEqual(rejectedTexts(), ['n 5']);
    assert.deepEqual(new Set(sink.texts), new Set(numbered(1, 12).filter((n) => n !== 'n 5')));
  });

  it('is searched for anew after an outage amid the search, and counted once all the same', async () => {
    const log = await wal.log(first);
    log.attach();
    log.write(numberedFrames('n ', 1, 8));
    const isRefused = refuses((text) => text === 'n 5');
    sink.rule = (push, index) => (index >= 2 && index < 14 ? outage() : isRefused(push));
    await ship(log);
    assert.deepEqual(rejectedTexts(), ['n 5']);
    assert.equal(shipper.stats()[0]?.retries.outage, 12);
    // What failed amid the search are pieces, and what failed before is the whole.
    const failed = sink.pushes.slice(2, 14);
    assert.equal(shipper.stats()[0]?.retriedEntries.outage, textsOf(failed).length);
    const bytes = failed.reduce((sum, push) => sum + push.bytes, 0);
    assert.equal(shipper.stats()[0]?.retriedBytes.outage, bytes);
    assert.deepEqual(new Set(sink.texts), new Set(numbered(1, 8).filter((n) => n !== 'n 5')));
  });

  it('is sent in smaller requests when it is too large, and set aside when one entry is', async () => {
    const log = await wal.log(first);
    log.attach();
    log.write(numberedFrames('n ', 1, 50));
    log.write(textFrame(`huge ${'x'.repeat(3000)}`));
    log.write(numberedFrames('n ', 51, 60));
    sink.rule = (push) =>
      push.bytes > 1000 ? { kind: 'too-large', reason: '413', status: 413 } : delivered;
    await ship(log);
    assert.deepEqual(sink.texts, numbered(1, 60));
    assert.deepEqual(
      rejected.map(({ reason, status, line }) => [reason, status, line.length]),
      [['body_too_large', 413, 3005]],
    );
  });

  it('is lost to nobody when the process ends amid the search', async () => {
    const log = await wal.log(first);
    log.attach();
    log.write(numberedFrames('n ', 1, 8));
    const isRefused = refuses((text) => text === 'n 5');
    sink.rule = (push, index) => (index > 1 ? undefined : isRefused(push));
    shipper.stream(planOf(log, [endpointOf('k')]));
    await until('the search is on', () => sink.open.length > 0 && sink.pushes.length > 2);
    await shipper.close();
    assert.deepEqual([ackedOf(log), rejected.length], [0, 0]);
    start();
    sink.rule = isRefused;
    await ship(log);
    assert.deepEqual(rejectedTexts(), ['n 5']);
  });
});

describe('a line that is too long', () => {
  const longText = `${'é'.repeat(40)}end`;
  const pieces = (text: string, cut: number): Buffer =>
    Buffer.concat(
      [text.slice(0, cut), text.slice(cut)].map((line, index) =>
        encodeFrame({
          source: 'stdout',
          timeNano: 1_700_000_000_999_999_999n,
          line: Buffer.from(line),
          ...{ partial: true, id: 'x', last: index === 1, ordinal: index + 1 },
        }),
      ),
    );

  async function shipped(
    longLines: EndpointOptions['longLines'],
    text = longText,
  ): Promise<{ sink: TestSink; rejected: RejectedEntry[]; counted: number | undefined }> {
    const wal = new TestWal();
    await wal.open();
    const sink = new TestSink();
    const rejected: RejectedEntry[] = [];
    const shipper = new Shipper({
      disk,
      log: createLog({ level: 'silent', thread: 'delivery' }),
      createSink: () => sink,
      onAcknowledged: () => {},
      onRejected: (entries) => rejected.push(...entries),
    });
    try {
      const log = await wal.log(first);
      log.attach();
      log.write(textFrame('before', 1));
      log.write(pieces(text, 20));
      log.write(textFrame('after', 2));
      // Four of the frames above are short enough; joined, the two pieces are not.
      shipper.stream(planOf(log, [endpointOf('k', { longLines, maxLineBytes: 50 })]));
      const endLsn = log.endLsn;
      await until(
        'all is acknowledged',
        () => readCursors(disk, log.directory, first)[0]?.ackLsn === endLsn,
      );
      const counted = shipper.stats()[0]?.rejectedEntries.line_too_long;
      return { sink, rejected, counted };
    } finally {
      await shipper.close();
      wal.remove();
    }
  }

  it('is cut between two characters, says how long it was, and fits', async () => {
    const { sink, rejected } = await shipped('truncate');
    const [before, cut = '', after, ...rest] = sink.texts;
    assert.deepEqual([before, after, rest], ['before', 'after', []]);
    assert.match(cut, /^é+ \[holdfast: cut, 83 bytes in all\]$/);
    assert.ok(Buffer.byteLength(cut) <= 50, `${Buffer.byteLength(cut)} bytes`);
    assert.equal(rejected.length, 0);
  });

  it('is split between two characters into pieces in order, none of which is too long', async () => {
    const { sink } = await shipped('split');
    const [before, ...rest] = sink.texts;
    const after = rest.pop();
    assert.deepEqual([before, after], ['before', 'after']);
    assert.equal(rest.join(''), longText);
    assert.ok(rest.length === 2 && rest.every((piece) => Buffer.byteLength(piece) <= 50));
    const times = sink.taken.flatMap(({ streams }) =>
      streams.flatMap(({ entries }) => entries.map(({ seconds, nanos }) => [seconds, nanos])),
    );
    const line = [1_700_000_000, 999_999_999];
    assert.deepEqual(times.slice(1, 3), [line, [1_700_000_001, 0]], 'one behind the other');
  });

  it('is split so that equal pieces do not look like one sent twice', async () => {
    const { sink } = await shipped('split', 'x'.repeat(160));
    const entries = sink.taken.flatMap(({ streams }) => streams.flatMap((each) => each.entries));
    const times = entries
      .slice(1, -1)
      .map(({ seconds, nanos }) => BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
    const base = 1_700_000_000_999_999_999n;
    // Three equal pieces of 50 and one of 10: over the end of a second, too.
    assert.deepEqual(times, [base, base + 1n, base + 2n, base + 3n]);
  });

  it('is handed out as refused and counted, once, and the others go out', async () => {
    const { sink, rejected, counted } = await shipped('reject');
    assert.deepEqual(sink.texts, ['before', 'after']);
    assert.equal(counted, 1);
    const [one, ...more] = rejected;
    assert.equal(more.length, 0);
    assert.equal(one?.line.toString(), longText);
    assert.deepEqual([one?.reason, one?.labels], ['line_too_long', '{out="aa"}']);
    assert.equal(one?.timestampNs, '1700000000999999999');
    assert.equal(one?.detail, 'the line has 83 bytes; loki-max-line-size is 50');
  });
});
