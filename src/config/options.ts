/**
 * The one table of what can be set: log-opts of a container, each with its
 * plugin-wide default of the same name in capitals, and the plugin's own settings.
 * docs/options.md is made from it. It must never hold parsing code.
 */

/** The kinds of value; parse.ts has one reader for each. */
export type OptionType = 'url' | 'text' | 'bytes' | 'duration' | 'count' | 'labels';

/** One log-opt that this version acts on. */
export interface OptionSpec {
  readonly name: string;
  /** The plugin setting that is this option's default for all containers. */
  readonly env: string;
  readonly type: OptionType;
  /** As a user would write it; absent means that there is none. */
  readonly default?: string;
  /** Smallest and largest value: bytes, milliseconds or a plain number, by `type`. */
  readonly min?: number;
  readonly max?: number;
  /** What is allowed, as the end of "allowed is …". */
  readonly allowed: string;
  /** One or two sentences for the reference. */
  readonly doc: string;
}

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const kib = 1024;

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
    max: 64 * kib * kib,
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
  'max-size',
  'max-file',
  'compress',
  'cache-disabled',
  'cache-max-size',
  'cache-max-file',
  'cache-compress',
] as const;

/** Settings of the plugin as a whole; no log-opt can change them. */
export const pluginOptions = {
  logLevel: {
    env: 'LOG_LEVEL',
    default: 'info',
    allowed: 'trace, debug, info, warn, error or silent',
    doc: "How much the driver itself logs, into dockerd's journal.",
  },
  walDir: {
    env: 'WAL_DIR',
    default: '/run/docker/logging/wal',
    allowed: 'an absolute path inside the plugin',
    doc: 'Where the write-ahead log lives. The default outlives crash, disable and upgrade.',
  },
} as const;

/** The plugin setting of a log-opt: `loki-url` is `LOKI_URL`. */
export function envNameOf(option: string): string {
  return option.toUpperCase().replaceAll('-', '_');
}
