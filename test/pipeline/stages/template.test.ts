import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compilePipeline,
  configError,
  extractedFrom,
  hostileLines,
  runPipeline,
  runThrough,
  warningsOf,
} from '../helpers.ts';

/** Values from JSON, and then one template. */
function after(json: Record<string, unknown>, source: string, template: string): unknown {
  const names = [...Object.keys(json), 'unknown'];
  const yaml = `- json: { expressions: ${JSON.stringify(Object.fromEntries(names.map((name) => [name, `"${name}"`])))} }\n- template: { source: ${source}, template: ${JSON.stringify(template)} }\n`;
  return extractedFrom(yaml, JSON.stringify(json))[source];
}

test('makes values of values', () => {
  const rows: [json: Record<string, unknown>, source: string, template: string, value: unknown][] =
    [
      [{ some: 'value' }, 'some', '{{ .Value }} appended', 'value appended'],
      [{ other: 'value' }, 'missing', 'newval', 'newval'],
      [
        { message: 'm', module: 'test' },
        'message',
        '{{.Value}} in module {{.module}}',
        'm in module test',
      ],
      [
        { level: 'warn', app: 'loki' },
        'missing',
        '{{ .level }} for app {{ .app | ToUpper }}',
        'warn for app LOKI',
      ],
      [{ message: 'm' }, 'message', '{{.Value}} in module {{.module}}', 'm in module <no value>'],
      [{ level: 'Warning', nil: null }, 'level', '{{ Replace .Value "Warning" "warn" 1 }}', 'warn'],
      [
        { level: 'WARN' },
        'level',
        '{{ if eq .Value "WARN" }}OK{{ else }}{{ .Value }}{{ end }}',
        'OK',
      ],
      [{ v: 'Value' }, 'v', '{{ ToLower .Value }}', 'value'],
      [{ v: 'x' }, 'v', '{{ add 7 3 }}', '10'],
      [{ v: 'A b C' }, 'v', '{{ Replace .Value " " "_" -1 | ToLower }}', 'a_b_c'],
      [
        { v: 'Some Silly Value' },
        'v',
        '{{ regexReplaceAll "(Silly)" .Value "${1}foo" }}',
        'Some Sillyfoo Value',
      ],
      [{ v: 'a Of b' }, 'v', '{{ regexReplaceAllLiteral "( |Of)" .Value "$1" }}', 'a$1$1$1b'],
      [{ v: '!!WOOO!!' }, 'v', '{{ Trim .Value "!" }}', 'WOOO'],
      [
        { v: 'this is PII data' },
        'v',
        '{{ Sha2Hash .Value "salt" }}',
        '5526fd6f8ad457279cf8ff06453c6cb61bf479fa826e3b099caa6c846f9376f2',
      ],
      [
        { v: 'this is PII data' },
        'v',
        '{{ Hash .Value "salt" }}',
        '0807ea24e992127128b38e4930f7155013786a4999c73a25910318a793847658',
      ],
      // All values are texts.
      [{ n: 1e21 }, 'n', '{{ .Value }}{{ printf "%T" .n }}', '1000000000000000000000string'],
      [{ n: true }, 'n', '{{ if eq .n "true" }}yes{{ end }}', 'yes'],
      [{ v: 'x' }, 'v', '{{ .Entry }}', '{"v":"x"}'],
      [{ v: '1136239445' }, 'v', '{{ .v | int64 | date "2006-01-02" }}', '2006-01-02'],
      [
        { v: '2006-01-02 15:04' },
        'v',
        '{{ toDate "2006-01-02 15:04" .v | unixEpoch }}',
        '1136214240',
      ],
      [
        { v: '2006-07-02' },
        'v',
        '{{ dateInZone "15:04 MST" (toDate "2006-01-02" .v) "Europe/Berlin" }}',
        '02:00 CEST',
      ],
      // An empty text takes the value away.
      [{ v: 'x' }, 'v', '', undefined],
      [{ v: 'x' }, 'v', '{{ if false }}y{{ end }}', undefined],
      // What fails changes nothing.
      [{ v: 'x' }, 'v', '{{ .missing | ToLower }}', 'x'],
      [{ v: 'x' }, 'v', '{{ regexReplaceAll "\\\\K" .Value "y" }}', 'x'],
      [{ v: 'x' }, 'v', '{{ dateInZone "15:04" 0 "No/Where" }}', '00:00'],
      [{ v: 'x' }, 'unknown', '{{ .Value }}', '<no value>'],
    ];
  for (const [json, source, template, value] of rows) {
    assert.equal(after(json, source, template), value, template);
  }
});

test('is what labels are made of', () => {
  const yaml = `
- json: { expressions: { app: , level: } }
- template: { source: app, template: '{{ .Value | ToUpper }} doki' }
- template: { source: nonexistent, template: TEST }
- labels: { app: , level: , type: nonexistent }
`;
  const [entry] = runPipeline(yaml, ['{"app":"loki","level":"WARN"}']);
  assert.deepEqual(entry?.labels, { app: 'LOKI doki', level: 'WARN', type: 'TEST' });
});

test('sees labels that the line began with', () => {
  const [entry] = runPipeline('- template: { source: a, template: "{{ .host }}" }', ['x'], {
    labels: { host: 'h' },
  });
  assert.equal(entry?.extracted['a'], 'h');
});

test('survives hostile lines', () => {
  const yaml = `- template: { source: a, template: '{{ .Entry | ToUpper | trunc 5 }}{{ len .Entry }}' }`;
  const { shipped, counts } = runThrough(compilePipeline(yaml), hostileLines);
  assert.equal(shipped.length, hostileLines.length);
  assert.equal(counts, undefined);
});

test('says what is wrong with its configuration', () => {
  const place = 'stage 1 (template), line 1: ';
  assert.equal(configError('- template:'), `${place}source is missing; it names the value to take`);
  assert.match(
    configError(`- template: { source: a, template: '{{ .x ' }`),
    /^stage 1 \(template\), line 1: template: template: 1:\d+: /,
  );
  assert.match(configError(`- template: { source: a, template: '{{ nope }}' }`), /"nope"/);
  assert.match(
    configError(`- template: { source: a, template: '{{ now }}' }`),
    /"now" is left out/,
  );
  assert.equal(
    configError(`- template: { source: a, template: '${'x'.repeat(70_000)}' }`),
    `${place}template has 70000 characters; allowed are 65536`,
  );
  assert.deepEqual(warningsOf('- template: { source: a, tmpl: x }'), [
    `${place}template has no option tmpl (it knows source, template); it is ignored`,
  ]);
});
