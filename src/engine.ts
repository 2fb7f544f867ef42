/**
 * Puts the rooms together: everything that runs once the write-ahead log is ours, and the order
 * in which it is taken up and let go. It must never know of dockerd's calls or of signals.
 */
import os from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { BoundedLabels } from './base/bounded-labels.ts';
import { nodeFileSystem as disk } from './base/file-system.ts';
import type { Log } from './base/log.ts';
import { version } from './base/version.ts';
import { WalCounters } from './base/wal-counters.ts';
import { Containers } from './capture/containers.ts';
import { LandingArea } from './capture/landing.ts';
import type { LogPolicy } from './capture/log-policy.ts';
import type { ContainersHooks } from './capture/open-log.ts';
import { Upkeep } from './capture/upkeep.ts';
import { parseLogOpts } from './config/parse.ts';
import type { MinFree, PluginSettings } from './config/settings.ts';
import { DeliveryLink } from './driver/delivery-link.ts';
import { createMetrics, type Metrics } from './metrics/registry.ts';
import { type MetricsServer, serveMetrics } from './metrics/server.ts';
import type { WalUsage } from './metrics/source.ts';
import { StageSeries } from './metrics/stage-series.ts';
import { requestSecondsBounds } from './shipper/queue-stats.ts';
import { Delivery } from './threads/delivery.ts';
import { History } from './threads/history.ts';
import { Sealing } from './threads/sealing.ts';
import {
  acquireLock,
  EndpointRegistry,
  gapReasons,
  ObservedClock,
  openWalRoot,
  Reserve,
  Syncer,
  type WalLock,
} from './wal/index.ts';

/** What is synced at the end may take so long, in milliseconds. */
const syncMsMax = 3000;
/** Stopping takes no longer than this in all; dockerd kills what has not ended after 10 s. */
const closeMsMax = 9000;
/** Endpoints that have figures of their own; all others share theirs. */
const endpointLabelsMax = 100;

/** What runs; see `startEngine`. */
export interface Engine {
  readonly containers: Containers;
  /** Reads logs for `docker logs`. */
  readonly history: History;
  /** Takes up every container on disk, so that dockerd's calls come in between. */
  recover(): Promise<void>;
  /** Lets go of all. What is in a FIFO stays there for the next process. */
  close(): Promise<void>;
}

/** The parts that `startEngine` makes. */
interface Parts {
  readonly log: Log;
  readonly lock: WalLock;
  readonly landing: LandingArea;
  readonly delivery: Delivery;
  readonly sealing: Sealing;
  readonly history: History;
  readonly syncer: Syncer;
  readonly upkeep: Upkeep;
  readonly containers: Containers;
  readonly server: MetricsServer;
  readonly state: { recoverySeconds: number | undefined };
}

/** Takes the log and starts all that works on it. Rejects when another process has it. */
export async function startEngine(settings: PluginSettings, log: Log): Promise<Engine> {
  const root = settings.walDir;
  disk.mkdirSync(root, { recursive: true, mode: 0o700 });
  const lock = await acquireLock(root, `holdfast ${version}, pid ${process.pid}`);
  await openWalRoot(disk, root);
  const parts = assemble(settings, log, lock);
  return {
    containers: parts.containers,
    history: parts.history,
    recover: () => recover(parts),
    close: () => close(parts),
  };
}

function assemble(settings: PluginSettings, log: Log, lock: WalLock): Parts {
  const root = settings.walDir;
  const registry = new EndpointRegistry(disk, root);
  const counters = new WalCounters(gapReasons);
  const clock = new ObservedClock(disk, root, {
    wallMs: Date.now,
    monotonicMs: () => performance.now(),
  });
  const state: Parts['state'] = { recoverySeconds: undefined };
  const metrics: Metrics = createMetrics({
    ...{ counters, requestSecondsBounds },
    usage: () => ({
      ...usageOf(containers, upkeep),
      recoverySeconds: state.recoverySeconds,
      rejectedBytes: delivery.rejectedBytes,
      logReaders: history.readers,
    }),
    endpoints: () => delivery.stats(),
    stages: () => stages.families(performance.now()),
  });
  const stages = new StageSeries();
  const delivery: Delivery = startDelivery(settings, log, { counters, stages }, () => containers);
  const link = new DeliveryLink({
    ...{ delivery, registry, log, env: process.env, host: os.hostname() },
    ...{ graceMs: settings.endpointGraceMs, now: () => clock.now() },
    containers: () => containers,
  });
  const history = new History();
  const hooks = hooksOf(link, history);
  const landing = new LandingArea(root, log);
  const syncer = new Syncer({
    disk,
    onSynced: (seconds) => metrics.observeSync(seconds),
    onSyncFailed: (failure) => {
      counters.syncFailures += 1;
      log.error(
        { ...failure },
        'a segment cannot be synced; it is written anew if the disk lets it',
      );
    },
  });
  const containers: Containers = new Containers({
    ...{ disk, root, landing, log, clock, counters, syncer, hooks },
    policyOf,
    upkeep: () => upkeep,
  });
  const sealing = new Sealing();
  const upkeep = new Upkeep({
    ...{ disk, root, log, clock, counters, reserve: new Reserve(disk, root) },
    maxBytes: settings.walMaxBytes,
    minFreeBytes: (totalBytes) => minFreeBytesOf(settings.walMinFree, totalBytes),
    seal: (request) => sealing.seal(request),
    onSealSeconds: (seconds) => metrics.observeSeal(seconds),
    containers: () => containers.logs(),
    releaseIfDone: (containerId) => containers.releaseIfDone(containerId),
    forget: (containerId) => containers.forget(containerId),
  });
  const server = serveMetrics(settings.metricsAddress, metrics, log);
  const threads = { delivery, sealing, history };
  return { log, lock, landing, ...threads, syncer, upkeep, containers, server, state };
}

/** Delivery hears of every change, and `docker logs` of what it follows. */
function hooksOf(link: DeliveryLink, history: History): ContainersHooks {
  return {
    onStream: (stream) => link.onStream(stream),
    onAppended: (containerId) => {
      link.onAppended(containerId);
      history.appended(containerId);
    },
    onRelease: (containerId) => link.onRelease(containerId),
  };
}

/** `containers` are asked for only when the first message comes. */
function startDelivery(
  settings: PluginSettings,
  log: Log,
  { counters, stages }: { counters: WalCounters; stages: StageSeries },
  containers: () => Containers,
): Delivery {
  const labels = new BoundedLabels(endpointLabelsMax);
  const labelOf = (endpoint: string): string => labels.of(endpoint);
  const { logLevel, deliveryThreads: threads, walDir: walRoot, rejectedMaxBytes } = settings;
  return new Delivery({
    ...{ log, logLevel, threads, walRoot, rejectedMaxBytes, labelOf },
    events: {
      onAcknowledged: (containerId, position) => containers().acknowledged(containerId, position),
      onReleased: (containerId) => containers().released(containerId),
      onLoss: (endpoint, reason, bytes, frames) =>
        counters.tell(labelOf(endpoint), reason, bytes, frames),
      onMeasured: (deltas) => stages.take(deltas, performance.now()),
      onQuarantined: (bytes) => {
        counters.quarantinedBytes += bytes;
      },
      onRejectedLost: (entries) => {
        counters.rejectedLostEntries += entries;
      },
    },
  });
}

/** Options that are wrong by now must not stop what is on disk: the defaults serve. */
function policyOf(logOpts: Readonly<Record<string, string>>): LogPolicy {
  try {
    return parseLogOpts(logOpts, process.env).settings.log;
  } catch {
    return parseLogOpts({}, {}).settings.log;
  }
}

function minFreeBytesOf(minFree: MinFree, totalBytes: number): number {
  return minFree.kind === 'bytes' ? minFree.bytes : (totalBytes * minFree.percent) / 100;
}

function usageOf(
  containers: Containers,
  upkeep: Upkeep,
): Omit<WalUsage, 'logReaders' | 'recoverySeconds' | 'rejectedBytes'> {
  const kinds = { rawBytes: 0, sealedBytes: 0, rawSegments: 0, sealedSegments: 0 };
  let count = 0;
  let pausedFifos = 0;
  for (const { ledger, writer, capture } of containers.logs()) {
    count += 1;
    if (capture.isWaiting) pausedFifos += 1;
    const { sealedBytes, sealedSegments } = ledger;
    kinds.sealedBytes += sealedBytes;
    kinds.sealedSegments += sealedSegments;
    kinds.rawBytes += ledger.bytes - sealedBytes + (writer.activeSegment?.bytes ?? 0);
    const active = writer.activeSegment === undefined ? 0 : 1;
    kinds.rawSegments += ledger.facts.length - sealedSegments + active;
  }
  const { limitBytes, freeBytes } = upkeep;
  return { ...kinds, containers: count, limitBytes, freeBytes, pausedFifos };
}

async function recover(parts: Parts): Promise<void> {
  const { containers, landing, upkeep, log, server, state } = parts;
  const startedAtMs = performance.now();
  const ids = containers.listOnDisk();
  let failed = 0;
  for (const containerId of ids) {
    if (!containers.recover(containerId)) failed += 1;
    await setImmediate();
  }
  // What landed for a container that cannot be read now may be taken in by the next start.
  if (failed === 0) landing.forgetLeftovers();
  const recoverySeconds = (performance.now() - startedAtMs) / 1000;
  state.recoverySeconds = recoverySeconds;
  log.info({ containers: ids.length, failed, recoverySeconds }, 'recovered');
  server.markReady();
  // Nobody has to wait for what is looked through in peace.
  void upkeep.start(() => setImmediate());
}

async function close(parts: Parts): Promise<void> {
  const { containers, upkeep, syncer, sealing, history, delivery, server, lock } = parts;
  upkeep.close();
  containers.close();
  // A disk that hangs is no reason to stay: what it has not synced is in its cache all the same.
  const synced = Promise.race([syncer.close(), setTimeout(syncMsMax)]);
  const others = [sealing.close(), history.close(), delivery.close(), server.close()];
  const ended = Promise.all([synced, ...others]);
  const isEnded = await Promise.race([ended, setTimeout(closeMsMax, false)]);
  // What has not ended may still write: then the lock goes with the process.
  if (isEnded !== false) await lock.release();
}
