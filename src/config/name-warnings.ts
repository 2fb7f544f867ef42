/**
 * Warnings about the names of options: unknown, or given in a way that has no effect. Each with the name that was probably meant. No value may stand in a message.
 */
import { nearestName } from '../base/nearest.ts';
import { isEndpointOption, splitOptionName } from './option-name.ts';
import { type LogOpts, show } from './option-reader.ts';
import { containerOptions, dockerOptions } from './options.ts';

const acted: readonly string[] = Object.values(containerOptions)
  .filter((spec) => spec !== containerOptions.header)
  .map(({ name }) => name);
const docker: readonly string[] = Object.values(dockerOptions).map(({ name }) => name);
const known: readonly string[] = [...acted, ...docker];

/** What is odd about the names of the log-opts. */
export function warningsOfNames(logOpts: LogOpts): string[] {
  const warnings: string[] = [];
  for (const name of Object.keys(logOpts)) {
    const problem = problemOf(name);
    if (problem !== undefined) warnings.push(`the log-opt ${show(name)} ${problem}`);
  }
  return warnings;
}

/** The same for HOLDFAST_OPTS. A name that is not known may be a piece of a value: not shown. */
export function warningsOfHoldfastOpts(entryOf: ReadonlyMap<string, number>): string[] {
  const warnings: string[] = [];
  for (const [name, entry] of entryOf) {
    const place = `HOLDFAST_OPTS: entry ${entry}`;
    if (docker.includes(name)) {
      warnings.push(`${place}, ${name}, has no effect: dockerd takes it as a log-opt only`);
    } else {
      const problem = problemOf(name);
      if (problem !== undefined) warnings.push(`${place} ${problem}`);
    }
  }
  return warnings;
}

/** Why nothing acts on the option; undefined for one that is known. */
function problemOf(name: string): string | undefined {
  const { option, endpoint } = splitOptionName(name);
  if (isEndpointOption(option)) return undefined;
  if (known.includes(option)) {
    if (endpoint === undefined) return undefined;
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
