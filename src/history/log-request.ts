/** What `docker logs` asks for, and what the log is: plain data that crosses threads. */

/** One reader of one container's log. */
export interface LogRequest {
  readonly directory: string;
  readonly containerId: string;
  /** How far the log is written, shared with who writes it. */
  readonly committed: SharedArrayBuffer;
  /** Lines before this are not wanted, Unix nanoseconds. */
  readonly sinceNs?: bigint;
  /** The first line after this ends the answer, Unix nanoseconds. */
  readonly untilNs?: bigint;
  /** So many whole lines of the end; all without it. */
  readonly tail?: number;
  /** Goes on with what is written from now on, until it is told where the container ended. */
  readonly follow: boolean;
}
