/**
 * Counts the frames of a stream as its writer counted them, so that a position says how many
 * frames end before it. The headers of blocks are the truth; between them frames are counted as
 * they are handed out. Frames that no reader can get at count like any other.
 */
import { type BlockHeader, blockFlag, noFrame } from './format.ts';

/** What a block is fed into: what it holds of a frame, and whether it has lost the place. */
interface SplitterState {
  readonly carriedBytes: number;
  readonly isLost: boolean;
}

/** See the module comment. */
export class FrameOrdinal {
  /** Frames that end before the place where the next frame is looked for. */
  value: number;
  /** The same once what is being skipped is behind it, as far as the blocks tell. */
  #behindSkip = 0;
  /** Whether the stream goes on amid a frame whose head is lost, and whose end is not met yet. */
  #isInCutFrame = false;
  /** Whether `#behindSkip` is exact: it counts up to the first frame that starts behind a gap. */
  #isExact = false;

  constructor(value: number) {
    this.value = value;
  }

  /** Reading begins anew at the place that `value` belongs to. */
  begin(): void {
    this.#behindSkip = 0;
    this.#isInCutFrame = false;
    this.#isExact = false;
  }

  /** The payload of a raw block, from its byte `from` on, comes next. */
  enterBlock(header: Readonly<BlockHeader>, from: number, splitter: SplitterState): void {
    const { ordinal, flags, firstFrameOffset } = header;
    const startsOnFrame = (flags & blockFlag.startsOnFrame) !== 0;
    if (!splitter.isLost) {
      if (from === 0 || ordinal > this.value) this.value = ordinal;
      this.#isInCutFrame = from === 0 && splitter.carriedBytes === 0 && !startsOnFrame;
      this.#isExact = false;
    }
    if (this.#isExact) return;
    this.#behindSkip = ordinal;
    if (!this.#isInCutFrame || firstFrameOffset === noFrame) return;
    // The cut frame ends in front of this one, unless the writer had lost the place as well.
    this.#isInCutFrame = false;
    if ((flags & blockFlag.afterResync) !== 0) return;
    this.#behindSkip = ordinal + (startsOnFrame ? 0 : 1);
    this.#isExact = true;
  }

  /** That payload is fed to its end. */
  leaveBlock(header: Readonly<BlockHeader>): void {
    // A frame that was found where the writer found none has no number.
    this.value = Math.min(this.value, header.ordinal + header.frames);
  }

  /** What was being skipped is behind us. */
  leaveSkipped(): void {
    this.value = Math.max(this.value, this.#behindSkip);
  }
}
