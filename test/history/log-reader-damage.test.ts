/**
 * A damaged log read for `docker logs`: the answer comes to the end of the log, and where lines
 * are missing stands the word of a loss. A reader that ends at damage without a word is the
 * failure of other drivers (moby#53631).
 */
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import * as fc from 'fast-check';
import { HistoryLog } from '../helpers/history-log.ts';
import { anyHurts, hurt } from '../helpers/history-plan.ts';
import { type ReadLine, readLog } from '../helpers/history-read.ts';

beforeEach(() => {
  mock.method(Date, 'now', () => 1_500_000_000_000);
});

/** A log of numbered lines in small segments, every other one sealed. */
function numberedLog(lines: number, blockBytes: number): HistoryLog {
  const log = new HistoryLog(600);
  for (let number = 1; number <= lines; number += 1) {
    const timeNano = 1_700_000_000_000_000_000n + BigInt(number);
    log.frame({ source: 'stdout', timeNano, line: Buffer.from(`${number}`) });
    if (number % 7 === 0) log.flush([blockBytes]);
  }
  log.flush([blockBytes]);
  for (const sequence of log.complete.filter((each) => each % 2 === 0)) log.seal(sequence);
  return log;
}

/** Fails unless each number that is missing is missing where a word of a loss stands. */
function assertAllTold(lines: readonly ReadLine[], last: number, first = 1): void {
  let next = first;
  let isTold = false;
  for (const { text, gap } of lines) {
    if (gap !== undefined) {
      isTold = true;
      continue;
    }
    const number = Number(text);
    assert.ok(number === next || (isTold && number > next), `${number} comes where ${next} was`);
    next = number + 1;
    isTold = false;
  }
  assert.ok(next === last + 1 || isTold, `it ends with ${next - 1} of ${last} without a word`);
}

test('moby#53631: damage never ends an answer silently, whatever is hurt and wherever', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 150 }),
      fc.constantFrom(30, 100, 4000),
      anyHurts,
      (lines, blockBytes, hurts) => {
        const log = numberedLog(lines, blockBytes);
        hurt(log, hurts);
        const answer = readLog(log);
        // Where the oldest files are gone the log begins later, as it does behind retention.
        const isHeadGone = log.sequences[0] !== 1;
        const first = isHeadGone ? Number(answer[0]?.text ?? lines + 1) : 1;
        assertAllTold(answer, lines, Number.isNaN(first) ? 1 : first);
      },
    ),
    { numRuns: 400 },
  );
});

test('moby#53631: a run of zeros in one block costs that block, is told once, and all else comes', () => {
  const log = numberedLog(140, 4000);
  const [, , sequence = 0] = log.sequences;
  hurt(log, [{ file: log.sequences.indexOf(sequence), at: 0.5, kind: 'zeros' }]);
  const lines = readLog(log);
  assertAllTold(lines, 140);
  assert.equal(lines.filter(({ gap }) => gap !== undefined).length, 1);
  assert.equal(lines.at(-1)?.text, '140\n');
  assert.equal(lines[0]?.text, '1\n');
});

test('a loss that a newer version recorded in words of its own is told all the same', () => {
  const log = numberedLog(7, 4000);
  log.newerGap(40);
  for (const line of ['8', '9']) {
    log.frame({ source: 'stdout', timeNano: 1_700_000_001_000_000_000n, line: Buffer.from(line) });
  }
  log.flush();
  const lines = readLog(log);
  const word = lines[7];
  assert.match(word?.text ?? '', /^holdfast: an unknown number of lines \(40 bytes\) is missing /);
  assert.equal(word?.gap, 'unknown');
  assert.deepEqual(
    lines.slice(8).map(({ text }) => text),
    ['8\n', '9\n'],
  );
});
