/** HOLDFAST_OPTS: log-opts for all containers in one setting of the plugin. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHoldfastOpts } from '../../src/config/holdfast-opts.ts';
import { parseLogOpts, parsePluginSettings } from '../../src/config/parse.ts';
import { endpointOf, endpointsOf, errorOf, warningsOf } from './helpers.ts';

test('reads pairs with ; between them, or one a line', () => {
  const rows: [string, Record<string, string>][] = [
    ['', {}],
    [' ; ;', {}],
    ['a=1', { a: '1' }],
    ['a=1; b = 2 ;', { a: '1', b: '2' }],
    ['a=1\n\n  b=2\r\n# c=3\n', { a: '1', b: '2' }],
    ['a=1;b\nc=2', { a: '1;b', c: '2' }],
    ['\na=1;b', { a: '1;b' }],
    ['a==1=', { a: '=1=' }],
    ['a=', { a: '' }],
  ];
  for (const [text, opts] of rows) {
    const parsed = parseHoldfastOpts(text);
    assert.deepEqual(parsed.opts, opts);
    assert.deepEqual(parsed.problems, []);
  }
});

test('tells what it cannot read by its place, and quotes nothing of it', () => {
  const { opts, problems } = parseHoldfastOpts('loki-password=12;S3CRET;=S3CRET;a=1');
  assert.deepEqual(opts, { 'loki-password': '12', a: '1' });
  assert.deepEqual(problems, [
    'HOLDFAST_OPTS: entry 2 is not name=value',
    'HOLDFAST_OPTS: entry 3 is not name=value',
  ]);
  const env = { HOLDFAST_OPTS: 'a=1;S3CRET', LOKI_URL: 'http://loki' };
  assert.equal(errorOf({}, env), 'HOLDFAST_OPTS: entry 2 is not name=value');
});

test('refuses line breaks and ; between options at once', () => {
  const problem =
    'HOLDFAST_OPTS: entry 1 holds another option behind a ;, and there are line breaks; ' +
    'allowed is one of both between options';
  for (const option of ['loki-password', 'loki-header.X', 'loki-url.eu', 'wal-sync']) {
    const { opts, problems } = parseHoldfastOpts(
      `loki-timeout=soon; ${option} =S3CRET\nmax-file=1`,
    );
    assert.deepEqual(opts, { 'max-file': '1' });
    assert.deepEqual(problems, [problem]);
  }
});

test('serves as default of any log-opt, behind the setting of its own', () => {
  const env = { HOLDFAST_OPTS: 'loki-url=http://wide;wal-sync=off;max-size=1m;max-file=2' };
  const { settings, warnings } = parseLogOpts({}, env);
  assert.deepEqual(warnings, []);
  assert.equal(settings.endpoints[0]?.label, 'wide');
  assert.equal(settings.log.sync, 'off');
  assert.equal(settings.log.historyBytes, 2 * 2 ** 20);
  assert.equal(endpointOf({}, { ...env, LOKI_URL: 'http://own' }).label, 'own');
  assert.equal(endpointOf({ 'loki-url': 'http://opt' }, env).label, 'opt');
});

test('gives a container of its own URL the named endpoints of the plugin as well', () => {
  const env = { HOLDFAST_OPTS: 'loki-url.audit=http://audit' };
  const labels = endpointsOf({ 'loki-url': 'http://own' }, env).map(({ label }) => label);
  assert.deepEqual(labels, ['own', 'audit']);
});

test('warns of what nothing acts on, without a piece of what may be a password', () => {
  const env = {
    HOLDFAST_OPTS: 'loki-ulr=x;S3CR=ET;mode=non-blocking;tag.eu=x;WAL_DIR=/x',
  };
  assert.deepEqual(warningsOf({}, env), [
    'HOLDFAST_OPTS: entry 1 is unknown and ignored; did you mean loki-url?',
    'HOLDFAST_OPTS: entry 2 is unknown and ignored',
    'HOLDFAST_OPTS: entry 3, mode, has no effect: dockerd takes it as a log-opt only',
    'HOLDFAST_OPTS: entry 4 is ignored: tag counts for the whole container, not for one endpoint',
    'HOLDFAST_OPTS: entry 5 is unknown and ignored',
  ]);
  assert.deepEqual(warningsOf({}, { HOLDFAST_OPTS: 'wal-sync=off;wal-sync=seal' }), [
    'HOLDFAST_OPTS: entries 1 and 2 are the same option; the last one counts',
  ]);
});

test('does not stop the plugin from starting when it is wrong', () => {
  assert.deepEqual(parsePluginSettings({ HOLDFAST_OPTS: 'what' }), parsePluginSettings({}));
});

test('takes names that every object has for what they are', () => {
  const env = { HOLDFAST_OPTS: '__proto__=x;constructor=y;toString.eu=z' };
  assert.equal(warningsOf({}, env).length, 3);
  assert.deepEqual(endpointsOf({}, env), []);
});
