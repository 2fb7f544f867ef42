import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { joinedLineBytesMax, openPartialBytesMax } from '../../src/base/limits.ts';
import { createFrameView, decodeFrame } from '../../src/frame/frame-decoder.ts';
import { type LineEnd, type PartialBudget, PartialJoiner } from '../../src/frame/partial-joiner.ts';
import { encodeBody, type TestFrame } from '../helpers/frames.ts';

interface Joined {
  isStderr: boolean;
  text: string;
  seconds: number;
  startLsn: number;
}

/** A joiner, what came out of it, and a way to put frames in. */
class Bench {
  readonly lines: Joined[] = [];
  /** Why each joined line was handed out. */
  readonly ends: LineEnd[] = [];
  readonly joiner: PartialJoiner;
  readonly budget: PartialBudget;
  #view = createFrameView();
  #lsn = 0;

  constructor(budget: PartialBudget = { heldBytes: 0 }) {
    this.budget = budget;
    this.joiner = new PartialJoiner(budget, (line, end) => {
      const { isStderr, seconds, startLsn } = line;
      this.ends.push(end);
      const text = line.bytes.toString('latin1', 0, line.length);
      this.lines.push({ isStderr, text, seconds, startLsn });
    });
  }

  get texts(): string[] {
    return this.lines.map((line) => line.text);
  }

  /** Puts a frame in as a reader of the stream would; whole lines come out by themselves. */
  put(frame: Partial<TestFrame>, text: string | Buffer, nowMs = 0): void {
    const line = Buffer.from(text);
    const whole = { source: 'stdout', timeNano: 5_000_000_000n, ...frame, line };
    const bytes = Buffer.concat([Buffer.alloc(3), encodeBody(whole)]);
    const view = this.#view;
    assert.ok(decodeFrame(bytes, 3, bytes.length, view));
    if (view.partial)
      this.joiner.add(bytes, view, { lsn: this.#lsn, ordinal: this.#lsn / 100 }, nowMs);
    else if (!this.joiner.endOpenLine(bytes, view)) {
      const start = this.#lsn;
      this.lines.push({
        isStderr: view.isStderr,
        text: line.toString('latin1'),
        seconds: 5,
        startLsn: start,
      });
    }
    this.#lsn += 100;
  }
}

const piece = (id: string, last = false): Partial<TestFrame> => ({ partial: true, id, last });

/** Where the oldest line starts that waits for its end. */
function startOf(joiner: PartialJoiner): { lsn: number; ordinal: number } | undefined {
  const [out, err] = [joiner.startOf(false), joiner.startOf(true)];
  return out === undefined || (err !== undefined && err.lsn < out.lsn) ? err : out;
}

test('joins the pieces of a line, even when the last one is empty', () => {
  const bench = new Bench();
  bench.put(piece('a'), 'one ');
  assert.deepEqual(startOf(bench.joiner), { lsn: 0, ordinal: 0 });
  bench.put(piece('a'), 'two');
  bench.put(piece('a', true), '');
  assert.deepEqual(bench.lines, [{ isStderr: false, text: 'one two', seconds: 5, startLsn: 0 }]);
  assert.equal(startOf(bench.joiner), undefined);
  assert.equal(bench.budget.heldBytes, 0);
});

test('keeps the pieces of standard output and standard error apart', () => {
  const bench = new Bench();
  const stderr = { source: 'stderr' };
  bench.put(piece('a'), 'out1 ');
  bench.put({ ...stderr, ...piece('b') }, 'err1 ');
  bench.put(piece('a'), 'out2 ');
  bench.put({ ...stderr, ...piece('b', true) }, 'err2');
  assert.deepEqual(startOf(bench.joiner), { lsn: 0, ordinal: 0 });
  assert.equal(bench.joiner.openLength(false), 10);
  bench.put(piece('a', true), 'out3');
  assert.deepEqual(bench.texts, ['err1 err2', 'out1 out2 out3']);
  assert.deepEqual(
    bench.lines.map((line) => [line.isStderr, line.startLsn]),
    [
      [true, 100],
      [false, 0],
    ],
  );
});

test('hands out an open line when pieces of another one come', () => {
  const bench = new Bench();
  bench.put(piece('a'), 'lost its end');
  bench.put(piece('b'), 'next ');
  bench.put(piece('b', true), 'line');
  assert.deepEqual(bench.texts, ['lost its end', 'next line']);
});

test('hands out an open line when a whole one comes, and does not mix them', () => {
  const bench = new Bench();
  bench.put(piece('a'), 'open');
  bench.put({}, 'whole');
  assert.deepEqual(bench.texts, ['open', 'whole']);
});

test('joins pieces without ids with the whole line behind them, as old engines mean it', () => {
  const bench = new Bench();
  bench.put({ partial: true }, 'one ');
  bench.put({ partial: true }, 'two ');
  bench.put({ source: 'stderr' }, 'another stream');
  bench.put({}, 'three');
  bench.put({}, 'four');
  assert.deepEqual(bench.texts, ['another stream', 'one two three', 'four']);
  assert.equal(bench.budget.heldBytes, 0);
});

test('cuts a line that outgrows the cap into entries, and loses no byte', () => {
  const bench = new Bench();
  const block = Buffer.alloc(16_384);
  const pieces = Math.ceil(joinedLineBytesMax / block.length) + 10;
  for (let number = 0; number < pieces; number += 1) {
    bench.put(piece('a', number === pieces - 1), block.fill(number & 0xff));
    assert.ok(bench.joiner.openLength(false) <= joinedLineBytesMax);
  }
  assert.equal(bench.lines.length, 2);
  const text = bench.texts.join('');
  assert.equal(text.length, pieces * block.length);
  for (let number = 0; number < pieces; number += 1) {
    assert.equal(text.charCodeAt(number * block.length), number & 0xff);
  }
  assert.equal(bench.budget.heldBytes, 0);
});

test('keeps to the budget of the whole thread, however many lines are open', () => {
  const budget = { heldBytes: 0 };
  const benches = Array.from({ length: 2500 }, () => new Bench(budget));
  const text = 'x'.repeat(20);
  for (const bench of benches) {
    bench.put(piece('a'), text);
    assert.ok(budget.heldBytes <= openPartialBytesMax, `${budget.heldBytes}`);
  }
  for (const bench of benches) bench.put(piece('a', true), 'y');
  const joined = benches.filter((bench) => bench.lines.length === 1);
  assert.ok(joined.length > 0 && joined.length < benches.length);
  for (const bench of benches) assert.equal(bench.texts.join(''), `${text}y`);
  assert.equal(budget.heldBytes, 0);
});

test('hands out lines that have waited long enough, and only those', () => {
  const bench = new Bench();
  bench.put(piece('a'), 'old', 1000);
  bench.put({ source: 'stderr', ...piece('b') }, 'young', 2000);
  assert.equal(bench.joiner.openedAtMs, 1000);
  bench.joiner.flush(999);
  assert.deepEqual(bench.texts, []);
  bench.joiner.flush(1000);
  assert.deepEqual(bench.texts, ['old']);
  assert.equal(bench.joiner.openedAtMs, 2000);
  bench.joiner.flush();
  assert.deepEqual(bench.texts, ['old', 'young']);
  assert.ok(!bench.joiner.isOpen);
});

test('forgets open lines when told, and gives their memory back', () => {
  const bench = new Bench();
  bench.put(piece('a'), 'gone');
  bench.put({ source: 'stderr', ...piece('a') }, 'too');
  bench.joiner.discard();
  bench.joiner.flush();
  assert.deepEqual(bench.lines, []);
  assert.equal(bench.budget.heldBytes, 0);
  assert.equal(startOf(bench.joiner), undefined);
});

test('says why each line is handed out: at its end, without one, or to go on', () => {
  const bench = new Bench();
  bench.put(piece('a'), 'one ');
  bench.put(piece('a', true), 'two');
  assert.deepEqual(bench.ends.splice(0), ['ended']);
  bench.put(piece('b'), 'another follows');
  bench.put(piece('c'), 'a whole one follows');
  assert.deepEqual(bench.ends.splice(0), ['cut']);
  bench.put({}, 'whole');
  assert.deepEqual(bench.ends.splice(0), ['cut']);
  bench.put({ partial: true }, 'as old engines ');
  bench.put({}, 'do it');
  assert.deepEqual(bench.ends.splice(0), ['ended']);
  bench.put(piece('d'), 'out');
  bench.put({ source: 'stderr', ...piece('e') }, 'err');
  bench.joiner.flush();
  assert.deepEqual(bench.ends.splice(0), ['cut', 'cut']);
  bench.put(piece('f'), 'shown ');
  bench.joiner.flush(Number.POSITIVE_INFINITY, 'continued');
  bench.put(piece('f', true), 'as far as it is');
  assert.deepEqual(bench.ends.splice(0), ['continued', 'ended']);
  bench.put(piece('g'), 'forgotten');
  bench.joiner.discard();
  assert.deepEqual(bench.ends, []);
});

test('a line over the cap goes on in the next one, and only its last part has the end', () => {
  const bench = new Bench();
  const block = Buffer.alloc(16_384);
  const pieces = 2 * Math.ceil(joinedLineBytesMax / block.length) + 1;
  for (let number = 1; number <= pieces; number += 1)
    bench.put(piece('a', number === pieces), block);
  assert.deepEqual(bench.ends, ['continued', 'continued', 'ended']);
  // Of the thread's budget nothing is left: what came so far is handed out at once.
  const full = new Bench({ heldBytes: openPartialBytesMax });
  full.put(piece('a'), 'one ');
  full.put(piece('a', true), 'two');
  assert.deepEqual(full.ends, ['continued', 'ended']);
  assert.deepEqual(full.texts, ['one ', 'two']);
});

const anyPiece = fc.record({
  source: fc.constantFrom('stdout', 'stderr'),
  partial: fc.boolean(),
  last: fc.boolean(),
  id: fc.constantFrom('', 'a', 'b'),
  text: fc.string({ unit: 'binary-ascii', maxLength: 12 }),
});

test('loses, doubles and reorders no byte of a source, and holds nothing in the end', () => {
  fc.assert(
    fc.property(fc.array(anyPiece, { maxLength: 60 }), (pieces) => {
      const bench = new Bench();
      for (const { text, partial, last, id, source } of pieces) {
        bench.put(partial ? { source, partial, last, id } : { source }, text);
        const openStart = startOf(bench.joiner);
        assert.equal(openStart !== undefined, bench.joiner.isOpen);
        // Here every frame is 100 positions long.
        if (openStart !== undefined) assert.equal(openStart.ordinal, openStart.lsn / 100);
      }
      bench.joiner.flush();
      assert.equal(bench.budget.heldBytes, 0);
      for (const source of ['stdout', 'stderr']) {
        const put = pieces.filter((each) => each.source === source).map((each) => each.text);
        const got = bench.lines.filter((line) => line.isStderr === (source === 'stderr'));
        assert.equal(got.map((line) => line.text).join(''), put.join(''));
        const starts = got.map((line) => line.startLsn);
        assert.deepEqual(
          starts,
          starts.toSorted((a, b) => a - b),
        );
      }
    }),
    { numRuns: 500 },
  );
});
