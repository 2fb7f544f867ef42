/**
 * The one table of what can be set: log-opts of a container, each with its
 * plugin-wide default of the same name in capitals, and the plugin's own settings.
 * docs/options.md is made from it. It must never hold parsing code.
 */
import { logLevels } from '../base/log.ts';

/** The kinds of value; parse.ts has one reader for each. */
export type OptionType = 'url' | 'text' | 'bytes' | 'duration' | 'count' | 'choice' | 'labels';

/** One option that this version acts on. */
export interface OptionSpec {
  /** The log-opt; for a setting of the plugin as a whole the same as `env`. */
  readonly name: string;
  /** The plugin setting that is this option's default for all containers. */
  readonly env: string;
  readonly type: OptionType;
  /** As a user would write it; absent means that there is none. */
  readonly default?: string;
  /** Smallest and largest value: bytes, milliseconds or a plain number, by `type`. */
  readonly min?: number;
  readonly max?: number;
  /** True where -1 means that there is no limit. */
  readonly unlimited?: boolean;
  /** The words that are allowed, for a choice. */
  readonly choices?: readonly string[];
  /** What is allowed, as the end of "allowed is …". */
  readonly allowed: string;
  /** One or two sentences for the reference. */
  readonly doc: string;
}

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const kib = 1024;
const mib = kib * kib;
// 1p: far above any disk, and far below where a number would lose bytes.
const sizeMax = 1024 ** 5;

/** A batch below this is raised to it: public compose files copy "400", meant as entries. */
export const batchSizeBytesFloor = 16 * kib;

/** Log-opts that this version acts on, in the order of the reference. */
export const containerOptions = {
  url: {
    name: 'loki-url',
    env: 'LOKI_URL',
    type: 'url',
    allowed: 'http://host[:port][/path] or https://…; escape @ : / ? # % in a password',
    doc: 'Where to push. Without a path, /loki/api/v1/push is appended. User and password go before the host. Without this option logs stay on the host.',
  },
  tenantId: {
    name: 'loki-tenant-id',
    env: 'LOKI_TENANT_ID',
    type: 'text',
    max: 150,
    allowed: 'up to 150 visible ASCII characters without spaces',
    doc: 'The tenant, sent as X-Scope-OrgID.',
  },
  batchSize: {
    name: 'loki-batch-size',
    env: 'LOKI_BATCH_SIZE',
    type: 'bytes',
    default: '1048576',
    min: 0,
    max: 64 * mib,
    allowed: 'a number of bytes up to 64m, such as 1048576, 512k or 1m',
    doc: 'A batch is sent when it has this many bytes before compression. Below 16k it counts as 16k.',
  },
  batchWait: {
    name: 'loki-batch-wait',
    env: 'LOKI_BATCH_WAIT',
    type: 'duration',
    default: '1s',
    min: 1,
    max: 10 * minuteMs,
    allowed: 'a duration from 1ms to 10m, such as 1s or 500ms',
    doc: 'A batch that is not full is sent this long after the one before it; after a pause at once.',
  },
  timeout: {
    name: 'loki-timeout',
    env: 'LOKI_TIMEOUT',
    type: 'duration',
    default: '10s',
    min: 1,
    max: 10 * minuteMs,
    allowed: 'a duration from 1ms to 10m, such as 10s',
    doc: 'One push, from connecting to the answer, may take this long; then it is tried again.',
  },
  minBackoff: {
    name: 'loki-min-backoff',
    env: 'LOKI_MIN_BACKOFF',
    type: 'duration',
    default: '500ms',
    min: 1,
    max: hourMs,
    allowed: 'a duration from 1ms to 1h, not above loki-max-backoff',
    doc: 'The wait after a first failed push, of which 50 to 100 % are drawn; it doubles with each further one.',
  },
  maxBackoff: {
    name: 'loki-max-backoff',
    env: 'LOKI_MAX_BACKOFF',
    type: 'duration',
    default: '5m',
    min: 1,
    max: 24 * hourMs,
    allowed: 'a duration from 1ms to 24h, not below loki-min-backoff',
    doc: 'The longest wait between two pushes; the endpoint may ask for more (Retry-After), up to 1 h.',
  },
  retries: {
    name: 'loki-retries',
    env: 'LOKI_RETRIES',
    type: 'count',
    default: '0',
    min: 0,
    max: 2 ** 31 - 1,
    allowed: 'a whole number from 0 to 2147483647',
    doc: 'Accepted so that old settings work. Pushes are tried again for as long as the data is kept.',
  },
  externalLabels: {
    name: 'loki-external-labels',
    env: 'LOKI_EXTERNAL_LABELS',
    type: 'labels',
    default: 'container_name={{.Name}}',
    allowed: 'name=value pairs between commas; a value is plain text with {{.Name}} in it',
    doc: 'Labels of every stream beside host and source. Setting it replaces the default.',
  },
  walMaxSize: {
    name: 'wal-max-size',
    env: 'WAL_MAX_SIZE',
    type: 'bytes',
    default: '-1',
    min: mib,
    max: sizeMax,
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
    max: sizeMax,
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
} as const satisfies Record<string, OptionSpec>;

/** Grafana's remaining log-opts: accepted, with a warning that nothing happens yet. */
export const notYetOptions = [
  'loki-pipeline-stages',
  'loki-pipeline-stage-file',
  'loki-relabel-config',
  'loki-tls-ca-file',
  'loki-tls-cert-file',
  'loki-tls-key-file',
  'loki-tls-server-name',
  'loki-tls-insecure-skip-verify',
  'loki-proxy-url',
  'no-file',
  'keep-file',
] as const;

/** Docker's own log-opts: accepted in silence, whether or not this version acts on them. */
export const dockerOptions = [
  'tag',
  'labels',
  'labels-regex',
  'env',
  'env-regex',
  'mode',
  'max-buffer-size',
  'compress',
  'cache-disabled',
  'cache-max-size',
  'cache-max-file',
  'cache-compress',
] as const;

/** Settings of the plugin as a whole; no log-opt can change them. */
export const pluginOptions = {
  logLevel: {
    name: 'LOG_LEVEL',
    env: 'LOG_LEVEL',
    type: 'choice',
    default: 'info',
    choices: logLevels,
    allowed: 'trace, debug, info, warn, error or silent',
    doc: "How much the driver itself logs, into dockerd's journal.",
  },
  walMaxBytes: {
    name: 'WAL_MAX_BYTES',
    env: 'WAL_MAX_BYTES',
    type: 'bytes',
    default: '10g',
    min: mib,
    max: sizeMax,
    unlimited: true,
    allowed: 'a size from 1m to 1p, or -1 for no limit',
    doc: 'The most bytes on disk for all containers together. At the limit, the container furthest over its fair share loses first, as its wal-full says.',
  },
  walMinFree: {
    name: 'WAL_MIN_FREE',
    env: 'WAL_MIN_FREE',
    type: 'text',
    default: '5%',
    max: 90,
    allowed: 'a percentage from 0% to 90%, or a size up to 1p such as 2g',
    doc: 'This much of the file system is left free for others; below it the log gives way as at WAL_MAX_BYTES.',
  },
  metricsAddress: {
    name: 'METRICS_ADDRESS',
    env: 'METRICS_ADDRESS',
    type: 'text',
    default: '127.0.0.1:9417',
    allowed: 'HOST:PORT, unix:/PATH, or off',
    doc: "Where /metrics, /healthz and /readyz are served, in the host's network. A socket under /run/docker/logging appears beside the log on the host.",
  },
  walDir: {
    name: 'WAL_DIR',
    env: 'WAL_DIR',
    type: 'text',
    default: '/run/docker/logging/wal',
    allowed: 'an absolute path inside the plugin',
    doc: 'Where the write-ahead log lives. The default outlives crash, disable and upgrade.',
  },
} as const satisfies Record<string, OptionSpec>;

/** The plugin setting of a log-opt: `loki-url` is `LOKI_URL`. */
export function envNameOf(option: string): string {
  return option.toUpperCase().replaceAll('-', '_');
}
