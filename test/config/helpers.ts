/** What tests of settings share: the endpoints, warnings or errors that options come to. */
import assert from 'node:assert/strict';
import { parseLogOpts } from '../../src/config/parse.ts';
import type { EndpointSettings } from '../../src/config/settings.ts';

/** Options or settings, by name. */
export type Pairs = Record<string, string>;

/** The endpoints that these options make. */
export function endpointsOf(logOpts: Pairs, env: Pairs = {}): readonly EndpointSettings[] {
  return parseLogOpts(logOpts, env).settings.endpoints;
}

/** The one endpoint that these options make. */
export function endpointOf(logOpts: Pairs, env: Pairs = {}): EndpointSettings {
  const [endpoint, ...more] = endpointsOf(logOpts, env);
  assert.deepEqual(more, []);
  assert.ok(endpoint !== undefined, 'no endpoint');
  return endpoint;
}

/** The warnings that these options cause. */
export function warningsOf(logOpts: Pairs, env: Pairs = {}): string[] {
  return parseLogOpts(logOpts, env).warnings;
}

/** The message of the error that these options cause. */
export function errorOf(logOpts: Pairs, env: Pairs = {}): string {
  try {
    parseLogOpts(logOpts, env);
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.equal('code' in error && error.code, 'invalid_option', error.message);
    return error.message;
  }
  return assert.fail('nothing was refused');
}
