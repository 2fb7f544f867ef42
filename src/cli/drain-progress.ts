/**
 * Shows how far a drain is: a bar on a terminal, plain lines elsewhere, objects for machines. The
 * only door to cli-progress. It holds nothing back: an object that the reader is too slow for is
 * left out.
 */
import cliProgress from 'cli-progress';
import type { Output } from './output.ts';
import { showBytes, showCount, showSeconds } from './text.ts';

/** How far it is. Bytes and entries are those of the log. */
export interface DrainState {
  deliveredBytes: number;
  totalBytes: number;
  deliveredEntries: number;
  totalEntries: number;
  /** Entries that an endpoint refused for good. */
  rejectedEntries: number;
}

/** One way to show it. */
export interface Progress {
  update(state: Readonly<DrainState>): void;
  /** Says something beside it. */
  tell(text: string): void;
  stop(): void;
}

/** Between two plain lines, and between two objects, in milliseconds. */
const lineMs = 5000;
const objectMs = 1000;
/** The rate is that of so much time, so that it follows an endpoint that gets slow. */
const rateMs = 15_000;

/** The way that fits the output. `nowMs` is monotonic. */
export function createProgress(
  output: Output,
  isJson: boolean,
  nowMs: () => number = () => performance.now(),
): Progress {
  const rate = new Rate(nowMs);
  if (isJson) return new Objects(output, rate, nowMs);
  return output.isTerminal ? new Bar(rate) : new Lines(output, rate, nowMs);
}

/** Bytes a second over the last while. */
class Rate {
  readonly #nowMs: () => number;
  readonly #marks: { atMs: number; bytes: number }[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  of({ deliveredBytes, totalBytes }: Readonly<DrainState>): {
    bytesPerSecond: number;
    etaSeconds: number | undefined;
  } {
    const atMs = this.#nowMs();
    const marks = this.#marks;
    const last = marks.at(-1);
    if (last === undefined || atMs - last.atMs >= 200) marks.push({ atMs, bytes: deliveredBytes });
    while ((marks[1]?.atMs ?? atMs) < atMs - rateMs) marks.shift();
    const [first = { atMs, bytes: deliveredBytes }] = marks;
    const seconds = (atMs - first.atMs) / 1000;
    const bytesPerSecond = seconds > 0 ? (deliveredBytes - first.bytes) / seconds : 0;
    const left = totalBytes - deliveredBytes;
    const etaSeconds = left <= 0 ? 0 : bytesPerSecond > 0 ? left / bytesPerSecond : undefined;
    return { bytesPerSecond, etaSeconds };
  }
}

function lineOf(state: Readonly<DrainState>, rate: Rate): string {
  const { deliveredBytes, totalBytes, deliveredEntries, totalEntries, rejectedEntries } = state;
  const { bytesPerSecond, etaSeconds } = rate.of(state);
  const eta = etaSeconds === undefined ? 'unknown' : showSeconds(etaSeconds);
  const rejected = rejectedEntries === 0 ? '' : `, ${rejectedEntries} refused`;
  return (
    `${showBytes(deliveredBytes)} of ${showBytes(totalBytes)}, ` +
    `${deliveredEntries} of ${showCount(totalEntries, 'entry')}${rejected}, ` +
    `${showBytes(bytesPerSecond)}/s, ETA ${eta}`
  );
}

class Bar implements Progress {
  readonly #rate: Rate;
  readonly #bars = new cliProgress.MultiBar({
    format: '[{bar}] {percentage}% {text}',
    hideCursor: null,
    // Signals are the command's business.
    gracefulExit: false,
    barsize: 24,
  });
  readonly #bar = this.#bars.create(1, 0, { text: '' });

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  update(state: Readonly<DrainState>): void {
    this.#bar.setTotal(Math.max(1, state.totalBytes));
    this.#bar.update(state.totalBytes === 0 ? 1 : state.deliveredBytes, {
      text: lineOf(state, this.#rate),
    });
  }

  tell(text: string): void {
    this.#bars.log(`${text}\n`);
  }

  stop(): void {
    this.#bars.stop();
  }
}

class Lines implements Progress {
  readonly #output: Output;
  readonly #rate: Rate;
  readonly #nowMs: () => number;
  #toldAtMs: number;

  constructor(output: Output, rate: Rate, nowMs: () => number) {
    this.#output = output;
    this.#rate = rate;
    this.#nowMs = nowMs;
    this.#toldAtMs = nowMs();
  }

  update(state: Readonly<DrainState>): void {
    const text = lineOf(state, this.#rate);
    if (this.#nowMs() - this.#toldAtMs < lineMs) return;
    this.#toldAtMs = this.#nowMs();
    void this.#output.tell(text);
  }

  tell(text: string): void {
    void this.#output.tell(text);
  }

  stop(): void {}
}

class Objects implements Progress {
  readonly #output: Output;
  readonly #rate: Rate;
  readonly #nowMs: () => number;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #isWriting = false;

  constructor(output: Output, rate: Rate, nowMs: () => number) {
    this.#output = output;
    this.#rate = rate;
    this.#nowMs = nowMs;
  }

  update(state: Readonly<DrainState>): void {
    const { bytesPerSecond, etaSeconds = null } = this.#rate.of(state);
    if (this.#isWriting || this.#nowMs() - this.#toldAtMs < objectMs) return;
    this.#toldAtMs = this.#nowMs();
    this.#isWriting = true;
    const rounded = { bytesPerSecond: Math.round(bytesPerSecond), etaSeconds };
    void this.#output
      .json({ kind: 'progress', ...state, ...rounded })
      // Delivering goes on, whether or not somebody looks.
      .catch(() => {})
      .finally(() => {
        this.#isWriting = false;
      });
  }

  tell(text: string): void {
    void this.#output.tell(text);
  }

  stop(): void {}
}
