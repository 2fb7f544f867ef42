/**
 * What the options of one container come to: plain data that can be cloned to a
 * worker thread. It holds passwords, so it must never be logged as a whole.
 */
import { createHash } from 'node:crypto';
import type { ListenAddress } from '../base/listen-address.ts';
import type { BasicAuth } from './endpoint-url.ts';
import type { ExternalLabel } from './external-labels.ts';

/** One place to ship to, and how. */
export interface EndpointSettings {
  /** Stable identity of the queue: hex of `endpointKey`. */
  readonly key: string;
  /** Name of the endpoint; '' for the one that has none. */
  readonly name: string;
  /** Complete push URL without userinfo. */
  readonly url: string;
  /** Secret. */
  readonly basicAuth?: BasicAuth;
  /** Sent as X-Scope-OrgID. */
  readonly tenantId?: string;
  /** Bytes before compression; 16 KiB to 64 MiB, default 1 MiB. */
  readonly batchSizeBytes: number;
  /** Default 1,000. */
  readonly batchWaitMs: number;
  /** For one push as a whole; default 10,000. */
  readonly timeoutMs: number;
  /** Default 500; never above `maxBackoffMs`. */
  readonly minBackoffMs: number;
  /** Default 300,000. */
  readonly maxBackoffMs: number;
}

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
  /** Absent: logs stay on the host. */
  readonly endpoint?: EndpointSettings;
  /** Values are templates that are known to compile. */
  readonly externalLabels: readonly ExternalLabel[];
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
  /** Undefined: metrics are not served. */
  readonly metricsAddress: ListenAddress | undefined;
}

/**
 * What tells endpoints apart: SHA-256, in hex, of name, URL without userinfo and
 * tenant. A new password or batch size keeps the queue, and so what waits in it.
 */
export function endpointKey(name: string, url: string, tenantId: string | undefined): string {
  return createHash('sha256')
    .update(JSON.stringify([name, url, tenantId ?? '']))
    .digest('hex');
}
