/**
 * Looks options up, checks each against its row of the table and collects what is wrong, so
 * that all errors are told at once. It must never put a password into a message.
 */
import { DriverError } from '../base/errors.ts';
import { nearestName } from '../base/nearest.ts';
import { parseByteSize, parseCount, parseDurationMs } from '../base/values.ts';
import type { OptionSpec } from './option-spec.ts';
import { redacted, redactUrl } from './redact.ts';

/** Log-opts of a container, as dockerd hands them over. */
export type LogOpts = Readonly<Record<string, string>>;
/** The plugin's environment. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where a value stands, the nearest first: a lower number wins. */
export const rank = {
  /** A log-opt for one endpoint. */
  ownLogOpt: 0,
  /** The same in HOLDFAST_OPTS. */
  ownWide: 1,
  logOpt: 2,
  setting: 3,
  /** In HOLDFAST_OPTS. */
  wide: 4,
  default: 5,
} as const;

/** One value, as it was written. */
export interface Given {
  readonly text: string;
  /** How a message names where the value came from; undefined for the built-in default. */
  readonly source: string | undefined;
  /** One of `rank`. */
  readonly rank: number;
}

type WithDefault = OptionSpec & { readonly default: string };

interface ChoiceSpec<Word extends string> extends OptionSpec {
  readonly choices: readonly Word[];
  readonly default: Word;
}

/** Where readers look. */
export interface OptionSources {
  readonly logOpts: LogOpts;
  readonly env: Env;
  /** What HOLDFAST_OPTS holds. */
  readonly wide?: LogOpts;
}

// A value in a message is cut to this; a pipeline pasted into the wrong option can be long.
const shownCharactersMax = 200;

// As strconv.ParseBool has it, which Docker's own options are read by.
const trueWords = ['true', '1', 't'];
const falseWords = ['false', '0', 'f'];

/** One pass over the options of a container, or over the settings of the plugin. */
export class OptionReader {
  readonly #sources: OptionSources;
  readonly #endpoint: string | undefined;
  readonly #warnings: Set<string>;
  readonly #errors: Set<string>;

  constructor(sources: OptionSources, parent?: OptionReader, endpoint?: string) {
    this.#sources = sources;
    this.#endpoint = endpoint;
    // What several endpoints share is told once.
    this.#warnings = parent === undefined ? new Set() : parent.#warnings;
    this.#errors = parent === undefined ? new Set() : parent.#errors;
  }

  /** A reader for one endpoint, which looks for options of its own first; notes are shared. */
  of(endpoint: string): OptionReader {
    return new OptionReader(this.#sources, this, endpoint);
  }

  get warnings(): string[] {
    return [...this.#warnings];
  }

  /** Names of all options that are given, but for settings of their own. */
  get names(): string[] {
    const { logOpts, wide = {} } = this.#sources;
    const given = [logOpts, wide].flatMap((opts) =>
      Object.keys(opts).filter((name) => textOf(opts, name) !== ''),
    );
    return [...new Set(given)];
  }

  /** What counts of log-opt, plugin setting and default; an empty value is none. */
  given(spec: WithDefault): Given;
  given(spec: OptionSpec): Given | undefined;
  given(spec: OptionSpec): Given | undefined {
    const { logOpts, env, wide = {} } = this.#sources;
    const own = this.own(spec);
    if (own !== undefined) return own;
    const logOpt = textOf(logOpts, spec.name, spec);
    if (logOpt !== '') return { text: logOpt, source: spec.name, rank: rank.logOpt };
    const setting = textOf(env, spec.env, spec);
    if (setting !== '') return { text: setting, source: envSource(spec), rank: rank.setting };
    const text = textOf(wide, spec.name, spec);
    if (text !== '') return { text, source: wideSource(spec.name), rank: rank.wide };
    if (spec.default === undefined) return undefined;
    return { text: spec.default, source: undefined, rank: rank.default };
  }

  /** What is given for this endpoint alone. */
  own(spec: OptionSpec): Given | undefined {
    if (this.#endpoint === undefined) return undefined;
    const name = `${spec.name}.${this.#endpoint}`;
    const logOpt = textOf(this.#sources.logOpts, name, spec);
    if (logOpt !== '') return { text: logOpt, source: name, rank: rank.ownLogOpt };
    const text = textOf(this.#sources.wide ?? {}, name, spec);
    return text === '' ? undefined : { text, source: wideSource(name), rank: rank.ownWide };
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

  /** Yes or no, as Docker's users write it; no, with an error noted, if it is wrong. */
  flag(spec: WithDefault): boolean {
    const given = this.given(spec);
    const written = given.text.toLowerCase();
    if (trueWords.includes(written)) return true;
    if (!falseWords.includes(written)) this.error(spec, given, 'is not understood');
    return false;
  }

  error(spec: OptionSpec, given: Given, problem: string): void {
    const source = given.source ?? spec.name;
    this.#errors.add(
      `${source}: ${shownValue(spec, given)} ${problem}; allowed is ${spec.allowed}`,
    );
  }

  /** An error that no single value stands for. It must be free of secrets. */
  fault(text: string): void {
    this.#errors.add(text);
  }

  warn(text: string): void {
    this.#warnings.add(text);
  }

  throwIfWrong(): void {
    if (this.#errors.size > 0) {
      throw new DriverError('invalid_option', [...this.#errors].join('; '));
    }
  }
}

function textOf(values: Env, name: string, spec?: OptionSpec): string {
  // Names come from outside: "constructor" must not find what every object has.
  const text = Object.hasOwn(values, name) ? (values[name] ?? '') : '';
  const trimmed = text.trim();
  return spec?.verbatim === true && trimmed !== '' ? text : trimmed;
}

function envSource({ name, env }: OptionSpec): string {
  return name === env ? env : `${env} (plugin setting of ${name})`;
}

function wideSource(name: string): string {
  return `${name} (in HOLDFAST_OPTS)`;
}

function shownValue(spec: OptionSpec, given: Given): string {
  // A password with a ; in it cuts HOLDFAST_OPTS short, and the URL before its @.
  const isCut = given.rank === rank.wide || given.rank === rank.ownWide;
  if (spec.secret === true || (spec.type === 'url' && isCut)) return redacted;
  return show(spec.type === 'url' ? redactUrl(given.text) : given.text);
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
