/**
 * One FIFO of dockerd's, read through epoll. It is opened without blocking, never through the
 * thread pool (a few idle FIFOs there stop every file call of the process), and never
 * for writing (then its end would never be seen).
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { DriverError, errnoOf, messageOf } from '../base/errors.ts';
import type { LandingSlot } from './landing.ts';
import { ReadPacer, restMs } from './read-pacer.ts';

/** Gets what a FIFO delivers. `bytes` is valid only during the call. */
export interface FifoEvents {
  onBytes(fifo: Fifo, bytes: Uint8Array): void;
  /** The last writer has gone and everything was read. Not called after `close`. */
  onEnd(fifo: Fifo): void;
}

/** See the module comment. */
export class Fifo {
  readonly path: string;
  /** The name by which the log tells FIFOs apart. */
  readonly name: string;
  readonly #events: FifoEvents;
  readonly #fd: number;
  readonly #socket: net.Socket;
  readonly #landing: LandingSlot;
  readonly #pacer = new ReadPacer();
  #open = true;
  #isPaused = false;
  #isDraining = false;

  /** Opens the FIFO and starts to read. Throws `fifo_unavailable` when there is none. */
  constructor(fifoPath: string, land: () => LandingSlot, events: FifoEvents) {
    this.path = fifoPath;
    this.name = path.basename(fifoPath);
    this.#events = events;
    this.#fd = openFifo(fifoPath);
    this.#landing = land();
    const { readBuffer } = this.#landing;
    this.#socket = new net.Socket({
      fd: this.#fd,
      readable: true,
      writable: false,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          if (!this.#open) return false;
          events.onBytes(this, readBuffer.subarray(0, length));
          if (this.#isPaused) return false;
          if (!this.#pacer.shouldRest(length, performance.now())) return true;
          setTimeout(() => this.#read(), restMs);
          return false;
        },
      },
    });
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('error', () => this.#ended());
    this.#socket.resume();
  }

  /** Whether bytes come from `drain`: then nothing can be put off. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /**
   * Nothing is read until `resume`; what was read last stays where it landed, and whoever
   * writes into the FIFO waits once the pipe is full. Draining goes on all the same.
   */
  pause(): void {
    this.#isPaused = true;
    if (this.#open) this.#socket.pause();
  }

  /** Reads on after `pause`. */
  resume(): void {
    this.#isPaused = false;
    this.#read();
  }

  /**
   * Reads until the pipe is empty, all within this call. Returns false when the last writer
   * has gone.
   */
  drain(): boolean {
    this.#isDraining = true;
    try {
      return this.#drain();
    } finally {
      this.#isDraining = false;
    }
  }

  #drain(): boolean {
    while (this.#open) {
      const { drainBuffer } = this.#landing;
      const length = readNow(this.#fd, drainBuffer);
      if (length === undefined) return true;
      if (length === 0) return false;
      this.#events.onBytes(this, drainBuffer.subarray(0, length));
    }
    return false;
  }

  /** The first `length` bytes that were read are in the log, which now ends at `lsn`. */
  consumed(length: number, lsn: number): void {
    this.#landing.consumed(length, lsn);
  }

  /**
   * Stops reading; what is in the pipe stays there. `keepsLanded`: so does what was read last
   * and is not in the log, for the next process to take in.
   */
  close(keepsLanded = false): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.destroy();
    if (keepsLanded) return;
    // Not before the handle is closed: until then a read may still be under way into it.
    this.#socket.once('close', () => this.#landing.release());
  }

  #read(): void {
    if (this.#open && !this.#isPaused) this.#socket.resume();
  }

  #ended(): void {
    if (!this.#open) return;
    this.close();
    this.#events.onEnd(this);
  }
}

function openFifo(fifoPath: string): number {
  let fd: number;
  try {
    fd = fs.openSync(fifoPath, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (cause) {
    throw new DriverError(
      'fifo_unavailable',
      `cannot open the FIFO ${fifoPath}: ${messageOf(cause)}`,
      { cause },
    );
  }
  if (fs.fstatSync(fd).isFIFO()) return fd;
  fs.closeSync(fd);
  throw new DriverError('fifo_unavailable', `${fifoPath} is not a FIFO`);
}

/** Reads what is there: a length, 0 at the end of the file, undefined when the pipe is empty. */
function readNow(fd: number, into: Buffer): number | undefined {
  try {
    return fs.readSync(fd, into, 0, into.length, null);
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return undefined;
    return 0;
  }
}

/** Throws `fifo_unavailable` before anything is written for a FIFO that is not there. */
export function probeFifo(fifoPath: string): void {
  const found = fs.statSync(fifoPath, { throwIfNoEntry: false });
  if (found?.isFIFO() === true) return;
  const what = found === undefined ? 'there is nothing at that path' : 'it is not a FIFO';
  throw new DriverError('fifo_unavailable', `cannot read from the FIFO '${fifoPath}': ${what}`);
}
