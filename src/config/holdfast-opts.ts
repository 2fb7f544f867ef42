/**
 * Takes HOLDFAST_OPTS apart: log-opts for all containers in one setting of the plugin, for those
 * that have no setting of their own, such as `loki-url.eu`. What cannot be read is told by its
 * place, because any piece of the text may be a piece of a password.
 */
import { isEndpointOption, splitOptionName } from './option-name.ts';
import type { LogOpts } from './option-reader.ts';
import { containerOptions } from './options.ts';

const optionNames = new Set<string>(Object.values(containerOptions).map(({ name }) => name));

/** The log-opts by name, with what is wrong or odd in words that quote nothing. */
export interface HoldfastOpts {
  readonly opts: LogOpts;
  /** Which entry an option stands in, for messages; the first is 1. */
  readonly entryOf: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Reads `name=value` pairs: one a line if there is any line break, else with `;` between them.
 * Empty ones and those that begin with # are passed over. Of one name the last value counts.
 */
export function parseHoldfastOpts(text: string): HoldfastOpts {
  const opts: Record<string, string> = {};
  const entryOf = new Map<string, number>();
  const problems: string[] = [];
  const warnings: string[] = [];
  const entries = text
    .split(text.includes('\n') ? '\n' : ';')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !entry.startsWith('#'));
  for (const [index, entry] of entries.entries()) {
    const at = entry.indexOf('=');
    if (at < 1) {
      problems.push(`HOLDFAST_OPTS: entry ${index + 1} is not name=value`);
      continue;
    }
    if (holdsAnother(entry)) {
      problems.push(
        `HOLDFAST_OPTS: entry ${index + 1} holds another option behind a ;, and there are line ` +
          'breaks; allowed is one of both between options',
      );
      continue;
    }
    const name = entry.slice(0, at).trimEnd();
    const former = entryOf.get(name);
    if (former !== undefined) {
      warnings.push(
        `HOLDFAST_OPTS: entries ${former} and ${index + 1} are the same option; the last one counts`,
      );
    }
    opts[name] = entry.slice(at + 1).trim();
    entryOf.set(name, index + 1);
  }
  return { opts, entryOf, problems, warnings };
}

/** Whether a value goes on with what is an option: it may be a secret, and the value be shown. */
function holdsAnother(entry: string): boolean {
  return entry
    .split(';')
    .slice(1)
    .some((piece) => {
      const at = piece.indexOf('=');
      const { option } = splitOptionName(piece.slice(0, Math.max(0, at)).trim());
      return isEndpointOption(option) || optionNames.has(option);
    });
}
