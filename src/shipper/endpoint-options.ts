/** What a container's endpoints look like to delivery: plain data that crosses threads. */
import type { PipelineText, StreamRun } from '../pipeline/plan.ts';
import type { SinkOptions } from '../sink/sink.ts';

/** How an endpoint wants to be served; times in milliseconds. */
export interface QueueOptions {
  /** Bytes before compression at which a batch is full; 16 KiB to 64 MiB. */
  readonly batchSizeBytes: number;
  /** Bounds how long an entry waits for others under load. */
  readonly batchWaitMs: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Attempts after which a batch is given up; counts only with `givesUp`. 0: never. */
  readonly retries: number;
  /** Whether outages use up `retries`; what is given up goes to `rejected/`. */
  readonly givesUp: boolean;
  /** The longest line that is sent; longer ones fare as `longLines` says. */
  readonly maxLineBytes: number;
  readonly longLines: 'truncate' | 'split' | 'reject';
}

/** One endpoint: where to, and how. Holds secrets: it must never be logged as a whole. */
export interface EndpointOptions extends QueueOptions {
  /** Identity: hex digest of name, URL without userinfo, and tenant. Cursors hang on it. */
  readonly key: string;
  /** How people and metrics call it: its name, or `host:port[/tenant]`. Free of secrets. */
  readonly label: string;
  readonly sink: SinkOptions;
  /** Where an endpoint begins in a stream that it has no cursor in. */
  readonly startAt: 'oldest' | 'newest';
}

/** One endpoint of one container's stream. */
export interface StreamEndpoint {
  /** The small number by which cursors know it. */
  readonly endpointId: number;
  readonly endpoint: EndpointOptions;
  /** Labels of each run of the container, in order; at least one. */
  readonly runs: readonly StreamRun[];
  readonly pipeline: PipelineText;
}

/** One container's stream and where it ships to. */
export interface StreamOptions {
  readonly containerId: string;
  readonly directory: string;
  readonly committed: SharedArrayBuffer;
  /** At least one; no two with the same `key`. */
  readonly endpoints: readonly StreamEndpoint[];
  /**
   * Numbers of endpoints that nobody names any more and whose grace period is not over: their
   * cursors hold the data as if they were served.
   */
  readonly pinnedIds: readonly number[];
}
