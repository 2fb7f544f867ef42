import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePipeline, hostileLines, runPipeline, runThrough, warningsOf } from '../helpers.ts';

const time = '2019-04-30T02:12:41.8443515Z';

test('unwraps a line of json-file', () => {
  const rows: [line: string, expected: [string, Record<string, string>, number, number]][] = [
    [
      JSON.stringify({ log: 'level=info msg="a"\n', stream: 'stderr', time }),
      ['level=info msg="a"\n', { stream: 'stderr' }, 1_556_590_361, 844_351_500],
    ],
    [
      JSON.stringify({ log: 'log message\n', stream: 'stderr', time: 'hi!' }),
      ['log message\n', { stream: 'stderr' }, 7, 0],
    ],
    [JSON.stringify({ log: 'x' }), ['x', {}, 7, 0]],
    ["i'm not json!", ["i'm not json!", {}, 7, 0]],
  ];
  for (const [line, expected] of rows) {
    const [entry] = runPipeline('- docker: {}\n', [line], { capturedSeconds: [7] });
    assert.ok(entry !== undefined);
    const { line: text, labels, seconds, nanos } = entry;
    assert.deepEqual([text, labels, seconds, nanos], expected);
  }
});

test('goes on from the last known time, and from a snapshot', () => {
  const test = compilePipeline('- docker:\n');
  const lines = [JSON.stringify({ log: 'a', stream: 'stdout', time }), '{"stream":"stdout"}'];
  const nanos = runThrough(test, lines).shipped.map((each) => each.nanos);
  assert.deepEqual(nanos, [844_351_500, 844_351_501]);
  const again = compilePipeline('- docker:\n');
  again.pipeline.restore(test.pipeline.resumePoint.state);
  assert.deepEqual(
    runThrough(again, lines.slice(1)).shipped.map((each) => each.nanos),
    [844_351_502],
  );
});

test('makes the labels that the line has by then extracted values', () => {
  const yaml = '- json: { expressions: { stream: } }\n- labels: { out: stream }\n- docker:\n';
  const [entry] = runPipeline(yaml, ['{"stream":"stdout"}']);
  assert.equal(entry?.extracted['out'], 'stdout');
});

test('survives hostile lines, and has no options', () => {
  const { shipped, counts } = runThrough(compilePipeline('- docker:\n'), hostileLines);
  assert.equal(shipped.length, hostileLines.length);
  assert.equal(counts, undefined);
  assert.deepEqual(warningsOf('- docker: { labels: true }'), [
    'stage 1 (docker), line 1: docker has no option labels; it is ignored',
  ]);
});
