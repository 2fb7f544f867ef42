/** The write-ahead log's public names. Other rooms import from here and nowhere deeper. */

export { hasSegmentBefore, unlinkSegment as removeSegment } from './catalog.ts';
export { CommittedLsn } from './committed-lsn.ts';
export {
  type ContainerRecord,
  type ContainerRun,
  isSameRun,
  type RunIdentity,
  readContainerRecord,
  runIdentityOf,
  syncContainerRecord,
  writeContainerRecord,
  writeContainerRecordDurably,
} from './container-record.ts';
export { CursorFile, readCursors } from './cursor-file.ts';
export { type Cursor, cursorStateBytesMax } from './cursor-slot.ts';
export { EndpointRegistry, readEndpointIds } from './endpoint-registry.ts';
export type { Finding } from './finding.ts';
export { type BlockStats, blockFlag, blockType, noFrame } from './format.ts';
export { FrameOrdinal } from './frame-ordinal.ts';
export { gapLine, gapTimeNs } from './gap-line.ts';
export { acquireLockFromHost } from './host-lock.ts';
export { type StreamSummary, summarizeStream, walFormatOf } from './inspect.ts';
export { acquireLock, type WalLock } from './lock.ts';
export { decodeMetaRecord, type GapReason, type GapRecord, gapReasons } from './meta-record.ts';
export { ObservedClock } from './observed-clock.ts';
export { Quarantine } from './quarantine.ts';
export { findReadStart, type ReadFrom } from './read-start.ts';
export {
  type Loss,
  lineOfLoss,
  lossOfFound,
  lossOfRange,
  lossOfRemark,
} from './reader-loss.ts';
export { Reserve } from './reserve.ts';
export { type SealRequest, type SealResult, sealSegment } from './sealer.ts';
export {
  listSegmentFacts,
  type SegmentFact,
  tidySegments,
} from './segment-facts.ts';
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
export { Syncer, type SyncFailure, type SyncPolicy } from './syncer.ts';
export { evictSegment } from './tombstone.ts';
export { repairContainer, repairRoot, verifyContainer, verifyRoot } from './verify.ts';
export type { VerifyTotals } from './verify-segments.ts';
export type { ZstdLevel } from './zstd.ts';
