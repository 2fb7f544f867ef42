/**
 * Log-opts of a container and the plugin's environment in, settings out.
 * All errors are reported at once, so that nobody has to start a container five
 * times. It must never put a password or a token into a message.
 */
import { isAbsolute } from 'node:path';
import { DriverError } from '../base/errors.ts';
import { logLevels } from '../base/log.ts';
import { type EndpointUrl, parseEndpointUrl } from './endpoint-url.ts';
import { type ExternalLabel, parseExternalLabels } from './external-labels.ts';
import { nearestName } from './nearest.ts';
import {
  batchSizeBytesFloor,
  containerOptions,
  dockerOptions,
  envNameOf,
  notYetOptions,
  type OptionSpec,
  pluginOptions,
} from './options.ts';
import { redactUrl } from './redact.ts';
import {
  type ContainerSettings,
  type EndpointSettings,
  endpointKey,
  type PluginSettings,
} from './settings.ts';
import { parseByteSize, parseCount, parseDurationMs } from './values.ts';

type LogOpts = Readonly<Record<string, string>>;
type Env = Readonly<Record<string, string | undefined>>;

interface Given {
  readonly text: string;
  /** How a message names where the value came from; undefined for the built-in default. */
  readonly source: string | undefined;
}

// A value in a message is cut to this; a pipeline pasted into the wrong option can be long.
const shownCharactersMax = 200;

/**
 * The settings of one container. The log-opt wins over the plugin setting; an
 * empty value of either counts as not given.
 * Throws DriverError `invalid_option` that lists every wrong value.
 */
export function parseLogOpts(
  logOpts: LogOpts,
  env: Env,
): { settings: ContainerSettings; warnings: string[] } {
  const reader = new OptionReader(logOpts, env);
  const endpoint = readEndpoint(reader);
  const externalLabels = readExternalLabels(reader);
  reader.warnings.push(...namesToWarnOf(logOpts, env));
  reader.throwIfWrong();
  const settings = endpoint === undefined ? { externalLabels } : { endpoint, externalLabels };
  return { settings, warnings: reader.warnings };
}

/** The plugin-wide settings; throws DriverError `invalid_option` that lists every wrong value. */
export function parsePluginSettings(env: Env): PluginSettings {
  const { logLevel, walDir } = pluginOptions;
  const settings = {
    logLevel: env[logLevel.env]?.trim().toLowerCase() || logLevel.default,
    walDir: env[walDir.env]?.trim() || walDir.default,
  };
  const errors: string[] = [];
  if (!logLevels.some((level) => level === settings.logLevel)) {
    errors.push(wrong(logLevel.env, settings.logLevel, 'is not a level', logLevel.allowed));
  }
  if (!isAbsolute(settings.walDir)) {
    errors.push(wrong(walDir.env, settings.walDir, 'is not absolute', walDir.allowed));
  }
  if (errors.length > 0) throw new DriverError('invalid_option', errors.join('; '));
  return settings;
}

/** Looks options up and collects what is wrong with them. */
class OptionReader {
  readonly warnings: string[] = [];
  readonly #errors: string[] = [];
  readonly #logOpts: LogOpts;
  readonly #env: Env;

  constructor(logOpts: LogOpts, env: Env) {
    this.#logOpts = logOpts;
    this.#env = env;
  }

  given(spec: OptionSpec): Given | undefined {
    const own = this.#logOpts[spec.name]?.trim() ?? '';
    if (own !== '') return { text: own, source: spec.name };
    const wide = this.#env[spec.env]?.trim() ?? '';
    if (wide !== '') return { text: wide, source: `${spec.env} (plugin setting of ${spec.name})` };
    return spec.default === undefined ? undefined : { text: spec.default, source: undefined };
  }

  /** A number of the option's type within its limits; 0, with an error noted, if it is wrong. */
  number(spec: OptionSpec & { readonly default: string }): number {
    const given = this.given(spec) ?? { text: spec.default, source: undefined };
    const value = parseNumber(spec, given.text);
    if (value === undefined) this.error(spec, given, 'is not understood');
    else if (value < (spec.min ?? 0)) this.error(spec, given, 'is too small');
    else if (value > (spec.max ?? Number.POSITIVE_INFINITY)) {
      this.error(spec, given, 'is too large');
    } else return value;
    return 0;
  }

  error(spec: OptionSpec, given: Given, problem: string): void {
    const shown = spec.type === 'url' ? redactUrl(given.text) : given.text;
    this.#errors.push(wrong(given.source ?? spec.name, shown, problem, spec.allowed));
  }

  throwIfWrong(): void {
    if (this.#errors.length > 0) throw new DriverError('invalid_option', this.#errors.join('; '));
  }
}

/** The endpoint, or undefined if no URL is given or it is wrong; the numbers are checked anyway. */
function readEndpoint(reader: OptionReader): EndpointSettings | undefined {
  const url = readUrl(reader);
  const tenantId = readTenant(reader);
  const numbers = {
    batchSizeBytes: readBatchSize(reader),
    batchWaitMs: Math.round(reader.number(containerOptions.batchWait)),
    timeoutMs: Math.round(reader.number(containerOptions.timeout)),
    ...readBackoff(reader),
  };
  if (reader.number(containerOptions.retries) > 0) {
    const source = reader.given(containerOptions.retries)?.source;
    reader.warnings.push(
      `${source} is accepted but not used: an outage never uses up retries, pushes are tried again`,
    );
  }
  if (url === undefined) return undefined;
  const key = endpointKey('', url.url, tenantId);
  return { key, name: '', ...url, ...(tenantId === undefined ? {} : { tenantId }), ...numbers };
}

function readUrl(reader: OptionReader): EndpointUrl | undefined {
  const given = reader.given(containerOptions.url);
  if (given === undefined) return undefined;
  const parsed = parseEndpointUrl(given.text);
  if (!('problem' in parsed)) return parsed;
  reader.error(containerOptions.url, given, parsed.problem);
  return undefined;
}

function readTenant(reader: OptionReader): string | undefined {
  const spec = containerOptions.tenantId;
  const given = reader.given(spec);
  if (given === undefined) return undefined;
  if (/^[!-~]+$/.test(given.text) && given.text.length <= spec.max) return given.text;
  reader.error(spec, given, 'is not a tenant');
  return undefined;
}

function readBatchSize(reader: OptionReader): number {
  const bytes = reader.number(containerOptions.batchSize);
  if (bytes >= batchSizeBytesFloor) return bytes;
  const given = reader.given(containerOptions.batchSize);
  reader.warnings.push(
    `${given?.source}: "${given?.text}" is in bytes and too small to be useful; ` +
      `${batchSizeBytesFloor} is used`,
  );
  return batchSizeBytesFloor;
}

/** Both bounds; a bound that nobody set gives way to the one that somebody did. */
function readBackoff(reader: OptionReader): { minBackoffMs: number; maxBackoffMs: number } {
  const { minBackoff, maxBackoff } = containerOptions;
  const minBackoffMs = Math.round(reader.number(minBackoff));
  const maxBackoffMs = Math.round(reader.number(maxBackoff));
  // A wrong value reads as 0 and is reported already.
  if (minBackoffMs <= maxBackoffMs || maxBackoffMs === 0) return { minBackoffMs, maxBackoffMs };
  const min = reader.given(minBackoff);
  const max = reader.given(maxBackoff);
  if (min?.source === undefined) return { minBackoffMs: maxBackoffMs, maxBackoffMs };
  if (max?.source === undefined) return { minBackoffMs, maxBackoffMs: minBackoffMs };
  reader.error(minBackoff, min, `is above ${max.source} "${max.text}"`);
  return { minBackoffMs, maxBackoffMs };
}

function readExternalLabels(reader: OptionReader): ExternalLabel[] {
  const spec = containerOptions.externalLabels;
  const given = reader.given(spec) ?? { text: spec.default, source: undefined };
  const { labels, problems, warnings } = parseExternalLabels(given.text);
  if (problems.length > 0) reader.error(spec, given, `is wrong: ${problems.join(', ')}`);
  reader.warnings.push(...warnings.map((text) => `${given.source ?? spec.name}: ${text}`));
  return labels;
}

/** Options that are known but not acted on, and names that nobody knows. */
function namesToWarnOf(logOpts: LogOpts, env: Env): string[] {
  const acted = Object.values(containerOptions).map((spec) => spec.name);
  const known: string[] = [...acted, ...notYetOptions, ...dockerOptions];
  const warnings: string[] = [];
  for (const name of notYetOptions) {
    const source = name in logOpts ? name : envNameOf(name);
    if (logOpts[name] || env[envNameOf(name)]?.trim()) {
      warnings.push(`${source} is accepted, but this version does not act on it yet`);
    }
  }
  for (const name of Object.keys(logOpts)) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known);
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    warnings.push(`the log-opt ${show(name)} is unknown and ignored${hint}`);
  }
  return warnings;
}

function parseNumber(spec: OptionSpec, text: string): number | undefined {
  if (spec.type === 'duration') return parseDurationMs(text);
  return spec.type === 'bytes' ? parseByteSize(text) : parseCount(text);
}

function wrong(source: string, value: string, problem: string, allowed: string): string {
  return `${source}: ${show(value)} ${problem}; allowed is ${allowed}`;
}

/** The text in quotes on one line, cut if it is long. */
function show(text: string): string {
  const cut = text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}…` : text;
  return JSON.stringify(cut);
}
