import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePipeline, configError, hostileLines, runThrough } from '../helpers.ts';
import { type OneEntry, runOne } from '../one-entry.ts';

function assertDrops(rows: readonly (readonly [string, OneEntry, boolean])[]): void {
  for (const [options, entry, isDropped] of rows) {
    const { out, counts } = runOne(`- drop: ${options}`, entry);
    assert.equal(out === undefined, isDropped, `${options} ${JSON.stringify(entry.extracted)}`);
    assert.equal(counts?.dropped.get('drop_stage') ?? 0, isDropped ? 1 : 0);
  }
}

test('drop goes by the length of the line in bytes', () => {
  assertDrops([
    ['{ longer_than: 10b }', { line: '12345678901' }, true],
    ['{ longer_than: 10b }', { line: '1234567890' }, false],
    ['{ longer_than: 3 }', { line: 'üü' }, true],
    ['{ longer_than: 1kb }', { line: 'x'.repeat(1025) }, true],
    ['{ longer_than: 1kb }', { line: 'x'.repeat(1024) }, false],
  ]);
});

test('drop goes by how long before it was printed the time of the entry is', () => {
  const older = (ms: number) => ({
    prepare: (entry: { seconds: number; nanos: number }) => {
      entry.seconds -= Math.ceil(ms / 1000);
      entry.nanos = (1000 - (ms % 1000)) * 1_000_000 - (ms % 1000 === 0 ? 1e9 : 0);
    },
  });
  assertDrops([
    ['{ older_than: 1h }', older(3_600_001), true],
    ['{ older_than: 1h }', older(3_600_000), false],
    ['{ older_than: 1h }', older(300_000), false],
    ['{ older_than: 1d }', older(86_400_001), true],
  ]);
});

test('drop goes by whether values are there, null and empty ones included', () => {
  assertDrops([
    ['{ source: key }', { extracted: { key: '' } }, true],
    ['{ source: key }', { extracted: { key: null } }, true],
    ['{ source: key }', { labels: { key: 'x' } }, true],
    ['{ source: key1 }', { extracted: { key: 'x' } }, false],
    ['{ source: [a, b] }', { extracted: { a: 1, b: 2 } }, true],
    ['{ source: [a, b] }', { extracted: { a: 1 } }, false],
  ]);
});

test('drop compares values with a text, put together with the separator', () => {
  assertDrops([
    ['{ source: key, value: val1 }', { extracted: { key: 'val1' } }, true],
    ['{ source: key, value: val1 }', { extracted: { key: 'xval1' } }, false],
    ['{ source: level, value: 50 }', { extracted: { level: 50 } }, true],
    ['{ source: level, value: "50" }', { extracted: { level: 100 } }, false],
    ['{ source: level, value: "" }', { extracted: { level: '' } }, true],
    [
      '{ source: [a, b], value: "val1;val200.*" }',
      { extracted: { a: 'val1', b: 'val200.*' } },
      true,
    ],
    ['{ source: [a, b], value: "1|2", separator: "|" }', { extracted: { a: 1, b: 2 } }, true],
    ['{ source: [a, b], value: "12", separator: "" }', { extracted: { a: 1, b: 2 } }, true],
    ['{ source: [a, b], value: "2" }', { extracted: { b: 2 } }, true],
    ['{ source: a, value: "" }', { extracted: { a: null } }, false],
  ]);
});

test('drop matches a pattern anywhere in the values, or in the line without source', () => {
  assertDrops([
    ['{ source: key, expression: "50" }', { extracted: { key: 1503 } }, true],
    ['{ source: [a, b], expression: "v\\\\d;v\\\\d$" }', { extracted: { a: 'v1', b: 'v2' } }, true],
    ['{ source: [a, b], expression: "v;v" }', { extracted: { a: 'v', b: 'x' } }, false],
    ['{ source: no, expression: ".*" }', { extracted: {} }, true],
    ['{ source: no, expression: "val" }', { line: 'val' }, false],
    ['{ source: a, expression: ".*" }', { extracted: { a: null } }, false],
    ['{ expression: "val" }', { line: 'a value' }, true],
    ['{ expression: "val" }', { line: 'nothing' }, false],
  ]);
});

test('drop needs all of its conditions', () => {
  const all = '{ source: key, expression: val, longer_than: 3 }';
  assertDrops([
    [all, { line: 'long', extracted: { key: 'a value' } }, true],
    [all, { line: 'tiny'.slice(1), extracted: { key: 'a value' } }, false],
    [all, { line: 'long', extracted: { key: 'other' } }, false],
    ['{ source: key, longer_than: 3 }', { line: 'long' }, false],
  ]);
});

test('dropped lines are counted by the reason that is given', () => {
  const { counts } = runOne('- drop: { expression: a, drop_counter_reason: noise }');
  assert.deepEqual([...(counts?.dropped ?? [])], [['noise', 1]]);
});

test('wrong configurations of drop are refused', () => {
  const place = 'stage 1 (drop), line 1: ';
  const none = 'drop needs at least one of source, expression, older_than and longer_than';
  for (const [options, message] of [
    ['', none],
    ['{ separator: x }', none],
    ['{ value: x }', none],
    [
      '{ value: x, expression: y }',
      'value needs source: it is compared with values that stages found',
    ],
    ['{ source: a, value: x, expression: y }', 'value and expression cannot both be given'],
    ['{ source: [] }', 'source is an empty list; allowed is one name or more'],
    ['{ source: { a: b } }', 'source has to be a text, and is a map'],
    ['{ older_than: 10f }', 'older_than is "10f"; allowed is a duration such as 500ms, 3s or 24h'],
    ['{ longer_than: 10 f }', 'longer_than is "10 f"; allowed is a size such as 500, 8kb or 1MiB'],
  ] as const) {
    assert.equal(configError(`- drop: ${options}`), place + message);
  }
  assert.match(
    configError('- drop: { expression: "(" }'),
    /^stage 1 \(drop\), line 1: expression "\(": /,
  );
});

test('hostile lines are dropped or go through, and none is lost', () => {
  const pipeline = compilePipeline('- drop: { expression: "(a|b)*c|x+x+y|=", longer_than: 1kb }');
  const { shipped, counts } = runThrough(pipeline, hostileLines);
  assert.equal(shipped.length + (counts?.dropped.get('drop_stage') ?? 0), hostileLines.length);
});
