import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileRegex } from '../../src/regex/go-regex.ts';
import { createPromtailFunctions } from '../../src/template/promtail-functions.ts';
import type { RegexCompiler } from '../../src/template/sprig/regex.ts';
import { parseTemplate } from '../../src/template/template.ts';
import type { TemplateValue } from '../../src/template/value.ts';
import { assertAgrees, facts } from '../helpers/go-facts.ts';

const noRegex: RegexCompiler = () => assert.fail('no expression is compiled here');

/** A clock's face for tests: shows what it was asked for. */
const time = {
  format: (layout: string, unixNs: bigint, zone: string): string => {
    if (zone === 'No/Where') throw new Error('unknown zone');
    if (layout === '2006') return '1970';
    return `${layout}@${unixNs}@${zone}`;
  },
  parse: (_layout: string, text: string): bigint | undefined =>
    text === 'bad' ? undefined : 5_500_000_000n,
};

function execute(source: string, data?: TemplateValue, regex = noRegex): string {
  return parseTemplate(source, createPromtailFunctions({ regex, time })).execute(data);
}

test('a function that is left out says why, by its name', () => {
  const cases: [string, RegExp][] = [
    ['{{now}}', /function "now" is left out: it reads the clock/],
    ['{{ago .x}}', /"ago" is left out/],
    ['{{env "HOME"}}', /"env" is left out: it reads the environment/],
    ['{{uuidv4}}', /"uuidv4" is left out: it gives another text/],
    ['{{getHostByName "x"}}', /asks the network/],
    ['{{if false}}{{genCA "x" 1}}{{end}}', /"genCA" is left out: it makes or uses keys/],
    ['{{semver "1.2.3"}}', /"semver" is left out/],
  ];
  for (const [source, expected] of cases) assert.throws(() => execute(source), expected);
});

test('dates go through the layouts and zones that came in', () => {
  assert.equal(execute('{{date "L" 3}}'), 'L@3000000000@Local');
  assert.equal(execute('{{dateInZone "L" 3 "Europe/Berlin"}}'), 'L@3000000000@Europe/Berlin');
  assert.equal(execute('{{dateInZone "L" 3 "No/Where"}}'), 'L@3000000000@UTC');
  assert.equal(execute('{{toDate "x" "y" | date "L"}}'), 'L@5500000000@Local');
  assert.equal(execute('{{unixEpoch (toDate "x" "y")}}'), '5');
  assert.equal(execute('{{(dateModify "-1.5h" (toDate "x" "y")).Unix}}'), '-5395');
  assert.equal(
    execute('{{(toDate "x" "y").Format "L"}} {{(toDate "x" "y").Year}}'),
    'L@5500000000@Local 1970',
  );
  assert.match(execute('{{toDate "x" "bad"}}'), /@-62135596800000000000@UTC$/);
});

test('nothing takes the time of now in place of a date that is none', () => {
  assert.throws(
    () => execute('{{date "L" "2020"}}'),
    /a date of type string, for which Go takes now/,
  );
  assert.throws(() => execute('{{htmlDate .x}}', new Map()), /a date of type <nil>/);
});

test('durations read and print as Go has them', () => {
  assert.equal(
    execute('{{duration "95"}} {{duration 95}} {{duration "-90"}}'),
    '1m35s 1m35s -1m30s',
  );
  assert.equal(execute('{{durationRound "2h10m5s"}} {{durationRound "2.5s"}}'), '2h 2s');
});

test('an expression is compiled once for all lines', () => {
  let compiled = 0;
  const regex: RegexCompiler = (pattern) => {
    compiled += 1;
    return {
      test: () => true,
      replaceAll: (text, by) => `${pattern} ${text} ${by}`,
      replaceAllLiteral: (text, by) => `${pattern} ${text} ${by}!`,
      replaceEach: (text) => text,
    };
  };
  const functions = createPromtailFunctions({ regex, time });
  const template = parseTemplate('{{regexReplaceAll "a+" .v "b"}}', functions);
  for (let line = 0; line < 3; line += 1) {
    assert.equal(template.execute(new Map([['v', 'x']])), 'a+ x b');
  }
  assert.equal(compiled, 1);
});

test('set changes the very map that it is given', () => {
  const data = new Map<string, TemplateValue>([['a', '1']]);
  assert.equal(execute('{{$_ := set . "b" 2}}{{.b}}', data), '2');
  assert.equal(data.get('b'), 2n);
});

test('the other digests of a text are those of the standards', () => {
  assert.equal(execute('{{sha512sum "abc" | trunc 16}}'), 'ddaf35a193617aba');
  assert.equal(execute('{{Hash "" "abc" | trunc 16}}'), '3a985da74fe225b2');
});

test("promtail's functions give what Go and sprig give", () => {
  assert.ok(facts.promtail.length > 250);
  const promtailFunctions = createPromtailFunctions({ regex: compileRegex, time });
  for (const [source, expected] of facts.promtail) {
    assertAgrees(source, expected, promtailFunctions);
  }
});
