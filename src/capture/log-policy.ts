/** How one container's log is kept, as its options say; times in milliseconds. */
export interface LogPolicy {
  /** Stored bytes of this container; Infinity for no limit. */
  readonly maxBytes: number;
  /** Frames that are kept of this container; Infinity for no limit. */
  readonly maxEntries: number;
  /** What is older goes, delivered or not. */
  readonly maxAgeMs: number;
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
  readonly sync: 'interval' | 'always' | 'seal' | 'off';
  readonly full: 'drop-oldest' | 'drop-newest' | 'block';
  /** The longest wait before bytes are dropped. */
  readonly blockTimeoutMs: number;
  /** Stored bytes that are kept for `docker logs` after delivery. */
  readonly historyBytes: number;
  /** How long that is kept of a container that has ended. */
  readonly historyAgeMs: number;
}
