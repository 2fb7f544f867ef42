import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compilePipeline,
  configError,
  hostileLines,
  newEntry,
  runThrough,
  warningsOf,
} from '../helpers.ts';

const base = 1_700_000_000;
const at = (...seconds: number[]) => seconds.map((second) => base + second);

function blocks(
  options: string,
  lines: readonly (string | Uint8Array)[],
  seconds?: number[],
): string[] {
  const pipeline = compilePipeline(`- multiline: { firstline: "^START"${options} }`);
  const capturedSeconds = seconds === undefined ? lines.map(() => base) : at(...seconds);
  return runThrough(pipeline, lines, { capturedSeconds }).shipped.map(({ line }) => line);
}

test('multiline joins what follows a first line, and lines before any go through one by one', () => {
  assert.deepEqual(
    blocks('', ['before 1', 'before 2', 'START 1', 'more', 'START 2', 'START 3', '', 'x']),
    ['before 1', 'before 2', 'START 1\nmore', 'START 2', 'START 3\n\nx'],
  );
});

test('multiline gives a block the time, labels and values of its first line', () => {
  const pipeline = compilePipeline(`
- multiline: { firstline: "^START" }
- labels: { copy: app }`);
  const lines = ['START', 'a', 'b'];
  const { shipped } = runThrough(pipeline, lines, { labels: { app: 'web' }, capturedNanos: 5 });
  const [block] = shipped;
  assert.deepEqual(
    [block?.line, block?.seconds, block?.nanos, block?.lsn],
    ['START\na\nb', base, 5, 0],
  );
  assert.deepEqual(block?.labels, { app: 'web', copy: 'web' });
});

test('multiline ends a block with max_lines, and what comes then begins one of its own', () => {
  assert.deepEqual(blocks(', max_lines: 2', ['START', 'a', 'b', 'c', 'd', 'START']), [
    ...['START\na', 'b\nc', 'd', 'START'],
  ]);
  assert.deepEqual(blocks(', max_lines: 1', ['a', 'START', 'b']), ['a', 'START', 'b']);
  const lines = ['START', ...Array.from({ length: 128 }, () => 'x')];
  assert.deepEqual(
    blocks('', lines).map((line) => line.split('\n').length),
    [128, 1],
  );
});

test('multiline ends a block when its stream is quiet for max_wait_time, by the times of lines', () => {
  const lines = ['START', 'a', 'b', 'c'];
  assert.deepEqual(blocks('', lines, [0, 2, 4, 6]), ['START\na\nb\nc']);
  assert.deepEqual(blocks('', lines, [0, 2, 6, 7]), ['START\na', 'b\nc']);
  assert.deepEqual(blocks(', max_wait_time: 10s', lines, [0, 9, 18, 29]), ['START\na\nb', 'c']);
});

test('multiline hands out what is due, and says when that is', () => {
  const { pipeline } = compilePipeline('- multiline: { firstline: "^START", max_wait_time: 2s }');
  const out: string[] = [];
  pipeline.output = (entry) => out.push(entry.text);
  assert.deepEqual(
    [pipeline.dueAtMs, pipeline.heldStart, pipeline.heldBytes],
    [undefined, undefined, 0],
  );
  pipeline.process(newEntry('START', 0));
  pipeline.process(newEntry('a', 1));
  const dueAtMs = (base + 1) * 1000 + 2500;
  assert.equal(pipeline.dueAtMs, dueAtMs);
  assert.deepEqual(pipeline.heldStart, { lsn: 0, ordinal: 0 });
  assert.equal(pipeline.heldBytes, 'START\na'.length);
  pipeline.flush(dueAtMs - 1);
  assert.deepEqual(out, []);
  pipeline.flush(dueAtMs);
  assert.deepEqual(out, ['START\na']);
  assert.deepEqual(
    [pipeline.dueAtMs, pipeline.heldStart, pipeline.heldBytes],
    [undefined, undefined, 0],
  );
  pipeline.process(newEntry('START', 2));
  pipeline.discard();
  pipeline.flush();
  assert.deepEqual([out.length, pipeline.heldBytes, pipeline.heldStart], [1, 0, undefined]);
});

test('multiline keeps streams apart, by labels and by tenant', () => {
  for (const by of ['static_labels: { to: two }', 'tenant: { value: two }']) {
    const pipeline = compilePipeline(`
- match: { selector: '{app="web"} |= "two"', stages: [${by}] }
- multiline: { firstline: "^START" }`);
    const lines = ['START one', 'a one', 'b two', 'START two', 'c one', 'd two', 'START one'];
    const { shipped } = runThrough(pipeline, lines, { labels: { app: 'web' } });
    assert.deepEqual(
      shipped.map(({ line }) => line),
      [...['b two', 'START one\na one\nc one', 'START two\nd two', 'START one']],
    );
  }
});

test('multiline ends the block of a quiet stream when another one goes on', () => {
  const pipeline = compilePipeline(`
- match: { selector: '{app="web"} |= "two"', stages: [static_labels: { to: two }] }
- multiline: { firstline: "^START" }`);
  const capturedSeconds = at(0, 1, 3, 5, 6);
  const lines = ['START two', 'START one', 'a one', 'b one', 'c one'];
  const { shipped } = runThrough(pipeline, lines, {
    labels: { app: 'web' },
    capturedSeconds,
    flush: false,
  });
  assert.deepEqual(
    shipped.map(({ line }) => line),
    ['START two'],
  );
});

test('multiline bounds the bytes of a block, and a longer line is one by itself', () => {
  const half = 'x'.repeat(2 << 20);
  const lines = ['START', half, half, 'y', 'x'.repeat(5 << 20), 'z'];
  assert.deepEqual(
    blocks('', lines).map((line) => line.length),
    ['START\n'.length + half.length, half.length + 2, 5 << 20, 1],
  );
});

test('multiline bounds the open blocks: the oldest ends', () => {
  const { pipeline } = compilePipeline('- multiline: { firstline: "^START", max_wait_time: 1h }');
  const ended: string[] = [];
  pipeline.output = (entry) => ended.push(entry.text);
  for (let number = 0; number < 102; number += 1) {
    pipeline.process(newEntry(`START ${number}`, number, { labels: { n: String(number) } }));
  }
  assert.deepEqual(ended, ['START 0', 'START 1']);
});

test('multiline keeps bytes that are not UTF-8', () => {
  const { pipeline } = compilePipeline('- multiline: { firstline: "^START" }');
  const out: string[] = [];
  pipeline.output = (entry) => {
    entry.takeLine((bytes, start, end) =>
      out.push(Buffer.from(bytes.slice(start, end)).toString('latin1')),
    );
  };
  pipeline.process(newEntry('START', 0));
  pipeline.process(newEntry(Uint8Array.of(0xff, 0xfe), 1));
  pipeline.flush();
  assert.deepEqual(out, ['START\n\u00ff\u00fe']);
});

test('multiline takes ends of lines away only when it is told to', () => {
  const lines = ['START\r', 'a\r\n', 'b\r'];
  assert.deepEqual(blocks('', lines), ['START\r\na\r\n\nb\r']);
  assert.deepEqual(blocks(', trim_newlines: true', lines), ['START\na\nb']);
  assert.deepEqual(blocks(', trim_newlines: true', ['START\r']), ['START']);
});

test('multiline joins lines as stages before it have changed them', () => {
  const pipeline = compilePipeline('- multiline: { firstline: "^START" }').pipeline;
  const out: string[] = [];
  pipeline.output = (entry) => out.push(entry.text);
  for (const [number, text] of ['START', 'next'].entries()) {
    const entry = newEntry('printed', number);
    entry.text = text;
    pipeline.process(entry);
  }
  pipeline.flush();
  assert.deepEqual(out, ['START\nnext']);
});

test('wrong configurations of multiline are refused', () => {
  const place = 'stage 1 (multiline), line 1: ';
  const rows: [string, string][] = [
    ['', 'multiline needs firstline, a regular expression for the first lines'],
    ['{ max_lines: 3 }', 'multiline needs firstline, a regular expression for the first lines'],
    [
      '{ firstline: a, max_wait_time: 3x }',
      'max_wait_time is "3x"; allowed is a duration such as 500ms, 3s or 24h',
    ],
    ['{ firstline: a, max_lines: 1.5 }', 'max_lines is "1.5"; allowed is a whole number'],
    [
      '{ firstline: a, max_lines: -1 }',
      'max_lines is "-1"; allowed is a number from 0 to 9007199254740991',
    ],
    ['{ firstline: a, trim_newlines: 3 }', 'trim_newlines is "3"; allowed is true or false'],
  ];
  for (const [options, message] of rows)
    assert.equal(configError(`- multiline: ${options}`), place + message);
  assert.match(
    configError('- multiline: { firstline: "(" }'),
    /^stage 1 \(multiline\), line 1: firstline "\(": /,
  );
});

test('bounds that promtail does not have are told of', () => {
  assert.deepEqual(warningsOf('- multiline: { firstline: a, max_lines: 0, max_wait_time: 2h }'), [
    'stage 1 (multiline), line 1: max_lines is 0; a block has at most 10000 lines here',
    'stage 1 (multiline), line 1: max_wait_time is more than 1h, which is the most here',
  ]);
});

test('hostile lines come out of multiline, each of them once', () => {
  const lines = ['START', ...hostileLines];
  const joined = blocks(
    '',
    lines,
    lines.map(() => 0),
  ).join('\n');
  assert.equal(joined, lines.map((line) => Buffer.from(line as string).toString()).join('\n'));
});
