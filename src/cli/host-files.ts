/**
 * Files that options name. Inside the plugin they lie in one directory, which is another one on the
 * host: a command that delivers with the plugin's options has to look there.
 */
import { filesMount } from '../config/line-options.ts';
import { splitOptionName } from '../config/option-name.ts';
import { containerOptions } from '../config/options.ts';

const files = Object.values(containerOptions).filter(({ type }) => type === 'path');
/** Log-opts and plugin settings whose value is a path. */
const fileOptions: ReadonlySet<string> = new Set(files.flatMap(({ name, env }) => [name, env]));

/**
 * The value of an option, for one endpoint or all, or of a plugin setting, as it is on the host:
 * the path of a file under `filesSource`, which is undefined when it is not known.
 */
export function onHost(name: string, value: string, filesSource: string | undefined): string {
  const path = value.trim();
  if (filesSource === undefined || !path.startsWith(`${filesMount}/`)) return value;
  if (!fileOptions.has(splitOptionName(name).option)) return value;
  return `${filesSource.replace(/\/$/, '')}${path.slice(filesMount.length)}`;
}

/** The same for a line of an option and its value, such as `loki-tls-ca-file.eu=/files/ca.pem`. */
export function lineOnHost(line: string, filesSource: string | undefined): string {
  const at = line.indexOf('=') + 1;
  if (at === 0) return line;
  const name = line.slice(0, at - 1).trim();
  return `${line.slice(0, at)}${onHost(name, line.slice(at), filesSource)}`;
}
