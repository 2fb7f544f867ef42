/**
 * Tenants that stages choose for single lines: one that is limited or refused holds up no container
 * but those with lines for it, and what the driver has to say itself goes to a tenant that there is.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import type { PipelineText } from '../../src/pipeline/plan.ts';
import type { RejectedEntry } from '../../src/rejected/entry.ts';
import type { EndpointOptions } from '../../src/shipper/endpoint-options.ts';
import { Shipper } from '../../src/shipper/shipper.ts';
import { numberedFrames } from '../helpers/frames.ts';
import { type TestLog, TestWal } from '../helpers/log-writer.ts';
import { rulesOf } from '../helpers/runs.ts';
import {
  delivered,
  endpointOf,
  numbered,
  planOf,
  type Rule,
  TestSink,
  textsOf,
  until,
} from './ship-bench.ts';

const limited = { kind: 'retry', cause: 'limit', reason: 'rate limit' } as const;

/** Stages that send all lines to one tenant. */
function toTenant(value: string): PipelineText {
  return { level: 'off', dropBlank: false, stages: `- tenant: {value: ${value}}` };
}

/** Lines whose number has a seven go to another tenant than all others. */
const toTwo: PipelineText = {
  level: 'off',
  dropBlank: false,
  stages: `
- tenant: {value: a}
- match: {selector: '{c=~".+"} |= "7"', stages: [{tenant: {value: b}}]}`,
};

describe('tenants that stages choose', () => {
  let wal: TestWal;
  let sinks: TestSink[];
  let rule: Rule;
  let shipper: Shipper;
  let acked: Map<string, number>;
  let rejected: RejectedEntry[];
  let losses: number;

  beforeEach(async () => {
    wal = new TestWal();
    await wal.open();
    sinks = [];
    rejected = [];
    losses = 0;
    acked = new Map();
    rule = () => delivered;
    shipper = new Shipper({
      disk,
      log: silentLog,
      createSink: () => {
        const sink = new TestSink((push, index) => rule(push, index));
        sinks.push(sink);
        return sink;
      },
      onAcknowledged: (containerId, { lsn }) => acked.set(containerId, lsn),
      onRejected: (entries) => rejected.push(...entries),
      onLoss: () => {
        losses += 1;
      },
    });
  });

  afterEach(async () => {
    await shipper.close();
    wal.remove();
  });

  async function begin(
    digit: string,
    lines: number,
    pipeline?: PipelineText,
    changes: Partial<EndpointOptions> = {},
  ): Promise<TestLog> {
    const log = await wal.log(digit.repeat(64));
    log.attach();
    log.write(numberedFrames('n ', 1, lines));
    const rules = rulesOf({ stdout: `{c="${digit}"}`, stderr: `{c="${digit}", e="1"}` });
    const endpoint = endpointOf('k', changes);
    const way = { endpointId: 1, endpoint, ...rules, ...(pipeline && { pipeline }) };
    shipper.stream(planOf(log, [way]));
    return log;
  }

  const isAll = (log: TestLog): boolean => (acked.get(log.containerId) ?? 0) >= log.endLsn;
  const taken = (): ReturnType<typeof textsOf> => textsOf(sinks.flatMap((sink) => sink.taken));
  const tenantsOf = (): (string | undefined)[] =>
    sinks.flatMap((sink) => sink.taken.map(({ tenantId }) => tenantId));

  for (const cause of ['limit', 'settings'] as const) {
    it(`one that fails by ${cause} holds up no container but its own`, async () => {
      rule = ({ tenantId }) => (tenantId === 'bad' ? { ...limited, cause } : delivered);
      // Whoever waits for the bad one waits for a minute.
      const slow = { minBackoffMs: 60_000, maxBackoffMs: 60_000 };
      const bad = await begin('1', 3000, toTenant('bad'), slow);
      await until('it has failed', () => sinks.some(({ pushes }) => pushes.length > 0));
      const good = await begin('2', 3000, toTenant('good'), slow);
      const plain = await begin('3', 3000, undefined, slow);
      await until('the others have all', () => isAll(good) && isAll(plain));
      assert.equal(isAll(bad), false);
      assert.deepEqual(taken().sort(), [...numbered(1, 3000), ...numbered(1, 3000)].sort());
      const [stats] = shipper.stats();
      assert.equal(stats?.streams, 3, 'it is one endpoint for people');
    });
  }

  it('containers without such stages go on sharing one queue', async () => {
    await begin('1', 10);
    await begin('2', 10);
    await until('all is there', () => taken().length === 20);
    assert.equal(sinks.length, 1);
  });

  it('each has attempts of its own', async () => {
    const failures = new Map<string | undefined, number>([
      ['a', 4],
      ['b', 4],
    ]);
    rule = ({ tenantId }) => {
      const left = failures.get(tenantId) ?? 0;
      failures.set(tenantId, left - 1);
      return left > 0 ? limited : delivered;
    };
    const log = await begin('1', 20, toTwo, { retries: 5, givesUp: true });
    await until('all is there', () => isAll(log));
    assert.deepEqual(rejected, []);
    assert.deepEqual(taken().sort(), numbered(1, 20).sort());
  });

  it('attempts outlive an endpoint that is taken for down, tenant by tenant', async () => {
    const left = new Map<string | undefined, number>([
      ['a', 6],
      ['b', 6],
    ]);
    rule = ({ tenantId }) => {
      const more = left.get(tenantId) ?? 0;
      left.set(tenantId, more - 1);
      return more > 0 ? limited : delivered;
    };
    const log = await begin('1', 20, toTwo, { retries: 8, givesUp: true });
    await until('all is there', () => isAll(log));
    assert.deepEqual(rejected, []);
  });

  it('are given up one by one', async () => {
    rule = ({ tenantId }) => (tenantId === 'b' ? limited : delivered);
    const log = await begin('1', 20, toTwo, { retries: 8, givesUp: true });
    await until('all is settled', () => isAll(log));
    assert.deepEqual(
      rejected.map(({ tenantId, line }) => [tenantId, line.toString()]),
      [
        ['b', 'n 7'],
        ['b', 'n 17'],
      ],
    );
  });

  it('a loss of a container that relabelling drops is not counted as told', async () => {
    const log = await wal.log('4'.repeat(64));
    log.attach();
    log.write(numberedFrames('n ', 1, 2));
    log.gap(100);
    log.write(numberedFrames('n ', 3, 4));
    const { runs, pipeline } = rulesOf({ stdout: '{c="4"}', stderr: '{c="4"}' });
    const dropped = runs.map((run) => ({ ...run, isDropped: true }));
    const endpoint = endpointOf('k');
    shipper.stream(planOf(log, [{ endpointId: 1, endpoint, runs: dropped, pipeline }]));
    await until('all is read', () => isAll(log));
    assert.deepEqual([taken(), losses], [[], 0]);
  });

  it('a line that tells of a loss goes to the one that was chosen last', async () => {
    const log = await begin('1', 8, toTenant('own'));
    log.gap(100);
    log.write(numberedFrames('n ', 9, 10));
    shipper.appended([log.containerId]);
    await until('all is there', () => isAll(log));
    assert.equal(taken().length, 11);
    assert.deepEqual([...new Set(tenantsOf())], ['own']);
  });

  it('a line that tells of a loss goes to the tenant of the endpoint where it has one', async () => {
    const sink = { ...endpointOf('k').sink, tenantId: 'main' };
    const log = await begin('1', 8, toTenant('b'), { sink });
    log.gap(100);
    log.write(numberedFrames('n ', 9, 10));
    shipper.appended([log.containerId]);
    await until('all is there', () => isAll(log));
    const own = sinks.flatMap((each) =>
      each.taken.filter(({ tenantId }) => tenantId === undefined),
    );
    assert.equal(textsOf(own).length, 1);
    assert.match(textsOf(own)[0] ?? '', /missing here/);
  });

  it('a line that tells of a loss and is sent again goes to the same one again', async () => {
    // What is given back and read again has to be the very same.
    const seen: (string | undefined)[] = [];
    let failures = 0;
    rule = ({ streams, tenantId }) => {
      const isLoss = textsOf([{ streams }]).some((text) => text.includes('missing here'));
      if (isLoss) seen.push(tenantId);
      failures -= 1;
      return failures > 0 ? { ...limited, cause: 'outage' } : delivered;
    };
    const log = await begin('1', 8, toTwo);
    // What chose the tenant is settled, and not read again.
    await until('the lines before are there', () => isAll(log));
    failures = 8;
    log.gap(100);
    log.write(numberedFrames('n ', 17, 17));
    shipper.appended([log.containerId]);
    await until('all is there', () => isAll(log));
    assert.deepEqual([...new Set(seen)], ['a']);
  });
});
