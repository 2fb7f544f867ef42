/**
 * The limits of the double, with Loki's own defaults, and the token bucket behind
 * the rates. Zero turns off a limit that Loki lets one turn off.
 */

/** Everything that a tenant may be limited in. Sizes in bytes, ages in milliseconds. */
export interface Limits {
  /** Largest body, compressed or not. */
  bodyBytesMax: number;
  /** Largest message over gRPC (`grpc_server_max_recv_msg_size`). */
  grpcBytesMax: number;
  /** `max_line_size`; 0 is no limit. */
  lineBytesMax: number;
  labelsMax: number;
  labelNameBytesMax: number;
  labelValueBytesMax: number;
  /** `reject_old_samples_max_age`; 0 is `reject_old_samples: false`. */
  oldMsMax: number;
  /** `creation_grace_period`. */
  futureMsMax: number;
  /** Half of `max_chunk_age`: how far an entry may lie behind the newest of its stream; 0 is off. */
  behindMsMax: number;
  metadataBytesMax: number;
  metadataPairsMax: number;
  /** Streams of one tenant; 0 is no limit. */
  streamsMax: number;
  /** `ingestion_rate_mb` per tenant in bytes a second; 0 is off. */
  tenantBytesPerSecond: number;
  tenantBurstBytes: number;
  /** `per_stream_rate_limit` in bytes a second; 0 is off. */
  streamBytesPerSecond: number;
  streamBurstBytes: number;
}

/** Loki's defaults, but without rates, because most tests are about something else. */
export const defaultLimits: Readonly<Limits> = {
  bodyBytesMax: 100 << 20,
  grpcBytesMax: 4 << 20,
  lineBytesMax: 256 << 10,
  labelsMax: 15,
  labelNameBytesMax: 1024,
  labelValueBytesMax: 2048,
  oldMsMax: 7 * 24 * 3600 * 1000,
  futureMsMax: 10 * 60 * 1000,
  behindMsMax: 3600 * 1000,
  metadataBytesMax: 64 << 10,
  metadataPairsMax: 128,
  streamsMax: 0,
  tenantBytesPerSecond: 0,
  tenantBurstBytes: 6 << 20,
  streamBytesPerSecond: 0,
  streamBurstBytes: 15 << 20,
};

/** The limits in `value`, checked by name and type; for what comes over the control API. */
export function checkLimits(value: unknown): Partial<Limits> {
  if (typeof value !== 'object' || value === null) throw new TypeError('limits: no object');
  const limits: Partial<Limits> = {};
  for (const [name, limit] of Object.entries(value)) {
    if (!(name in defaultLimits)) throw new TypeError(`limits: ${name} is not a limit`);
    if (typeof limit !== 'number' || !(limit >= 0)) {
      throw new TypeError(`limits: ${name} must be a number of at least 0`);
    }
    limits[name as keyof Limits] = limit;
  }
  return limits;
}

/** Lets `bytesPerSecond` through, and `burstBytes` at once. */
export class TokenBucket {
  #tokens = Number.POSITIVE_INFINITY;
  #lastMs = 0;

  /** Whether `bytes` may pass now; if so they are taken. */
  take(bytes: number, bytesPerSecond: number, burstBytes: number, nowMs: number): boolean {
    const gained = (Math.max(0, nowMs - this.#lastMs) * bytesPerSecond) / 1000;
    this.#tokens = Math.min(burstBytes, this.#tokens + gained);
    this.#lastMs = nowMs;
    if (bytes > this.#tokens) return false;
    this.#tokens -= bytes;
    return true;
  }
}
