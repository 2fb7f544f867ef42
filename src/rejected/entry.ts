/** What is kept of an entry that an endpoint refused for good. Plain data. */

/** One refused entry. */
export interface RejectedEntry {
  /** Unix milliseconds at which it was refused. */
  readonly atMs: number;
  /** The endpoint's identity and its name for people; never its secrets. */
  readonly endpointKey: string;
  readonly endpoint: string;
  readonly tenantId?: string;
  /** One word of `rejectReasons`. */
  readonly reason: RejectReason;
  /** What the endpoint said, free of secrets. */
  readonly detail: string;
  /** HTTP status, where an answer was the cause. */
  readonly status?: number;
  /** The stream's selector, as it was sent. */
  readonly labels: string;
  /** Unix nanoseconds, in decimal. */
  readonly timestampNs: string;
  readonly line: Buffer;
  /** Structured metadata, if it has any. */
  readonly metadata?: readonly { readonly name: string; readonly value: string }[];
}

/** Why an entry was refused: few words, they are values of a metric's label. */
export const rejectReasons = [
  'too_old',
  'too_new',
  'too_far_behind',
  'line_too_long',
  'label_limit',
  'invalid_labels',
  'body_too_large',
  'given_up',
  'other',
] as const;

/** See `rejectReasons`. */
export type RejectReason = (typeof rejectReasons)[number];
