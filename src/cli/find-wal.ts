/**
 * Finds the WAL of a plugin of this machine's Docker Engine. The only door to dockerode. It asks
 * for two lists and changes nothing; an engine on another machine is of no use.
 */
import Docker from 'dockerode';
import { messageOf } from '../base/errors.ts';
import { filesMount } from '../config/line-options.ts';
import { CliError, exitCode } from './exit-codes.ts';

/** A plugin's WAL, and the settings that the plugin has. */
export interface PluginWal {
  root: string;
  plugin: string;
  isEnabled: boolean;
  /** Values as they are set; they may hold passwords. */
  env: Record<string, string>;
  /** The directory of the host that the plugin sees as the one for files; undefined without one. */
  filesSource: string | undefined;
}

const driverType = 'docker.logdriver/1.0';
const mountPoint = '/run/docker/logging';
const answerMsMax = 10_000;

/** The one plugin there is, or the one with this name. Throws a CliError when there is no one. */
export async function findPluginWal(name: string | undefined): Promise<PluginWal> {
  const { plugins, rootDirectory } = await ask();
  const ours = plugins.filter(isOurs);
  const found = name === undefined ? ours : ours.filter((plugin) => namesOf(plugin).includes(name));
  const known = ours.map((plugin) => plugin.Name).join(', ');
  const [plugin, ...others] = found;
  if (plugin === undefined) {
    const what = name === undefined ? 'no holdfast plugin' : `no holdfast plugin '${name}'`;
    const there = known === '' ? '' : `; there is ${known}`;
    throw new CliError(
      exitCode.noWal,
      `${what} in this engine${there}; --wal DIR names a WAL directly`,
    );
  }
  if (others.length > 0) {
    const text = `several holdfast plugins: ${known}; choose one with --plugin NAME`;
    throw new CliError(exitCode.error, text);
  }
  const env = envOf(plugin);
  return {
    root: hostPathOf(plugin, env, rootDirectory),
    plugin: plugin.Name,
    isEnabled: plugin.Enabled,
    env,
    filesSource: plugin.Settings.Mounts?.find(isForFiles)?.Source,
  };
}

async function ask(): Promise<{ plugins: Docker.PluginInfo[]; rootDirectory: string }> {
  const host = process.env['DOCKER_HOST'] ?? '';
  if (host !== '' && !host.startsWith('unix://')) {
    const text = `DOCKER_HOST is ${shownHost(host)}, not this machine; --wal DIR names a WAL`;
    throw new CliError(exitCode.noWal, text);
  }
  try {
    const docker = new Docker({ timeout: answerMsMax });
    const plugins = await docker.listPlugins();
    const info: unknown = await docker.info();
    return { plugins, rootDirectory: rootDirectoryOf(info) };
  } catch (error) {
    const why = messageOf(error);
    throw new CliError(
      exitCode.noWal,
      `the Docker Engine of this machine cannot be asked for its plugins (${why}); ` +
        '--wal DIR names a WAL directly',
      { cause: error },
    );
  }
}

/** Of a DOCKER_HOST, what may be shown. */
function shownHost(host: string): string {
  return host.replace(/^([a-z0-9+.-]*:\/\/).*@/i, '$1');
}

function rootDirectoryOf(info: unknown): string {
  if (typeof info === 'object' && info !== null && 'DockerRootDir' in info) {
    if (typeof info.DockerRootDir === 'string') return info.DockerRootDir;
  }
  throw new Error('it does not tell its root directory');
}

/** A logging driver that is called holdfast, or has holdfast's socket, whatever its name. */
function isOurs(plugin: Docker.PluginInfo): boolean {
  const { PropagatedMount } = plugin.Config;
  const described: unknown = plugin.Config.Interface;
  const text = JSON.stringify(described) ?? '';
  const isDriver = text.includes(driverType) || /"logdriver"/.test(text);
  const isNamed = namesOf(plugin).some((name) => name.includes('holdfast'));
  return (
    isDriver && PropagatedMount === mountPoint && (isNamed || text.includes('"holdfast.sock"'))
  );
}

function namesOf({ Name, PluginReference, Id }: Docker.PluginInfo): string[] {
  const names = [Name, PluginReference, Id].filter((name) => name !== undefined);
  return [...names, ...names.map((name) => name.replace(/:latest$/, ''))];
}

function envOf(plugin: Docker.PluginInfo): Record<string, string> {
  const env: Record<string, string> = {};
  for (const setting of plugin.Settings.Env ?? []) {
    const at = setting.indexOf('=');
    if (at > 0) env[setting.slice(0, at)] = setting.slice(at + 1);
  }
  return env;
}

function isForFiles({ Destination }: { Destination: string }): boolean {
  return Destination === filesMount;
}

function hostPathOf(
  plugin: Docker.PluginInfo,
  env: Record<string, string>,
  rootDirectory: string,
): string {
  const inside = env['WAL_DIR'] || `${mountPoint}/wal`;
  if (!inside.startsWith(`${mountPoint}/`)) {
    const text = `the plugin ${plugin.Name} has its WAL elsewhere (WAL_DIR ${inside}); --wal DIR`;
    throw new CliError(exitCode.noWal, `${text} names it as the host sees it`);
  }
  const mounted = `${rootDirectory}/plugins/${plugin.Id}/propagated-mount`;
  return `${mounted}${inside.slice(mountPoint.length)}`;
}
