/**
 * A stream under random commands, next to what it must hold: a list of the bytes that were
 * taken. Whatever crashes or fails, each of them is read back once and in order, or lies in
 * exactly one gap; only a crash that tears the newest file may take some away.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type StreamReader, type StreamWriter } from '../../src/wal/index.ts';
import { type DiskCall, type Fault, FaultyDisk } from './faulty-disk.ts';
import { endOf, type Seen, StreamBench, step } from './stream-bench.ts';

/** What can happen to a stream. */
export type Command =
  | { do: 'append'; size: number }
  | { do: 'attach' | 'detach' | 'age' }
  | { do: 'crash'; torn: number }
  | { do: 'read'; steps: number }
  | { do: 'fault'; call: DiskCall; fault: Fault; after: number };

/** See the module comment. */
export class ModelRun {
  readonly #disk = new FaultyDisk();
  readonly #bench = new StreamBench(this.#disk);
  #writer: StreamWriter;
  #reader: StreamReader;
  #readLsn = 0;
  /** The stream as it should be: a byte at each position; remarks are -1. */
  #model: number[] = [];
  #count = 0;

  constructor() {
    this.#bench.limits = { segmentBytesMax: 700, segmentAgeMsMax: 1000 };
    this.#writer = this.#bench.writer();
    this.#reader = this.#newReader();
  }

  [Symbol.dispose](): void {
    this.#bench[Symbol.dispose]();
  }

  apply(command: Command): void {
    switch (command.do) {
      case 'append':
        this.#count += 1;
        this.#write(
          Array.from({ length: command.size }, (_, index) => (this.#count + index) & 0xff),
        );
        break;
      case 'attach':
        this.#remark(() => this.#bench.attach(this.#writer, `fifo${this.#count}`));
        break;
      case 'detach':
        this.#remark(() => this.#writer.appendDetach('fifo'));
        break;
      case 'age':
        this.#bench.nowMs += 1000;
        break;
      case 'crash':
        this.#crash(command.torn);
        break;
      case 'read':
        this.#read(command.steps);
        break;
      case 'fault':
        this.#disk.fail(command.call, command.fault, command.after);
        break;
    }
    assert.equal(this.#writer.endLsn, this.#model.length);
  }

  /** Reads all that is left, and all once more from the start. */
  finish(): void {
    this.#disk.heal();
    this.#read(Number.POSITIVE_INFINITY);
    assert.equal(this.#readLsn, this.#model.length);
    this.#writer.closeSegment();
    this.#reader = this.#newReader();
    this.#readLsn = 0;
    this.#reader.seek(0);
    this.#read(Number.POSITIVE_INFINITY);
    assert.equal(this.#readLsn, this.#model.length);
    const tail = this.#bench.tail();
    assert.equal(tail.endLsn, this.#model.length);
    assert.deepEqual(this.#bench.tail(), tail);
  }

  #write(bytes: number[]): void {
    try {
      this.#bench.append(this.#writer, Buffer.from(bytes));
      this.#model.push(...bytes);
    } catch {
      // The disk refused: the stream is as before, and the caller has to tell of it.
    }
  }

  #remark(append: () => void): void {
    try {
      append();
      this.#model.push(-1);
    } catch {
      // As above.
    }
  }

  /** The process dies; its last write may be torn, and what a reader had seen of it is gone. */
  #crash(torn: number): void {
    this.#disk.heal();
    this.#writer.closeSegment();
    const newest = this.#bench.segments().at(-1);
    if (newest !== undefined && torn > 0) {
      fs.truncateSync(newest, Math.max(0, fs.statSync(newest).size - torn));
    }
    const { endLsn } = this.#bench.tail();
    assert.ok(endLsn <= this.#model.length);
    assert.ok(torn > 0 || endLsn === this.#model.length);
    this.#model.length = endLsn;
    this.#readLsn = Math.min(this.#readLsn, endLsn);
    this.#writer = this.#bench.writer();
    this.#reader = this.#newReader();
  }

  #newReader(): StreamReader {
    const reader = this.#bench.reader();
    reader.seek(this.#readLsn);
    return reader;
  }

  #read(steps: number): void {
    for (let index = 0; index < steps; index += 1) {
      let seen: Seen | undefined;
      try {
        seen = step(this.#reader, this.#bench.committed.read());
      } catch (error) {
        assert.match(String(error), /told to fail/);
        return;
      }
      if (seen === undefined) return;
      this.#check(seen);
    }
  }

  #check(seen: Seen): void {
    assert.notEqual(seen.what, 'gap', 'nothing that was taken is missing');
    assert.ok(seen.fromLsn <= this.#readLsn);
    const endLsn = endOf(seen);
    const expected = this.#model.slice(seen.fromLsn, endLsn);
    if (seen.what === 'raw') assert.deepEqual([...seen.bytes], expected);
    else assert.ok(expected.every((byte) => byte === -1));
    this.#readLsn = endLsn;
  }
}
