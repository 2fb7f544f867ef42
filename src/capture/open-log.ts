/**
 * Opens one container's log: finds its end, and ties writer, FIFOs, limits and syncing together.
 * What the registry of containers is made of stands here, because most of it ends up here.
 */
import type { FileSystem } from '../base/file-system.ts';
import type { Log } from '../base/log.ts';
import type { WalCounters } from '../base/wal-counters.ts';
import {
  CommittedLsn,
  type ContainerRun,
  containerDirectory,
  type ObservedClock,
  recoverTail,
  type SegmentLimits,
  StreamWriter,
  type Syncer,
} from '../wal/index.ts';
import { type CaptureEvents, ContainerCapture } from './container-capture.ts';
import { type ContainerIdentity, ContainerLog } from './container-log.ts';
import type { LandingArea } from './landing.ts';
import type { LogPolicy } from './log-policy.ts';
import { SegmentLedger } from './segment-ledger.ts';
import type { Upkeep } from './upkeep.ts';

/** What delivery needs to read one container's stream. */
export interface DeliverableStream {
  directory: string;
  committed: SharedArrayBuffer;
  /** With its runs; none stand for one that is all the stream. */
  record: ContainerIdentity & { readonly runs?: readonly ContainerRun[] };
}

/** Signals to delivery. None of them may throw or wait. */
export interface ContainersHooks {
  /** The stream is there, or its identity or options have changed. */
  onStream(stream: DeliverableStream): void;
  /** Bytes were appended. */
  onAppended(containerId: string): void;
  /** Let go of the container and answer through `released`. */
  onRelease(containerId: string): void;
}

/** What the registry needs. */
export interface ContainersOptions {
  disk: FileSystem;
  root: string;
  landing: LandingArea;
  log: Log;
  clock: ObservedClock;
  counters: WalCounters;
  syncer: Syncer;
  hooks: ContainersHooks;
  /** How a container's log is kept, by its log-opts. */
  policyOf: (logOpts: Readonly<Record<string, string>>) => LogPolicy;
  /** Keeps the log within its bounds; asked for when the first container is there. */
  upkeep: () => Upkeep;
}

/** How large and how old the segments of a container get. */
export function segmentLimitsOf(policy: LogPolicy): SegmentLimits {
  return { segmentBytesMax: policy.segmentBytes, segmentAgeMsMax: policy.segmentAgeMs };
}

/** Opens the log of this container; it reads no FIFO yet. Throws what the disk throws. */
export function openLog(
  options: ContainersOptions,
  identity: ContainerIdentity,
  events: Pick<CaptureEvents, 'onFifoEnded' | 'onEntered'>,
): ContainerLog {
  const { disk, root, landing, log, clock, counters, syncer, hooks, upkeep } = options;
  const { containerId } = identity;
  const directory = containerDirectory(root, containerId);
  const tail = recoverTail(disk, directory, containerId);
  const committed = new CommittedLsn();
  const ledger = new SegmentLedger();
  const policy = options.policyOf(identity.logOpts);
  const writer = new StreamWriter({
    ...{ disk, directory, containerId, tail, committed, ...segmentLimitsOf(policy) },
    now: () => clock.now(),
    onSegmentClosed: (fact) => ledger.closed(fact),
  });
  const capture = new ContainerCapture({
    ...{ writer, tail, landing, counters, syncer, now: Date.now },
    log: log.child({ containerId: containerId.slice(0, 12) }),
    policy: () => container.policy,
    admit: (bytes) => upkeep().admits(container, bytes),
    reliefs: { makeRoom: () => upkeep().makeRoom() },
    events: {
      onAppended: (bytes) => {
        upkeep().appended(bytes);
        hooks.onAppended(containerId);
      },
      ...events,
    },
  });
  const isTorn = tail.tornBytes > 0;
  const made = { directory, committed, writer, capture, ledger };
  const container = new ContainerLog({ record: identity, policy, isTorn, ...made });
  syncer.add(writer, () => container.policy.sync);
  return container;
}
