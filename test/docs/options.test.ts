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
