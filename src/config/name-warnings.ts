/**
 * Warnings about the names of options: known but not acted on, unknown, or given in a way that has
 * no effect. Each with the name that was probably meant. No value may stand in a message.
 */
import { nearestName } from '../base/nearest.ts';
import { isEndpointOption, splitOptionName } from './option-name.ts';
import { type Env, type LogOpts, show } from './option-reader.ts';
import { containerOptions, dockerOptions, envNameOf, notYetOptions } from './options.ts';

const acted: readonly string[] = Object.values(containerOptions)
  .filter((spec) => spec !== containerOptions.header)
  .map(({ name }) => name);
const notYet: readonly string[] = notYetOptions;
const docker: readonly string[] = dockerOptions;
const known: readonly string[] = [...acted, ...notYet, ...docker];

/** What is odd about the names of the log-opts and of the plugin's settings. */
export function warningsOfNames(logOpts: LogOpts, env: Env): string[] {
  const warnings: string[] = [];
  for (const name of notYet) {
    if (env[envNameOf(name)]?.trim() && !logOpts[name]) warnings.push(notActedOn(envNameOf(name)));
  }
  for (const [name, value] of Object.entries(logOpts)) {
    const problem = problemOf(name);
    if (problem !== undefined) warnings.push(`the log-opt ${show(name)} ${problem}`);
    const { option } = splitOptionName(name);
    if (notYet.includes(option) && value !== '') warnings.push(notActedOn(name));
  }
  return warnings;
}

/** The same for HOLDFAST_OPTS. A name that is not known may be a piece of a value: not shown. */
export function warningsOfHoldfastOpts(entryOf: ReadonlyMap<string, number>): string[] {
  const warnings: string[] = [];
  for (const [name, entry] of entryOf) {
    const { option } = splitOptionName(name);
    const place = `HOLDFAST_OPTS: entry ${entry}`;
    if (docker.includes(name)) {
      warnings.push(`${place}, ${name}, has no effect: dockerd takes it as a log-opt only`);
    } else if (notYet.includes(option)) warnings.push(notActedOn(`${place}, ${option},`));
    else {
      const problem = problemOf(name);
      if (problem !== undefined) warnings.push(`${place} ${problem}`);
    }
  }
  return warnings;
}

function notActedOn(source: string): string {
  return `${source} is accepted, but this version does not act on it yet`;
}

/** Why nothing acts on the option; undefined for one that is known. */
function problemOf(name: string): string | undefined {
  const { option, endpoint } = splitOptionName(name);
  if (isEndpointOption(option)) return undefined;
  if (known.includes(option)) {
    if (endpoint === undefined || notYet.includes(option)) return undefined;
    return `is ignored: ${option} counts for the whole container, not for one endpoint`;
  }
  const nearest = nearestName(option, known);
  const ending = endpoint !== undefined && nearest !== undefined && isEndpointOption(nearest);
  if (nearest === undefined) return `is unknown and ignored${headerHint(option)}`;
  return `is unknown and ignored; did you mean ${nearest}${ending ? `.${endpoint}` : ''}?`;
}

function headerHint(option: string): string {
  return /^loki-headers?\.?$/.test(option) ? '; did you mean loki-header.NAME?' : '';
}
