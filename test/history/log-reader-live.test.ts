import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { frameOutBytesMax } from '../../src/base/limits.ts';
import { CommittedLsn } from '../../src/wal/index.ts';
import type { TestFrame } from '../helpers/frames.ts';
import { HistoryLog } from '../helpers/history-log.ts';
import { type ReadLine, readLog, TestReader } from '../helpers/history-read.ts';

const timeNano = 1_700_000_000_000_000_000n;

function whole(text: string, source = 'stdout'): TestFrame {
  return { source, timeNano, line: Buffer.from(text) };
}

function piece(text: string, id: string, last = false, source = 'stdout'): TestFrame {
  return { ...whole(text, source), partial: true, id, last, ordinal: 1 };
}

/** Writes frames at once. */
function put(log: HistoryLog, ...frames: TestFrame[]): void {
  for (const frame of frames) log.frame(frame);
  log.flush();
}

/** What may happen while somebody reads. */
const anyDeed = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      lines: fc.integer({ min: 1, max: 8 }),
      block: fc.constantFrom(1, 30, 500),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      steps: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rotate' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('seal' as const), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('evict' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
);

type Deed = typeof anyDeed extends fc.Arbitrary<infer T> ? T : never;

/** A log of numbered lines that changes under its readers. */
class Story {
  readonly log = new HistoryLog(400);
  written = 0;

  act(deed: Exclude<Deed, { do: 'read' }>): void {
    const { log } = this;
    if (deed.do === 'write') {
      for (let line = 0; line < deed.lines; line += 1) {
        this.written += 1;
        log.frame(whole(`${this.written}`));
      }
      log.flush([deed.block]);
    } else if (deed.do === 'rotate') log.rotate();
    else if (deed.do === 'remove') log.removeBefore(Math.floor(log.endLsn * deed.share));
    else if (deed.do === 'seal') this.#seal(deed.which);
    else this.#evict();
  }

  #seal(which: number): void {
    const { complete } = this.log;
    const sequence = complete[which % Math.max(1, complete.length)];
    if (sequence !== undefined) this.log.seal(sequence);
  }

  /** The oldest that is no word of a loss already, as upkeep does it. */
  #evict(): void {
    const { log } = this;
    const sequence = log.complete.find((each) => log.hasFrames(each));
    if (sequence !== undefined) log.evict(sequence);
  }
}

/**
 * Numbers in order, each once; where some are missing stand words of losses that say how many.
 * What is told in front of all lines may be more: what was not asked for, or was gone before.
 */
function checkStory(lines: readonly ReadLine[], first: number, last: number): void {
  let next = first;
  let words: ReadLine[] = [];
  for (const line of lines) {
    if (line.gap === undefined) {
      checkLoss(words, next, Number(line.text), next === first);
      next = Number(line.text) + 1;
      words = [];
    } else words.push(line);
  }
  checkLoss(words, next, last + 1, next === first);
}

/** `number` comes where `next` was to come, with these words before it. */
function checkLoss(words: ReadLine[], next: number, number: number, isMoreToldOf: boolean): void {
  const missing = number - next;
  assert.ok(missing === 0 || (missing > 0 && words.length > 0), `${number} after ${next - 1}`);
  // Of what was removed in order nobody may know how many lines it had.
  if (words.some(({ gap, lost }) => gap === 'let-go' && lost === undefined)) return;
  const told = words.reduce((sum, { lost = Number.NaN }) => sum + lost, 0);
  // A line that is cut by two losses counts for both.
  const toldMax = isMoreToldOf ? Number.MAX_VALUE : missing + Math.max(0, words.length - 1);
  assert.ok(told >= missing && told <= toldMax, `${told} told of ${missing} before ${number}`);
}

test('a reader gets each line once and in order while the log is written, sealed and given up', () => {
  fc.assert(
    fc.property(fc.array(anyDeed, { minLength: 5, maxLength: 80 }), fc.nat(3), (deeds, first) => {
      const story = new Story();
      for (let line = 0; line < first; line += 1) story.act({ do: 'write', lines: 3, block: 30 });
      const test = new TestReader(story.log, { follow: true }, 1 + (first % 3));
      let removedOf = 0;
      for (const deed of deeds) {
        if (deed.do !== 'read') story.act(deed);
        // What is removed before the first look was never there for this reader.
        if (test.steps === 0 && deed.do === 'remove') removedOf = story.written;
        if (deed.do !== 'read') continue;
        for (let step = 0; step < deed.steps; step += 1) assert.notEqual(test.step(), 'end');
      }
      test.reader.stopAt(story.log.endLsn);
      assert.equal(test.drain(5000), 'end');
      const firstLine = test.lines.find(({ gap }) => gap === undefined)?.text;
      const start = removedOf === 0 ? 1 : Number(firstLine ?? story.written + 1);
      checkStory(test.lines, start, story.written);
      test.close();
    }),
    { numRuns: 200 },
  );
});

test('a reader of the last lines gets no more than those, and what came after them', () => {
  fc.assert(
    fc.property(
      fc.array(anyDeed, { minLength: 5, maxLength: 60 }),
      fc.nat(15),
      fc.nat(20),
      (deeds, tail, before) => {
        const story = new Story();
        story.act({ do: 'write', lines: before * 3, block: 30 });
        const { written } = story;
        const test = new TestReader(story.log, { follow: true, tail });
        for (const deed of deeds) {
          if (deed.do !== 'read') story.act(deed);
          else for (let step = 0; step < deed.steps; step += 1) assert.notEqual(test.step(), 'end');
        }
        test.reader.stopAt(story.log.endLsn);
        assert.equal(test.drain(5000), 'end');
        checkStory(test.lines, Math.max(1, written - tail + 1), story.written);
        test.close();
      },
    ),
    { numRuns: 200 },
  );
});

test('ends where the container ended, and not at what comes behind', () => {
  const log = new HistoryLog();
  put(log, whole('one'), whole('two'));
  const test = new TestReader(log, { follow: true });
  assert.equal(test.drain(), 'idle');
  const { endLsn } = log;
  put(log, whole('next run'));
  assert.ok(test.reader.hasMore);
  test.reader.stopAt(endLsn);
  assert.ok(!test.reader.isFollowing);
  assert.equal(test.drain(), 'end');
  assert.equal(test.text, 'one\ntwo\n');
  test.close();
});

test('a container that ended before the last lines were counted changes nothing about them', () => {
  const log = new HistoryLog();
  put(log, whole('one'), whole('two'));
  const test = new TestReader(log, { follow: true, tail: 0 });
  put(log, whole('three'));
  test.reader.stopAt(log.endLsn);
  assert.equal(test.drain(), 'end');
  assert.equal(test.text, 'three\n');
  test.close();
});

test('follows: what an open line has is shown after 50 ms, and its end without repeating it', () => {
  const log = new HistoryLog();
  put(log, whole('before'), piece('a prompt: ', 'p'));
  const test = new TestReader(log, { follow: true });
  assert.equal(test.drain(), 'idle');
  assert.equal(test.text, 'before\n');
  assert.equal(test.reader.dueAtMs, 50);
  test.nowMs = 49;
  assert.equal(test.drain(), 'idle');
  assert.equal(test.text, 'before\n');
  test.nowMs = 50;
  assert.equal(test.drain(), 'idle');
  assert.equal(test.text, 'before\na prompt: ');
  assert.equal(test.reader.dueAtMs, undefined);
  assert.equal(test.budget.heldBytes, 0);
  put(log, piece('yes', 'p', true), whole('after'));
  assert.equal(test.drain(), 'idle');
  assert.equal(test.text, 'before\na prompt: yes\nafter\n');
  test.close();
});

test('two open lines of both sources are each shown in their time', () => {
  const log = new HistoryLog();
  put(log, piece('out', 'o'));
  const test = new TestReader(log, { follow: true });
  assert.equal(test.drain(), 'idle');
  test.nowMs = 30;
  put(log, piece('err', 'e', false, 'stderr'));
  assert.equal(test.drain(), 'idle');
  test.nowMs = 50;
  assert.equal(test.drain(), 'idle');
  assert.equal(test.text, 'out');
  assert.equal(test.reader.dueAtMs, 80);
  test.nowMs = 80;
  assert.equal(test.drain(), 'idle');
  assert.equal(test.textOf('stderr'), 'err');
  test.close();
});

test('a line that was shown in parts ends as it would have ended in one', () => {
  for (const ending of ['ended', 'detached', 'stopped']) {
    const log = new HistoryLog();
    log.attach('one');
    put(log, piece('part ', 'p'));
    const test = new TestReader(log, { follow: true });
    assert.equal(test.drain(), 'idle');
    test.nowMs = 60;
    assert.equal(test.drain(), 'idle');
    if (ending === 'ended') put(log, piece('', 'p', true));
    else if (ending === 'detached') log.detach('one');
    else put(log, piece('and more', 'p'));
    test.reader.stopAt(log.endLsn);
    assert.equal(test.drain(), 'end');
    const expected = { ended: 'part \n', detached: 'part ', stopped: 'part and more' }[ending];
    assert.equal(test.text, expected);
    test.close();
  }
});

test('the last line has no newline if it had none, also before another run', () => {
  const log = new HistoryLog();
  log.attach('one');
  put(log, whole('first'), piece('no end', 'n'));
  assert.equal(text(log), 'first\nno end');
  log.detach('one');
  assert.equal(text(log), 'first\nno end');
  log.attach('two');
  put(log, whole('second run'));
  // json-file prints these on one line, too.
  assert.equal(text(log), 'first\nno endsecond run\n');
});

function text(log: HistoryLog): string {
  return readLog(log)
    .map((line) => line.text)
    .join('');
}

test('the word of a loss stands on a line of its own, whatever was open on its source', () => {
  const log = new HistoryLog();
  put(log, piece('open', 'o', false, 'stderr'));
  log.gap(100);
  put(log, whole('next', 'stderr'));
  const [open, word, next] = readLog(log);
  assert.equal(open?.text, 'open');
  assert.match(word?.text ?? '', /^\nholdfast: .* \(100 bytes\) is missing here: .* \(disk\)\n$/);
  assert.equal(word?.source, 'stderr');
  assert.equal(next?.text, 'next\n');
});

test('a line of any length comes out in frames that engines take', () => {
  const log = new HistoryLog();
  const part = 'x'.repeat(16_384);
  const pieces = 300;
  for (let number = 0; number < pieces; number += 1) log.frame(piece(part, 'l'));
  put(log, piece('the end', 'l', true), whole('after'));
  const lines = readLog(log);
  assert.ok(lines.every((line) => line.text.length <= frameOutBytesMax + 1));
  assert.ok(lines.map((line) => line.text).join('') === `${part.repeat(pieces)}the end\nafter\n`);
  const last = readLog(log, { tail: 1 });
  assert.deepEqual(
    last.map((line) => line.text),
    ['after\n'],
  );
});

test('lines of a segment that goes between counting and reading are not those left out', () => {
  for (const deed of ['evict', 'remove', 'seal'] as const) {
    const log = new HistoryLog();
    for (let number = 1; number <= 200; number += 1) {
      log.frame(whole(`${number}`));
      if (number % 10 > 0) continue;
      log.flush();
      log.rotate();
    }
    const test = new TestReader(log, { follow: true, tail: 25 });
    while (test.reader.isCounting) assert.equal(test.step(), 'more');
    test.files.closeDirectory(log.directory);
    for (const sequence of log.complete.slice(0, -1)) {
      if (deed === 'evict') log.evict(sequence);
      else if (deed === 'seal') log.seal(sequence);
    }
    if (deed === 'remove') log.removeBefore(log.endLsn);
    put(log, whole('new'));
    assert.equal(test.drain(), 'idle');
    const first = deed === 'seal' ? 176 : 191;
    const rest = Array.from({ length: 201 - first }, (_, index) => `${first + index}\n`);
    const word = { evict: ['evicted'], remove: ['let-go'], seal: [] }[deed];
    const texts = test.lines.map((line) => line.gap ?? line.text);
    assert.deepEqual(texts, [...word, ...rest, 'new\n']);
    test.close();
  }
});

test('finds the last lines among any number of blocks', () => {
  const log = new HistoryLog(20_000);
  for (let number = 1; number <= 1500; number += 1) put(log, whole(`${number}`));
  for (const tail of [0, 1, 2, 127, 128, 129, 255, 256, 257, 258, 700, 1499, 1500, 1501, 9999]) {
    const texts = readLog(log, { tail }).map((line) => line.text);
    const first = Math.max(1, 1501 - tail);
    const expected = Array.from({ length: 1501 - first }, (_, index) => `${first + index}\n`);
    assert.deepEqual(texts, expected, `tail ${tail}`);
  }
});

test('lines that are written while the last ones are sought do not make it read the whole log', () => {
  const log = new HistoryLog();
  for (let number = 1; number <= 1000; number += 1) put(log, whole(`${number}`));
  // What the writer has told of so far; more is in the file already.
  const committed = new CommittedLsn();
  committed.publish(log.endLsn);
  for (let number = 1; number <= 50; number += 1) put(log, whole('later'));
  const test = new TestReader(log, { tail: 3, committed: committed.buffer });
  assert.equal(test.drain(), 'end');
  assert.equal(test.text, '998\n999\n1000\n');
  assert.ok(test.steps < 20, `${test.steps} steps`);
  test.close();
});

test('what is asked for behind the end of the log is empty, until it is written', () => {
  const log = new HistoryLog();
  put(log, whole('old'));
  const test = new TestReader(log, { follow: true, sinceNs: timeNano + 5n });
  assert.equal(test.drain(), 'idle');
  put(log, { ...whole('new'), timeNano: timeNano + 5n });
  assert.equal(test.drain(), 'idle');
  assert.equal(test.text, 'new\n');
  assert.deepEqual(readLog(log, { sinceNs: timeNano + 6n }), []);
  test.close();
});

test('a log that is not there, is empty, or has only remarks is an empty answer', () => {
  const log = new HistoryLog();
  for (const query of [
    {},
    { tail: 5 },
    { sinceNs: 1n },
    { untilNs: 1n },
    { tail: 0, sinceNs: 1n },
  ]) {
    assert.deepEqual(readLog(log, query), []);
  }
  log.attach('one');
  log.detach('one');
  for (const query of [{}, { tail: 5 }, { sinceNs: 1n }, { untilNs: 1n }]) {
    assert.deepEqual(readLog(log, query), []);
  }
});

test('the first line behind until ends the answer; of open lines what came before it is shown', () => {
  const untilNs = timeNano;
  const late = { timeNano: timeNano + 1n };
  const err = (text: string, last: boolean): TestFrame => piece(text, 'e', last, 'stderr');
  const cases: [TestFrame[], string[]][] = [
    [[whole('one'), { ...whole('late'), ...late }, whole('behind')], ['one\n']],
    [[err('open', false), { ...whole('late'), ...late }, err(' end', true)], ['open']],
    [[err('open', false), { ...piece('late', 'l', true), ...late }, err(' end', true)], ['open']],
    [[{ ...piece('late', 'l'), ...late }, piece('behind', 'b', true)], []],
    [[{ ...piece('late', 'l'), ...late }, whole('behind')], []],
  ];
  for (const [frames, expected] of cases) {
    for (const follow of [false, true]) {
      const log = new HistoryLog();
      put(log, ...frames);
      const test = new TestReader(log, { untilNs, follow });
      assert.equal(test.drain(), 'end');
      assert.deepEqual(
        test.lines.map((line) => line.text),
        expected,
      );
      test.close();
    }
  }
});

test('the word of a loss behind the end of an answer is not told', () => {
  const log = new HistoryLog();
  log.frame(whole('one'));
  log.frame({ ...piece('late', 'l'), timeNano: timeNano + 1n });
  put(log, whole('early', 'stderr'));
  // It ends the late line, and is dated by the early one.
  log.gap(5);
  const lines = readLog(log, { untilNs: timeNano });
  assert.deepEqual(
    lines.map((line) => line.text),
    ['one\n', 'early\n'],
  );
});

test('a block that was sealed meanwhile gives nothing that was written behind the end', () => {
  const log = new HistoryLog();
  put(log, whole('one'), whole('two'));
  const committed = new CommittedLsn();
  committed.publish(log.endLsn);
  put(log, whole('three'), whole('four'));
  log.rotate();
  log.seal(1);
  for (const tail of [undefined, 1, 2]) {
    const query = { committed: committed.buffer, ...(tail === undefined ? {} : { tail }) };
    const texts = readLog(log, query).map((line) => line.text);
    assert.deepEqual(texts, tail === 1 ? ['two\n'] : ['one\n', 'two\n']);
  }
});

test('a word of a loss at the end of a file is counted as it is read', () => {
  // Small segments, so that a word stands last in one and its position begins the next.
  const log = new HistoryLog(300);
  log.attach();
  log.gap(0);
  log.gap(1);
  for (const text of ['one', 'two', 'three']) put(log, whole(text));
  log.gap(0);
  log.rotate();
  put(log, whole('four'));
  const all = readLog(log).map((line) => line.gap ?? line.text);
  assert.equal(all.length, 7);
  for (let tail = 0; tail <= 8; tail += 1) {
    const texts = readLog(log, { tail }).map((line) => line.gap ?? line.text);
    assert.deepEqual(texts, tail === 0 ? [] : all.slice(-tail), `tail ${tail}`);
  }
});

test('is past its time only when nothing that comes can be wanted', () => {
  const log = new HistoryLog();
  const test = new TestReader(log, { follow: true, untilNs: 100_500_000_000n });
  assert.equal(test.reader.isPast(100_500), false);
  // A whole second, whatever the fraction: lines may be on their way.
  assert.equal(test.reader.isPast(101_499), false);
  assert.equal(test.reader.isPast(101_501), true);
  assert.equal(test.reader.isPast(103_000), true);
  assert.equal(new TestReader(log, { follow: true }).reader.isPast(Number.MAX_VALUE), false);
  test.close();
});
