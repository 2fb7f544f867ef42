import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  containerOptions,
  dockerOptions,
  envNameOf,
  pluginOptions,
} from '../../src/config/options.ts';
import { parseLogOpts, parsePluginSettings } from '../../src/config/parse.ts';

const specs = Object.values(containerOptions);

test('every option has the plugin setting of its name and no name is used twice', () => {
  for (const spec of specs) {
    // Names of headers are not known: they go into the one setting for such options.
    const env = spec === containerOptions.header ? 'HOLDFAST_OPTS' : envNameOf(spec.name);
    assert.equal(spec.env, env);
  }
  const names = [...specs, ...Object.values(dockerOptions)].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

test('every default is a value that the parser takes in silence', () => {
  const logOpts: Record<string, string> = {};
  for (const spec of specs) if ('default' in spec) logOpts[spec.name] = spec.default;
  const { settings, warnings } = parseLogOpts(logOpts, {});
  assert.deepEqual(warnings, []);
  assert.deepEqual(settings, parseLogOpts({}, {}).settings);
});

test('every default of a setting of the plugin is a value that the parser takes', () => {
  const env = Object.fromEntries(
    Object.values(pluginOptions).map((spec) => [spec.env, spec.default]),
  );
  assert.deepEqual(parsePluginSettings(env), parsePluginSettings({}));
});
