/**
 * Counts what a write-ahead log holds of a container, from outside the plugin and while it
 * writes: nothing but the headers of sound blocks is believed, and nothing is changed.
 */
import { nodeFileSystem } from '../../src/base/file-system.ts';
import {
  containerDirectory,
  recoverTail,
  SegmentFiles,
  StreamReader,
} from '../../src/wal/index.ts';

/** How many whole frames, each one line or a piece of a long one, are in the log in `root`. */
export function countWalLines(root: string, containerId: string): number {
  const disk = nodeFileSystem;
  const directory = containerDirectory(root, containerId);
  const files = new SegmentFiles(disk, 4);
  try {
    const { endLsn } = recoverTail(disk, directory, containerId);
    const reader = new StreamReader({ disk, directory, containerId, files });
    reader.seek(0);
    let lines = 0;
    for (let found = reader.next(endLsn); found !== 'idle'; found = reader.next(endLsn)) {
      if (found === 'block') lines += reader.header.lines;
    }
    return lines;
  } finally {
    files.closeDirectory(directory);
  }
}
