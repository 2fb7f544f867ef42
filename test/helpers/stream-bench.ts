/**
 * One container's stream in a temporary directory, for tests: writers that come and go on it,
 * and readers that say what they saw.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { type FileSystem, nodeFileSystem } from '../../src/base/file-system.ts';
import { FrameCounter } from '../../src/capture/frame-counter.ts';
import {
  blockType,
  CommittedLsn,
  decodeMetaRecord,
  recoverTail,
  SegmentFiles,
  type StreamPlace,
  StreamReader,
  type StreamTail,
  StreamWriter,
} from '../../src/wal/index.ts';

/** One thing that a reader met. */
export type Seen =
  | { what: 'raw'; fromLsn: number; bytes: Buffer; place: StreamPlace }
  | { what: 'gap'; fromLsn: number; toLsn: number; reason: string }
  | { what: 'meta'; fromLsn: number; toLsn: number; kind: string };

/** A directory that is removed when the test is over. */
export function temporaryDirectory(): { path: string; [Symbol.dispose](): void } {
  const path = fs.mkdtempSync(`${os.tmpdir()}/holdfast-wal-`);
  return { path, [Symbol.dispose]: () => fs.rmSync(path, { recursive: true, force: true }) };
}

/** See the module comment. */
export class StreamBench {
  readonly containerId = 'ab'.repeat(32);
  readonly directory = fs.mkdtempSync(`${os.tmpdir()}/holdfast-wal-`);
  readonly disk: FileSystem;
  readonly counter = new FrameCounter();
  committed = new CommittedLsn();
  limits = { segmentBytesMax: 1 << 20, segmentAgeMsMax: 1_000_000 };
  nowMs = 1_700_000_000_000;

  constructor(disk: FileSystem = nodeFileSystem) {
    this.disk = disk;
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  tail(): StreamTail {
    return recoverTail(this.disk, this.directory, this.containerId);
  }

  /** A writer as a new process would make it. */
  writer(): StreamWriter {
    const { disk, directory, containerId, limits } = this;
    const tail = this.tail();
    this.committed = new CommittedLsn();
    const now = (): number => this.nowMs;
    const { committed } = this;
    const writer = new StreamWriter({
      disk,
      directory,
      containerId,
      tail,
      committed,
      now,
      ...limits,
    });
    this.counter.restore(tail.openLsn, tail.openBytes);
    return writer;
  }

  /** Appends as capture does: counted. */
  append(writer: StreamWriter, bytes: Uint8Array): void {
    this.counter.count(bytes, writer.endLsn);
    writer.appendRaw(bytes, this.counter.flags, this.counter.stats);
  }

  attach(writer: StreamWriter, fifo: string): void {
    writer.appendAttach(fifo);
    this.counter.cut(writer.endLsn);
  }

  reader(files = new SegmentFiles(this.disk, 4)): StreamReader {
    const { disk, directory, containerId } = this;
    return new StreamReader({ disk, directory, containerId, files });
  }

  /** Everything from `lsn` on, as one reader sees it. */
  read(lsn = 0, hint?: StreamPlace, committedLsn = this.committed.read()): Seen[] {
    const files = new SegmentFiles(this.disk, 4);
    const reader = this.reader(files);
    reader.seek(lsn, hint);
    const seen = drain(reader, committedLsn, lsn);
    files.closeDirectory(this.directory);
    return seen;
  }

  /** Paths of the segments, oldest first. */
  segments(): string[] {
    const names = fs.readdirSync(this.directory).filter((name) => name.endsWith('.w'));
    return names.sort().map((name) => `${this.directory}/${name}`);
  }
}

/** One step of a reader, or undefined when it has read all. */
export function step(reader: StreamReader, committedLsn: number): Seen | undefined {
  const result = reader.next(committedLsn);
  if (result === 'idle') return undefined;
  if (result === 'gap') {
    assert.ok(reader.gap !== undefined);
    return { what: 'gap', ...reader.gap };
  }
  const { header, payload, blockPlace } = reader;
  const fromLsn = header.lsn;
  if (header.type === blockType.raw) {
    return { what: 'raw', fromLsn, bytes: Buffer.from(payload), place: { ...blockPlace } };
  }
  const kind = decodeMetaRecord(payload)?.kind ?? 'unknown';
  return { what: 'meta', fromLsn, toLsn: fromLsn + header.lsnSpan, kind };
}

/** Reads to the end. Checks that positions only grow and that the end is never passed. */
export function drain(reader: StreamReader, committedLsn: number, fromLsn = 0): Seen[] {
  const seen: Seen[] = [];
  let at = fromLsn;
  for (;;) {
    const next = step(reader, committedLsn);
    if (next === undefined) return seen;
    const endLsn = endOf(next);
    assert.ok(endLsn >= at && endLsn <= committedLsn, `${at}, ${endLsn}, ${committedLsn}`);
    if (next.what === 'gap') assert.equal(next.fromLsn, at);
    assert.ok(next.fromLsn <= at, `from ${next.fromLsn} after ${at}`);
    at = endLsn;
    seen.push(next);
    assert.ok(seen.length < 1_000_000);
  }
}

/** Position behind what was seen. */
export function endOf(seen: Seen): number {
  return seen.what === 'raw' ? seen.fromLsn + seen.bytes.length : seen.toLsn;
}

/** The raw bytes among it. */
export function rawOf(seen: readonly Seen[]): Buffer {
  return Buffer.concat(seen.map((each) => (each.what === 'raw' ? each.bytes : Buffer.alloc(0))));
}

/** The gaps among it, as ranges. */
export function gapsOf(seen: readonly Seen[]): [number, number][] {
  return seen.flatMap((each): [number, number][] =>
    each.what === 'gap' ? [[each.fromLsn, each.toLsn]] : [],
  );
}
