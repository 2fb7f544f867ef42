import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { WalCounters } from '../../src/base/wal-counters.ts';
import { SegmentLedger } from '../../src/capture/segment-ledger.ts';
import type { KeptContainer } from '../../src/capture/segment-upkeep.ts';
import { Upkeep } from '../../src/capture/upkeep.ts';
import {
  gapReasons,
  listSegmentFacts,
  ObservedClock,
  Reserve,
  type SealRequest,
} from '../../src/wal/index.ts';
import { textFrame } from '../helpers/frames.ts';
import { StreamBench } from '../helpers/stream-bench.ts';

/** A log with one closed segment that nobody has acknowledged. */
function closedLog(bench: StreamBench, state: KeptContainer['state']): KeptContainer {
  const { disk, directory, containerId } = bench;
  const writer = bench.writer();
  bench.attach(writer, 'fifo');
  bench.append(writer, textFrame('a line', 1));
  writer.closeSegment();
  const ledger = new SegmentLedger();
  ledger.load(listSegmentFacts(disk, directory, containerId));
  const no = Number.POSITIVE_INFINITY;
  const policy = {
    ...{ maxBytes: no, maxEntries: no, maxAgeMs: no, segmentBytes: no, segmentAgeMs: no },
    ...{ historyBytes: no, historyAgeMs: no, blockTimeoutMs: 0 },
    ...({ sync: 'off', full: 'drop-oldest' } as const),
  };
  const acked = { ackLsn: 0, ackOrdinal: 0, durableLsn: 0 };
  const ended = { endedAtMs: undefined, isSealing: false };
  return { containerId, directory, ledger, writer, policy, ...acked, ...ended, state };
}

for (const state of ['kept', 'releasing'] as const) {
  test(`${state === 'kept' ? 'seals' : 'seals nothing'} of a log that is ${state}`, async () => {
    using bench = new StreamBench();
    // Which took minutes to come to this.
    const wallMs = (): number => bench.nowMs + 600_000;
    const container = closedLog(bench, state);
    const sealed: SealRequest[] = [];
    const { disk, directory: root } = bench;
    const upkeep = new Upkeep({
      ...{ disk, root, log: silentLog, counters: new WalCounters(gapReasons) },
      clock: new ObservedClock(disk, root, { wallMs, monotonicMs: () => 0 }),
      reserve: new Reserve(disk, root),
      ...{ maxBytes: 1 << 30, minFreeBytes: () => 0 },
      seal: (request) => {
        sealed.push(request);
        return new Promise(() => {});
      },
      ...{ onSealSeconds: mock.fn(), releaseIfDone: mock.fn(), forget: () => false },
      containers: () => [container],
    });
    await upkeep.start(() => Promise.resolve());
    upkeep.close();
    assert.deepEqual(
      sealed.map(({ sequence }) => sequence),
      state === 'kept' ? [1] : [],
    );
  });
}
