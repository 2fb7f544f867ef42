/** Relabelling does what Prometheus documents of each action, and names the line of what is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseRelabelling } from '../../src/pipeline/relabel.ts';

type Pairs = Record<string, string>;

/** The labels behind the rules; undefined for a container that is dropped. */
function relabel(labels: Pairs, yaml: string): Pairs | undefined {
  const result = parseRelabelling(yaml).apply(new Map(Object.entries(labels)));
  return result && Object.fromEntries([...result].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function errorOf(yaml: string): string {
  try {
    parseRelabelling(yaml);
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
  return assert.fail('nothing was refused');
}

const abc = { a: 'foo', b: 'bar', c: 'baz' };

/** Labels, rules, what comes out. */
type Row = readonly [labels: Pairs, yaml: string, expected: Pairs | undefined];

const tables: Readonly<Record<string, readonly Row[]>> = {
  replace: [
    [
      abc,
      '[{source_labels: [a], regex: "f(.*)", target_label: d, replacement: "ch${1}-ch${1}"}]',
      { ...abc, d: 'choo-choo' },
    ],
    // The second rule sees what the first one made; sources are joined by the separator.
    [
      abc,
      `
- {source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b\${1}\${2}m'}
- {source_labels: [c, a], regex: '(b).*b(.*)ba(.*)', target_label: d, replacement: '$1$2$2$3'}`,
      { a: 'boobam', b: 'bar', c: 'baz', d: 'boooom' },
    ],
    // A pattern matches as a whole or not at all.
    [abc, '[{source_labels: [a], regex: o, target_label: d, replacement: x}]', abc],
    [
      abc,
      '[{source_labels: [a, b], separator: "", regex: foobar, target_label: d, replacement: x}]',
      { ...abc, d: 'x' },
    ],
    [
      abc,
      '[{source_labels: [a, b], separator: " / ", target_label: d}]',
      { ...abc, d: 'foo / bar' },
    ],
    [
      { a: 'x\ny' },
      '[{source_labels: [a], regex: "x.y", target_label: d, replacement: z}]',
      { a: 'x\ny', d: 'z' },
    ],
    // A fixed value, and a value that is empty and so takes the label away.
    [abc, '[{target_label: env, replacement: prod}]', { ...abc, env: 'prod' }],
    [abc, '[{source_labels: [a], target_label: b, replacement: ""}]', { a: 'foo', c: 'baz' }],
    [abc, '[{source_labels: [nothing], target_label: b}]', { a: 'foo', c: 'baz' }],
    // The name comes out of the value; a name that cannot be changes nothing.
    [
      { a: 'some-name-value' },
      '[{source_labels: [a], regex: "some-([^-]+)-([^,]+)", target_label: "${1}", replacement: "${2}"}]',
      { a: 'some-name-value', name: 'value' },
    ],
    [
      { a: 'some-0name-value' },
      '[{source_labels: [a], regex: "some-([^-]+)-([^,]+)", target_label: "${1}", replacement: "${2}"}]',
      { a: 'some-0name-value' },
    ],
    [
      { a: 'x' },
      '[{source_labels: [a], regex: "(?P<who>.*)", target_label: d, replacement: "${who}-$$-${none}"}]',
      { a: 'x', d: 'x-$-' },
    ],
  ],
  keep: [
    [abc, '[{source_labels: [a], regex: "f.*", action: keep}]', abc],
    [abc, '[{source_labels: [a], regex: "o+", action: keep}]', undefined],
    [abc, '[{source_labels: [nothing], regex: "", action: keep}]', abc],
  ],
  drop: [
    [abc, '[{source_labels: [a], regex: "f.*", action: drop}]', undefined],
    [abc, '[{source_labels: [a], regex: "f", action: drop}]', abc],
    [abc, '[{source_labels: [a], regex: "foo|x", action: DROP}]', undefined],
  ],
  keepequal: [
    [
      { a: '1', b: '1' },
      '[{source_labels: [a], target_label: b, action: keepequal}]',
      { a: '1', b: '1' },
    ],
    [{ a: '1', b: '2' }, '[{source_labels: [a], target_label: b, action: keepequal}]', undefined],
    [{ a: '1' }, '[{source_labels: [b], target_label: c, action: keepequal}]', { a: '1' }],
  ],
  dropequal: [
    [{ a: '1', b: '1' }, '[{source_labels: [a], target_label: b, action: dropequal}]', undefined],
    [
      { a: '1', b: '2' },
      '[{source_labels: [a], target_label: b, action: dropequal}]',
      { a: '1', b: '2' },
    ],
  ],
  // The last eight bytes of MD5, big-endian: these two are from Prometheus' own tests.
  hashmod: [
    [
      abc,
      '[{source_labels: [c], modulus: 1000, target_label: d, action: hashmod}]',
      { ...abc, d: '976' },
    ],
    [
      { a: 'foo\nbar' },
      '[{source_labels: [a], modulus: 1000, target_label: b, action: hashmod}]',
      { a: 'foo\nbar', b: '734' },
    ],
    [
      abc,
      '[{source_labels: [c], modulus: 1, target_label: d, action: hashmod}]',
      { ...abc, d: '0' },
    ],
  ],
  labelmap: [
    [
      { a: 'foo', b1: 'bar', b2: 'baz' },
      '[{regex: "(b.*)", replacement: "bar_${1}", action: labelmap}]',
      { a: 'foo', b1: 'bar', b2: 'baz', bar_b1: 'bar', bar_b2: 'baz' },
    ],
    [
      { a: 'foo', __meta_my_bar: 'aaa', __meta_my_baz: 'bbb', __meta_other: 'ccc' },
      '[{regex: "__meta_(my.*)", action: labelmap}]',
      { a: 'foo', my_bar: 'aaa', my_baz: 'bbb' },
    ],
    [{ x9z: '1' }, '[{regex: "x(.*)", action: labelmap}]', { x9z: '1', _9z: '1' }],
  ],
  labeldrop: [
    [{ a: 'foo', b1: 'bar', b2: 'baz' }, '[{regex: "(b.*)", action: labeldrop}]', { a: 'foo' }],
    [
      { ab: '1' },
      '[{regex: b, action: labeldrop, separator: ;, replacement: $1, modulus: 0}]',
      { ab: '1' },
    ],
  ],
  labelkeep: [
    [
      { a: 'foo', b1: 'bar', b2: 'baz' },
      '[{regex: "(b.*)", action: labelkeep}]',
      { b1: 'bar', b2: 'baz' },
    ],
  ],
  lowercase: [
    [
      { a: 'bAr123Foo' },
      '[{source_labels: [a], target_label: b, action: lowercase}]',
      { a: 'bAr123Foo', b: 'bar123foo' },
    ],
  ],
  uppercase: [
    [
      { a: 'bAr', c: 'x' },
      '[{source_labels: [a, c], target_label: b, action: uppercase}]',
      { a: 'bAr', b: 'BAR;X', c: 'x' },
    ],
  ],
};

for (const [action, rows] of Object.entries(tables)) {
  test(`${action} does what Prometheus does`, () => {
    for (const [labels, yaml, expected] of rows) {
      assert.deepEqual(relabel(labels, yaml), expected, yaml);
    }
  });
}

test('labels that begin with __ are there for rules, and gone behind them', () => {
  const yaml = `
- {source_labels: [a], target_label: __tmp}
- {source_labels: [__tmp], target_label: b}`;
  assert.deepEqual(relabel({ a: '1' }, yaml), { a: '1', b: '1' });
});

test('no rule at all changes nothing, and a rule behind a drop is not run', () => {
  assert.deepEqual(relabel(abc, ''), abc);
  assert.deepEqual(relabel(abc, '[]'), abc);
  const yaml = '[{source_labels: [a], action: drop}, {target_label: x, replacement: y}]';
  assert.equal(relabel(abc, yaml), undefined);
});

test('what is wrong is told with its rule, its line and what is allowed', () => {
  const rows: [string, RegExp][] = [
    ['a: [', /^line \d+: this is not YAML: /],
    ['action: keep', /^line 1: the list of rules has to be a list, and is a map$/],
    ['- text', /^rule 1, line 1: a rule has to be a map \(name: value\), and is "text"$/],
    [
      '- action: keep\n  regex: x\n- action: kep\n',
      /^rule 2, line 3: action is "kep" \(did you mean keep\?\); allowed is replace, keep, drop,/,
    ],
    ['- target: x', /^rule 1, line 1: a rule has no field target \(/],
    ['- source_label: [x]', /no field source_label \(did you mean source_labels\?\)$/],
    ['- source_labels: x', /^rule 1, line 1: source_labels has to be a list, and is "x"$/],
    ['- source_labels: [a.b]', /source_labels: "a\.b" is no name of a label$/],
    ['- action: replace\n  regex: x', /^rule 1, line 1: action replace needs a target_label$/],
    ['- action: hashmod\n  modulus: 2', /action hashmod needs a target_label$/],
    ['- {action: hashmod, target_label: x}', /action hashmod needs a modulus above 0$/],
    ['- {action: hashmod, target_label: x, modulus: 0}', /needs a modulus above 0$/],
    [
      '- {action: hashmod, target_label: x, modulus: -1}',
      /modulus is "-1"; allowed is a whole number from 1 to 2\^64-1$/,
    ],
    ['- {action: hashmod, target_label: x, modulus: 18446744073709551616}', /modulus is "18446/],
    ['- {target_label: a-b}', /target_label "a-b" is no name of a label$/],
    ['- {target_label: "${1}-x"}', /target_label "\$\{1\}-x" is no name of a label$/],
    ['- {action: lowercase, target_label: "$1"}', /target_label "\$1" is no name of a label$/],
    [
      '- {action: lowercase, target_label: a, replacement: b}',
      /^rule 1, line 1: replacement cannot be set for action lowercase, which takes source_labels,/,
    ],
    [
      '- {action: keepequal, target_label: a, regex: b}',
      /regex cannot be set for action keepequal, which takes source_labels, target_label$/,
    ],
    [
      '- action: labeldrop\n  regex: b\n  source_labels: [a]',
      /^rule 1, line 3: source_labels cannot be set for action labeldrop, which takes regex$/,
    ],
    ['- {action: labelmap, replacement: "a-b"}', /replacement "a-b" makes no name of a label$/],
    ['- action: keep\n  regex: "a("', /^rule 1, line 2: regex "a\(": /],
    ['- {action: keep, regex: "a)(b"}', /regex "a\)\(b": /],
    [`- {action: keep, regex: ${'x'.repeat(20_000)}}`, /allowed are 16384/],
    ['- {action: keep}\n'.repeat(201), /^201 rules are given; allowed are 200$/],
  ];
  for (const [yaml, expected] of rows) assert.match(errorOf(yaml), expected);
});

test('every default may be written out for any action', () => {
  const written = 'separator: ;, target_label: "", regex: (.*), modulus: 0, replacement: $1';
  for (const action of ['keep', 'labeldrop', 'labelkeep', 'labelmap', 'drop']) {
    parseRelabelling(`[{action: ${action}, ${written}}]`);
  }
  const target = written.replace('target_label: ""', 'target_label: x');
  for (const action of ['replace', 'lowercase', 'uppercase', 'keepequal', 'dropequal']) {
    parseRelabelling(`[{action: ${action}, ${target}}]`);
  }
});

test('whatever it is given, it never lets out a name that Loki refuses', () => {
  const rules = parseRelabelling(`
- {regex: "(.*)", replacement: "x$1", action: labelmap}
- {regex: ".(.*)", replacement: "$1", action: labelmap}
- {source_labels: [a], target_label: "$1"}`);
  const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/);
  fc.assert(
    fc.property(fc.dictionary(name, fc.string()), (labels) => {
      const result = rules.apply(new Map(Object.entries(labels)));
      for (const [each, value] of result ?? []) {
        assert.match(each, /^[a-zA-Z_][a-zA-Z0-9_]*$/);
        assert.ok(!each.startsWith('__') && value !== '');
      }
    }),
  );
});

test('takes no longer than the text is long, whatever the pattern', () => {
  const yaml = '[{source_labels: [a], regex: "(x+x+)+y", target_label: b}]';
  const startedAtMs = performance.now();
  assert.deepEqual(relabel({ a: 'x'.repeat(2000) }, yaml), { a: 'x'.repeat(2000) });
  errorOf(`[{target_label: "${'a'.repeat(5000)}$-"}]`);
  assert.ok(performance.now() - startedAtMs < 2000);
});
