/** What the documents say of options is what the table of options says. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { optionsPath, renderOptions, settableNames } from '../../scripts/generate-docs.ts';
import { containerOptions, type OptionSpec, pluginOptions } from '../../src/config/options.ts';

const top = path.resolve(import.meta.dirname, '../..');
const specs: OptionSpec[] = Object.values(containerOptions);

test('docs/options.md is what the generator makes', () => {
  const written = fs.readFileSync(`${top}/${optionsPath}`, 'utf8');
  assert.equal(written, renderOptions(), `${optionsPath} is stale: run 'make generate'`);
});

test('the README lists each log-opt with its plugin setting and its default', () => {
  const rows = fs
    .readFileSync(`${top}/README.md`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  for (const { name, env, default: standard } of specs) {
    const start = `| \`${name}\` | \`${env}\` | ${standard === undefined ? 'none' : `\`${standard}\``} |`;
    assert.ok(
      rows.some((line) => line.startsWith(start)),
      `README.md has no row that begins ${start}`,
    );
  }
  for (const { env } of Object.values(pluginOptions)) {
    assert.ok(fs.readFileSync(`${top}/README.md`, 'utf8').includes(`\`${env}\``), env);
  }
});

test('docker plugin set takes the plugin setting of each log-opt', () => {
  const settable = settableNames();
  for (const { env } of specs) assert.ok(settable.has(env), `config.json declares no ${env}`);
});

test('config.json declares only settings that there are, with the default of each', () => {
  // One that stands for a log-opt is left empty, so that an upgrade may bring another default.
  const expected = new Map(specs.map(({ env }) => [env, '']));
  for (const { env, default: standard } of Object.values(pluginOptions)) {
    if (env !== 'WAL_DIR') expected.set(env, standard);
  }
  const config = JSON.parse(fs.readFileSync(`${top}/config.json`, 'utf8')) as {
    env: { name: string; value: string; description: string }[];
  };
  assert.deepEqual(new Map(config.env.map(({ name, value }) => [name, value])), expected);
  assert.equal(config.env.length, expected.size);
  for (const { name, description } of config.env) assert.ok(description.length > 0, name);
});
