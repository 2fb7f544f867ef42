import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mock, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { nodeFileSystem } from '../../src/base/file-system.ts';
import type { LogRequest } from '../../src/history/log-request.ts';
import { History, type HistoryRead } from '../../src/threads/history.ts';
import { HistoryLog } from '../helpers/history-log.ts';
import { linesOf } from '../helpers/history-read.ts';
import { temporaryDirectory } from '../helpers/stream-bench.ts';

/** The threads that are started while this lives. */
class Threads {
  readonly started: Worker[] = [];
  readonly #hear = (message: unknown): void => {
    this.started.push((message as { worker: Worker }).worker);
  };

  constructor() {
    subscribe('worker_threads', this.#hear);
  }

  [Symbol.dispose](): void {
    unsubscribe('worker_threads', this.#hear);
  }
}

/** A client, and what it got. */
class Client {
  text = '';
  writes = 0;
  ends = 0;
  readonly failures: string[] = [];
  /** What it has not said to be through. */
  readonly waiting: (() => void)[] = [];
  isEager = true;
  readonly #over = Promise.withResolvers<void>();
  readonly read: HistoryRead;

  constructor(history: History, request: LogRequest) {
    this.read = history.read(request, {
      write: (bytes, done) => {
        this.writes += 1;
        for (const { text } of linesOf(bytes)) this.text += text;
        if (this.isEager) done();
        else this.waiting.push(done);
      },
      end: () => {
        this.ends += 1;
        this.#over.resolve();
      },
      fail: (cause) => {
        this.failures.push(cause);
        this.#over.resolve();
      },
    });
  }

  async over(): Promise<void> {
    return this.#over.promise;
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!isSo()) {
    assert.ok(performance.now() < endMs, what);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

function put(log: HistoryLog, ...texts: string[]): void {
  for (const text of texts) {
    const timeNano = 1_700_000_000_000_000_000n;
    log.frame({ source: 'stdout', timeNano, line: Buffer.from(text) });
  }
  log.flush();
}

const log = (directory: string): HistoryLog => new HistoryLog(1 << 20, nodeFileSystem, directory);

test('one thread answers many, and the next one when they are through', async () => {
  using directory = temporaryDirectory();
  using threads = new Threads();
  const history = new History();
  try {
    const lines = log(directory.path);
    put(lines, 'one', 'two', 'three');
    const clients = [{}, { tail: 1 }, { untilNs: 1n }].map(
      (query) => new Client(history, lines.request(query)),
    );
    assert.equal(history.readers, 3);
    for (const client of clients) await client.over();
    assert.deepEqual(
      clients.map(({ text, ends, failures }) => [text, ends, failures.length]),
      [
        ['one\ntwo\nthree\n', 1, 0],
        ['three\n', 1, 0],
        ['', 1, 0],
      ],
    );
    assert.equal(history.readers, 0);
    const next = new Client(history, lines.request({ tail: 2 }));
    await next.over();
    assert.equal(next.text, 'two\nthree\n');
    assert.equal(threads.started.length, 1);
  } finally {
    await history.close();
  }
});

test('a follower gets what is appended, and ends where it is told to', async () => {
  using directory = temporaryDirectory();
  const history = new History();
  try {
    const lines = log(directory.path);
    put(lines, 'one');
    const client = new Client(history, lines.request({ follow: true }));
    await until('the first line', () => client.text === 'one\n');
    put(lines, 'two');
    history.appended(lines.containerId);
    history.appended(lines.containerId);
    history.appended('e'.repeat(64));
    await until('the second line', () => client.text === 'one\ntwo\n');
    const { endLsn } = lines;
    put(lines, 'of the next run');
    client.read.stop(endLsn);
    await client.over();
    assert.equal(client.text, 'one\ntwo\n');
    client.read.stop(endLsn);
    client.read.close();
    assert.deepEqual([client.ends, client.failures], [1, []]);
  } finally {
    await history.close();
  }
});

test('a client that takes nothing is given two chunks, and the rest when it has taken them', async () => {
  using directory = temporaryDirectory();
  const history = new History();
  try {
    const lines = log(directory.path);
    const text = 'x'.repeat(16_000);
    for (let block = 0; block < 100; block += 1) put(lines, text, text);
    const slow = new Client(history, lines.request());
    slow.isEager = false;
    const other = new Client(history, lines.request());
    await other.over();
    assert.equal(other.text.length, 200 * 16_001);
    await until('two chunks', () => slow.writes === 2);
    slow.isEager = true;
    for (const done of slow.waiting) done();
    await slow.over();
    assert.ok(slow.text === other.text);
  } finally {
    await history.close();
  }
});

test('who has gone is given nothing more, and is forgotten at once', async () => {
  using directory = temporaryDirectory();
  const history = new History();
  try {
    const lines = log(directory.path);
    put(lines, 'one');
    const client = new Client(history, lines.request({ follow: true }));
    await until('the first line', () => client.text === 'one\n');
    client.read.close();
    assert.equal(history.readers, 0);
    client.read.close();
    put(lines, 'two');
    history.appended(lines.containerId);
    const early = new Client(history, lines.request());
    early.read.close();
    const other = new Client(history, lines.request());
    await other.over();
    assert.equal(other.text, 'one\ntwo\n');
    assert.deepEqual([client.text, client.ends, client.failures], ['one\n', 0, []]);
    assert.deepEqual([early.text, early.ends, early.failures], ['', 0, []]);
  } finally {
    await history.close();
  }
});

test('a thread that dies fails the answers under way, and the next one is answered', async () => {
  using directory = temporaryDirectory();
  using threads = new Threads();
  const history = new History();
  try {
    const lines = log(directory.path);
    put(lines, 'one');
    for (let round = 1; round <= 2; round += 1) {
      const clients = [1, 2].map(() => new Client(history, lines.request({ follow: true })));
      for (const client of clients) await until('its line', () => client.text === 'one\n');
      assert.equal(threads.started.length, 2 * round - 1);
      await threads.started.at(-1)?.terminate();
      for (const client of clients) {
        await client.over();
        assert.deepEqual([client.failures, client.ends], [['the history thread ended'], 0]);
        client.read.stop(lines.endLsn);
        client.read.close();
      }
      assert.equal(history.readers, 0);
      // What tells a thread that is gone is nobody's concern.
      history.appended(lines.containerId);
      const next = new Client(history, lines.request());
      await next.over();
      assert.equal(next.text, 'one\n');
      assert.equal(threads.started.length, 2 * round);
      await threads.started.at(-1)?.terminate();
    }
  } finally {
    await history.close();
  }
});

test('what a thread dies of is told to those whose answers broke off', async () => {
  using directory = temporaryDirectory();
  using threads = new Threads();
  const history = new History();
  try {
    const lines = log(directory.path);
    put(lines, 'one');
    const client = new Client(history, lines.request({ follow: true }));
    await until('its line', () => client.text === 'one\n');
    const [worker] = threads.started;
    // As an error that nobody caught there.
    worker?.emit('error', new Error('out of luck'));
    await worker?.terminate();
    await client.over();
    assert.deepEqual(client.failures, ['out of luck']);
  } finally {
    await history.close();
  }
});

test('a log that cannot be read fails its answer and no other', async () => {
  using directory = temporaryDirectory();
  using threads = new Threads();
  const history = new History();
  try {
    const lines = log(directory.path);
    put(lines, 'one');
    const follower = new Client(history, lines.request({ follow: true }));
    // A file where a directory should be.
    const broken = { directory: `${directory.path}/00000000000000000001.w` };
    const client = new Client(history, lines.request(broken));
    await client.over();
    assert.match(client.failures.join(), /^ENOTDIR/);
    assert.match(client.text, /^holdfast: the log cannot be read any further: ENOTDIR/);
    follower.read.stop(lines.endLsn);
    await follower.over();
    assert.deepEqual([follower.text, follower.ends], ['one\n', 1]);
    assert.equal(threads.started.length, 1);
  } finally {
    await history.close();
  }
});

test('an end of the process breaks answers off and leaves no thread', async () => {
  using directory = temporaryDirectory();
  using threads = new Threads();
  const history = new History();
  const lines = log(directory.path);
  put(lines, 'one');
  const client = new Client(history, lines.request({ follow: true }));
  await until('its line', () => client.text === 'one\n');
  history.appended(lines.containerId);
  await history.close();
  await client.over();
  assert.deepEqual(client.failures, ['the history thread ended']);
  assert.equal(threads.started[0]?.threadId, -1, 'the thread is gone');
  await history.close();
  await new History().close();
});

test('a thread that nobody needs ends after five minutes, and one that is asked again does not', async () => {
  using directory = temporaryDirectory();
  using threads = new Threads();
  const lines = log(directory.path);
  put(lines, 'one');
  mock.timers.enable({ apis: ['setTimeout'] });
  const history = new History();
  try {
    const first = new Client(history, lines.request());
    await first.over();
    mock.timers.tick(299_000);
    const follower = new Client(history, lines.request({ follow: true }));
    await until('its line', () => follower.text === 'one\n');
    mock.timers.tick(1_000_000);
    const second = new Client(history, lines.request());
    await second.over();
    mock.timers.tick(1_000_000);
    follower.read.stop(lines.endLsn);
    await follower.over();
    assert.equal(follower.ends, 1, 'who follows is no idleness');
    const [worker] = threads.started;
    assert.ok(worker !== undefined && threads.started.length === 1);
    const exit = once(worker, 'exit');
    mock.timers.tick(299_999);
    assert.notEqual(worker.threadId, -1);
    mock.timers.tick(1);
    await exit;
    const again = new Client(history, lines.request());
    await again.over();
    assert.equal(again.text, 'one\n');
    assert.equal(threads.started.length, 2);
  } finally {
    await history.close();
    mock.timers.reset();
  }
});
