/**
 * Log-opts of a container and the plugin's environment in, settings out.
 * All errors are reported at once, so that nobody has to start a container five
 * times. It must never put a password or a token into a message.
 */
import { isAbsolute } from 'node:path';
import { type ListenAddress, parseListenAddress } from '../base/listen-address.ts';
import { parseByteSize, parsePercent } from '../base/values.ts';
import { checkDockerOptions, readAttributes } from './attribute-settings.ts';
import { readEndpoints } from './endpoints.ts';
import { parseHoldfastOpts } from './holdfast-opts.ts';
import { readLogSettings } from './log-settings.ts';
import { warningsOfHoldfastOpts, warningsOfNames } from './name-warnings.ts';
import { type Env, type LogOpts, OptionReader } from './option-reader.ts';
import { pluginOptions } from './options.ts';
import type { ContainerSettings, MinFree, PluginSettings } from './settings.ts';

/**
 * The settings of one container. The log-opt wins over the plugin setting of its name, that over
 * HOLDFAST_OPTS, and an option for one endpoint over the plain one, wherever it stands; an empty
 * value counts as not given. Throws DriverError `invalid_option` that lists every wrong value.
 */
export function parseLogOpts(
  logOpts: LogOpts,
  env: Env,
): { settings: ContainerSettings; warnings: string[] } {
  const holdfast = parseHoldfastOpts(env[pluginOptions.holdfastOpts.env] ?? '');
  const reader = new OptionReader({ logOpts, env, wide: holdfast.opts });
  for (const problem of holdfast.problems) reader.fault(problem);
  const settings = {
    ...readEndpoints(reader),
    attributes: readAttributes(reader),
    log: readLogSettings(reader),
  };
  checkDockerOptions(reader);
  if (settings.endpoints.length === 0 && settings.log.historyBytes === 0) {
    reader.warn('no endpoint is set and nothing is kept as history: lines go nowhere');
  }
  reader.throwIfWrong();
  const { warnings: twice, entryOf } = holdfast;
  const ofNames = [...warningsOfNames(logOpts), ...twice, ...warningsOfHoldfastOpts(entryOf)];
  return { settings, warnings: [...reader.warnings, ...ofNames] };
}

/** The plugin-wide settings; throws DriverError `invalid_option` that lists every wrong value. */
export function parsePluginSettings(env: Env): PluginSettings {
  const reader = new OptionReader({ logOpts: {}, env });
  const settings = {
    logLevel: reader.choice(pluginOptions.logLevel),
    walDir: readWalDir(reader),
    walMaxBytes: reader.number(pluginOptions.walMaxBytes),
    walMinFree: readMinFree(reader),
    deliveryThreads: reader.number(pluginOptions.deliveryThreads),
    endpointGraceMs: Math.round(reader.number(pluginOptions.endpointGrace)),
    rejectedMaxBytes: reader.number(pluginOptions.rejectedMaxBytes),
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
