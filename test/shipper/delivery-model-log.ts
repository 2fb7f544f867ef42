/**
 * One container of the delivery model: writes its log and remembers what an endpoint must get of
 * it, where every frame ends, and where an open line begins.
 */
import { encodeFrame } from '../helpers/frames.ts';
import type { TestLog } from '../helpers/log-writer.ts';

/** A line that was printed. */
interface Printed {
  /** Its place among the lines of its source. */
  readonly index: number;
  /** Behind its last frame. */
  readonly endLsn: number;
}

type Source = 'stdout' | 'stderr';

/** See the module comment. */
export class ModelLog {
  readonly log: TestLog;
  /** Edges of frames, with how many frames end there. */
  readonly edges = new Map<number, number>([[0, 0]]);
  /** What lies before may be removed. */
  removableLsn = 0;
  readonly #lines = new Map<string, Printed>();
  readonly #counts = { stdout: 0, stderr: 0 };
  #frames = 0;
  #texts = 0;
  #fifos = 0;
  #open: { text: string; startLsn: number; id: string; pieces: number } | undefined;

  constructor(log: TestLog) {
    this.log = log;
    this.#attach();
  }

  /** Every line that has come to its end. */
  get all(): string[] {
    return [...this.#lines.keys()];
  }

  /** No cursor may stand behind this. */
  get openLsn(): number {
    return this.#open?.startLsn ?? Number.POSITIVE_INFINITY;
  }

  find(text: string): Printed | undefined {
    return this.#lines.get(text);
  }

  /** Whole lines. None of standard output while a line of it is open. */
  print(lines: number, source: Source): void {
    const from = this.#open === undefined ? source : 'stderr';
    for (let line = 0; line < lines; line += 1) {
      const text = this.#nextText();
      this.#frame({ source: from, line: Buffer.from(text) });
      this.#printed(text, from);
    }
  }

  /** A piece of a line of standard output. */
  piece(last: boolean): void {
    const id = `id${this.#texts}`;
    const startLsn = this.log.endLsn;
    const open = this.#open ?? { text: this.#nextText(), startLsn, id, pieces: 0 };
    const text = open.pieces === 0 ? open.text : '+';
    open.text = open.pieces === 0 ? text : open.text + text;
    open.pieces += 1;
    this.#open = open;
    const marks = { partial: true, id: open.id, last, ordinal: open.pieces };
    this.#frame({ source: 'stdout', line: Buffer.from(text), ...marks });
    if (last) this.#close();
  }

  /** Some output is lost. */
  gap(): void {
    this.log.gap(500);
    this.#close();
    this.#edge();
  }

  /** The FIFO ends amid a frame perhaps, and another one begins. */
  cut(): void {
    this.log.detach(`fifo${this.#fifos}`);
    this.#close();
    this.#edge();
    this.#attach();
  }

  #attach(): void {
    this.#fifos += 1;
    this.log.attach(`fifo${this.#fifos}`);
    this.#edge();
  }

  #nextText(): string {
    this.#texts += 1;
    return `line ${this.#texts}`;
  }

  #frame(frame: { source: Source; line: Buffer; partial?: boolean; last?: boolean }): void {
    const timeNano = BigInt(Date.now()) * 1_000_000n + BigInt(this.#frames);
    this.log.write(encodeFrame({ timeNano, ...frame }));
    this.#frames += 1;
    this.#edge();
  }

  #edge(): void {
    this.edges.set(this.log.endLsn, this.#frames);
  }

  /** The open line gets no longer. */
  #close(): void {
    if (this.#open === undefined) return;
    this.#printed(this.#open.text, 'stdout');
    this.#open = undefined;
  }

  #printed(text: string, source: Source): void {
    this.#lines.set(text, { index: this.#counts[source], endLsn: this.log.endLsn });
    this.#counts[source] += 1;
  }
}
