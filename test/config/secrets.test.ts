/** No secret stands in a message, in whichever option it was put and whatever else is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { containerOptions, pluginOptions } from '../../src/config/options.ts';
import { parseLogOpts } from '../../src/config/parse.ts';
import type { Pairs } from './helpers.ts';

// Both halves: a message that shows a piece shows one of them.
const planted = 'Pl4nt3d';
const pieces = /Pl4|t3d/;

/** All that is told of these options. */
function messagesOf(logOpts: Pairs, env: Pairs): string {
  try {
    const { settings, warnings } = parseLogOpts(logOpts, env);
    return [...warnings, ...settings.endpoints.map(({ label }) => label)].join('\n');
  } catch (error) {
    assert.ok(error instanceof Error);
    // What a log may print of an error, with all that hangs on it.
    return `${error.message}\n${error.stack}\n${JSON.stringify(error)}\n${String(error.cause)}`;
  }
}

const noise = fc.constantFrom(
  '',
  ' ',
  '@',
  ':',
  '/',
  '#',
  '?',
  '%',
  ',',
  ';',
  '=',
  '\n',
  '\\',
  '"',
);
const secret = fc.tuple(noise, noise).map(([a, b]) => `${a}${planted}${b}${planted}`);

const secretOptions: readonly string[] = [
  ...Object.values(containerOptions)
    .filter((spec) => 'secret' in spec && spec !== containerOptions.header)
    .map(({ name }) => name),
  'loki-header.X-Api-Key',
  'loki-header.Authorization',
];

/** An option with a secret in its value: wholly, or where a URL has it. */
const withSecret = fc
  .tuple(
    secret,
    fc.constantFrom(...secretOptions, 'loki-url', 'loki-proxy-url'),
    fc.constantFrom('http', 'https', 'grpc', 'htp'),
    fc.boolean(),
  )
  .map(([text, name, scheme, isSecond]): [string, string] => {
    if (!name.endsWith('-url')) return [name, text];
    const url = `${scheme}://me:${text}@host:3100`;
    return [name, isSecond && name === 'loki-url' ? `http://first,${url}` : url];
  });

const other = fc.constantFrom<[string, string]>(
  ['loki-timeout', 'soon'],
  ['loki-url', 'http://fine'],
  ['loki-username', 'me'],
  ['loki-encoding', 'json'],
  ['loki-tls-cert-file', '/c'],
  ['loki-batch-size', '400'],
  ['loki-unknown', 'x'],
  ['mode', 'non-blocking'],
);

const endpoint = fc.constantFrom('', '', '.eu', '.EU');
const option = fc.tuple(fc.oneof(withSecret, other), endpoint);

function toPairs(options: readonly [[string, string], string][]): Pairs {
  return Object.fromEntries(options.map(([[name, value], suffix]) => [`${name}${suffix}`, value]));
}

test('a log-opt that holds a secret is never quoted', () => {
  fc.assert(
    fc.property(fc.array(option, { minLength: 1, maxLength: 6 }), (options) => {
      assert.doesNotMatch(messagesOf(toPairs(options), {}), pieces);
    }),
    { numRuns: 1000 },
  );
});

test('a setting of the plugin that holds a secret is never quoted', () => {
  const setting = fc.tuple(fc.oneof(withSecret, other), fc.constant(''));
  const proxy = fc.tuple(
    fc.constantFrom('HTTP_PROXY', 'HTTPS_PROXY', 'https_proxy'),
    secret.map((text) => `http://me:${text}@proxy:3128`),
  );
  fc.assert(
    fc.property(fc.array(setting, { maxLength: 5 }), fc.option(proxy), (options, given) => {
      const env = Object.entries(toPairs(options)).map(([name, value]) => [
        name.toUpperCase().replaceAll('-', '_'),
        value,
      ]);
      if (given !== null) env.push(given);
      assert.doesNotMatch(messagesOf({}, Object.fromEntries(env) as Pairs), pieces);
    }),
    { numRuns: 1000 },
  );
});

test('nothing of HOLDFAST_OPTS that holds a secret is quoted, however it is cut', () => {
  const separator = fc.constantFrom(';', '\n');
  fc.assert(
    fc.property(fc.array(option, { maxLength: 6 }), separator, (options, between) => {
      // An @ in a password must be escaped; one that is not may make the cut rest a host.
      const text = Object.entries(toPairs(options))
        .map(([name, value]) => `${name}=${value.replaceAll(/@(?=.*@)/gs, '%40')}`)
        .join(between);
      assert.doesNotMatch(messagesOf({}, { HOLDFAST_OPTS: text }), pieces);
      const env = { HOLDFAST_OPTS: text, LOKI_URL: 'http://loki' };
      assert.doesNotMatch(messagesOf({}, env), pieces);
    }),
    { numRuns: 1000 },
  );
});

test('every option that can hold a secret is marked as such', () => {
  // A new one must be put into one of both lists.
  const harmless = [
    ...['loki-tenant-id', 'loki-start', 'loki-batch-size', 'loki-batch-wait', 'loki-timeout'],
    ...['loki-min-backoff', 'loki-max-backoff', 'loki-retries', 'loki-give-up'],
    ...['loki-max-line-size', 'loki-long-lines', 'loki-encoding', 'loki-username'],
    ...['loki-tls-ca-file', 'loki-tls-cert-file', 'loki-tls-server-name'],
    ...['loki-tls-insecure-skip-verify', 'loki-external-labels', 'loki-filename-label'],
    ...['loki-structured-metadata', 'loki-relabel-config', 'loki-pipeline-stages'],
    ...['loki-pipeline-stage-file', 'loki-drop-blank', 'loki-level'],
  ];
  const urls = Object.values({ ...containerOptions, ...pluginOptions })
    .filter(({ type }) => type === 'url')
    .map(({ name }) => name);
  assert.deepEqual(urls, ['loki-url', 'loki-proxy-url', 'HTTP_PROXY', 'HTTPS_PROXY']);
  const marked = Object.values(containerOptions)
    .filter((spec) => 'secret' in spec)
    .map(({ name }) => name);
  const delivery = Object.values(containerOptions)
    .map(({ name }) => name)
    .filter((name) => name.startsWith('loki-'));
  assert.deepEqual(
    delivery.toSorted(),
    [...harmless, ...marked, 'loki-url', 'loki-proxy-url'].toSorted(),
  );
});
