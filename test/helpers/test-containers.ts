/** The registry of containers with everything that it needs, out of a driver process. */
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { silentLog } from '../../src/base/log.ts';
import { WalCounters } from '../../src/base/wal-counters.ts';
import { Containers } from '../../src/capture/containers.ts';
import { LandingArea } from '../../src/capture/landing.ts';
import type { ContainersHooks } from '../../src/capture/open-log.ts';
import { Upkeep } from '../../src/capture/upkeep.ts';
import { parseLogOpts } from '../../src/config/parse.ts';
import { gapReasons, ObservedClock, Reserve, Syncer } from '../../src/wal/index.ts';

/** What a test may look at. */
export interface TestContainers {
  containers: Containers;
  landing: LandingArea;
  upkeep: Upkeep;
  counters: WalCounters;
  syncer: Syncer;
}

/** A process's registry on the WAL in `root`; nothing ships anywhere, nothing is sealed. */
export function testContainers(
  root: string,
  hooks: Partial<ContainersHooks> = {},
  logOpts: Record<string, string> = {},
): TestContainers {
  const log = silentLog;
  const landing = new LandingArea(root, log);
  const counters = new WalCounters(gapReasons);
  const sources = { wallMs: Date.now, monotonicMs: () => performance.now() };
  const clock = new ObservedClock(disk, root, sources);
  const syncer = new Syncer({ disk, onSyncFailed: () => {} });
  const nothing = { onStream: () => {}, onAppended: () => {}, onRelease: () => {} };
  const containers: Containers = new Containers({
    ...{ disk, root, landing, log, clock, counters, syncer },
    hooks: { ...nothing, ...hooks },
    policyOf: (own) => parseLogOpts({ ...logOpts, ...own }, {}).settings.log,
    upkeep: () => upkeep,
  });
  const upkeep = new Upkeep({
    ...{ disk, root, log, clock, counters, reserve: new Reserve(disk, root) },
    maxBytes: Number.POSITIVE_INFINITY,
    minFreeBytes: () => 0,
    seal: () => Promise.resolve({ kind: 'failed', cause: 'not here', quarantinedBytes: 0 }),
    onSealSeconds: () => {},
    containers: () => containers.logs(),
    releaseIfDone: (containerId) => containers.releaseIfDone(containerId),
    forget: (containerId) => containers.forget(containerId),
  });
  return { containers, landing, upkeep, counters, syncer };
}
