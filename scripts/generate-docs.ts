/**
 * Makes docs/options.md from the tables of options in src/config and from config.json:
 * `make generate`. The text comes from the table; nothing may be explained here that could be
 * explained there. test/docs/options.test.ts fails when the file is stale.
 */
import fs from 'node:fs';
import path from 'node:path';
import { endpointsPerContainerMax } from '../src/base/limits.ts';
import { endpointNameAllowed } from '../src/config/option-name.ts';
import {
  containerOptions,
  dockerOptions,
  endpointOptions,
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

const ofEndpoints = new Set<string>(Object.values(endpointOptions).map(({ name }) => name));

/** A row of a Markdown table. */
function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
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
    const standard = spec.default === '' ? 'none' : code(spec.default);
    return row(code(spec.env), standard, spec.allowed, `${spec.doc}${how}`);
  });
}

function optionTable(specs: readonly OptionSpec[]): string[] {
  return [
    row('log-opt', 'plugin setting', 'default', 'allowed', 'what it does'),
    row('---', '---', '---', '---', '---'),
    ...specs.map((spec) => optionRow(spec)),
  ];
}

const introduction = [
  '# Options',
  '',
  '<!-- Made by scripts/generate-docs.ts from the tables in src/config: change those, then run',
  '     `make generate`. -->',
  '',
  'A log-opt is given to one container (`docker run --log-opt NAME=VALUE`, `logging.options` in a',
  'compose file) or to all in `daemon.json`. Each has a plugin setting of the same name in',
  'capitals (`docker plugin set holdfast NAME=VALUE`, while the plugin is disabled), which is the',
  'default of all containers. The log-opt wins over the plugin setting, that over `HOLDFAST_OPTS`, and',
  'that over the built-in default. An empty value counts as not given.',
  '',
  'A wrong value of a log-opt, or of its plugin setting where no log-opt stands in for it, stops a',
  'container from starting, with a message that names the option, the value and what is allowed.',
  'An unknown log-opt is a warning in the log of the driver.',
  '',
  'Durations are written as in Go (`500ms`, `1m30s`) or in days (`6d`), sizes as in Docker (`512k`,',
  '`20m`, `1g`, with units of 1,024).',
];

const aboutEndpoints = [
  '## Log-opts: where lines go, and how',
  '',
  'Each of these may be given for one endpoint alone, with a dot and a name of your choice behind it',
  `(${endpointNameAllowed}). The plain option is the default of all endpoints:`,
  '',
  '    loki-url.eu=https://eu.example.com',
  '    loki-url.audit=grpcs://audit.example.com',
  '    loki-tenant-id.audit=security',
  '    loki-timeout=20s',
  '',
  `There is an endpoint for each name that is used, and each gets everything; at most ${endpointsPerContainerMax} for a container. One`,
  'without a URL of its own takes the plain `loki-url`, which is then no endpoint by itself:',
  '`loki-url=http://loki:3100`, `loki-tenant-id.a=a` and `loki-tenant-id.b=b` are two endpoints. Several URLs',
  'between commas in the plain `loki-url` are endpoints without a name.',
  '',
  'Cursors hang on the name, the URL without user and password, and the tenant. Change one of them, and it is another',
  'endpoint, which begins where `loki-start` says. All else can be changed freely.',
  '',
  'As plugin settings, options for single endpoints and headers go into `HOLDFAST_OPTS`. An option for one',
  'endpoint wins over the plain one, wherever either stands. Of the ways to say who sends (user and',
  'password in the URL, `loki-username`, `loki-bearer-token`) the one given nearest wins, log-opt over plugin setting; two of them side',
  'by side are an error. The same goes for a text and a file with the same content.',
  '',
  'Secrets: log-opts are kept in the record of the container on disk, readable by root only, because',
  'delivery goes on when the container is gone; `docker inspect` shows them. Plugin settings are not kept there, but',
  '`docker plugin inspect` shows them. Files are best. All paths are paths inside the plugin; the directory',
  '`/run/docker/logging` there is `propagated-mount` of the plugin on the host, and outlives an upgrade.',
  '',
];

/** The whole of docs/options.md. */
export function renderOptions(): string {
  const lines = [
    ...introduction,
    '',
    ...aboutEndpoints,
    ...optionTable(Object.values(endpointOptions)),
    '',
    '## Log-opts: labels, and the log on disk',
    '',
    ...optionTable(Object.values(containerOptions).filter((spec) => !ofEndpoints.has(spec.name))),
    '',
    '## Settings of the plugin as a whole',
    '',
    row('plugin setting', 'default', 'allowed', 'what it does'),
    row('---', '---', '---', '---'),
    ...pluginRows(settableNames()),
    '',
    '## Log-opts that dockerd acts on',
    '',
    'These are checked, and have no effect in the driver. They have no plugin setting.',
    '',
    row('log-opt', 'default', 'allowed', 'what it does'),
    row('---', '---', '---', '---'),
    ...Object.values(dockerOptions).map((spec) =>
      row(code(spec.name), code(spec.default), spec.allowed, spec.doc),
    ),
    '',
  ];
  return lines.join('\n');
}

if (import.meta.main) {
  fs.writeFileSync(`${top}/${optionsPath}`, renderOptions());
  console.log(`docs: ${optionsPath} is written`);
}
