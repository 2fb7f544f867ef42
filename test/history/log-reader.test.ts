import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import * as fc from 'fast-check';
import { type ExpectedLine, HistoryLog } from '../helpers/history-log.ts';
import {
  anyHurts,
  anyLog,
  anyWholeLog,
  type Hurt,
  hurt,
  type LogPlan,
  writeLog,
} from '../helpers/history-plan.ts';
import { type ReadLine, readLog } from '../helpers/history-read.ts';

// A loss of which no time is known is dated now: earlier than everything here, and always the same.
beforeEach(() => {
  mock.method(Date, 'now', () => 1_500_000_000_000);
});

/** A request's bounds; `at` is the share of the log's lines whose time is taken. */
const anyQuery = fc.record(
  {
    tail: fc.oneof(fc.nat({ max: 12 }), fc.constantFrom(0, 1, 1_000_000)),
    since: fc.record({
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      addNs: fc.integer({ min: -1, max: 1 }),
    }),
    until: fc.record({
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      addNs: fc.integer({ min: -1, max: 1 }),
    }),
  },
  { requiredKeys: [] },
);

interface Query {
  tail?: number;
  sinceNs?: bigint;
  untilNs?: bigint;
}

interface Place {
  at: number;
  addNs: number;
}

/** The bounds for this log. */
function queryOf(
  lines: readonly ReadLine[],
  { tail, since, until }: { tail?: number; since?: Place; until?: Place },
): Query {
  const timeOf = ({ at, addNs }: Place): bigint =>
    (lines[Math.floor(at * lines.length)]?.timeNano ?? 1_700_000_000_000_000_000n) + BigInt(addNs);
  return {
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { sinceNs: timeOf(since) }),
    ...(until === undefined ? {} : { untilNs: timeOf(until) }),
  };
}

/** A gap is compared by its reason: how many bytes it says depends on where one begins. */
function comparable({ source, timeNano, text, gap }: ReadLine): string {
  const what = gap === undefined ? JSON.stringify(text) : `gap ${gap}`;
  return `${source} ${timeNano} ${what}`;
}

function expectedComparable(line: ExpectedLine): string {
  const { source, timeNano, text, isGap } = line;
  return `${source} ${timeNano} ${isGap ? `gap ${text}` : JSON.stringify(text)}`;
}

/** Reasons of losses of which only a reader tells. */
const foundReasons = ['damage', 'missing', 'let-go'];

/** What is chosen of all lines: the last ones, from a time on, up to the first one behind a time. */
function chosen(all: readonly ReadLine[], { tail, sinceNs, untilNs }: Query): ReadLine[] {
  const last = tail === undefined ? all : tail === 0 ? [] : all.slice(-tail);
  let isWanted = false;
  const since = last.toReversed().flatMap((line) => {
    const { timeNano, gap, text } = line;
    // The log keeps its place; a word alone, of bytes that stood before it, has none.
    const isKept = gap !== undefined && !foundReasons.includes(gap);
    const isRange = isKept && !text.includes('size unknown');
    const isLate = sinceNs === undefined || timeNano >= sinceNs;
    if (isLate || gap === undefined) isWanted = isLate;
    // A loss right before what is wanted may be of what is wanted.
    const isEarly = !isLate && isRange && isWanted;
    return isLate ? [line] : isEarly ? [{ ...line, timeNano: sinceNs }] : [];
  });
  since.reverse();
  const isLate = ({ timeNano }: ReadLine): boolean => untilNs !== undefined && timeNano > untilNs;
  const end = since.findIndex((line) => line.gap === undefined && isLate(line));
  return since.slice(0, end < 0 ? since.length : end).filter((line) => !isLate(line));
}

/**
 * A loss that nobody recorded is dated by what stands before it. Where nothing near it has a
 * time, it depends on where one begins which time it has, and so whether a bound leaves it out:
 * of such losses before the first line, `keep` decides.
 */
function withoutFirst(lines: readonly ReadLine[], keep: 'undated' | 'none'): ReadLine[] {
  const first = lines.findIndex(({ gap }) => gap === undefined);
  return lines.flatMap((line, index) => {
    const isFirst = first < 0 || index < first;
    if (!isFirst || (line.gap !== 'damage' && line.gap !== 'missing')) return [line];
    return keep === 'none' ? [] : [{ ...line, timeNano: 0n }];
  });
}

/** Checks an answer; behind `until` the open lines may follow, as far as they had come. */
function check(
  log: HistoryLog,
  all: readonly ReadLine[],
  query: Query,
  what: string,
  isDamaged = false,
): void {
  let got = readLog(log, query);
  let expected = chosen(all, query);
  const { tail, sinceNs, untilNs } = query;
  if (sinceNs !== undefined || tail !== undefined) {
    // Without a bound of time none is left out.
    const keep = sinceNs === undefined && untilNs === undefined ? 'undated' : 'none';
    got = withoutFirst(got, keep);
    expected = withoutFirst(expected, keep);
  }
  if (isDamaged && sinceNs !== undefined) {
    // What damage hides, only who reads it knows: whether the line before is one that is wanted.
    const isEarly = ({ gap, timeNano }: ReadLine): boolean =>
      gap !== undefined && timeNano === sinceNs;
    got = got.filter((line) => !isEarly(line));
    expected = expected.filter((line) => !isEarly(line));
  }
  const extra = got.slice(expected.length);
  assert.deepEqual(got.slice(0, expected.length).map(comparable), expected.map(comparable), what);
  if (untilNs === undefined) assert.deepEqual(extra, [], what);
  assert.ok(extra.length <= 2, `${what}: ${extra.map(comparable).join()}`);
  for (const { source, text, timeNano } of extra) {
    assert.ok(!text.endsWith('\n'), `${what}: ${text}`);
    const whole = all.find(
      (line) => line.source === source && line.timeNano === timeNano && line.text.startsWith(text),
    );
    assert.ok(whole !== undefined, `${what}: ${text} is the beginning of a line`);
  }
}

test('gives every line of every log, as its frames mean it', () => {
  fc.assert(
    fc.property(anyWholeLog, (plan) => {
      const log = writeLog(plan);
      assert.deepEqual(readLog(log).map(comparable), log.expected().map(expectedComparable));
    }),
    { numRuns: 150 },
  );
});

test('tail, since and until choose the same lines as a filter over all of them', () => {
  fc.assert(
    fc.property(anyLog, fc.array(anyQuery, { minLength: 1, maxLength: 6 }), (plan, queries) => {
      const log = writeLog(plan);
      const all = readLog(log);
      for (const each of queries) {
        const query = queryOf(all, each);
        check(log, all, query, JSON.stringify(each));
      }
    }),
    { numRuns: 150 },
  );
});

/** No frame is near the loss, and the last lines begin with one. */
const undatedLoss: [LogPlan, Hurt[], Parameters<typeof queryOf>[1][]] = [
  {
    segmentBytesMax: 2000,
    steps: [
      { do: 'frame', source: 'stdout', kind: 'whole', bytes: 0, stepNs: 0 },
      { do: 'gap', bytes: 1, tornBytes: 0 },
      { do: 'frame', source: 'stdout', kind: 'whole', bytes: 900, stepNs: 0 },
    ],
    blockSizes: [7],
    fates: ['kept'],
    removedShare: 0,
  },
  [{ file: 4, at: 0, kind: 'flip' }],
  [{ tail: 1 }, { tail: 2 }, { tail: 2, until: { at: 0, addNs: 0 } }],
];

test('they do so in a damaged log, and no damage makes a reader throw or loop', () => {
  fc.assert(
    fc.property(
      anyLog,
      anyHurts,
      fc.array(anyQuery, { minLength: 1, maxLength: 6 }),
      (plan, hurts, queries) => {
        const log = writeLog(plan);
        hurt(log, hurts);
        const all = readLog(log);
        for (const each of queries) {
          check(log, all, queryOf(all, each), JSON.stringify(each), true);
        }
      },
    ),
    { numRuns: 150, examples: [undatedLoss] },
  );
});

test('a loss that began before since is told where what is wanted follows it, and only there', () => {
  const log = new HistoryLog(1 << 20);
  const line = (n: number): void => {
    const at = { source: 'stdout', timeNano: BigInt(n) * 1_000_000_000n };
    log.frame({ ...at, line: Buffer.from(`${n}`) });
    log.flush();
  };
  for (const n of [10, 11]) line(n);
  log.gap(100);
  line(20);
  log.gap(100);
  log.gap(50);
  for (const n of [30, 31]) line(n);
  const seen = (since: number): string[] => {
    const answer = readLog(log, { sinceNs: BigInt(since) * 1_000_000_000n });
    return answer.map(({ text, gap }) => gap ?? text.trim());
  };
  // Each has the time of the line before it.
  assert.deepEqual(seen(21), ['disk', 'disk', '30', '31']);
  assert.deepEqual(seen(30), ['disk', 'disk', '30', '31']);
  assert.deepEqual(seen(31), ['31']);
  assert.deepEqual(seen(12), ['disk', '20', 'disk', 'disk', '30', '31']);
  assert.deepEqual(seen(32), []);
  // dockerd leaves out what is earlier than it was asked for.
  const [first] = readLog(log, { sinceNs: 25_000_000_000n });
  assert.deepEqual([first?.gap, first?.timeNano], ['disk', 25_000_000_000n]);
});
