/** What the retention plan is made from, and what it says. Plain data; times in milliseconds. */

/** One segment of a container's log. It ends in the stream where the next one begins. */
export interface SegmentView {
  readonly sequence: number;
  /** `gap`: it was given up; only the word of it is left. */
  readonly kind: 'raw' | 'sealed' | 'gap';
  readonly storedBytes: number;
  readonly baseLsn: number;
  readonly baseOrdinal: number;
  /** Observed time at which it was begun. */
  readonly createdMs: number;
  /** Nothing is written to it any more. */
  readonly isComplete: boolean;
}

/** The bounds that one container's log is kept in. */
export interface RetentionLimits {
  readonly maxBytes: number;
  /** Frames that are kept. */
  readonly maxEntries: number;
  readonly maxAgeMs: number;
  /** A segment is written for no longer than this. */
  readonly segmentAgeMs: number;
  /** Stored bytes that are kept after delivery. */
  readonly historyBytes: number;
  /** How long those are kept of a container that has ended. */
  readonly historyAgeMs: number;
  readonly full: 'drop-oldest' | 'drop-newest' | 'block';
}

/** One container's log. */
export interface ContainerView {
  readonly containerId: string;
  /** Ascending by sequence. */
  readonly segments: readonly SegmentView[];
  readonly endLsn: number;
  readonly endOrdinal: number;
  /** Least position that its endpoints have acknowledged; `endLsn` when it has none. */
  readonly ackLsn: number;
  /** Least position that would survive a loss of power; only below it is delivered for good. */
  readonly durableLsn: number;
  /** Observed time at which its last FIFO ended; undefined while it runs. */
  readonly endedAtMs: number | undefined;
  readonly limits: RetentionLimits;
  /** Being sealed: it must not go now, and so nothing behind it can. */
  readonly busySequence?: number;
}

/** The whole log. */
export interface RetentionView {
  readonly containers: readonly ContainerView[];
  /** Observed time. */
  readonly nowMs: number;
  /** Nothing is older than since this. */
  readonly agesCountFromMs: number;
  /** What the log may take on disk; Infinity for no limit. */
  readonly limitBytes: number;
  /** More raw segments than this that are due to be sealed call for haste; 8 by default. */
  readonly sealBacklogMax?: number;
}

/** One thing to do. */
export type RetentionAction =
  /** It is delivered and not wanted any more. */
  | { readonly do: 'remove'; readonly containerId: string; readonly sequence: number }
  /** It is lost: only the word of it stays. */
  | {
      readonly do: 'evict';
      readonly containerId: string;
      readonly sequence: number;
      readonly reason: 'evicted' | 'expired';
    }
  /** All that is left of an ended container is delivered: its whole log goes. */
  | { readonly do: 'forget'; readonly containerId: string }
  /** Close the segment that is being written, so that it can go or be given up. */
  | { readonly do: 'rotate'; readonly containerId: string }
  | {
      readonly do: 'seal';
      readonly containerId: string;
      readonly sequence: number;
      readonly level: 1 | 3 | 6;
    };
