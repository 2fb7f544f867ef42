import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePipeline, configError, hostileLines, runPipeline, runThrough } from '../helpers.ts';
import { runOne } from '../one-entry.ts';

/** Whether a selector matches; a backslash stands for itself. */
function matches(selector: string, labels: Record<string, string> = {}, line = 'foo'): boolean {
  const yaml = `- match: { selector: '${selector.replaceAll("'", "''")}', stages: [static_labels: { hit: "1" }] }`;
  const isKept = runOne(yaml, { labels, line }).out?.labels['hit'] === '1';
  const drop = `- match: { selector: '${selector.replaceAll("'", "''")}', action: drop }`;
  const { out, counts } = runOne(drop, { labels, line });
  assert.equal(out === undefined, isKept, selector);
  assert.equal(counts?.dropped.get('match_stage'), isKept ? 1 : undefined);
  return isKept;
}

test('a selector goes by labels, and one that is not there is an empty text', () => {
  const bar = { foo: 'bar' };
  const rows: [string, Record<string, string>, boolean][] = [
    ['{foo="bar"}', bar, true],
    ['{ foo = "bar" }', bar, true],
    ['{foo=""}', bar, false],
    ['{foo=""}', {}, true],
    ['{foo!="bar"}', bar, false],
    ['{foo!="bar"}', {}, true],
    ['{foo="bar",bar!="test"}', bar, true],
    ['{foo="bar",bar!="test"}', { ...bar, bar: 'test' }, false],
    ['{foo="bar",bar=~"te.*"}', { ...bar, bar: 'test' }, true],
    ['{foo="bar",bar!~"te.*"}', { ...bar, bar: 'test' }, false],
    ['{foo=~"ba"}', bar, false],
    ['{foo=~"a|bar"}', bar, true],
    ['{foo=~"b.r"}', { foo: 'b\nr' }, true],
    ['{foo=~".+"}', {}, false],
    ['{foo=~".*"}', {}, true],
    ['{foo=`b"r`}', { foo: 'b"r' }, true],
    ['{foo="b\\"\\x72\\u0072\\162"}', { foo: 'b"rrr' }, true],
    ['{ /* a */ foo = "bar" } // the end', bar, true],
  ];
  for (const [selector, labels, expected] of rows) {
    assert.equal(matches(selector, labels), expected, selector);
  }
});

test('a selector goes by what the line holds, all of its filters', () => {
  const rows: [string, boolean][] = [
    ['{a=""} |= "foo"', true],
    ['{a=""} |= "bar"', false],
    ['{a=""} != "foo"', false],
    ['{a=""} != "bar"', true],
    ['{a=""} |~ "f.o$"', true],
    ['{a=""} |~ "^o"', false],
    ['{a=""} !~ "^o"', true],
    ['{a=""} !~ "o"', false],
    ['{a=""}|="foo"!="bar"|~`^\\w+$`!~"x"', true],
    ['{a=""} |= "foo" != "oo"', false],
    ['{a=""} |= ""', true],
  ];
  for (const [selector, expected] of rows) assert.equal(matches(selector), expected, selector);
});

test('a wrong selector is refused, with the character and the cause', () => {
  const rows: [string, string][] = [
    ['foo', 'character 1: expected is {, and there is foo'],
    ['{}', 'character 2: expected is the name of a label, and there is }'],
    ['{', 'character 2: expected is the name of a label, and it ends'],
    ['{foo}', 'character 5: expected is = or != or =~ or !~, and there is }'],
    ['{foo="bar"', 'character 11: expected is , or }, and it ends'],
    ['{foo="bar",}', 'character 12: expected is the name of a label, and there is }'],
    ['{foo="bar}', 'character 6: a text without an end'],
    ['{foo="b\\q"}', 'character 6: "b\\q" has an escape that Go does not know'],
    ['{foo="bar"} |~', 'character 15: expected is a text in quotes, and it ends'],
    ['{foo="bar"} "foo"', 'character 13: expected is |= or != or |~ or !~, and there is "foo"'],
    [
      '{foo="bar"} |= "a" or "b"',
      'character 20: expected is |= or != or |~ or !~, and there is or',
    ],
    ['{foo="bar"} | json', 'character 13: | is not understood here'],
    ['{foo="bar"} |= x', 'character 16: expected is a text in quotes, and there is x'],
  ];
  for (const [selector, message] of rows) {
    assert.equal(
      configError(`- match: { selector: '${selector}', action: drop }`),
      `stage 1 (match), line 1: selector: ${message}`,
    );
  }
  assert.match(
    configError(`- match: { selector: '{foo="bar"} !~ "["', action: drop }`),
    /^stage 1 \(match\), line 1: selector: character 16: "\[": /,
  );
  assert.match(
    configError(`- match: { selector: '{foo=~"a)(b"}', action: drop }`),
    /^stage 1 \(match\), line 1: selector: character 7: "a\)\(b": /,
  );
});

test('only entries that match go through the inner stages, and all go on behind them', () => {
  const yaml = `
- match:
    selector: '{app="web"}'
    pipeline_name: web
    stages:
      - static_labels: { inner: "1" }
      - match: { selector: '{inner="1"} |= "b"', action: drop, drop_counter_reason: b }
- static_labels: { behind: "1" }`;
  const run = (app: string) => {
    const { shipped, counts } = runThrough(compilePipeline(yaml), ['a', 'b'], { labels: { app } });
    return [shipped.map(({ line, labels }) => [line, labels]), counts?.dropped.get('b')];
  };
  assert.deepEqual(run('web'), [[['a', { app: 'web', inner: '1', behind: '1' }]], 1]);
  const behind = { app: 'db', behind: '1' };
  assert.deepEqual(run('db'), [
    [
      ['a', behind],
      ['b', behind],
    ],
    undefined,
  ]);
});

test('inner stages find the labels of now as values, as in a pipeline of their own', () => {
  const inner = '- labels: { copy: app }';
  const yaml = `
- static_labels: { app: new }
- match: { selector: '{app=~".+"}', stages: [labels: { copy: app }] }`;
  const entry = { labels: { app: 'old' } };
  assert.equal(runOne(inner, entry).out?.labels['copy'], 'old');
  assert.equal(runOne(yaml, entry).out?.labels['copy'], 'new');
});

test('wrong configurations of match are refused, those of inner stages with their place', () => {
  const place = 'stage 1 (match), line 1: ';
  const rows: [string, string][] = [
    ['', `${place}match needs a selector`],
    ['{ selector: "" }', `${place}match needs a selector`],
    [
      `{ selector: '{a="b"}', pipeline_name: "", action: drop }`,
      `${place}pipeline_name may be left out, but not be empty`,
    ],
    [
      `{ selector: '{a="b"}' }`,
      `${place}match needs at least one stage in stages, or action: drop`,
    ],
    [
      `{ selector: '{a="b"}', stages: [] }`,
      `${place}match needs at least one stage in stages, or action: drop`,
    ],
    [`{ selector: '{a="b"}', action: nope }`, `${place}action is "nope"; allowed is keep, drop`],
    [
      `{ selector: '{a="b"}', action: drop, stages: [labels: { a: }] }`,
      `${place}a match with action drop cannot have stages`,
    ],
    [
      `{ selector: '{a="b"}', stages: [labels: ] }`,
      'stage 1 (match), stage 1 (labels), line 1: labels needs at least one name',
    ],
    [
      `{ selector: '{a="b"}', stages: [label: ] }`,
      'stage 1 (match), stage 1, line 1: there is no stage "label" (did you mean labels?)',
    ],
  ];
  for (const [options, message] of rows) assert.equal(configError(`- match: ${options}`), message);
});

test('hostile lines pass filters', () => {
  const yaml = `- match: { selector: '{a=""} |~ "(x+x+)+y" |= "=" !~ "\\\\[{3}"', stages: [labels: { b: }] }`;
  assert.equal(runPipeline(yaml, hostileLines).length, hostileLines.length);
});
