/**
 * What the options of one container come to: plain data that can be cloned to a
 * worker thread. It holds passwords, so it must never be logged as a whole.
 */
import type { ListenAddress } from '../base/listen-address.ts';
import type { AttributeSettings } from './attribute-settings.ts';
import type { EndpointSettings } from './endpoint-settings.ts';
import type { LineSettings } from './line-settings.ts';

export { type EndpointSettings, endpointKey } from './endpoint-settings.ts';

/** How the log of one container is kept on disk. Infinity stands for no limit. */
export interface LogSettings {
  /** Stored bytes of this container; no limit by default. */
  readonly maxBytes: number;
  /** Frames kept of this container; no limit by default. */
  readonly maxEntries: number;
  /** Default 6 days; whole milliseconds, like all ages here. */
  readonly maxAgeMs: number;
  /** 64 KiB to 64 MiB, default 16 MiB; never above half of `maxBytes`. */
  readonly segmentBytes: number;
  /** 1 s to 24 h, default 5 min; never above `maxAgeMs`. */
  readonly segmentAgeMs: number;
  readonly sync: 'interval' | 'always' | 'seal' | 'off';
  readonly full: 'drop-oldest' | 'drop-newest' | 'block';
  /** The longest wait before bytes are dropped; 0 to 60 s, default 5 s. */
  readonly blockTimeoutMs: number;
  /** What stays after delivery, for `docker logs`; default 100 MiB, 0 for nothing. */
  readonly historyBytes: number;
  /** How long that stays of a stopped container; default 24 h. */
  readonly historyAgeMs: number;
}

/** What the log-opts of one container and the plugin's defaults come to. */
export interface ContainerSettings {
  /** No two with one `key`; none: logs stay on the host. */
  readonly endpoints: readonly EndpointSettings[];
  /** What each of them gets of the lines, by its `key`. */
  readonly lines: ReadonlyMap<string, LineSettings>;
  readonly attributes: AttributeSettings;
  readonly log: LogSettings;
}

/** How much of the file system is left free for others. */
export type MinFree =
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'bytes'; readonly bytes: number };

/** Settings of the plugin as a whole. */
export interface PluginSettings {
  readonly logLevel: string;
  /** Absolute path. */
  readonly walDir: string;
  /** Stored bytes of all containers together; Infinity for no limit. */
  readonly walMaxBytes: number;
  readonly walMinFree: MinFree;
  /** 1 to 8, default 1. */
  readonly deliveryThreads: number;
  /** What an endpoint has not got is kept so long after nothing names it; default 24 h. */
  readonly endpointGraceMs: number;
  /** Kept of what endpoints refuse, for all of them together; default 64 MiB, 0 for none. */
  readonly rejectedMaxBytes: number;
  /** Undefined: metrics are not served. */
  readonly metricsAddress: ListenAddress | undefined;
}
