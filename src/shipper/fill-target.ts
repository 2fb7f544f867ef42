/**
 * What a source fills, and what it has to say beside the lines: lines that are too long to be
 * sent, what is missing of the stream, what stages did. All of it counts only when the batch is
 * settled: until then the source may go back and say it again. Plain data.
 */
import type { PushBatch } from '../encode/push-batch.ts';
import type { StageCounts } from '../pipeline/pipeline-counts.ts';

/** A line that is not sent because it is too long. */
export interface RefusedLine {
  readonly tenantId: string | undefined;
  /** The stream's selector. */
  readonly labels: string;
  readonly seconds: number;
  readonly nanos: number;
  readonly line: Buffer;
  /** Encoded. */
  readonly metadata: Uint8Array;
}

/** A batch that is being filled. */
export interface FillTarget {
  /** What is sent for the endpoint's own tenant. */
  readonly push: PushBatch;
  /** The same for a tenant that a stage chose. */
  pushOf(tenantId: string): PushBatch;
  /** Bytes and entries of all tenants together. */
  readonly sizeBytes: number;
  readonly filledEntries: number;
  /** Bytes at which it is full. */
  readonly limitBytes: number;
  readonly refused: RefusedLine[];
  /** Bytes of the refused lines; they take room like others. */
  refusedBytes: number;
}

/** A loss that the endpoint is told of; `frames` where that is known. */
export interface ToldLoss {
  readonly reason: string;
  readonly bytes: number;
  readonly frames: number | undefined;
}

/** What a part of the stream has that is not a line. */
export interface Notes {
  readonly told: ToldLoss[];
  /** Stream bytes that belong to no whole frame. */
  skippedBytes: number;
  /** Frames that are no LogEntry. */
  malformedFrames: number;
  /** What stages dropped and measured. */
  readonly stages: StageCounts[];
}

/** No notes so far. */
export function createNotes(): Notes {
  return { told: [], skippedBytes: 0, malformedFrames: 0, stages: [] };
}

/** Whether there is anything in them. */
export function hasNotes({
  told,
  skippedBytes,
  malformedFrames,
  stages,
}: Readonly<Notes>): boolean {
  return told.length + skippedBytes + malformedFrames + stages.length > 0;
}

/** Adds what was noted later. */
export function addNotes(notes: Notes, later: Readonly<Notes>): void {
  notes.told.push(...later.told);
  notes.skippedBytes += later.skippedBytes;
  notes.malformedFrames += later.malformedFrames;
  notes.stages.push(...later.stages);
}
