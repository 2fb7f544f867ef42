/**
 * One place to ship to as settings know it: plain data that can be cloned to a worker thread, of
 * the shape that delivery takes. It holds passwords, so it must never be logged as a whole.
 */
import { createHash } from 'node:crypto';

/** A text that must not be seen: as it is, or in a file that is read again when it changes. */
export type SecretSetting =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string };

/** How a push says who sends it. */
export type CredentialSettings =
  | { readonly kind: 'basic'; readonly user: string; readonly password: SecretSetting }
  | { readonly kind: 'bearer'; readonly token: SecretSetting };

/** TLS beyond the public authorities; text is PEM, a file may be PEM or base64 of it. */
export interface TlsSettings {
  readonly ca?: SecretSetting;
  /** Certificate and key; both or none. */
  readonly cert?: SecretSetting;
  readonly key?: SecretSetting;
  readonly serverName?: string;
  readonly skipVerify: boolean;
}

/** Where and how to push. */
export interface SinkSettings {
  /** Complete, without userinfo; http, https, grpc or grpcs, the latter two with a port. */
  readonly url: string;
  /** Sent as X-Scope-OrgID. */
  readonly tenantId?: string;
  /** For one push as a whole; default 10,000. */
  readonly timeoutMs: number;
  /** Never json with grpc. */
  readonly encoding: 'protobuf' | 'json';
  readonly credentials?: CredentialSettings;
  /** By lower-case name, sorted; values are secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** `http://[user:password@]host:port`; secret. */
  readonly proxyUrl?: string;
  readonly tls: TlsSettings;
}

/** One place to ship to, and how. */
export interface EndpointSettings {
  /** Stable identity of the queue: hex of `endpointKey`. */
  readonly key: string;
  /** Name of the endpoint; '' for one that has none. */
  readonly name: string;
  /** For people and metrics: the name, or host, port and tenant. Free of secrets. */
  readonly label: string;
  readonly sink: SinkSettings;
  /** Where it begins in a stream that is new to it. */
  readonly startAt: 'oldest' | 'newest';
  /** Bytes before compression; 16 KiB to 64 MiB, default 1 MiB. */
  readonly batchSizeBytes: number;
  /** Default 1,000. */
  readonly batchWaitMs: number;
  /** Default 500; never above `maxBackoffMs`. */
  readonly minBackoffMs: number;
  /** Default 300,000. */
  readonly maxBackoffMs: number;
  /** Failed pushes after which a batch is given up, if `givesUp`; 0: never. */
  readonly retries: number;
  readonly givesUp: boolean;
  /** 1 KiB to 4 MiB, default 256 KiB. */
  readonly maxLineBytes: number;
  readonly longLines: 'truncate' | 'split' | 'reject';
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

/** How people call an endpoint: by its name, or by `host[:port]` and, behind a slash, tenant. */
export function endpointLabel(name: string, url: string, tenantId: string | undefined): string {
  if (name !== '') return name;
  const { host } = new URL(url);
  return tenantId === undefined ? host : `${host}/${tenantId}`;
}
