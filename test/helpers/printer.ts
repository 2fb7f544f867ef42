/**
 * A container that prints numbered lines as fast as it is let: `n 000000001` and on, each about
 * 1 KB of text that hardly compresses, so that a small disk is full soon. It knows how many
 * lines it has written in full and how long it was ever kept waiting.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { FakeFifo } from './fake-dockerd.ts';
import { textFrame } from './frames.ts';

/** Lines of one call of `write`: more than a group of the sealer, so that none repeats in one. */
const framesAtOnce = 512;
const paddingBytes = 960;
const digits = 9;

/** See the module comment. */
export class Printer {
  readonly #fifo: FakeFifo;
  readonly #block: Buffer;
  readonly #frameBytes: number;
  readonly #numberAt: number;
  readonly #timeAt: number;
  #printed = 0;
  #lastNs = 0n;
  #waitedMsMax = 0;

  constructor(fifo: FakeFifo) {
    this.#fifo = fifo;
    const frames = Array.from({ length: framesAtOnce }, (_, index) => {
      const padding = randomBytes(paddingBytes).toString('base64').slice(0, paddingBytes);
      return textFrame(`n ${'0'.repeat(digits)} ${padding}`, index);
    });
    this.#block = Buffer.concat(frames);
    this.#frameBytes = frames[0]?.length ?? 0;
    this.#numberAt = this.#block.indexOf('n 000') + 2;
    // Behind the length, the field of the source, and the tag of the time.
    this.#timeAt = 4 + 2 + 'stdout'.length + 1;
  }

  /** Lines that were written so far, all of them whole. */
  get printed(): number {
    return this.#printed;
  }

  /** The longest time that the pipe was full without a pause. */
  get waitedMsMax(): number {
    return this.#waitedMsMax;
  }

  /** Bytes of one line as dockerd frames it. */
  get frameBytes(): number {
    return this.#frameBytes;
  }

  /** Prints so many lines more. */
  async print(lines: number): Promise<void> {
    for (let left = lines; left > 0; left -= framesAtOnce) {
      const count = Math.min(left, framesAtOnce);
      for (let index = 0; index < count; index += 1) this.#stamp(index);
      await this.#write(this.#block.subarray(0, count * this.#frameBytes));
      this.#printed += count;
    }
  }

  /** Prints lines of so many bytes together. */
  async printBytes(bytes: number): Promise<void> {
    await this.print(Math.ceil(bytes / this.#frameBytes));
  }

  #stamp(index: number): void {
    const at = index * this.#frameBytes;
    const number = String(this.#printed + index + 1).padStart(digits, '0');
    this.#block.write(number, at + this.#numberAt, 'latin1');
    // A time of its own for each line: where one is missing is seen by it.
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n;
    let rest = this.#lastNs;
    for (let place = at + this.#timeAt; rest > 0n; place += 1) {
      const isLast = rest < 0x80n;
      this.#block[place] = Number(rest & 0x7fn) | (isLast ? 0 : 0x80);
      rest >>= 7n;
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    let writtenAtMs = performance.now();
    for (let done = 0; done < bytes.length; ) {
      const written = this.#fifo.writeSome(bytes.subarray(done));
      const now = performance.now();
      if (written > 0) {
        this.#waitedMsMax = Math.max(this.#waitedMsMax, now - writtenAtMs);
        writtenAtMs = now;
        done += written;
      } else {
        await setTimeout(1);
      }
    }
  }
}
