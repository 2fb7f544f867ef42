/** The write-ahead log's public names. Other rooms import from here and nowhere deeper. */
export { CommittedLsn } from './committed-lsn.ts';
export {
  type ContainerRecord,
  readContainerRecord,
  writeContainerRecord,
  writeContainerRecordDurably,
} from './container-record.ts';
export { type Cursor, CursorFile, readCursors } from './cursor-file.ts';
export { EndpointRegistry } from './endpoint-registry.ts';
export { type BlockStats, blockFlag, blockType, noFrame } from './format.ts';
export { acquireLock, type WalLock } from './lock.ts';
export { decodeMetaRecord, type GapReason } from './meta-record.ts';
export { SegmentFiles } from './segment-files.ts';
export {
  containerDirectory,
  createContainerDirectory,
  hasSegments,
  isContainerId,
  listContainers,
  openWalRoot,
  recoverTail,
  removeContainer,
  removeSegmentsBefore,
} from './store.ts';
export { type StreamPlace, StreamReader } from './stream-reader.ts';
export type { StreamTail } from './stream-tail.ts';
export { type SegmentLimits, StreamWriter } from './stream-writer.ts';
