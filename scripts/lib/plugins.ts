/** Which plugins an engine has, as the docker command tells it. */
import { run } from './run.ts';

/** What `docker plugin inspect` says of one plugin, as far as it matters here. */
export interface PluginInfo {
  Id: string;
  Enabled: boolean;
  Config: { Description: string; Interface: { Socket: string } };
}

/** The plugin with this name, or undefined. */
export async function findPlugin(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<PluginInfo | undefined> {
  const ids = await run('docker', ['plugin', 'ls', '--no-trunc', '--format', '{{.Name}}'], { env });
  if (!ids.split('\n').some((line) => line === name || line === `${name}:latest`)) return undefined;
  const [info] = JSON.parse(
    await run('docker', ['plugin', 'inspect', name], { env }),
  ) as PluginInfo[];
  return info;
}

/** Whether a plugin is one that this project built. */
export function isOurs(info: PluginInfo): boolean {
  return info.Config.Interface.Socket === 'holdfast.sock';
}
