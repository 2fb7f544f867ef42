/**
 * What crosses between the main thread and a delivery thread: plain data only, each message
 * told by its `kind`. Neither thread may assume that the other is alive when it posts.
 */
import type { MetricDelta } from '../pipeline/metric-deltas.ts';
import type { StreamOptions } from '../shipper/endpoint-options.ts';
import type { QueueStats } from '../shipper/queue-stats.ts';
import type { SealResult } from '../wal/index.ts';

/** What a delivery thread is started with. */
export interface ShipperThreadData {
  logLevel: string;
  /** The directory of the log; what endpoints refuse is kept in it. */
  walRoot: string;
  /** The most that is kept of what endpoints refuse, of all threads together; 0: nothing. */
  rejectedMaxBytes: number;
}

/** To a delivery thread. */
export type ToShipper =
  | { kind: 'stream'; stream: StreamOptions }
  | { kind: 'appended'; containerIds: string[] }
  | { kind: 'release'; containerId: string }
  /** Goes on delivering for so long at most, then stops. */
  | { kind: 'close'; drainMs: number };

/** How far every endpoint has come in a container's stream. */
export interface AcknowledgedPosition {
  lsn: number;
  /** Frames that end before that. */
  ordinal: number;
  /** Position that would survive a loss of power. */
  durableLsn: number;
}

/** From a delivery thread. */
export type FromShipper =
  | { kind: 'acknowledged'; containerId: string; position: AcknowledgedPosition }
  | { kind: 'loss'; endpoint: string; reason: string; bytes: number; frames: number }
  /** Counters since the thread began; sent once a second when something changed. */
  | { kind: 'stats'; endpoints: QueueStats[]; rejectedBytes: number }
  /** So many entries were refused by an endpoint and could not be kept. */
  | { kind: 'rejected-lost'; entries: number }
  /** What `metrics` stages measured since the last one. */
  | { kind: 'measured'; deltas: readonly MetricDelta[] }
  | { kind: 'quarantined'; bytes: number }
  | { kind: 'released'; containerId: string }
  | { kind: 'closed' };

/** From the sealing thread, one for each request; `result` is missing when nothing was to seal. */
export type FromSealer =
  | { kind: 'sealed'; result: SealResult | undefined; seconds: number; quarantinedBytes: number }
  | { kind: 'failed'; cause: string; quarantinedBytes: number };
