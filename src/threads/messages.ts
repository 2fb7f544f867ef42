/**
 * What crosses between the main thread and a delivery thread: plain data only, each message
 * told by its `kind`. Neither thread may assume that the other is alive when it posts.
 */
import type { StreamOptions } from '../shipper/shipper.ts';

/** What a delivery thread is started with. */
export interface ShipperThreadData {
  logLevel: string;
}

/** To a delivery thread. */
export type ToShipper =
  | { kind: 'stream'; stream: StreamOptions }
  | { kind: 'appended'; containerIds: string[] }
  | { kind: 'release'; containerId: string }
  | { kind: 'close' };

/** From a delivery thread. */
export type FromShipper =
  | { kind: 'acknowledged'; containerId: string; ackLsn: number; durableLsn: number }
  | { kind: 'released'; containerId: string }
  | { kind: 'closed' };
