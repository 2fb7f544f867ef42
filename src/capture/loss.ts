/**
 * Output that was read and could not be put into the log, until a gap in the log says so. Pure
 * bookkeeping: stretches of the stream one behind the other, each with its reason.
 */

/** Why output is dropped: the disk refused it, or a limit did. */
export type LossReason = 'disk' | 'full';

/** One stretch of lost output. */
export interface Loss {
  readonly reason: LossReason;
  bytes: number;
  /** Frames that ended in it. */
  frames: number;
  lines: number;
}

/** Reasons that come in turns do not make this grow without end. */
const stretchesMax = 16;

/** See the module comment. */
export class PendingLoss {
  readonly #stretches: Loss[] = [];
  #bytes = 0;

  /** Bytes of all stretches. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Frames of all stretches. */
  get frames(): number {
    return this.#stretches.reduce((sum, { frames }) => sum + frames, 0);
  }

  /** The stretch that stands first in the stream. */
  get first(): Readonly<Loss> | undefined {
    return this.#stretches[0];
  }

  /** More is lost, behind all that is lost already. Returns whether a new stretch begins. */
  add(reason: LossReason, bytes: number, frames: number, lines: number): boolean {
    this.#bytes += bytes;
    const last = this.#stretches.at(-1);
    if (last !== undefined && (last.reason === reason || this.#stretches.length >= stretchesMax)) {
      last.bytes += bytes;
      last.frames += frames;
      last.lines += lines;
      return false;
    }
    this.#stretches.push({ reason, bytes, frames, lines });
    return true;
  }

  /** The first `bytes` of the first stretch stand in the log now, and all its frames with them. */
  recorded(bytes: number): void {
    const first = this.#stretches[0];
    if (first === undefined) return;
    this.#bytes -= bytes;
    first.bytes -= bytes;
    first.frames = 0;
    first.lines = 0;
    if (first.bytes <= 0) this.#stretches.shift();
  }
}
