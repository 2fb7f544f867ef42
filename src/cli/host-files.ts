/**
 * Files that options name. Inside the plugin they lie in one directory, which is another one on the
 * host: a command that delivers with the plugin's options has to look there.
 */
import { filesMount } from '../config/line-options.ts';

/** A value as it is on the host; `filesSource` is the directory, undefined when it is not known. */
export function onHost(value: string, filesSource: string | undefined): string {
  if (filesSource === undefined || !value.startsWith(`${filesMount}/`)) return value;
  return `${filesSource.replace(/\/$/, '')}${value.slice(filesMount.length)}`;
}

/** The same for the value of a line such as `loki-tls-ca.eu=/files/ca.pem`. */
export function lineOnHost(line: string, filesSource: string | undefined): string {
  const at = line.indexOf('=') + 1;
  return `${line.slice(0, at)}${onHost(line.slice(at), filesSource)}`;
}
