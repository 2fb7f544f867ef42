/** Writes a container's log as capture does, without FIFOs: for tests of what reads it. */
import fs from 'node:fs';
import os from 'node:os';
import { nodeFileSystem as disk } from '../../src/base/file-system.ts';
import { FrameCounter } from '../../src/capture/frame-counter.ts';
import {
  CommittedLsn,
  containerDirectory,
  createContainerDirectory,
  openWalRoot,
  recoverTail,
  StreamWriter,
} from '../../src/wal/index.ts';

/** A WAL directory of its own. */
export class TestWal {
  readonly root: string = fs.mkdtempSync(`${os.tmpdir()}/holdfast-wal-`);

  async open(): Promise<void> {
    await openWalRoot(disk, this.root);
  }

  /** A log to write to, or to go on with. */
  async log(containerId: string, segmentBytesMax = 1 << 20): Promise<TestLog> {
    await createContainerDirectory(disk, this.root, containerId);
    return new TestLog(this.root, containerId, segmentBytesMax);
  }

  remove(): void {
    fs.rmSync(this.root, { recursive: true, force: true });
  }
}

/** One container's log. */
export class TestLog {
  readonly containerId: string;
  readonly directory: string;
  readonly committed = new CommittedLsn();
  readonly #writer: StreamWriter;
  readonly #counter = new FrameCounter();

  constructor(root: string, containerId: string, segmentBytesMax: number) {
    this.containerId = containerId;
    this.directory = containerDirectory(root, containerId);
    this.#writer = new StreamWriter({
      disk,
      directory: this.directory,
      containerId,
      tail: recoverTail(disk, this.directory, containerId),
      committed: this.committed,
      now: Date.now,
      segmentBytesMax,
      segmentAgeMsMax: 300_000,
    });
  }

  get endLsn(): number {
    return this.#writer.endLsn;
  }

  attach(fifo = 'fifo'): void {
    this.#writer.appendAttach(fifo);
    this.#counter.cut(this.#writer.endLsn);
  }

  detach(fifo = 'fifo'): void {
    this.#writer.appendDetach(fifo);
    this.#counter.cut(this.#writer.endLsn);
  }

  /** Appends stream bytes in blocks of this size, as reads of a FIFO would cut them. */
  write(bytes: Buffer, blockBytes = 65_536): void {
    for (let at = 0; at < bytes.length; at += blockBytes) {
      const block = bytes.subarray(at, at + blockBytes);
      this.#counter.count(block, this.#writer.endLsn);
      this.#writer.appendRaw(block, this.#counter.flags, this.#counter.stats);
    }
  }

  /** Records a loss of so many bytes. */
  gap(bytes: number): void {
    const fromLsn = this.#writer.endLsn;
    const range = { fromLsn, toLsn: fromLsn + bytes, atMs: Date.now() };
    this.#writer.appendGap({ kind: 'gap', reason: 'disk', ...range }, bytes);
    this.#counter.restore(this.#writer.endLsn, Buffer.alloc(0));
  }

  close(): void {
    this.#writer.closeSegment();
  }
}
