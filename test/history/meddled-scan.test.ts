/**
 * A reader while the log is sealed and given up between any two of its calls of the disk: each
 * line comes once and in order, and what does not come is told, and nothing else.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { FileSystem } from '../../src/base/file-system.ts';
import { LineScan } from '../../src/history/line-scan.ts';
import { segmentName } from '../../src/wal/catalog.ts';
import { SegmentFiles } from '../../src/wal/index.ts';
import { HistoryLog } from '../helpers/history-log.ts';
import { meddledDisk } from '../helpers/meddled-disk.ts';
import { MemoryDisk } from '../helpers/memory-disk.ts';

interface Step {
  /** Calls of the reader before it. */
  calls: number;
  do: 'seal' | 'evict' | 'evict-next';
  /** Which of the segments is sealed, as a share of them. */
  at: number;
}

interface Plan {
  segmentBytes: number;
  lineBytes: number[];
  blockBytes: number[];
  openMax: number;
  steps: Step[];
}

const anyPlan: fc.Arbitrary<Plan> = fc.record({
  segmentBytes: fc.integer({ min: 500, max: 3000 }),
  lineBytes: fc.array(fc.nat({ max: 30 }), { minLength: 100, maxLength: 250 }),
  blockBytes: fc.array(fc.integer({ min: 50, max: 900 }), { minLength: 1, maxLength: 5 }),
  openMax: fc.integer({ min: 1, max: 5 }),
  steps: fc.array(
    fc.record<Step>({
      calls: fc.nat({ max: 6 }),
      do: fc.constantFrom('seal', 'evict', 'evict', 'evict-next'),
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    }),
    { maxLength: 40 },
  ),
});

function logOf({ segmentBytes, lineBytes, blockBytes }: Plan): HistoryLog {
  const log = new HistoryLog(segmentBytes, new MemoryDisk());
  log.attach();
  for (const [n, bytes] of lineBytes.entries()) {
    const line = Buffer.from(`${n} ${'x'.repeat(bytes)}`);
    log.frame({ source: 'stdout', timeNano: BigInt(n) + 1n, line });
  }
  log.flush(blockBytes);
  return log;
}

/** Does the steps one after another, each so many calls behind the one before. */
function upkeepOf(log: HistoryLog, steps: readonly Step[]): (call: number) => void {
  const givenUp = new Set<number>();
  const left = [...steps];
  let waits = left[0]?.calls ?? 0;
  const take = ({ do: what, at }: Step): void => {
    const complete = log.complete.slice(0, -1);
    if (what === 'seal') {
      const sequence = complete[Math.floor(at * complete.length)];
      if (sequence !== undefined) log.seal(sequence);
      return;
    }
    // The oldest goes first, but for one that is being sealed.
    const rest = complete.filter((sequence) => !givenUp.has(sequence));
    const sequence = rest[what === 'evict' ? 0 : 1];
    if (sequence === undefined) return;
    log.evict(sequence);
    givenUp.add(sequence);
  };
  return () => {
    for (; waits === 0 && left.length > 0; waits = left[0]?.calls ?? -1) {
      const [step] = left.splice(0, 1);
      if (step !== undefined) take(step);
    }
    waits -= 1;
  };
}

const gapPattern = /^holdfast: up to (\d+) lines? .*\((\w+)\)$/;

/**
 * Numbers of the lines that came, in their order, how many each word of a loss tells of, and why
 * they are lost.
 */
interface Scanned {
  lines: number[];
  told: number[];
  reasons: string[];
}

/** Reads the log from its beginning to its end. */
function scanOn(
  log: HistoryLog,
  disk: FileSystem,
  openMax: number,
  betweenSteps: (last: number) => void = () => {},
): Scanned {
  const lines: number[] = [];
  const reasons: string[] = [];
  const told: number[] = [];
  const { directory, containerId, endLsn } = log;
  const lineScan = new LineScan({
    ...{ disk, files: new SegmentFiles(disk, openMax), directory, containerId },
    ...{ startLsn: 0, budget: { heldBytes: 0 } },
    handler: {
      onWhole: (bytes, _start, _end, { lineStart, lineEnd }) => {
        lines.push(Number.parseInt(Buffer.from(bytes.subarray(lineStart, lineEnd)).toString()));
        return true;
      },
      onJoined: () => assert.fail('no line came in pieces'),
      onGap: (_seconds, _nanos, text) => {
        const [, count, reason = ''] = gapPattern.exec(text) ?? assert.fail(text);
        told.push(Number(count));
        reasons.push(reason);
      },
    },
  });
  for (let met = 0; lineScan.step(endLsn, 0) === 'more'; met += 1) {
    assert.ok(met < 10_000);
    betweenSteps(lines.at(-1) ?? -1);
  }
  lineScan.finish(endLsn);
  return { lines, told, reasons };
}

test('what is given up between any two calls of a reader is told, and exactly', () => {
  fc.assert(
    fc.property(anyPlan, (plan) => {
      const log = logOf(plan);
      const disk = meddledDisk(log.disk, upkeepOf(log, plan.steps));
      const { lines, told, reasons } = scanOn(log, disk, plan.openMax);
      assert.ok(
        reasons.every((reason) => reason === 'evicted'),
        reasons.join(),
      );
      assert.deepEqual(
        lines,
        lines.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(lines).size, lines.length);
      const toldLines = told.reduce((sum, count) => sum + count, 0);
      assert.equal(lines.length + toldLines, plan.lineBytes.length);
    }),
    { numRuns: 300 },
  );
});

test('a hole counts what it holds, though what stood before it is given up by then', () => {
  const lineBytes = Array.from({ length: 120 }, () => 10);
  const plan = { segmentBytes: 1500, lineBytes, blockBytes: [120], openMax: 5, steps: [] };
  const log = logOf(plan);
  const { disk } = log;
  assert.ok(disk instanceof MemoryDisk);
  const [first = 0, second = 0] = log.complete;
  const path = `${log.directory}/${segmentName(second)}`;
  const bytes = disk.readFileSync(path);
  const at = Math.floor(bytes.length * 0.7);
  disk.plant(path, bytes.fill((bytes[at] ?? 0) ^ 4, at, at + 1));
  let isGivenUp = false;
  const { lines, told, reasons } = scanOn(log, disk, plan.openMax, (last) => {
    // It stands in the second segment, which it holds open, in front of the hole.
    if (isGivenUp || last < 38) return;
    isGivenUp = true;
    for (const sequence of [first, second]) log.evict(sequence);
  });
  assert.ok(isGivenUp);
  assert.deepEqual(reasons, ['damage']);
  const toldLines = told.reduce((sum, count) => sum + count, 0);
  assert.equal(lines.length + toldLines, lineBytes.length, told.join());
});
