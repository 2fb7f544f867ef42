/**
 * What may be under way at once: several requests, never two of one container, few batches in
 * all; and that nobody waits for a loud container or for one whose batch has no answer.
 */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { rulesOf } from '../helpers/runs.ts';
import {
  delivered,
  endpointOf,
  numbered,
  outage,
  type Push,
  planOf,
  TestSink,
  textsOf,
  tick,
  until,
} from './ship-bench.ts';

const idOf = (index: number): string => index.toString(16).padStart(64, '0');

describe('what is under way', () => {
  let wal: TestWal;
  let sink: TestSink;
  let shipper: Shipper;
  let acked: Map<string, number>;
  let losses: number;

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    sink = new TestSink();
    acked = new Map();
    losses = 0;
    shipper = new Shipper({
      disk,
      log: silentLog,
      createSink: () => sink,
      onAcknowledged: (containerId, { lsn }) => acked.set(containerId, lsn),
      onLoss: () => {
        losses += 1;
      },
    });
  });

  afterEach(async () => {
    await shipper.close();
    wal.remove();
  });

  /** A log with its lines, whose labels are its own. */
  async function begin(index: number, lines: number, ship = true): Promise<TestLog> {
    const log = await wal.log(idOf(index));
    log.attach();
    log.write(numberedFrames('n ', 1, lines));
    if (ship) take(log, index);
    return log;
  }

  function take(log: TestLog, index: number): void {
    const labels = { stdout: `{c="${index}"}`, stderr: `{c="${index}", e="1"}` };
    const endpoint = endpointOf('k', { batchSizeBytes: 16 * 1024 });
    shipper.stream(planOf(log, [{ endpointId: 1, endpoint, ...rulesOf(labels) }]));
  }

  const labelsOf = (push: Push): string[] => push.streams.map(({ labels }) => labels);
  const linesOf = (index: number): string[] =>
    sink.taken.flatMap(({ streams }) =>
      streams
        .filter(({ labels }) => labels === `{c="${index}"}`)
        .flatMap(({ entries }) => entries.map(({ line }) => line.toString())),
    );

  it('has four requests without an answer, of as many containers, and never two of one', async () => {
    sink.rule = () => undefined;
    const logs: TestLog[] = [];
    for (let index = 0; index < 8; index += 1) logs.push(await begin(index, 5000));
    const isDone = (): boolean => logs.every((_log, index) => linesOf(index).length === 5000);
    for (let rounds = 0; !isDone(); rounds += 1) {
      await until('a push comes', () => sink.open.length > 0 || isDone());
      const under = sink.open.flatMap(labelsOf);
      assert.equal(new Set(under).size, under.length, 'no container twice');
      // In no order of any kind.
      if (sink.open.length > 0) sink.answer(sink.open[(rounds * 7) % sink.open.length]);
      await tick();
    }
    assert.equal(sink.concurrentMax, 4);
    for (let index = 0; index < 8; index += 1) assert.deepEqual(linesOf(index), numbered(1, 5000));
  });

  it('holds six batches at most while an endpoint does not answer', async () => {
    sink.rule = () => undefined;
    for (let index = 0; index < 12; index += 1) await begin(index, 5000);
    await until('four are under way', () => sink.open.length === 4);
    for (let turn = 0; turn < 200; turn += 1) await tick();
    assert.ok(sink.encoded <= 6, `${sink.encoded} batches are encoded`);
    assert.ok(sink.encoded > 4, 'the next ones are ready');
  });

  it('reads two batches ahead of one container whose batch is under way, and no more', async () => {
    sink.rule = () => undefined;
    await begin(0, 20_000);
    await until('one is under way', () => sink.open.length === 1);
    for (let turn = 0; turn < 200; turn += 1) await tick();
    assert.equal(sink.pushes.length, 1);
    assert.equal(sink.encoded, 3);
  });

  it('sends the line of a quiet container while a loud one waits for an answer', async () => {
    sink.rule = (push) => (labelsOf(push).includes('{c="0"}') ? undefined : delivered);
    await begin(0, 20_000);
    await until('the loud one is under way', () => sink.open.length === 1);
    await begin(1, 1);
    await until('the quiet one has its answer', () => linesOf(1).length === 1);
    assert.equal(sink.open.length, 1);
  });

  it('brings a line of each of 999 quiet containers into the first batches beside a loud one', async () => {
    const loud = await begin(0, 40_000, false);
    const quiet: TestLog[] = [];
    for (let index = 1; index < 1000; index += 1) quiet.push(await begin(index, 1, false));
    take(loud, 0);
    quiet.forEach((log, index) => take(log, index + 1));
    await until('all quiet ones are there', () =>
      quiet.every(({ containerId, endLsn }) => (acked.get(containerId) ?? 0) >= endLsn),
    );
    const bytes = sink.taken.reduce((sum, push) => sum + push.bytes, 0);
    const all = new Set(sink.taken.flatMap(labelsOf));
    assert.equal(all.size, 1000);
    let seen = 0;
    const before = sink.taken.findIndex((push) => {
      seen += labelsOf(push).filter((labels) => labels !== '{c="0"}').length;
      return seen === 999;
    });
    // Their lines fill a few batches; the loud one has its quantum beside them and no more.
    assert.ok(before <= 24, `only in batch ${before} of ${sink.taken.length}, ${bytes} bytes`);
    for (const log of quiet) log.close();
  });

  it('keeps the order of every container whatever fails', async () => {
    let seed = 1;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    sink.rule = async () => {
      for (let ticks = random() * 4; ticks > 0; ticks -= 1) await tick();
      if (random() < 0.4) return outage();
      return delivered;
    };
    const logs: TestLog[] = [];
    for (let index = 0; index < 6; index += 1) logs.push(await begin(index, 3000));
    await until('all have all', () =>
      logs.every(({ containerId, endLsn }) => (acked.get(containerId) ?? 0) >= endLsn),
    );
    for (let index = 0; index < 6; index += 1) assert.deepEqual(linesOf(index), numbered(1, 3000));
  });

  it('counts a loss once, when the endpoint has its line, however often it is read again', async () => {
    const log = await wal.log(idOf(0));
    log.attach();
    log.write(numberedFrames('n ', 1, 5));
    log.gap(1000);
    log.write(numberedFrames('n ', 6, 10));
    sink.rule = (_push, index) => (index < 9 ? outage() : delivered);
    take(log, 0);
    await until('it was read again', () => sink.pushes.length === 9);
    assert.equal(losses, 0);
    await until('all is acknowledged', () => acked.get(log.containerId) === log.endLsn);
    assert.equal(losses, 1);
    const told = textsOf(sink.taken).filter((text) => text.startsWith('holdfast: '));
    assert.equal(told.length, 1);
    assert.deepEqual(
      new Set(textsOf(sink.pushes).filter((t) => t.startsWith('holdfast:'))).size,
      1,
    );
  });
});
