/**
 * Makes docs/options.md from the table of options in src/config/options.ts and from config.json:
 * `make generate`. The text comes from the table; nothing may be explained here that could be
 * explained there. test/docs/options.test.ts fails when the file is stale.
 */
import fs from 'node:fs';
import path from 'node:path';
import {
  containerOptions,
  dockerOptions,
  notYetOptions,
  type OptionSpec,
  pluginOptions,
} from '../src/config/options.ts';

const top = path.resolve(import.meta.dirname, '..');

/** The file that is made, from the top of the repository. */
export const optionsPath = 'docs/options.md';

/** Names of the settings that `docker plugin set` takes, as config.json declares them. */
export function settableNames(): Set<string> {
  const config = JSON.parse(fs.readFileSync(`${top}/config.json`, 'utf8')) as {
    env: { name: string; settable: string[] | null }[];
  };
  const settable = config.env.filter((setting) => setting.settable?.includes('value') === true);
  return new Set(settable.map(({ name }) => name));
}

/** A row of a Markdown table. */
function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function names(list: readonly string[]): string {
  return `${list.map((name) => code(name)).join(', ')}.`;
}

function optionRow(spec: OptionSpec): string {
  const standard = spec.default === undefined ? 'none' : code(spec.default);
  return row(code(spec.name), code(spec.env), standard, spec.allowed, spec.doc);
}

function pluginRows(settable: ReadonlySet<string>): string[] {
  return Object.values(pluginOptions).map((spec) => {
    const how = settable.has(spec.env)
      ? ''
      : ' The packaged plugin does not declare it yet, so `docker plugin set` refuses it.';
    return row(code(spec.env), code(spec.default), spec.allowed, `${spec.doc}${how}`);
  });
}

/** The whole of docs/options.md. */
export function renderOptions(): string {
  const lines = [
    '# Options',
    '',
    '<!-- Made by scripts/generate-docs.ts from src/config/options.ts: change that, then run',
    '     `make generate`. -->',
    '',
    'A log-opt is given to one container (`docker run --log-opt NAME=VALUE`, `logging.options` in a',
    'compose file) or to all in `daemon.json`. Each has a plugin setting of the same name in',
    'capitals (`docker plugin set holdfast NAME=VALUE`, while the plugin is disabled), which is the',
    'default of all containers. The log-opt wins over the plugin setting, and that wins over the',
    'built-in default. An empty value counts as not given.',
    '',
    'A wrong value of a log-opt, or of its plugin setting where no log-opt stands in for it, stops a',
    'container from starting, with a message that names the option, the value and what is allowed.',
    'An unknown log-opt is a warning in the log of the driver.',
    '',
    '## Log-opts',
    '',
    row('log-opt', 'plugin setting', 'default', 'allowed', 'what it does'),
    row('---', '---', '---', '---', '---'),
    ...Object.values(containerOptions).map((spec) => optionRow(spec)),
    '',
    'Durations are written as in Go (`500ms`, `1m30s`) or in days (`6d`), sizes as in Docker (`512k`,',
    '`20m`, `1g`, with units of 1,024).',
    '',
    '## Settings of the plugin as a whole',
    '',
    row('plugin setting', 'default', 'allowed', 'what it does'),
    row('---', '---', '---', '---'),
    ...pluginRows(settableNames()),
    '',
    '## Accepted without effect',
    '',
    "These log-opts of Grafana's driver are accepted, with a warning that this version does not act",
    'on them:',
    '',
    names(notYetOptions),
    '',
    'These standard log-opts of Docker are accepted without a warning. dockerd itself acts on those',
    'that concern its own buffer and cache (`mode`, `max-buffer-size`, `compress`, `cache-*`, and',
    '`max-size` and `max-file` of the first table); this version adds nothing for the others:',
    '',
    names(dockerOptions),
    '',
  ];
  return lines.join('\n');
}

if (import.meta.main) {
  fs.writeFileSync(`${top}/${optionsPath}`, renderOptions());
  console.log(`docs: ${optionsPath} is written`);
}
