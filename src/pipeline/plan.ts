/**
 * What delivery is told about the lines of one stream for one endpoint: under which labels they go
 * from which position on, and what happens to them before. Plain data that crosses threads; all of
 * it was checked when the plan was made. It must never hold what cannot be cloned.
 */

/** A label or a piece of structured metadata: its name and its value. */
export type LabelPair = [name: string, value: string];

/** The labels under which the lines of one run of a container go. */
export interface StreamRun {
  /** The position in the stream where the run begins. A plan's first run has 0; they ascend. */
  fromLsn: number;
  /** Sorted by name, valid for Loki, no name twice, none empty; `source` is among them. */
  labels: { stdout: LabelPair[]; stderr: LabelPair[] };
  /** Structured metadata of each line; empty for none. */
  metadata: LabelPair[];
  /** The relabel configuration dropped the container: its lines are read and not shipped. */
  isDropped?: boolean;
}

/** What happens to lines between the stream and the endpoint. */
export interface PipelineText {
  /** YAML of the LIST of stages, known to compile; without it there are none. */
  stages?: string;
  /** A Go regular expression for the first line of an entry; without it each line is one. */
  multilinePattern?: string;
  /** Where a level found in the line goes. */
  level: 'off' | 'label' | 'metadata';
  /** Whether lines of nothing but white space are left out. */
  dropBlank: boolean;
}
