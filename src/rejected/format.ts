/**
 * One file of `rejected/`: a first line that says what it is, then one JSON object a line. What is
 * no sound entry, such as a last line that a crash has torn, is told apart and harms no other.
 * Pure.
 */
import * as z from 'zod';
import { type RejectedEntry, rejectReasons } from './entry.ts';

/** The first line of each file, with its version. */
export const fileHead = Buffer.from('{"holdfast":"rejected","version":1}\n');

const entrySchema = z.object({
  atMs: z.number(),
  endpointKey: z.string(),
  endpoint: z.string(),
  tenantId: z.string().optional(),
  reason: z.enum(rejectReasons),
  detail: z.string(),
  status: z.number().optional(),
  labels: z.string(),
  timestampNs: z.string().regex(/^-?\d{1,20}$/),
  /** Base64: lines are bytes. */
  line: z.string(),
  metadata: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
});

/** One line of a file behind the first. */
export interface StoredLine {
  /** As it is in the file, with its newline if it has one. */
  readonly bytes: Buffer;
  /** Undefined: the line is torn or damaged. */
  readonly entry: RejectedEntry | undefined;
}

/** An entry as one line. */
export function encodeEntry(entry: RejectedEntry): Buffer {
  return Buffer.from(`${JSON.stringify({ ...entry, line: entry.line.toString('base64') })}\n`);
}

/** The lines of a file, oldest first; undefined when another version wrote it, or something else. */
export function decodeFile(content: Buffer): StoredLine[] | undefined {
  if (!content.subarray(0, fileHead.length).equals(fileHead)) return undefined;
  const lines: StoredLine[] = [];
  for (let at = fileHead.length; at < content.length; ) {
    const newline = content.indexOf(0x0a, at);
    const end = newline < 0 ? content.length : newline + 1;
    const bytes = content.subarray(at, end);
    // Without its newline it may have lost more than that.
    lines.push({ bytes, entry: newline < 0 ? undefined : decodeEntry(bytes) });
    at = end;
  }
  return lines;
}

function decodeEntry(bytes: Buffer): RejectedEntry | undefined {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  const { success, data } = entrySchema.safeParse(json);
  if (!success) return undefined;
  const { line, tenantId, status, metadata, ...rest } = data;
  return {
    ...rest,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(status === undefined ? {} : { status }),
    ...(metadata === undefined ? {} : { metadata }),
    line: Buffer.from(line, 'base64'),
  };
}
