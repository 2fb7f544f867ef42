/**
 * Log-opts of a container and the plugin's environment in, settings out.
 * All errors are reported at once, so that nobody has to start a container five
 * times. It must never put a password or a token into a message.
 */
import { isAbsolute } from 'node:path';
import { type ListenAddress, parseListenAddress } from '../base/listen-address.ts';
import { type EndpointUrl, parseEndpointUrl } from './endpoint-url.ts';
import { type ExternalLabel, parseExternalLabels } from './external-labels.ts';
import { readLogSettings } from './log-settings.ts';
import { nearestName } from './nearest.ts';
import { type Env, type LogOpts, OptionReader, show } from './option-reader.ts';
import {
  batchSizeBytesFloor,
  containerOptions,
  dockerOptions,
  envNameOf,
  notYetOptions,
  pluginOptions,
} from './options.ts';
import {
  type ContainerSettings,
  type EndpointSettings,
  endpointKey,
  type MinFree,
  type PluginSettings,
} from './settings.ts';
import { parseByteSize, parsePercent } from './values.ts';

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
  const log = readLogSettings(reader);
  reader.warnings.push(...namesToWarnOf(logOpts, env));
  reader.throwIfWrong();
  const settings = { ...(endpoint === undefined ? {} : { endpoint }), externalLabels, log };
  return { settings, warnings: reader.warnings };
}

/** The plugin-wide settings; throws DriverError `invalid_option` that lists every wrong value. */
export function parsePluginSettings(env: Env): PluginSettings {
  const reader = new OptionReader({}, env);
  const settings = {
    logLevel: reader.choice(pluginOptions.logLevel),
    walDir: readWalDir(reader),
    walMaxBytes: reader.number(pluginOptions.walMaxBytes),
    walMinFree: readMinFree(reader),
    metricsAddress: readMetricsAddress(reader),
  };
  reader.throwIfWrong();
  return settings;
}

function readWalDir(reader: OptionReader): string {
  const given = reader.given(pluginOptions.walDir);
  if (!isAbsolute(given.text)) reader.error(pluginOptions.walDir, given, 'is not absolute');
  return given.text;
}

function readMinFree(reader: OptionReader): MinFree {
  const spec = pluginOptions.walMinFree;
  const given = reader.given(spec);
  const percent = parsePercent(given.text);
  const bytes = parseByteSize(given.text) ?? 0;
  if (percent === undefined && parseByteSize(given.text) === undefined) {
    reader.error(spec, given, 'is not understood');
  } else if ((percent ?? 0) > spec.max || bytes > pluginOptions.walMaxBytes.max) {
    reader.error(spec, given, 'is too large');
  }
  return percent === undefined ? { kind: 'bytes', bytes } : { kind: 'percent', percent };
}

function readMetricsAddress(reader: OptionReader): ListenAddress | undefined {
  const spec = pluginOptions.metricsAddress;
  const given = reader.given(spec);
  if (given.text.toLowerCase() === 'off') return undefined;
  const address = parseListenAddress(given.text);
  if (address === undefined) reader.error(spec, given, 'is no address');
  return address;
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
