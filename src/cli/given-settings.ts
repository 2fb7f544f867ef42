/**
 * The settings that a command delivers with: the plugin's own, `--env` over them and `--opt` over
 * those, checked before anything is touched. They may hold passwords: they are never shown from
 * here.
 */
import path from 'node:path';
import { nearestName } from '../base/nearest.ts';
import { isEndpointName, isEndpointOption, splitOptionName } from '../config/option-name.ts';
import { containerOptions, envNameOf, pluginOptions } from '../config/options.ts';
import { parseLogOpts } from '../config/parse.ts';
import { redactUrl } from '../config/redact.ts';
import { CliError, exitCode } from './exit-codes.ts';
import { lineOnHost, onHost } from './host-files.ts';
import { showText } from './text.ts';
import type { WalLocation } from './wal-location.ts';

/** What the user gave: `--opt name=value` and `--env NAME=value`, as they came. */
export interface GivenOptions {
  opt: readonly string[];
  env: readonly string[];
  endpoint?: string | undefined;
  /** The directory of this machine that stands for the plugin's `/files`. */
  files?: string | undefined;
}

/** How to deliver. */
export interface DeliverySettings {
  /** The defaults of log-opts, by the names of plugin settings; secret. */
  env: Readonly<Record<string, string>>;
  /** In place of all endpoints of all containers; secret. */
  endpoint: string | undefined;
  /** Where the files are that options name by a path inside the plugin; undefined: there. */
  filesSource: string | undefined;
}

const { holdfastOpts, httpProxy, httpsProxy, noProxy, rejectedMaxBytes } = pluginOptions;
const wide = holdfastOpts.env;
/** Settings of the plugin as a whole that count for a command, too. */
const pluginNames = [holdfastOpts, httpProxy, httpsProxy, noProxy, rejectedMaxBytes].map(
  ({ env }) => env,
);
const envNames = [
  ...new Set([...Object.values(containerOptions).map(({ env }) => env), ...pluginNames]),
];
const optionNames = Object.values(containerOptions).map(({ name }) => name);

/**
 * Puts the settings together. Throws a CliError for a name that is none and `invalid_option` for a
 * wrong value.
 */
export function readSettings(
  given: GivenOptions,
  plugin: Pick<WalLocation, 'env' | 'filesSource'>,
): DeliverySettings {
  const env: Record<string, string> = {};
  for (const name of envNames) {
    const value = plugin.env[name];
    if (value !== undefined) env[name] = value;
  }
  for (const text of given.env) {
    const [name, value] = pairOf('--env', text, envNames);
    env[name] = value ?? process.env[name] ?? '';
  }
  for (const text of given.opt) putOption(env, text);
  const { endpoint, files } = given;
  const filesSource = files === undefined ? plugin.filesSource : path.resolve(files);
  for (const [name, value] of Object.entries(env)) env[name] = onHost(name, value, filesSource);
  const lines = linesOf(env[wide] ?? '').map((line) => lineOnHost(line, filesSource));
  const kept = endpoint === undefined ? lines : lines.filter((line) => !isNamed(line));
  if (env[wide] !== undefined) env[wide] = kept.map((line) => `${line}\n`).join('');
  const settings = { env, endpoint, filesSource };
  // Now, and not container by container.
  parseLogOpts(optsFor({}, settings), env);
  return settings;
}

/** The log-opts that count for a container: with `--endpoint` it has that one and no other. */
export function optsFor(
  logOpts: Readonly<Record<string, string>>,
  { endpoint, filesSource }: DeliverySettings,
): Record<string, string> {
  const opts: Record<string, string> = {};
  for (const [name, value] of Object.entries(logOpts)) {
    const counts = endpoint === undefined || !isOfOneEndpoint(name);
    if (counts) opts[name] = onHost(name, value, filesSource);
  }
  return endpoint === undefined ? opts : { ...opts, [containerOptions.url.name]: endpoint };
}

function putOption(env: Record<string, string>, text: string): void {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  const { option, endpoint } = splitOptionName(name);
  const isWide =
    isEndpointOption(option) &&
    (endpoint === undefined
      ? !optionNames.some((known) => known === name)
      : isEndpointName(endpoint));
  const [, value] = isWide
    ? [name, at < 0 ? undefined : text.slice(at + 1)]
    : pairOf('--opt', text, optionNames);
  if (value === undefined) {
    throw new CliError(exitCode.error, `--opt ${name}: it needs a value, --opt ${name}=VALUE`);
  }
  if (!isWide) {
    env[envNameOf(name)] = value;
    return;
  }
  if (value.includes('\n')) {
    throw new CliError(exitCode.error, `--opt ${name}: its value has a line break`);
  }
  // What has no setting of its own is a line there; of one name the last counts.
  env[wide] = [...linesOf(env[wide] ?? ''), `${name}=${value}`, ''].join('\n');
}

function linesOf(text: string): string[] {
  return text.split(text.includes('\n') ? '\n' : ';').filter((line) => line.trim() !== '');
}

function isNamed(line: string): boolean {
  return isOfOneEndpoint(line.trim().split('=')[0] ?? '');
}

function isOfOneEndpoint(name: string): boolean {
  const { option, endpoint } = splitOptionName(name);
  return endpoint !== undefined && isEndpointOption(option);
}

function pairOf(option: string, text: string, known: readonly string[]): [string, string?] {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (!known.includes(name)) {
    const lower = nearestName(
      name,
      known.map((one) => one.toLowerCase()),
    );
    const nearest = known.find((one) => one.toLowerCase() === lower);
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    // It may be a URL whose option was forgotten.
    const shown = showText(redactUrl(name).slice(0, 60));
    const what = `${option} ${shown}: there is no such option`;
    throw new CliError(exitCode.error, `${what}${hint}`);
  }
  return at < 0 ? [name] : [name, text.slice(at + 1)];
}
