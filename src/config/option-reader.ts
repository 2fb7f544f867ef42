/**
 * Looks options up, checks each against its row of the table and collects what is wrong, so
 * that all errors are told at once. It must never put a password into a message.
 */
import { DriverError } from '../base/errors.ts';
import { nearestName } from './nearest.ts';
import type { OptionSpec } from './options.ts';
import { redactUrl } from './redact.ts';
import { parseByteSize, parseCount, parseDurationMs } from './values.ts';

/** Log-opts of a container, as dockerd hands them over. */
export type LogOpts = Readonly<Record<string, string>>;
/** The plugin's environment. */
export type Env = Readonly<Record<string, string | undefined>>;

/** One value, as it was written. */
export interface Given {
  readonly text: string;
  /** How a message names where the value came from; undefined for the built-in default. */
  readonly source: string | undefined;
}

type WithDefault = OptionSpec & { readonly default: string };

interface ChoiceSpec<Word extends string> extends OptionSpec {
  readonly choices: readonly Word[];
  readonly default: Word;
}

// A value in a message is cut to this; a pipeline pasted into the wrong option can be long.
const shownCharactersMax = 200;

/** One pass over the options of a container, or over the settings of the plugin. */
export class OptionReader {
  readonly warnings: string[] = [];
  readonly #errors: string[] = [];
  readonly #logOpts: LogOpts;
  readonly #env: Env;

  constructor(logOpts: LogOpts, env: Env) {
    this.#logOpts = logOpts;
    this.#env = env;
  }

  /** What counts of log-opt, plugin setting and default; an empty value is none. */
  given(spec: WithDefault): Given;
  given(spec: OptionSpec): Given | undefined;
  given(spec: OptionSpec): Given | undefined {
    const own = this.#logOpts[spec.name]?.trim() ?? '';
    if (own !== '') return { text: own, source: spec.name };
    const wide = this.#env[spec.env]?.trim() ?? '';
    if (wide !== '') return { text: wide, source: envSource(spec) };
    return spec.default === undefined ? undefined : { text: spec.default, source: undefined };
  }

  /** A number of the option's type within its limits; 0, with an error noted, if it is wrong. */
  number(spec: WithDefault): number {
    const given = this.given(spec);
    if (spec.unlimited === true && given.text === '-1') return Number.POSITIVE_INFINITY;
    const value = parseNumber(spec, given.text);
    if (value === undefined) this.error(spec, given, 'is not understood');
    else if (value < (spec.min ?? 0)) this.error(spec, given, 'is too small');
    else if (value > (spec.max ?? Number.POSITIVE_INFINITY)) {
      this.error(spec, given, 'is too large');
    } else return value;
    return 0;
  }

  /** One of the option's words; its default, with an error noted, if it is wrong. */
  choice<Word extends string>(spec: ChoiceSpec<Word>): Word {
    const given = this.given(spec);
    const written = given.text.toLowerCase();
    const word = spec.choices.find((choice) => choice === written);
    if (word !== undefined) return word;
    const nearest = nearestName(written, spec.choices);
    const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
    this.error(spec, given, `is not understood${hint}`);
    return spec.default;
  }

  error(spec: OptionSpec, given: Given, problem: string): void {
    const shown = spec.type === 'url' ? redactUrl(given.text) : given.text;
    const source = given.source ?? spec.name;
    this.#errors.push(`${source}: ${show(shown)} ${problem}; allowed is ${spec.allowed}`);
  }

  throwIfWrong(): void {
    if (this.#errors.length > 0) throw new DriverError('invalid_option', this.#errors.join('; '));
  }
}

function envSource({ name, env }: OptionSpec): string {
  return name === env ? env : `${env} (plugin setting of ${name})`;
}

function parseNumber(spec: OptionSpec, text: string): number | undefined {
  if (spec.type === 'duration') return parseDurationMs(text);
  return spec.type === 'bytes' ? parseByteSize(text) : parseCount(text);
}

/** The text in quotes on one line, cut if it is long. */
export function show(text: string): string {
  const cut = text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}…` : text;
  return JSON.stringify(cut);
}
