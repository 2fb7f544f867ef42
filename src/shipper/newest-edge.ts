/**
 * Where an endpoint begins that wants only what comes from now on: at the end of the last whole
 * frame, so that the frame that is being written is the first it gets. Reads only the stream's end.
 */
import type { FileSystem } from '../base/file-system.ts';
import { FrameSplitter } from '../frame/frame-splitter.ts';
import { recoverTail } from '../wal/index.ts';
import type { SourcePosition } from './stream-source.ts';

/** That place. Throws what the disk throws. */
export function newestEdge(
  disk: FileSystem,
  directory: string,
  containerId: string,
): SourcePosition {
  const { endLsn, endOrdinal, openLsn, openBytes } = recoverTail(disk, directory, containerId);
  const splitter = new FrameSplitter({ onFrame: () => true, onSkipped: () => {} });
  splitter.begin(openLsn);
  splitter.feed(openBytes, 0, openBytes.length);
  const lsn = openBytes.length === 0 ? endLsn : splitter.edgeLsn;
  // Nobody knows the block yet; the reader searches for it.
  return { lsn, ordinal: endOrdinal, place: { sequence: 0, offset: 0 } };
}
