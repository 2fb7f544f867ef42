/**
 * The table of metrics of the process and its log that are read at each scrape: name, meaning,
 * and where the number is. A label has few and fixed values: never a container.
 */
import { writeErrorClasses } from '../base/wal-counters.ts';
import type { WalTotals, WalUsage } from './source.ts';

/** One metric; its name gets the program's prefix. */
export interface Series {
  readonly name: string;
  readonly help: string;
  /** The one label, where there is one. */
  readonly label?: string;
}

/** Values by that label; '' where there is none. Undefined: not known now. */
export type Values = Iterable<readonly [string, number | undefined]>;

/** What only grows. */
export const counters: readonly (Series & { readonly read: (totals: WalTotals) => Values })[] = [
  {
    name: 'captured_bytes_total',
    help: 'Bytes read from containers',
    read: (totals) => one(totals.capturedBytes),
  },
  {
    name: 'captured_frames_total',
    help: 'Frames read from containers',
    read: (totals) => one(totals.capturedFrames),
  },
  {
    name: 'wal_written_bytes_total',
    help: 'Bytes written into segments',
    read: (totals) => one(totals.writtenBytes),
  },
  {
    name: 'wal_gaps_total',
    help: 'Losses recorded in the log',
    label: 'reason',
    read: ({ gaps }) => [...gaps].map(([reason, gap]) => [reason, gap.gaps]),
  },
  {
    name: 'wal_gap_bytes_total',
    help: 'Bytes lost',
    label: 'reason',
    read: ({ gaps }) => [...gaps].map(([reason, gap]) => [reason, gap.bytes]),
  },
  {
    name: 'wal_gap_frames_total',
    help: 'Frames lost, where they could be counted',
    label: 'reason',
    read: ({ gaps }) => [...gaps].map(([reason, gap]) => [reason, gap.frames]),
  },
  {
    name: 'wal_write_errors_total',
    help: 'Writes that the disk refused or cut short',
    label: 'errno',
    read: ({ writeErrors }) => writeErrorClasses.map((name) => [name, writeErrors[name]]),
  },
  {
    name: 'wal_sealed_segments_total',
    help: 'Segments compressed',
    read: (totals) => one(totals.sealedSegments),
  },
  {
    name: 'wal_sealed_raw_bytes_total',
    help: 'Bytes of the segments compressed, before',
    read: (totals) => one(totals.sealedRawBytes),
  },
  {
    name: 'wal_sealed_stored_bytes_total',
    help: 'Bytes of the segments compressed, after',
    read: (totals) => one(totals.sealedStoredBytes),
  },
  {
    name: 'wal_seal_failures_total',
    help: 'Segments that could not be compressed',
    read: (totals) => one(totals.sealFailures),
  },
  {
    name: 'wal_sync_failures_total',
    help: 'Files that could not be synced',
    read: (totals) => one(totals.syncFailures),
  },
  {
    name: 'wal_quarantined_bytes_total',
    help: 'Damaged bytes copied aside',
    read: (totals) => one(totals.quarantinedBytes),
  },
  {
    name: 'rejected_lost_entries_total',
    help: 'Entries that endpoints refused and that could not be kept',
    read: (totals) => one(totals.rejectedLostEntries),
  },
];

/** What is so at the moment of a scrape. */
export const gauges: readonly (Series & { readonly read: (usage: WalUsage) => Values })[] = [
  {
    name: 'wal_bytes',
    help: 'Bytes of segments on disk',
    label: 'kind',
    read: ({ rawBytes, sealedBytes }) => [
      ['raw', rawBytes],
      ['sealed', sealedBytes],
    ],
  },
  {
    name: 'wal_segments',
    help: 'Segments on disk',
    label: 'kind',
    read: ({ rawSegments, sealedSegments }) => [
      ['raw', rawSegments],
      ['sealed', sealedSegments],
    ],
  },
  {
    name: 'wal_containers',
    help: 'Containers with a log on disk',
    read: (usage) => one(usage.containers),
  },
  {
    name: 'wal_limit_bytes',
    help: 'Most bytes for all containers together',
    read: (usage) => one(usage.limitBytes),
  },
  {
    name: 'wal_free_bytes',
    help: 'Free bytes of the file system of the log',
    read: (usage) => one(usage.freeBytes),
  },
  {
    name: 'recovery_seconds',
    help: 'How long it took to take up the log that was on disk; absent until it is done',
    read: (usage) => one(usage.recoverySeconds),
  },
  {
    name: 'fifo_paused',
    help: 'FIFOs that are not read because the log is full',
    read: (usage) => one(usage.pausedFifos),
  },
  {
    name: 'rejected_stored_bytes',
    help: 'Bytes on disk of entries that endpoints refused',
    read: (usage) => one(usage.rejectedBytes),
  },
  {
    name: 'log_readers',
    help: 'Answers to docker logs that are under way',
    read: (usage) => one(usage.logReaders),
  },
];

/** The one value of a metric without a label. */
export function one(value: number | undefined): Values {
  return [['', value]];
}
