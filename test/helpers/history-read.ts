/** Reads a log of a test as `docker logs` would, step by step, and says what came out. */
import assert from 'node:assert/strict';
import { createFrameView, decodeFrame } from '../../src/frame/frame-decoder.ts';
import { FrameWriter } from '../../src/history/frame-writer.ts';
import { LogReader, type ReadProgress } from '../../src/history/log-reader.ts';
import type { LogRequest } from '../../src/history/log-request.ts';
import { SegmentFiles } from '../../src/wal/index.ts';
import type { HistoryLog } from './history-log.ts';

/** A line that came out. */
export interface ReadLine {
  source: string;
  timeNano: bigint;
  text: string;
  /** Of a line that stands for lost ones: the name of the reason. */
  gap: string | undefined;
  /** How many lines it says are lost, at least in part; undefined when it does not say. */
  lost: number | undefined;
}

const gapPattern =
  /^\n?holdfast: (?:(?:up to )?([\d,]{1,20}) lines? |(part of a line) |.{1,200})\(.{1,200} missing here: .{1,200} \(([a-z-]{1,20})\)\n$/;

/** Takes frames apart; an incomplete one at the end is a failure. */
export function linesOf(bytes: Uint8Array): ReadLine[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const lines: ReadLine[] = [];
  const view = createFrameView();
  for (let at = 0; at < all.length; ) {
    const end = at + 4 + all.readUInt32BE(at);
    assert.ok(end <= all.length, `a frame at ${at} ends behind what was written`);
    assert.ok(decodeFrame(all, at + 4, end, view), `no frame at ${at}`);
    const sourceEnd = at + 6 + (all[at + 5] ?? 0);
    const source = all.toString('latin1', at + 6, sourceEnd);
    const timeNano = BigInt(view.seconds) * 1_000_000_000n + BigInt(view.nanos);
    const text = all.toString('latin1', view.lineStart, view.lineEnd);
    const [, count, part, gap] = gapPattern.exec(text) ?? [];
    const counted = part === undefined ? count?.replaceAll(',', '') : '1';
    const lost = counted === undefined ? undefined : Number(counted);
    lines.push({ source, timeNano, text, gap, lost });
    at = end;
  }
  return lines;
}

/** One reader and all that it wrote. */
export class TestReader {
  readonly lines: ReadLine[] = [];
  readonly reader: LogReader;
  readonly files: SegmentFiles;
  readonly budget = { heldBytes: 0 };
  readonly #directory: string;
  readonly #out = new FrameWriter(Buffer.alloc(64));
  steps = 0;
  nowMs = 0;

  constructor(log: HistoryLog, query: Partial<LogRequest> = {}, openMax = 4) {
    const { disk, directory } = log;
    this.#directory = directory;
    this.files = new SegmentFiles(disk, openMax);
    const means = { disk, files: this.files, budget: this.budget };
    this.reader = new LogReader(log.request(query), means);
  }

  step(): ReadProgress {
    this.steps += 1;
    const progress = this.reader.step(this.#out, this.nowMs);
    this.lines.push(...linesOf(this.#out.takeCopy()));
    return progress;
  }

  /** Steps on until there is nothing to read now, or nothing at all. */
  drain(stepsMax = 50_000): 'idle' | 'end' {
    for (let steps = 0; ; steps += 1) {
      assert.ok(steps < stepsMax, 'the reader comes to an end');
      const progress = this.step();
      if (progress !== 'more') return progress;
    }
  }

  get text(): string {
    return this.lines.map(({ text }) => text).join('');
  }

  textOf(source: string): string {
    return this.lines
      .filter((line) => line.source === source)
      .map(({ text }) => text)
      .join('');
  }

  close(): void {
    this.reader.close();
    this.files.closeDirectory(this.#directory);
    assert.equal(this.budget.heldBytes, 0, 'no open line is held any more');
  }
}

/** The whole answer to a request that follows nothing. */
export function readLog(log: HistoryLog, query: Partial<LogRequest> = {}): ReadLine[] {
  const test = new TestReader(log, query);
  try {
    assert.equal(test.drain(), 'end');
    assert.equal(test.step(), 'end', 'an end is an end');
    return test.lines;
  } finally {
    test.close();
  }
}
