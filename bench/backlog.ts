/** Logs of containers as a driver leaves them, made without one: for benchmarks that need gigabytes. */
import { execFileSync } from 'node:child_process';
import { nodeFileSystem as disk } from '../src/base/file-system.ts';
import {
  containerDirectory,
  createContainerDirectory,
  openWalRoot,
  writeContainerRecord,
} from '../src/wal/index.ts';
import { TestLog } from '../test/helpers/log-writer.ts';

/** One container's log. */
export interface BacklogOptions {
  root: string;
  /** At most 8 hexadecimal digits; they become the id. */
  number: number;
  text: Buffer;
  /** How often the text comes. */
  rounds: number;
  segmentBytes: number;
  /** The FIFO that its driver was reading when it was killed; undefined for one that has ended. */
  fifo?: string;
}

/** Makes the directory that `fillContainer` fills. */
export async function openBacklog(root: string): Promise<void> {
  disk.mkdirSync(root, { recursive: true, mode: 0o700 });
  await openWalRoot(disk, root);
}

/** Writes one container's log and record. Returns its id. */
export async function fillContainer(options: BacklogOptions): Promise<string> {
  const { root, number, text, rounds, segmentBytes, fifo } = options;
  const hex = number.toString(16).padStart(8, '0');
  // The digits that choose the directory must differ.
  const containerId = `${hex.slice(-2)}${hex}`.padEnd(64, 'b');
  await createContainerDirectory(disk, root, containerId);
  const log = new TestLog(root, containerId, segmentBytes);
  const fifoName = fifo?.split('/').at(-1) ?? 'fifo';
  log.attach(fifoName);
  for (let round = 0; round < rounds; round += 1) log.write(text);
  if (fifo === undefined) log.detach(fifoName);
  log.close();
  writeContainerRecord(disk, containerDirectory(root, containerId), {
    ...{ containerId, containerName: `backlog-${number}`, imageId: '', imageName: '' },
    ...{ createdAt: '', labels: {}, logOpts: {}, fifos: fifo === undefined ? [] : [fifo] },
  });
  return containerId;
}

/** Waits until all that was written is on the disk: what is measured next shall not pay for it. */
export function settleDisk(): void {
  execFileSync('sync');
}
