/**
 * What meta and gap blocks say, as JSON: rare, small, and readable without this program.
 * A record that cannot be understood is no error: a newer version may have written it.
 */
import * as z from 'zod';

const attachSchema = z.object({
  kind: z.literal('attach'),
  /** Name of the FIFO whose bytes follow. */
  fifo: z.string(),
  /** True where a segment begins in the middle of a FIFO: the frame parser goes on. */
  continued: z.boolean(),
});

const detachSchema = z.object({
  kind: z.literal('detach'),
  fifo: z.string(),
});

/** Why a range of the stream is lost. Every loss has one of these names. */
export const gapReasons = [
  /** A kill cut the last write short; how much it held is unknown. */
  'torn',
  /** No frame begins where one should. */
  'desync',
  /** A FIFO ended inside a frame. */
  'cut',
  /** The disk refused the bytes. */
  'disk',
  /** A limit was reached and the newest bytes were dropped. */
  'full',
  /** A limit was reached and the oldest segments were dropped. */
  'evicted',
  /** Older than `wal-max-age` and still not delivered. */
  'expired',
  /** Blocks that are not sound; readers find it. */
  'damage',
  /** A segment that is not there; readers find it. */
  'missing',
] as const;
/** One of those reasons. */
export type GapReason = (typeof gapReasons)[number];

const gapSchema = z.object({
  kind: z.literal('gap'),
  reason: z.enum(gapReasons),
  fromLsn: z.number(),
  toLsn: z.number(),
  /** Unix milliseconds at which the loss was noticed. */
  atMs: z.number(),
  /** Frames and whole lines lost, where that is known. */
  frames: z.number().optional(),
  lines: z.number().optional(),
  /** How many frames of the stream end, or would have ended, before what stands behind the loss. */
  endOrdinal: z.number().optional(),
  /** Of those frames, the ones that earlier gaps within this range told of already. */
  innerFrames: z.number().optional(),
  /** Where those gaps begin, and their frames; the last ones, if there are many. */
  inner: z.array(z.tuple([z.number(), z.number()])).optional(),
  /** Unix nanoseconds, in decimal, of the last frame before the loss, where that is known. */
  afterNs: z
    .string()
    .regex(/^\d{1,19}$/)
    .optional(),
});

const recordSchema = z.discriminatedUnion('kind', [attachSchema, detachSchema, gapSchema]);

/** The bytes that follow come from this FIFO. */
export type AttachRecord = z.infer<typeof attachSchema>;
/** A range of the stream is lost. */
export type GapRecord = z.infer<typeof gapSchema>;
/** Any remark in the log. */
export type MetaRecord = z.infer<typeof recordSchema>;

/** The payload of a meta or gap block. */
export function encodeMetaRecord(record: MetaRecord): Buffer {
  return Buffer.from(JSON.stringify(record), 'utf8');
}

/** Reads such a payload; undefined when it is not understood. */
export function decodeMetaRecord(payload: Buffer): MetaRecord | undefined {
  try {
    return recordSchema.safeParse(JSON.parse(payload.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
