/** Options for labels and stages: each endpoint has its own, and what is wrong names its line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineOptions } from '../../src/config/line-options.ts';
import type { LineSettings } from '../../src/config/line-settings.ts';
import { parseLogOpts } from '../../src/config/parse.ts';
import { errorOf, type Pairs, warningsOf } from './helpers.ts';

const url = 'http://loki:3100';

/** What each endpoint gets, in their order. */
function linesOf(logOpts: Pairs, env: Pairs = {}): LineSettings[] {
  const { endpoints, lines } = parseLogOpts({ 'loki-url': url, ...logOpts }, env).settings;
  return endpoints.map(({ key }) => lines.get(key) ?? assert.fail('no settings'));
}

const all: Pairs = {
  'loki-external-labels': 'job=docker',
  'loki-filename-label': 'true',
  'loki-structured-metadata': 'false',
  'loki-relabel-config': '  - action: labeldrop\n    regex: x\n',
  'loki-pipeline-stages': '  - labels:\n      level:\n  - labels:\n      app:\n',
  'multiline-pattern': '^\\S ',
  'loki-drop-blank': 'true',
  'loki-level': 'metadata',
};

const expected: LineSettings = {
  externalLabels: [{ name: 'job', value: 'docker' }],
  hasFileName: true,
  hasMetadata: false,
  // Space before a list in YAML belongs to it.
  relabelConfig: all['loki-relabel-config'] ?? '',
  stages: { kind: 'text', text: all['loki-pipeline-stages'] ?? '' },
  multilinePattern: '^\\S ',
  dropBlank: true,
  level: 'metadata',
};

test('reads every option, as log-opt, as plugin setting, or for one endpoint', () => {
  assert.deepEqual(linesOf(all), [expected]);
  assert.deepEqual(warningsOf({ 'loki-url': url, ...all }), []);
  const envOf = new Map<string, string>(Object.values(lineOptions).map((o) => [o.name, o.env]));
  const env = Object.entries(all).map(([name, value]) => [envOf.get(name) ?? '', value]);
  assert.deepEqual(linesOf({}, Object.fromEntries(env) as Pairs), [expected]);
  const own = Object.entries(all).map(([name, value]) => [`${name}.eu`, value]);
  const ownPairs = Object.fromEntries(own) as Pairs;
  const [first, second] = linesOf({ 'loki-url.us': 'http://us', ...ownPairs });
  assert.deepEqual(first, expected);
  assert.deepEqual(second, linesOf({})[0]);
});

test('the plain option is the default of all endpoints, and the one of an endpoint wins', () => {
  const stages = '[{labels: {a: }}]';
  const lines = linesOf(
    { 'loki-url.eu': 'http://eu', 'loki-pipeline-stages.eu': '[]', 'loki-level': 'auto' },
    { LOKI_PIPELINE_STAGES: stages },
  );
  assert.deepEqual(
    lines.map((each) => each.stages),
    [
      { kind: 'text', text: stages },
      { kind: 'text', text: '[]' },
    ],
  );
  // auto is the label.
  assert.deepEqual(
    lines.map(({ level }) => level),
    ['label', 'label'],
  );
});

test('stages come from the text or the file, whichever is nearer', () => {
  const file = { 'loki-pipeline-stage-file': '/files/a.yaml' };
  const kept = { kind: 'file', path: '/files/a.yaml', source: 'loki-pipeline-stage-file' };
  assert.deepEqual(linesOf(file, { LOKI_PIPELINE_STAGES: '[]' })[0]?.stages, kept);
  const text = { 'loki-pipeline-stages': '[]' };
  const env = { LOKI_PIPELINE_STAGE_FILE: '/files/b.yaml' };
  assert.deepEqual(linesOf(text, env)[0]?.stages, { kind: 'text', text: '[]' });
  assert.deepEqual(linesOf({}, env)[0]?.stages, {
    ...{ kind: 'file', path: '/files/b.yaml' },
    source: 'LOKI_PIPELINE_STAGE_FILE (plugin setting of loki-pipeline-stage-file)',
  });
  assert.equal(
    errorOf({ ...file, ...text }),
    'loki-pipeline-stage-file and loki-pipeline-stages are both given; allowed is one of them',
  );
});

test('what is wrong is told when the container starts, with option, value, line and what is allowed', () => {
  const rows: [string, string, RegExp][] = [
    ['loki-external-labels', 'a', /"a" is wrong: "a" is not name=value .*; allowed is name=value/],
    ['loki-filename-label', 'ja', /"ja" is not understood; allowed is true or false$/],
    ['loki-structured-metadata', 'x', /"x" is not understood; allowed is true or false$/],
    [
      'loki-relabel-config',
      '- action: kep',
      /"- action: kep" is wrong: rule 1, line 1: action is "kep" \(did you mean keep\?\).*; allowed is a YAML list of Prometheus' relabel rules$/,
    ],
    [
      'loki-pipeline-stages',
      '- labels:\n    a:\n- label:\n    a:\n',
      /^loki-pipeline-stages: "- labels:.* is wrong: stage 2, line 3: there is no stage "label" .*; allowed is a YAML list of stages$/,
    ],
    [
      'loki-pipeline-stages',
      'a: [',
      /"a: \[" is wrong: line \d: this is not YAML: .*; allowed is a YAML list of stages$/,
    ],
    ['loki-pipeline-stage-file', 'a.yaml', /"a.yaml" is not an absolute path; allowed is/],
    ['multiline-pattern', 'a(', /"a\(" is wrong: .*; allowed is a regular expression of Go$/],
    ['loki-drop-blank', '2', /"2" is not understood; allowed is true or false$/],
    [
      'loki-level',
      'metadat',
      /\(did you mean metadata\?\); allowed is off, auto, label or metadata$/,
    ],
    ['tag', '{{.Name', /"\{\{\.Name" is wrong: .*; allowed is a template such as/],
    ['labels-regex', '[', /"\[" is wrong: .*; allowed is a regular expression of Go$/],
    ['env-regex', '(?!a)', /is wrong: .*; allowed is a regular expression of Go$/],
    ['no-file', 'x', /"x" is not understood; allowed is true or false$/],
    ['keep-file', 'x', /"x" is not understood; allowed is true or false$/],
  ];
  for (const [name, value, text] of rows) {
    for (const more of [{}, { 'loki-url': url }] as Pairs[]) {
      const message = errorOf({ [name]: value, ...more });
      assert.ok(message.startsWith(`${name}: `), message);
      assert.match(message, text);
    }
    const isForOne = Object.values(lineOptions).some((option) => option.name === name);
    if (!isForOne) continue;
    const message = errorOf({ 'loki-url': url, [`${name}.eu`]: value });
    assert.ok(message.startsWith(`${name}.eu: `), message);
  }
});

test('a long value is cut in the message', () => {
  const message = errorOf({ 'loki-pipeline-stages': `- x: ${'y'.repeat(5000)}` });
  assert.ok(message.length < 800, message);
});

test('warnings of stages name the option and the line', () => {
  const [warning = ''] = warningsOf({
    'loki-url': url,
    'loki-relabel-config': '[]',
    'loki-external-labels': 'a.b=c',
  });
  assert.equal(warning, 'loki-external-labels: label "a.b" becomes a_b, which Loki takes');
});

test("Docker's options for labels are taken to the letter", () => {
  const { attributes } = parseLogOpts(
    { labels: 'a, b', 'labels-regex': ' ^x', env: 'A,B ', 'env-regex': 'C|D', tag: '{{.Name}}' },
    {},
  ).settings;
  assert.deepEqual(attributes, {
    tag: '{{.Name}}',
    labels: { names: 'a, b', pattern: ' ^x' },
    env: { names: 'A,B ', pattern: 'C|D' },
  });
  const env = { TAG: 't', LABELS: 'l', LABELS_REGEX: 'lr', ENV: 'e', ENV_REGEX: 'er' };
  assert.deepEqual(parseLogOpts({ env: 'own' }, env).settings.attributes, {
    tag: 't',
    labels: { names: 'l', pattern: 'lr' },
    env: { names: 'own', pattern: 'er' },
  });
});

test('no-file and keep-file say what stays as history', () => {
  const historyOf = (logOpts: Pairs, env: Pairs = {}) => {
    const { historyBytes, historyAgeMs } = parseLogOpts({ 'loki-url': url, ...logOpts }, env)
      .settings.log;
    return [historyBytes, historyAgeMs];
  };
  const [mib, dayMs] = [2 ** 20, 86_400_000];
  assert.deepEqual(historyOf({ 'no-file': 'true' }), [0, 0]);
  assert.deepEqual(historyOf({}, { NO_FILE: '1' }), [0, 0]);
  assert.deepEqual(historyOf({ 'no-file': 'false' }, { NO_FILE: '1' }), [100 * mib, dayMs]);
  assert.deepEqual(historyOf({ 'keep-file': 'true' }), [100 * mib, 3650 * dayMs]);
  const both = { 'keep-file': 'true', 'history-max-age': '2d' };
  assert.deepEqual(historyOf(both), [100 * mib, 2 * dayMs]);
  assert.deepEqual(historyOf({ 'keep-file': 'true' }, { HISTORY_MAX_AGE: '2d' })[1], 2 * dayMs);
  const none = { 'loki-url': url, 'no-file': 'true' };
  assert.deepEqual(warningsOf({ ...none, ...both, 'max-size': '1m' }), [
    'keep-file has no effect with no-file=true',
    'history-max-age has no effect with no-file=true',
    'max-size has no effect with no-file=true',
  ]);
  assert.deepEqual(warningsOf(none, { KEEP_FILE: 'true', MAX_SIZE: '1m' }), []);
  assert.match(warningsOf({ 'no-file': 'true' }).join(), /no endpoint is set and nothing is kept/);
});
