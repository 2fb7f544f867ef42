/**
 * What is known of one container, on disk before dockerd gets its answer (`meta.json`, 0600):
 * who it is, which options it was started with, which FIFOs of it are live, and who it was in
 * which part of its stream. Of its environment, which holds secrets, never more than what options
 * ask for. Log options may hold one too; hence the file mode.
 */
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { DriverError, errnoOf, messageOf } from '../base/errors.ts';
import { type FileSystem, replaceFile, replaceFileDurably } from '../base/file-system.ts';
import { containerRecordBytesMax } from '../base/limits.ts';

const fileName = 'meta.json';
const formatVersion = 1;

/** What may be another one in the next run of the container; what labels are made of. */
const runFields = {
  containerName: z.string(),
  imageId: z.string(),
  imageName: z.string(),
  createdAt: z.string(),
  labels: z.record(z.string(), z.string()),
  /** The command without its arguments; absent in old records, like the next two. */
  entrypoint: z.string().optional(),
  args: z.array(z.string()).optional(),
  /** `NAME=value` of the variables that options select. */
  env: z.array(z.string()).optional(),
  /** Where dockerd says that the log is; absent where it says nothing. */
  logPath: z.string().optional(),
};
const runIdentitySchema = z.object(runFields);

const recordSchema = z.object({
  version: z.literal(formatVersion),
  containerId: z.string(),
  ...runFields,
  logOpts: z.record(z.string(), z.string()),
  /** Paths of the FIFOs that dockerd may still write to, oldest first. */
  fifos: z.array(z.string()),
  /** Observed time, in milliseconds, at which the last of them ended; absent while one is live. */
  endedAtMs: z.number().optional(),
  /** Ascending; one without an identity has that of the record. */
  runs: z
    .array(
      z.object({
        fromLsn: z.number().int().nonnegative(),
        identity: runIdentitySchema.optional(),
      }),
    )
    .optional(),
});

/** What labels are made of, but for log-opts. */
export type RunIdentity = z.infer<typeof runIdentitySchema>;

/** From this position of the stream on the container was this one. */
export interface ContainerRun {
  readonly fromLsn: number;
  readonly identity: RunIdentity;
}

/** See the module comment. */
export type ContainerRecord = Omit<z.infer<typeof recordSchema>, 'runs'> & {
  runs?: readonly ContainerRun[];
};

/** The part of a record that belongs to a run. */
export function runIdentityOf(record: RunIdentity): RunIdentity {
  return runIdentitySchema.parse(record);
}

/** Whether the lines of two runs get the same labels, whatever options say. */
export function isSameRun(a: RunIdentity, b: RunIdentity): boolean {
  return isDeepStrictEqual(a, b);
}

/** Writes the record so that it is there after any crash. Rejects with what the disk throws. */
export async function writeContainerRecordDurably(
  disk: FileSystem,
  directory: string,
  record: Omit<ContainerRecord, 'version'>,
): Promise<void> {
  await replaceFileDurably(disk, directory, fileName, encodeRecord(record));
}

/** Writes the record at once; a loss of power may bring the former one back. */
export function writeContainerRecord(
  disk: FileSystem,
  directory: string,
  record: Omit<ContainerRecord, 'version'>,
): void {
  replaceFile(disk, directory, fileName, encodeRecord(record));
}

/**
 * Makes a record that was written at once durable: on some file systems a loss of power leaves
 * an empty file behind a rename that nobody synced. Rejects with what the disk throws.
 */
export async function syncContainerRecord(disk: FileSystem, directory: string): Promise<void> {
  const fd = disk.openSync(`${directory}/${fileName}`, 'r');
  try {
    await disk.fdatasync(fd);
  } finally {
    disk.closeSync(fd);
  }
}

function encodeRecord(record: Omit<ContainerRecord, 'version'>): Buffer {
  const { runs, ...others } = record;
  const whole = { version: formatVersion, ...others, ...(runs && { runs: encodeRuns(record) }) };
  return Buffer.from(`${JSON.stringify(whole, null, 1)}\n`);
}

/** What the record says anyhow is not said twice: labels may take megabytes. */
function encodeRuns(
  record: Omit<ContainerRecord, 'version'>,
): z.infer<typeof recordSchema>['runs'] {
  const now = runIdentityOf(record);
  return record.runs?.map(({ fromLsn, identity }) =>
    isSameRun(identity, now) ? { fromLsn } : { fromLsn, identity },
  );
}

function decodeRecord(bytes: Buffer): ContainerRecord {
  const { runs, ...record } = recordSchema.parse(JSON.parse(bytes.toString('utf8')));
  if (runs === undefined) return record;
  const now = runIdentityOf(record);
  const whole = runs.map(({ fromLsn, identity = now }) => ({ fromLsn, identity }));
  return { ...record, runs: whole };
}

/**
 * Reads the record; undefined when there is none. One that cannot be understood throws
 * `wal_corrupt`, naming the file.
 */
export function readContainerRecord(
  disk: FileSystem,
  directory: string,
): ContainerRecord | undefined {
  const path = `${directory}/${fileName}`;
  let bytes: Buffer;
  try {
    bytes = disk.readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    if (bytes.length > containerRecordBytesMax) throw new Error(`${bytes.length} bytes long`);
    return decodeRecord(bytes);
  } catch (error) {
    // Of a SyntaxError neither message nor cause: they quote the file, which may hold a secret.
    const isJson = !(error instanceof SyntaxError);
    const why = isJson ? messageOf(error).replaceAll('\n', ' ').slice(0, 200) : 'it is not JSON';
    const options = isJson ? { cause: error } : {};
    const message = `container record ${path} is not readable: ${why}`;
    throw new DriverError('wal_corrupt', message, options);
  }
}
