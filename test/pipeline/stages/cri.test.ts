import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  compilePipeline,
  configError,
  hostileLines,
  newEntry,
  runPipeline,
  runThrough,
  type Shipped,
  shipped,
  type TestPipeline,
  warningsOf,
} from '../helpers.ts';
import { runWithCuts, wholeRun } from '../read-again.ts';

const time = '2019-01-01T01:00:00.000000001Z';

/** A line of the label `foo`, as the test before `cri` writes it. */
function criLine(foo: string, flag: 'F' | 'P', text: string): string {
  return `${foo}|${time} stdout ${flag} ${text}`;
}

/** `cri` for several sets of labels in one stream, told apart by what stands before the bar. */
function stages(options = '{}'): string {
  return `- regex: { expression: '^(?P<foo>\\w+)\\|(?P<rest>(?s).*)$' }\n- labels: { foo: }\n- output: { source: rest }\n- cri: ${options}\n`;
}

function textsOf(entries: readonly Shipped[]): string[] {
  return entries.map(({ line }) => line);
}

test('unwraps a line', () => {
  const rows: [line: string, expected: [string, Record<string, string>, number]][] = [
    [`${time} stderr F message`, ['message', { stream: 'stderr' }, 1_546_304_400]],
    [`${time} stderr F a\nb`, ['a\nb', { stream: 'stderr' }, 1_546_304_400]],
    [`${time} stdout F `, ['', { stream: 'stdout' }, 1_546_304_400]],
    [`${time} stdout P:x message`, ['message', { stream: 'stdout' }, 1_546_304_400]],
    ['3242 stderr F message', ['message', { stream: 'stderr' }, 7]],
    ["i'm invalid!!!", ["i'm invalid!!!", {}, 7]],
    [`${time} stdin F x`, [`${time} stdin F x`, {}, 7]],
  ];
  for (const [line, expected] of rows) {
    const [entry] = runPipeline('- cri:\n', [line], { capturedSeconds: [7] });
    assert.deepEqual([entry?.line, entry?.labels, entry?.seconds], expected);
  }
});

test('joins the parts of a line by labels', () => {
  const lines = [
    criLine('a', 'P', 'partial line 1 '),
    criLine('b', 'P', 'partial line 2 '),
    criLine('a', 'F', 'log finished'),
    criLine('b', 'F', 'another full log'),
    criLine('a', 'F', 'whole'),
  ];
  assert.deepEqual(textsOf(runPipeline(stages(), lines)), [
    'partial line 1 log finished',
    'partial line 2 another full log',
    'whole',
  ]);
});

test('joins with the time and the values of the last part, and the beginning of the first', () => {
  const lines = [`2019-01-01T01:00:00Z stdout P a`, `2019-01-01T01:00:05Z stdout F b`];
  const [entry] = runPipeline('- cri:\n', ['x', ...lines]).slice(1);
  assert.ok(entry !== undefined);
  assert.deepEqual([entry.line, entry.seconds, entry.lsn], ['ab', 1_546_304_405, 1]);
  assert.equal(entry.extracted['content'], 'b');
});

test('hands all parts out when there are more labels than it may hold', () => {
  const lines = [
    criLine('a', 'P', 'partial line 1 '),
    criLine('b', 'P', 'partial line 2 '),
    criLine('a', 'P', 'partial line 3 '),
    criLine('c', 'P', 'partial line 4 '),
    criLine('d', 'P', 'partial line 5 '),
    criLine('a', 'F', 'log finished'),
    criLine('c', 'F', 'another full log'),
    criLine('d', 'F', 'yet an another full log'),
  ];
  assert.deepEqual(textsOf(runPipeline(stages('{ max_partial_lines: 3 }'), lines)), [
    'partial line 1 partial line 3 ',
    'partial line 2 ',
    'partial line 4 ',
    'log finished',
    'another full log',
    'partial line 5 yet an another full log',
  ]);
  const one = ['1 ', '2 ', '3 ', '4 '].map((text) => criLine('a', 'P', text));
  assert.deepEqual(
    textsOf(runPipeline(stages('{ max_partial_lines: 3 }'), [...one, criLine('a', 'F', '5')])),
    ['1 2 3 4 5'],
  );
});

test('cuts joined lines to a size, in whole characters', () => {
  const options = '{ max_partial_line_size: 11, max_partial_line_size_truncate: true }';
  const lines = [
    criLine('a', 'P', 'partial line 1 '),
    criLine('b', 'P', 'partial'),
    criLine('a', 'F', 'log finished'),
    criLine('b', 'F', 'full'),
    criLine('a', 'P', '123456789üü'),
    criLine('a', 'F', ''),
    criLine('a', 'P', '1234567890ü'),
    criLine('a', 'F', 'x'),
    criLine('a', 'F', 'a whole line is not cut'),
  ];
  assert.deepEqual(textsOf(runPipeline(stages(options), lines)), [
    'partial lin',
    'partialfull',
    '123456789ü',
    '1234567890x',
    'a whole line is not cut',
  ]);
});

/** Sends one line; what comes out of the pipeline goes into `out`. */
function send({ pipeline }: TestPipeline, line: string, number: number, second: number): void {
  const seconds: number[] = [];
  seconds[number] = second;
  pipeline.process(newEntry(line, number, { capturedSeconds: seconds }));
}

test('says what it holds, since where, and when that waits no longer', () => {
  const test = compilePipeline(stages());
  const { pipeline } = test;
  const out: string[] = [];
  pipeline.output = (entry) => out.push(shipped(entry).line);
  assert.equal(pipeline.dueAtMs, undefined);
  assert.equal(pipeline.heldStart, undefined);
  send(test, criLine('a', 'P', 'ü1'), 3, 100);
  send(test, criLine('b', 'P', '2'), 4, 101);
  send(test, criLine('a', 'P', '3'), 5, 102);
  assert.deepEqual(pipeline.heldStart, { lsn: 3, ordinal: 3 });
  assert.equal(pipeline.heldBytes, 5);
  assert.equal(pipeline.dueAtMs, 111_500);
  pipeline.flush(111_499);
  assert.deepEqual(out, []);
  pipeline.flush(111_500);
  assert.deepEqual(out, ['2']);
  pipeline.flush();
  assert.deepEqual(out, ['2', 'ü13']);
  assert.equal(pipeline.heldBytes, 0);
  send(test, criLine('a', 'P', '4'), 6, 103);
  pipeline.discard();
  assert.deepEqual([pipeline.heldBytes, pipeline.heldStart], [0, undefined]);
  send(test, criLine('a', 'F', '5'), 7, 104);
  assert.deepEqual(out, ['2', 'ü13', '5']);
});

test('waits for the next part for 10 seconds by the times of lines, whoever flushes it', () => {
  const lines = [criLine('a', 'P', '1'), criLine('b', 'F', '2'), criLine('a', 'F', '3')];
  const at = (third: number): string[] =>
    textsOf(runPipeline(stages(), lines, { capturedSeconds: [100, 105, third] }));
  assert.deepEqual(at(110), ['2', '13']);
  assert.deepEqual(at(111), ['2', '1', '3']);
});

test('holds no line of more than 4 MiB, and no more than 16 MiB in all', () => {
  const mib = `${time} stdout P ${'x'.repeat(1 << 20)}`;
  const joined = runPipeline('- cri:\n', [mib, mib, mib, mib, mib, mib, `${time} stdout F end`]);
  assert.deepEqual(
    joined.map(({ line }) => line.length),
    [4 << 20, (2 << 20) + 3],
  );
  const { pipeline } = compilePipeline('- cri:\n');
  let count = 0;
  pipeline.output = () => {
    count += 1;
  };
  for (let index = 0; index < 40; index += 1) {
    pipeline.process(newEntry(mib, 0, { labels: { number: String(index) } }));
    assert.ok(pipeline.heldBytes <= 16 << 20);
  }
  assert.equal(count, 32);
});

test('loses no part and changes no order within labels, wherever it is flushed', () => {
  const line = fc.record({
    foo: fc.constantFrom('a', 'b', 'c'),
    isPart: fc.boolean(),
    seconds: fc.integer({ min: 0, max: 6 }),
    flush: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), fc.integer({ min: 0, max: 3 }), (lines, max) => {
      const test = compilePipeline(stages(`{ max_partial_lines: ${max} }`));
      const out: Shipped[] = [];
      test.pipeline.output = (entry) => out.push(shipped(entry));
      let second = 0;
      lines.forEach(({ foo, isPart, seconds, flush }, index) => {
        second += seconds;
        send(test, criLine(foo, isPart ? 'P' : 'F', `${index};`), index, second);
        if (flush) test.pipeline.flush(second * 1000);
      });
      test.pipeline.flush();
      for (const name of ['a', 'b', 'c']) {
        const text = out.filter(({ labels }) => labels['foo'] === name).map((each) => each.line);
        const sent = lines.flatMap(({ foo }, index) => (foo === name ? [`${index};`] : []));
        assert.equal(text.join(''), sent.join(''));
      }
      for (const { lsn, line: text } of out) assert.ok(text.startsWith(`${lsn};`));
      assert.equal(test.pipeline.heldBytes, 0);
    }),
  );
});

test('gives the same lines when they are read again, with the times of those before', () => {
  const line = fc.record({
    foo: fc.constantFrom('a', 'b', 'c'),
    flag: fc.constantFrom('F', 'P', 'P'),
    seconds: fc.constantFrom(0, 0, 1, 5, 11),
    hasTime: fc.boolean(),
  });
  const places = fc.uniqueArray(fc.nat({ max: 30 }), { maxLength: 6 });
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 30 }),
      places,
      fc.boolean(),
      fc.constantFrom('{}', '{ max_partial_lines: 2 }'),
      (some, places, flushes, options) => {
        let second = 1_700_000_000;
        const lines = some.map(({ foo, flag, seconds, hasTime }, index) => {
          second += seconds;
          const capturedSeconds = Array.from({ length: index + 1 }, () => second);
          const when = hasTime ? `2019-01-01T01:00:${10 + index}Z` : 'never';
          const text = `${foo}|${when} stdout ${flag} ${index};`;
          return () => newEntry(text, index, { capturedSeconds });
        });
        const cuts = places.filter((place) => place <= lines.length).sort((a, b) => a - b);
        const yaml = stages(options);
        assert.deepEqual(runWithCuts(yaml, lines, cuts, flushes), wholeRun(yaml, lines));
      },
    ),
    { numRuns: 500 },
  );
});

test('survives hostile lines', () => {
  const { shipped, counts } = runThrough(compilePipeline('- cri:\n'), hostileLines);
  assert.equal(shipped.length, hostileLines.length);
  assert.equal(counts, undefined);
});

test('says what is wrong with its configuration', () => {
  const place = 'stage 1 (cri), line 1: ';
  assert.equal(
    configError('- cri: { max_partial_lines: -1 }'),
    `${place}max_partial_lines is "-1"; allowed is a number from 0 to 10000`,
  );
  assert.equal(
    configError('- cri: { max_partial_line_size: big }'),
    `${place}max_partial_line_size is "big"; allowed is a size such as 16384 or 256KB`,
  );
  assert.equal(
    configError('- cri: { max_partial_line_size_truncate: 2 }'),
    `${place}max_partial_line_size_truncate is "2"; allowed is true or false`,
  );
  assert.deepEqual(warningsOf('- cri: { max_partial_line_size_truncate: true, max: 1 }'), [
    `${place}cri has no option max (it knows max_partial_lines, max_partial_line_size, max_partial_line_size_truncate); it is ignored`,
    `${place}max_partial_line_size_truncate needs max_partial_line_size; nothing is cut`,
  ]);
});
