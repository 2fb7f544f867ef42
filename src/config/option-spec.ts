/**
 * What one row of the tables of options says. Types and units only: the rows stand in options.ts,
 * endpoint-options.ts, line-options.ts, docker-options.ts and plugin-options.ts, the readers
 * elsewhere.
 */

/** The kinds of value; each has a reader. */
export type OptionType =
  | 'url'
  | 'text'
  | 'bytes'
  | 'duration'
  | 'count'
  | 'choice'
  | 'bool'
  | 'path'
  | 'labels';

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
  /** True where space around the value belongs to it, as in YAML and in names. */
  readonly verbatim?: boolean;
  /** True where no message may show the value, nor a part of it. */
  readonly secret?: boolean;
  /** What is allowed, as the end of "allowed is …". */
  readonly allowed: string;
  /** One or two sentences for the reference. */
  readonly doc: string;
}

/** Units of durations, in milliseconds. */
export const secondMs = 1000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** Units of sizes, in bytes. */
export const kib = 1024;
export const mib = kib * kib;
export const gib = mib * kib;

/** 1p, in bytes: far above any disk, and far below where a number would lose bytes. */
export const sizeBytesMax = 1024 ** 5;
