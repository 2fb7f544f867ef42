import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { FileSystem } from '../../src/base/file-system.ts';
import { LogReaders } from '../../src/history/log-readers.ts';
import type { LogRequest } from '../../src/history/log-request.ts';
import { FaultyDisk } from '../helpers/faulty-disk.ts';
import { HistoryLog } from '../helpers/history-log.ts';
import { linesOf, type ReadLine } from '../helpers/history-read.ts';
import { MemoryDisk } from '../helpers/memory-disk.ts';
import { temporaryDirectory } from '../helpers/stream-bench.ts';

/** What one reader was given so far. */
interface Answer {
  chunks: Uint8Array<ArrayBuffer>[];
  /** Chunks that the client has not taken yet. */
  waiting: number;
  ended: number;
  failed: string[];
}

/** Readers, their clients, and what those got. */
class Clients {
  readonly readers: LogReaders;
  readonly answers = new Map<number, Answer>();
  /** Ids in the order in which they were given something. */
  readonly order: number[] = [];
  /** Whether clients take at once what they are given. */
  isEager = true;

  constructor(disk: FileSystem) {
    this.readers = new LogReaders(disk, {
      onChunk: (id, bytes) => this.#take(id, bytes),
      onEnd: (id) => {
        this.answer(id).ended += 1;
      },
      onFailed: (id, cause) => this.answer(id).failed.push(cause),
    });
  }

  answer(id: number): Answer {
    const answer = this.answers.get(id) ?? { chunks: [], waiting: 0, ended: 0, failed: [] };
    this.answers.set(id, answer);
    return answer;
  }

  #take(id: number, bytes: Uint8Array<ArrayBuffer>): void {
    const answer = this.answer(id);
    answer.chunks.push(bytes);
    answer.waiting += 1;
    this.order.push(id);
    if (this.isEager) this.credit(id);
  }

  /** The client has taken a chunk; its memory is not given back here, it is still looked at. */
  credit(id: number): void {
    this.answer(id).waiting -= 1;
    this.readers.credit(id, undefined);
  }

  open(id: number, log: HistoryLog, query: Partial<LogRequest> = {}): void {
    this.answer(id);
    this.readers.open(id, log.request(query));
  }

  lines(id: number): ReadLine[] {
    return this.answer(id).chunks.flatMap((chunk) => linesOf(chunk));
  }

  text(id: number): string {
    return this.lines(id)
      .map(({ text }) => text)
      .join('');
  }

  /** Turns of the event loop until something is so. */
  async until(what: string, isSo: () => boolean, turnsMax = 200_000): Promise<void> {
    for (let turn = 0; !isSo(); turn += 1) {
      assert.ok(turn < turnsMax, what);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** Some turns, in which what may happen happens. */
  async turns(count = 50): Promise<void> {
    let left = count;
    await this.until('turns pass', () => left-- <= 0);
  }
}

/** A log of so many lines of 1000 bytes. */
function longLog(lines: number, disk?: FileSystem, directory?: string): HistoryLog {
  const log = new HistoryLog(1 << 20, disk ?? new MemoryDisk(), directory);
  write(log, lines);
  return log;
}

function write(log: HistoryLog, lines: number): void {
  const timeNano = 1_700_000_000_000_000_000n;
  for (let number = 1; number <= lines; number += 1) {
    const line = Buffer.from(`${number} `.padEnd(999, 'x'));
    log.frame({ source: 'stdout', timeNano, line });
    if (number % 60 === 0) log.flush();
  }
  log.flush();
}

test('a hundred readers of one container have turns, and none is passed over', async () => {
  const log = longLog(1500);
  const clients = new Clients(log.disk);
  const ids = Array.from({ length: 100 }, (_, index) => index + 1);
  for (const id of ids) clients.open(id, log);
  await clients.until('all have all', () => ids.every((id) => clients.answer(id).ended === 1));
  const given = new Map<number, number>();
  for (const id of clients.order) {
    given.set(id, (given.get(id) ?? 0) + 1);
    const counts = ids.map((each) => given.get(each) ?? 0);
    const isOver = (index: number): boolean =>
      (given.get(ids[index] ?? 0) ?? 0) === clients.answer(ids[index] ?? 0).chunks.length;
    const least = Math.min(...counts.filter((_, index) => !isOver(index)), Number.MAX_SAFE_INTEGER);
    assert.ok((given.get(id) ?? 0) <= least + 2, 'nobody is two chunks ahead of another');
  }
  const [expected] = ids.map((id) => clients.text(id));
  assert.equal(expected?.length, 1_500_000);
  for (const id of ids) assert.ok(clients.text(id) === expected, `reader ${id} has every line`);
});

test('a reader whose client takes nothing gives out two chunks, and the others all', async () => {
  const log = longLog(4000);
  const clients = new Clients(log.disk);
  clients.isEager = false;
  clients.open(1, log);
  clients.open(2, log);
  await clients.until('the first two chunks are there', () => clients.answer(1).waiting === 2);
  const serve = async (): Promise<void> =>
    clients.until('the other one has all', () => {
      if (clients.answer(2).waiting > 0) clients.credit(2);
      return clients.answer(2).ended === 1;
    });
  await serve();
  await clients.turns();
  assert.equal(clients.answer(1).chunks.length, 2);
  assert.equal(clients.answer(1).ended, 0);
  // A chunk has what was asked for and one block more, whatever the log's length.
  for (const chunk of clients.answer(2).chunks) assert.ok(chunk.length <= 128 * 1024 + 70_000);
  clients.isEager = true;
  clients.credit(1);
  clients.credit(1);
  await clients.until('it goes on', () => clients.answer(1).ended === 1);
  assert.ok(clients.text(1) === clients.text(2));
});

test('of many readers that nobody takes from, each holds one chunk', async () => {
  const log = longLog(1000);
  const clients = new Clients(log.disk);
  clients.isEager = false;
  const ids = Array.from({ length: 60 }, (_, index) => index + 1);
  for (const id of ids) clients.open(id, log);
  await clients.until('each has something', () =>
    ids.every((id) => clients.answer(id).waiting > 0),
  );
  await clients.turns(500);
  const held = [...clients.answers.values()].flatMap(({ chunks }) => chunks);
  assert.ok(held.length <= ids.length + 16, `${held.length} chunks`);
  const bytes = held.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  assert.ok(bytes <= held.length * 512 * 1024, `${bytes} bytes`);
  for (const id of ids) clients.readers.close(id);
});

test('memory that comes back is written again, and never while a chunk of it is out', async () => {
  const log = longLog(3000);
  let chunks = 0;
  let text = '';
  let isOver = false;
  const readers: LogReaders = new LogReaders(log.disk, {
    onChunk: (id, bytes) => {
      chunks += 1;
      setImmediate(() => {
        text += linesOf(bytes)
          .map((line) => line.text)
          .join('');
        // As a thread that gives it away: what is in it is gone.
        const memory = bytes.buffer.transfer();
        new Uint8Array(memory).fill(0xee);
        readers.credit(id, memory);
      });
    },
    onEnd: () => {
      isOver = true;
    },
    onFailed: (_id, cause) => assert.fail(cause),
  });
  readers.open(1, log.request());
  const clients = new Clients(log.disk);
  await clients.until('all is there', () => isOver && text.length >= 3_000_000);
  const expected = log.expected().map((line) => line.text);
  assert.ok(text === expected.join(''));
  assert.ok(chunks > 10, `${chunks} chunks`);
});

test('what is appended reaches those that follow that container, and a stop ends them', async () => {
  const log = longLog(2);
  const clients = new Clients(log.disk);
  clients.open(1, log, { follow: true });
  clients.open(2, log, { follow: true, tail: 0 });
  await clients.until('what there is', () => clients.lines(1).length === 2);
  await clients.turns();
  write(log, 3);
  clients.readers.appended(['e'.repeat(64)]);
  clients.readers.appended([log.containerId]);
  await clients.until('both have it', () => [1, 2].every((id) => clients.lines(id).length >= 3));
  assert.equal(clients.lines(1).length, 5);
  assert.equal(clients.lines(2).length, 3);
  const { endLsn } = log;
  write(log, 1);
  clients.readers.stop(1, endLsn);
  clients.readers.stop(7, endLsn);
  await clients.until('the first ended', () => clients.answer(1).ended === 1);
  assert.equal(clients.lines(1).length, 5);
  assert.equal(clients.answer(2).ended, 0);
  clients.readers.stop(2, log.endLsn);
  await clients.until('the second ended', () => clients.answer(2).ended === 1);
  assert.equal(clients.lines(2).length, 4);
});

test('a stop that comes before the reader had a turn ends it all the same', async () => {
  const log = longLog(2);
  const clients = new Clients(log.disk);
  clients.open(1, log, { follow: true });
  clients.readers.stop(1, log.endLsn);
  await clients.until('it ended', () => clients.answer(1).ended === 1);
  assert.equal(clients.lines(1).length, 2);
});

test('a reader may be closed at any moment, and is given nothing after that', async () => {
  const log = longLog(600);
  log.rotate();
  for (let moment = 0; moment < 12; moment += 1) {
    const clients = new Clients(log.disk);
    clients.open(1, log, { follow: moment % 2 === 0 });
    clients.open(2, log);
    await clients.turns(moment);
    clients.readers.close(1);
    const { length } = clients.answer(1).chunks;
    clients.readers.credit(1, undefined);
    clients.readers.stop(1, log.endLsn);
    clients.readers.appended([log.containerId]);
    clients.readers.close(1);
    await clients.until('the other one has all', () => clients.answer(2).ended === 1);
    assert.equal(clients.answer(1).chunks.length, length);
    assert.equal(clients.lines(2).length, 600);
  }
  const { disk } = log;
  assert.ok(disk instanceof MemoryDisk);
  assert.deepEqual(disk.openPaths, [], 'no file is left open');
});

test('a client may close its reader when it is given a chunk', async () => {
  const log = longLog(600);
  let chunks = 0;
  let isEnded = false;
  const readers: LogReaders = new LogReaders(log.disk, {
    onChunk: (id) => {
      chunks += 1;
      readers.close(id);
    },
    onEnd: () => {
      isEnded = true;
    },
    onFailed: (_id, cause) => assert.fail(cause),
  });
  readers.open(1, log.request());
  const clients = new Clients(log.disk);
  await clients.until('it was given something', () => chunks > 0);
  await clients.turns();
  assert.equal(chunks, 1);
  assert.equal(isEnded, false);
});

test('a disk that refuses ends the reader that met it, with a line that says so', async () => {
  using directory = temporaryDirectory();
  const disk = new FaultyDisk();
  const log = longLog(300, disk, directory.path);
  log.rotate();
  for (const query of [{}, { tail: 5 }, { sinceNs: 1n }, { follow: true }]) {
    const clients = new Clients(disk);
    disk.fail('openSync', 'EMFILE');
    clients.open(1, log, query);
    await clients.until('it failed', () => clients.answer(1).failed.length > 0);
    disk.heal();
    const { failed, ended } = clients.answer(1);
    assert.deepEqual(failed, ['EMFILE: told to fail, openSync']);
    assert.equal(ended, 0);
    const [line, ...others] = clients.lines(1);
    assert.deepEqual(others, []);
    assert.equal(line?.source, 'stderr');
    const told = 'holdfast: the log cannot be read any further: EMFILE: told to fail, openSync\n';
    assert.equal(line?.text, told);
    clients.open(2, log);
    await clients.until('the next one has all', () => clients.answer(2).ended === 1);
    assert.equal(clients.lines(2).length, 300);
    assert.equal(disk.openPaths.size, 0, 'no file is left open');
  }
});

test('a disk that fails in the middle ends one reader; what came before that is given out', async () => {
  using directory = temporaryDirectory();
  const disk = new FaultyDisk();
  const log = new HistoryLog(100_000, disk, directory.path);
  write(log, 600);
  log.rotate();
  const clients = new Clients(disk);
  clients.isEager = false;
  clients.open(1, log);
  await clients.until('it has begun', () => clients.answer(1).waiting === 2);
  const first = clients.lines(1).length;
  disk.fail('openSync', 'EMFILE', 0, 1000);
  clients.credit(1);
  await clients.until('it failed', () => clients.answer(1).failed.length === 1);
  const lines = clients.lines(1);
  assert.ok(first > 0 && lines.length > first);
  assert.match(lines.at(-1)?.text ?? '', /^holdfast: the log cannot be read any further: EMFILE/);
  for (const [index, { text }] of lines.slice(0, -1).entries()) {
    assert.equal(text.split(' ')[0], `${index + 1}`);
  }
  clients.readers.credit(1, undefined);
  await clients.turns();
  assert.equal(clients.answer(1).failed.length, 1);
  assert.equal(clients.answer(1).ended, 0);
});

test('a page that cannot be read is a gap, and not the end', async () => {
  using directory = temporaryDirectory();
  const disk = new FaultyDisk();
  const log = longLog(600, disk, directory.path);
  log.rotate();
  disk.badRange = { from: 200_000, to: 204_096 };
  const clients = new Clients(disk);
  clients.open(1, log);
  await clients.until('it ended', () => clients.answer(1).ended === 1);
  const lines = clients.lines(1);
  assert.deepEqual(
    lines.flatMap(({ gap }) => gap ?? []),
    ['damage'],
  );
  assert.match(lines.at(-1)?.text ?? '', /^600 /);
});

/** A clock that a test moves, and the poll of the readers with it. */
class TestClock {
  nowMs = 1_000_000;

  constructor() {
    mock.method(performance, 'now', () => this.nowMs);
    mock.timers.enable({ apis: ['setInterval'] });
  }

  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 250) {
      this.nowMs += 250;
      mock.timers.tick(250);
    }
  }

  [Symbol.dispose](): void {
    mock.timers.reset();
    mock.restoreAll();
  }
}

test('a silent reader gives a heartbeat each ten seconds, and one that is not taken no other', async () => {
  using clock = new TestClock();
  const log = longLog(1);
  const clients = new Clients(log.disk);
  clients.open(1, log, { follow: true });
  await clients.until('its line', () => clients.lines(1).length === 1);
  clock.pass(9750);
  assert.equal(clients.lines(1).length, 1);
  clock.pass(250);
  assert.equal(clients.lines(1).length, 17);
  const [, heartbeat] = clients.lines(1);
  assert.equal(heartbeat?.text, '');
  assert.ok(heartbeat?.source !== 'stdout' && heartbeat?.source !== 'stderr');
  clock.pass(30_000);
  assert.equal(clients.lines(1).length, 65);
  clients.isEager = false;
  clock.pass(60_000);
  assert.equal(clients.answer(1).waiting, 2);
  clients.readers.close(1);
  clock.pass(60_000);
  assert.equal(clients.answer(1).waiting, 2);
});

test('what no signal told of is found: appended lines, open lines, a time that is over', async () => {
  using clock = new TestClock();
  const log = longLog(1);
  const clients = new Clients(log.disk);
  clients.open(1, log, { follow: true });
  clients.open(2, log, { follow: true, untilNs: BigInt(Date.now() + 3_600_000) * 1_000_000n });
  clients.open(3, log, { follow: true, untilNs: 1_800_000_000n });
  await clients.until('its line', () => clients.lines(1).length === 1);
  await clients.until('one ended', () => clients.answer(3).ended === 1);
  const timeNano = 1_700_000_000_000_000_000n;
  const part = { partial: true, id: 'a', last: false, ordinal: 1 };
  log.frame({ source: 'stdout', timeNano, line: Buffer.from('prompt'), ...part });
  log.flush();
  clock.pass(250);
  await clients.turns();
  clock.pass(250);
  await clients.until('the open line', () => clients.lines(1).at(-1)?.text === 'prompt');
  assert.equal(clients.answer(2).ended, 0);
  mock.method(Date, 'now', () => 4_000_000_000_000);
  clock.pass(250);
  await clients.until('its time is over', () => clients.answer(2).ended === 1);
  assert.equal(clients.answer(1).ended, 0);
  clients.readers.close(1);
});

test('a file that nobody reads is closed after half a minute, and all with the last reader', async () => {
  using directory = temporaryDirectory();
  using clock = new TestClock();
  const disk = new FaultyDisk();
  const log = longLog(100, disk, directory.path);
  const clients = new Clients(disk);
  clients.open(1, log, { follow: true });
  await clients.until('all lines', () => clients.lines(1).length === 100);
  const opened = (): number => [...disk.openPaths.values()].length;
  // One is the writer's.
  assert.equal(opened(), 2);
  clock.pass(31_000);
  assert.equal(opened(), 1);
  write(log, 1);
  clients.readers.appended([log.containerId]);
  await clients.until('one more line', () => clients.text(1).length === 101_000);
  assert.equal(opened(), 2);
  clients.readers.close(1);
  assert.equal(opened(), 1);
});
