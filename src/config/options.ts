/**
 * The one table of what can be set: log-opts of a container, each with its
 * plugin-wide default of the same name in capitals. Those for endpoints, Docker's and the plugin's
 * own settings have files of their own. docs/options.md is made from it. It must never hold parsing code.
 */
import { attributeOptions } from './docker-options.ts';
import { endpointOptions } from './endpoint-options.ts';
import {
  dayMs,
  kib,
  mib,
  minuteMs,
  type OptionSpec,
  secondMs,
  sizeBytesMax,
} from './option-spec.ts';

export { dockerOptions } from './docker-options.ts';
export { batchSizeBytesFloor, endpointOptions } from './endpoint-options.ts';
export type { OptionSpec } from './option-spec.ts';
export { pluginOptions } from './plugin-options.ts';

/** Log-opts that this version acts on, in the order of the reference. */
export const containerOptions = {
  ...endpointOptions,
  ...attributeOptions,
  walMaxSize: {
    name: 'wal-max-size',
    env: 'WAL_MAX_SIZE',
    type: 'bytes',
    default: '-1',
    min: mib,
    max: sizeBytesMax,
    unlimited: true,
    allowed: 'a size from 1m to 1p, at least 2 x wal-segment-size, or -1 for no limit',
    doc: 'The most bytes on disk for one container. wal-full says what goes when they are reached. Under 32m, segments become smaller by themselves unless wal-segment-size is set.',
  },
  walMaxEntries: {
    name: 'wal-max-entries',
    env: 'WAL_MAX_ENTRIES',
    type: 'count',
    default: '-1',
    min: 1000,
    max: Number.MAX_SAFE_INTEGER,
    unlimited: true,
    allowed: 'a whole number from 1000, or -1 for no limit',
    doc: 'The most log entries on disk for one container. A line over 16 KiB counts once for each piece that dockerd cuts it into.',
  },
  walMaxAge: {
    name: 'wal-max-age',
    env: 'WAL_MAX_AGE',
    type: 'duration',
    default: '144h',
    min: minuteMs,
    max: 3650 * dayMs,
    allowed: 'a duration from 1m to 3650d, such as 144h or 6d, not below wal-segment-age',
    doc: 'What is older goes, delivered or not. Loki refuses entries older than a week unless told otherwise. Only time during which the driver runs counts.',
  },
  walSegmentSize: {
    name: 'wal-segment-size',
    env: 'WAL_SEGMENT_SIZE',
    type: 'bytes',
    default: '16m',
    min: 64 * kib,
    max: 64 * mib,
    allowed: 'a size from 64k to 64m, at most half of wal-max-size',
    doc: 'A segment file that has this many bytes is closed and compressed. Whole segments are what limits remove.',
  },
  walSegmentAge: {
    name: 'wal-segment-age',
    env: 'WAL_SEGMENT_AGE',
    type: 'duration',
    default: '5m',
    min: secondMs,
    max: dayMs,
    allowed: 'a duration from 1s to 24h, not above wal-max-age',
    doc: 'A segment file is closed at this age even if it is not full.',
  },
  walSync: {
    name: 'wal-sync',
    env: 'WAL_SYNC',
    type: 'choice',
    default: 'interval',
    choices: ['interval', 'always', 'seal', 'off'],
    allowed: 'interval, always, seal or off',
    doc: 'When the log is forced to the disk, for a loss of power; a killed plugin loses nothing either way. interval: every second; always: after each write; seal: when a segment is closed and compressed; off: when the kernel likes.',
  },
  walFull: {
    name: 'wal-full',
    env: 'WAL_FULL',
    type: 'choice',
    default: 'drop-oldest',
    choices: ['drop-oldest', 'drop-newest', 'block'],
    allowed: 'drop-oldest, drop-newest or block',
    doc: 'What happens at a limit: the oldest segments go; or new output is not stored; or the container waits for wal-block-timeout before new output is not stored. Each loss is recorded as a gap.',
  },
  walBlockTimeout: {
    name: 'wal-block-timeout',
    env: 'WAL_BLOCK_TIMEOUT',
    type: 'duration',
    default: '5s',
    min: 0,
    max: 60 * secondMs,
    allowed: 'a duration from 0s to 60s',
    doc: 'With wal-full=block: how long the container waits for room before output is dropped.',
  },
  historyMaxAge: {
    name: 'history-max-age',
    env: 'HISTORY_MAX_AGE',
    type: 'duration',
    default: '24h',
    min: 0,
    max: 3650 * dayMs,
    allowed: 'a duration from 0s to 3650d, such as 24h or 7d',
    doc: 'How long the log of a stopped container stays on the host after all of it is delivered.',
  },
  maxSize: {
    name: 'max-size',
    env: 'MAX_SIZE',
    type: 'bytes',
    default: '20m',
    min: 0,
    max: sizeBytesMax,
    unlimited: true,
    allowed: 'a size up to 1p, 0 for none, or -1 for no limit',
    doc: 'Multiplied by max-file: how many bytes on disk of one container stay on the host after delivery.',
  },
  maxFile: {
    name: 'max-file',
    env: 'MAX_FILE',
    type: 'count',
    default: '5',
    min: 1,
    max: 1_000_000,
    allowed: 'a whole number from 1 to 1000000',
    doc: 'See max-size.',
  },
  noFile: {
    name: 'no-file',
    env: 'NO_FILE',
    type: 'bool',
    default: 'false',
    allowed: 'true or false',
    doc: 'With true nothing of the log stays on the host once it is delivered, and docker logs shows only what is not.',
  },
  keepFile: {
    name: 'keep-file',
    env: 'KEEP_FILE',
    type: 'bool',
    default: 'false',
    allowed: 'true or false',
    doc: 'With true the log of a stopped container stays, as history-max-age=3650d would have it, unless that is given.',
  },
} as const satisfies Record<string, OptionSpec>;

/** The plugin setting of a log-opt: `loki-url` is `LOKI_URL`. */
export function envNameOf(option: string): string {
  return option.toUpperCase().replaceAll('-', '_');
}
