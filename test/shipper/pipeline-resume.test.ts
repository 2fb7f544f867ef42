/**
 * Stages and times over whatever interrupts delivery: batches of any size, sources that go back to
 * where they stood, processes that start anew from a cursor. Each entry that comes out is one of
 * those of a single undisturbed run, to the nanosecond, and none is missing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { PipelineText } from '../../src/pipeline/plan.ts';
import type { SourceMark, StreamSource } from '../../src/shipper/stream-source.ts';
import { encodeFrame } from '../helpers/frames.ts';
import { gotOf, SourceBench, targetOf } from './source-bench.ts';

const base = 1_700_000_000_000_000_000n;
const runs = Number(process.env['HOLDFAST_RUNS'] ?? 150);

interface Line {
  text: string;
  isStderr: boolean;
  /** Milliseconds behind the line before. */
  laterMs: number;
  isPiece: boolean;
}

const line: fc.Arbitrary<Line> = fc.record({
  text: fc.constantFrom('ERR a', 'ERR b', '  at x', '  at x', 'level=warn', 'x'.repeat(300)),
  isStderr: fc.boolean(),
  laterMs: fc.constantFrom(0, 0, 0, 0, 1, 40, 900, 4000),
  isPiece: fc.constantFrom(false, false, false, false, true),
});

const pipelines: PipelineText[] = [
  { level: 'off', dropBlank: false },
  { level: 'metadata', dropBlank: false, multilinePattern: '^ERR' },
  {
    level: 'off',
    dropBlank: false,
    stages: `
- multiline: {firstline: '^ERR', max_wait_time: 2s, max_lines: 4}
- regex: {expression: 'level=(?P<level>\\w+)'}
- labels: {level: }
`,
  },
  {
    level: 'label',
    dropBlank: true,
    stages: `
- limit: {rate: 5, burst: 3, drop: true}
- match: {selector: '{all="1"} |= "ERR"', stages: [{multiline: {firstline: '^ERR a'}}]}
- sampling: {rate: 0.8}
`,
  },
];

/** One entry in full. */
type Shown = string;

function fillAll(source: StreamSource, batchBytes: number, turnBytes: number): Shown[] {
  const target = targetOf(batchBytes);
  source.fill(target, turnBytes, 0);
  source.takeNotes();
  return gotOf(target.push).map(({ labels, text, timeNs }) => `${labels} ${timeNs} ${text}`);
}

function write(bench: SourceBench, lines: readonly Line[]): void {
  bench.attach();
  let timeNano = base;
  lines.forEach(({ text, isStderr, laterMs, isPiece }, index) => {
    timeNano += BigInt(laterMs) * 1_000_000n;
    const source = isStderr ? 'stderr' : 'stdout';
    const frame = { source, timeNano, line: Buffer.from(text) };
    if (!isPiece) bench.write(encodeFrame(frame));
    else {
      const piece = { ...frame, partial: true, id: `p${index}` };
      bench.write(encodeFrame({ ...piece, ordinal: 1 }));
      bench.write(encodeFrame({ ...piece, ordinal: 2, last: true }));
    }
  });
  bench.detach();
}

/** What one source makes of all, in one go. */
function undisturbed(bench: SourceBench): Shown[] {
  const source = bench.source();
  const all: Shown[] = [];
  for (let turn = 0; turn < 1000 && !source.isReadUp; turn += 1) {
    all.push(...fillAll(source, 1 << 22, 1 << 22));
  }
  return all;
}

interface Step {
  kind: 'read' | 'back' | 'restart';
  batchBytes: number;
  turnBytes: number;
  pick: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('read', 'read', 'read', 'back', 'restart'),
  batchBytes: fc.constantFrom(200, 500, 2000, 1 << 20),
  turnBytes: fc.constantFrom(1, 200, 1000, 1 << 20),
  pick: fc.nat(),
});

test('entries are the same however often and from wherever lines are read again', () => {
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 60 }),
      fc.array(step, { maxLength: 25 }),
      fc.constantFrom(...pipelines),
      (lines, steps, pipeline) => {
        using bench = new SourceBench(4096);
        bench.pipeline = pipeline;
        write(bench, lines);
        const expected = undisturbed(bench);
        const seen: Shown[] = [];
        let source = bench.source();
        const marks: SourceMark[] = [source.position];
        for (const { kind, batchBytes, turnBytes, pick } of steps) {
          const mark = marks[pick % marks.length];
          if (kind === 'back' && mark !== undefined) source.rewind(mark);
          if (kind === 'restart' && mark !== undefined) {
            const { lsn, ordinal, place } = mark;
            const state = source.encodeState(mark);
            source.close();
            source = bench.source({ lsn, ordinal, place, state });
          }
          seen.push(...fillAll(source, batchBytes, turnBytes));
          marks.push(source.position);
        }
        for (let turn = 0; turn < 1000 && !source.isReadUp; turn += 1) {
          seen.push(...fillAll(source, 1 << 20, 1 << 20));
        }
        const wanted = new Set(expected);
        assert.equal(wanted.size, expected.length, 'no two entries are alike');
        for (const entry of seen) assert.ok(wanted.has(entry), `nobody printed ${entry}`);
        assert.deepEqual(new Set(seen), wanted);
      },
    ),
    { numRuns: runs },
  );
});
