/** What a check of a WAL finds: damage, and remarks on what looks odd and costs nothing. */

/** One thing that was found. */
export interface Finding {
  /** `damage`: something cannot be read any more. `note`: nothing is lost by it. */
  kind: 'damage' | 'note';
  reason: FindingReason;
  /** Path below the WAL directory. */
  file: string;
  containerId?: string | undefined;
  /** Where in the file the unsound bytes begin, and how many there are. */
  offset?: number | undefined;
  fileBytes?: number | undefined;
  /** Bytes and frames of the stream that are lost by it; absent where that cannot be known. */
  lostBytes?: number | undefined;
  lostFrames?: number | undefined;
  /** One sentence for people. */
  detail: string;
}

/** Every name that a finding can have. */
export type FindingReason =
  /** Bytes in a segment that are no sound block. */
  | 'block'
  /** The last write was cut short; what it held was not in the log yet. */
  | 'torn'
  /** Positions of the stream that are in no file. */
  | 'missing'
  /** Named like a segment of the container, and is none. */
  | 'foreign'
  /** Written by a newer version. */
  | 'newer'
  /** The index of a sealed segment. */
  | 'index'
  /** The raw and the sealed file of one segment. */
  | 'double'
  | 'format'
  | 'endpoints'
  | 'record'
  | 'cursors'
  /** A file or a directory that a crash left half done. */
  | 'leftover';
