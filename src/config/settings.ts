/**
 * What the options of one container come to: plain data that can be cloned to a
 * worker thread. It holds passwords, so it must never be logged as a whole.
 */
import { createHash } from 'node:crypto';
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

/** What the log-opts of one container and the plugin's defaults come to. */
export interface ContainerSettings {
  /** Absent: logs stay on the host. */
  readonly endpoint?: EndpointSettings;
  /** Values are templates that are known to compile. */
  readonly externalLabels: readonly ExternalLabel[];
}

/** Settings of the plugin as a whole. */
export interface PluginSettings {
  readonly logLevel: string;
  /** Absolute path. */
  readonly walDir: string;
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
