/** What makes delivery wait, and for how long: stages that want no more, endpoints that were down. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { rulesOf } from '../helpers/runs.ts';
import { endpointOf, numbered, outage, planOf, TestSink, until } from './ship-bench.ts';

describe('delivery waits', () => {
  let wal: TestWal;
  let sink: TestSink;
  let shipper: Shipper;
  let acked: Map<string, number>;

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    sink = new TestSink();
    acked = new Map();
    shipper = new Shipper({
      disk,
      log: silentLog,
      createSink: () => sink,
      onAcknowledged: (containerId, { lsn }) => acked.set(containerId, lsn),
    });
  });

  afterEach(async () => {
    await shipper.close();
    wal.remove();
  });

  async function begin(digit: string, lines: number, stages: string): Promise<TestLog> {
    const log = await wal.log(digit.repeat(64));
    log.attach();
    log.write(numberedFrames('n ', 1, lines));
    const pipeline = { level: 'off', dropBlank: false, stages } as const;
    const rules = rulesOf({ stdout: '{c="1"}', stderr: '{c="1"}' });
    shipper.stream(planOf(log, [{ endpointId: 1, endpoint: endpointOf('k'), ...rules, pipeline }]));
    return log;
  }

  it('as long as a stage says, and is behind meanwhile', async () => {
    // A look each 500 ms, ten lines a time, would take 50 s.
    await begin('1', 1000, '- limit: {rate: 500, burst: 10, drop: false}');
    await until('some are there', () => sink.texts.length >= 10);
    assert.ok(sink.texts.length < 1000, 'all came at once');
    assert.ok((shipper.stats()[0]?.backlogSeconds ?? 0) > 0, 'nothing seems to wait');
    await until('all are there', () => sink.texts.length === 1000);
    assert.deepEqual(sink.texts, numbered(1, 1000));
  });

  it('for no answer of an endpoint that was down, where stages leave nothing to ask it with', async () => {
    sink.rule = () => outage();
    const first = await begin('1', 1, '- static_labels: {a: b}');
    await until('it is taken for down', () => shipper.stats()[0]?.breaker !== 'closed');
    // A look each 500 ms, some thousand lines a time, would take minutes.
    const second = await begin(
      '2',
      400_000,
      '- match: {selector: \'{c="1"} |= "n"\', action: drop}',
    );
    shipper.release(first.containerId);
    // Others on the thread get their turns meanwhile.
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    await until('all is read', () => (acked.get(second.containerId) ?? 0) >= second.endLsn);
    clearInterval(timer);
    assert.ok(turns > 20, `${turns} turns of others`);
  });
});
