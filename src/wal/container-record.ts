/**
 * What is known of one container, on disk before dockerd gets its answer (`meta.json`, 0600):
 * who it is, which options it was started with, which FIFOs of it are live. Never its
 * environment, which holds secrets. Log options may hold one too; hence the file mode.
 */
import * as z from 'zod';
import { DriverError, errnoOf, messageOf } from '../base/errors.ts';
import { type FileSystem, replaceFile, replaceFileDurably } from '../base/file-system.ts';
import { containerRecordBytesMax } from '../base/limits.ts';

const fileName = 'meta.json';
const formatVersion = 1;

const recordSchema = z.object({
  version: z.literal(formatVersion),
  containerId: z.string(),
  containerName: z.string(),
  imageId: z.string(),
  imageName: z.string(),
  createdAt: z.string(),
  labels: z.record(z.string(), z.string()),
  logOpts: z.record(z.string(), z.string()),
  /** Paths of the FIFOs that dockerd may still write to, oldest first. */
  fifos: z.array(z.string()),
  /** Observed time, in milliseconds, at which the last of them ended; absent while one is live. */
  endedAtMs: z.number().optional(),
});

/** See the module comment. */
export type ContainerRecord = z.infer<typeof recordSchema>;

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
  const whole: ContainerRecord = { version: formatVersion, ...record };
  return Buffer.from(`${JSON.stringify(whole, null, 1)}\n`);
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
    return recordSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    // Of a SyntaxError neither message nor cause: they quote the file, which may hold a secret.
    const isJson = !(error instanceof SyntaxError);
    const why = isJson ? messageOf(error).replaceAll('\n', ' ').slice(0, 200) : 'it is not JSON';
    const options = isJson ? { cause: error } : {};
    const message = `container record ${path} is not readable: ${why}`;
    throw new DriverError('wal_corrupt', message, options);
  }
}
