import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExternalLabels } from '../../src/config/external-labels.ts';

const many = (count: number) => Array.from({ length: count }, (_, n) => `l${n}=v`).join(',');

test('reads pairs, keeps templates as text and lets values be empty', () => {
  assert.deepEqual(parseExternalLabels('job=docker, name={{.Name}},empty='), {
    labels: [
      { name: 'job', value: 'docker' },
      { name: 'name', value: '{{.Name}}' },
      { name: 'empty', value: '' },
    ],
    problems: [],
    warnings: [],
  });
});

test('says what is wrong with a list', () => {
  const rows: [string, RegExp][] = [
    ['job', /"job" is not name=value/],
    ['a=b,', /"" is not name=value/],
    ['a=b=c', /"a=b=c" has an = inside the value/],
    ['=c', /"=c" has no name/],
    [`${'n'.repeat(1025)}=c`, /a name has 1025 characters; Loki takes 1024/],
    [`a=${'ä'.repeat(1025)}`, /the value of a has 2050 bytes; Loki takes 2048/],
    ['a={{.Name', /unclosed action|is not understood/],
    [many(14), /16 labels .* Loki takes 15/],
  ];
  for (const [text, expected] of rows) {
    assert.match(parseExternalLabels(text).problems.join(), expected);
  }
});

test('takes 13 labels beside host and source', () => {
  assert.deepEqual(parseExternalLabels(many(13)).problems, []);
  assert.deepEqual(parseExternalLabels(`${many(13)},host=x`).problems, []);
});

test('warns of a label that is given twice or that the driver sets', () => {
  const { labels, warnings } = parseExternalLabels('a=1,a=2,host=x');
  assert.deepEqual(labels[0], { name: 'a', value: '2' });
  assert.match(warnings.join(), /"a" is given twice.*"host" is set by the driver/);
});

test('makes a name into one that Loki takes, and says so', () => {
  const { labels, problems, warnings } = parseExternalLabels('app.kubernetes.io/name=x,9a=y');
  assert.deepEqual(problems, []);
  assert.deepEqual(
    labels.map(({ name }) => name),
    ['app_kubernetes_io_name', '_9a'],
  );
  assert.match(warnings[0] ?? '', /"app.kubernetes.io\/name" becomes app_kubernetes_io_name/);
  assert.match(parseExternalLabels('a.b=1,a-b=2').warnings.join(), /"a_b" is given twice/);
});
