/**
 * Names of log-opts: which option is meant, and for which endpoint. `loki-timeout.eu` is
 * `loki-timeout` for the endpoint `eu`; a header has its own name in between. Pure; it must never
 * change how a name is written, apart from taking it apart.
 */
import { endpointOptions, headerPrefix } from './endpoint-options.ts';

/** The parts of the name of a log-opt. */
export interface OptionName {
  /** The option; of a header with its prefix (`loki-header.X-Team`). */
  readonly option: string;
  /** The endpoint it is for; undefined for all. Not checked. */
  readonly endpoint: string | undefined;
}

/** What a name of an endpoint may be, as the end of "allowed is …". */
export const endpointNameAllowed = '1 to 32 of a-z, 0-9, _ and -';

const endpointNames = new Set<string>(Object.values(endpointOptions).map(({ name }) => name));

/** Takes a name apart at its dot; a header's name has one dot more. */
export function splitOptionName(name: string): OptionName {
  const from = name.startsWith(headerPrefix) ? headerPrefix.length : 0;
  const dot = name.indexOf('.', from);
  if (dot < 0) return { option: name, endpoint: undefined };
  return { option: name.slice(0, dot), endpoint: name.slice(dot + 1) };
}

/** Whether an endpoint may have this option for itself. */
export function isEndpointOption(option: string): boolean {
  if (option.startsWith(headerPrefix)) return option.length > headerPrefix.length;
  return endpointNames.has(option);
}

/** Whether an endpoint may be called so. */
export function isEndpointName(text: string): boolean {
  return /^[a-z0-9_-]{1,32}$/.test(text);
}
