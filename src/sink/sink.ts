/**
 * What every sender looks like from outside: one encoded batch in, one result out.
 * A sink must never retry by itself, never throw and never write to the disk; what
 * happens after a result is the shipper's business.
 */

/** A text that must not be seen: as it is, or in a file that is read again when it changes. */
export type Secret =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string };

/** How a request says who sends it. */
export type Credentials =
  | { readonly kind: 'basic'; readonly user: string; readonly password: Secret }
  | { readonly kind: 'bearer'; readonly token: Secret };

/** TLS beyond the system's own authorities; certificates and keys are PEM. */
export interface TlsOptions {
  /** Authorities to trust in place of the system's. */
  readonly ca?: Secret;
  /** Client certificate and its key; both or none. */
  readonly cert?: Secret;
  readonly key?: Secret;
  /** Name to ask for and to find in the certificate, in place of the URL's host. */
  readonly serverName?: string;
  /** Takes any certificate. */
  readonly skipVerify: boolean;
}

/** Where and how to push: plain data that can be cloned to a thread. It holds secrets. */
export interface SinkOptions {
  /** Complete URL without userinfo; the scheme (http, https, grpc, grpcs) picks the sender. */
  readonly url: string;
  /** Sent as X-Scope-OrgID. */
  readonly tenantId?: string;
  /** For one send as a whole: name look-up, connect, request, answer. In milliseconds. */
  readonly timeoutMs: number;
  /** What goes over HTTP: snappy protobuf, or JSON with gzip. gRPC knows only protobuf. */
  readonly encoding: 'protobuf' | 'json';
  readonly credentials?: Credentials;
  /** Further headers (gRPC: metadata) by lower-case name; values are secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** `http://[user:password@]host:port` of a proxy; secret. Undefined: connect directly. */
  readonly proxyUrl?: string;
  readonly tls: TlsOptions;
}

/** The endpoint has the batch. */
export interface Delivered {
  readonly kind: 'delivered';
}

/**
 * The endpoint may take the same batch later; nothing may be dropped.
 * `outage`: no answer, or 5xx. `limit`: 429. `settings`: somebody has to mend something (401,
 * 403, 404, 405, redirects, certificates); tried again slowly.
 */
export interface Retry {
  readonly kind: 'retry';
  readonly cause: 'outage' | 'limit' | 'settings';
  /** For people: what failed and where to look. Free of secrets, at most about 800 characters. */
  readonly reason: string;
  /** HTTP status (gRPC: the status that its code stands for), if there was an answer. */
  readonly status?: number;
  /** The endpoint asked for this much patience, in milliseconds; at most one hour. */
  readonly afterMs?: number;
}

/** The endpoint has read the batch, refuses some or all of it and may have stored the rest. */
export interface Rejected {
  readonly kind: 'rejected';
  /** As in Retry. */
  readonly reason: string;
  readonly status: number;
}

/** The batch as a whole is too large (413): nothing of it was stored; smaller ones may pass. */
export interface TooLarge {
  readonly kind: 'too-large';
  /** As in Retry. */
  readonly reason: string;
  readonly status: number;
}

/** How one send ended. */
export type SendResult = Delivered | Retry | Rejected | TooLarge;

/** One endpoint's sender. */
export interface Sink {
  /**
   * Turns an uncompressed `PushRequest` into the body that `send` takes; called once a batch,
   * however often that is sent. The result shares no memory with `request`.
   */
  encode(request: Buffer): Buffer;
  /**
   * Sends one body, for this tenant in place of the endpoint's own if one is given. Never rejects.
   * `body` must stay as it is until the promise has settled.
   */
  send(body: Buffer, tenantId?: string): Promise<SendResult>;
  /** Ends what is in flight with a retry `closed` and frees all connections. Can be called twice. */
  close(): Promise<void>;
}
