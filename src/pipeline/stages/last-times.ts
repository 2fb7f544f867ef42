/**
 * The last known time of each stream, for lines whose own cannot be read. Bounded: the stream that
 * was quiet the longest is forgotten first. It is told apart by a hash of its labels, so that all
 * of it is numbers, which can be kept beside a position in the log.
 */
import { hash53 } from '../hash.ts';
import type { LabelSet } from '../label-set.ts';
import type { StageState } from '../stage.ts';
import type { Stamp } from './timestamp-formats.ts';

/**
 * Streams that are remembered: three numbers each, and all have to fit into a cursor, with what
 * other stages remember. One container prints for few sets of labels at a time.
 */
const streamsMax = 20;

/** See the module comment. */
export class LastTimes {
  /** From the longest quiet one on. */
  readonly #times = new Map<number, Stamp>();
  readonly #keys = new WeakMap<LabelSet, number>();
  #newestKey: number | undefined;
  #state: StageState | undefined;

  /** The time of a stream; undefined: none is known. */
  get(labels: LabelSet): Readonly<Stamp> | undefined {
    return this.#find(labels);
  }

  #find(labels: LabelSet): Stamp | undefined {
    const key = this.#keyOf(labels);
    const time = this.#times.get(key);
    if (time !== undefined && key !== this.#newestKey) this.#moveToEnd(key, time);
    return time;
  }

  set(labels: LabelSet, { seconds, nanos }: Stamp): void {
    this.#state = undefined;
    const time = this.#find(labels);
    if (time !== undefined) {
      time.seconds = seconds;
      time.nanos = nanos;
      return;
    }
    const [oldest] = this.#times.keys();
    if (this.#times.size >= streamsMax && oldest !== undefined) this.#times.delete(oldest);
    this.#moveToEnd(this.#keyOf(labels), { seconds, nanos });
  }

  /** Three numbers for each stream, the newest first: what is cut off is missed the least. */
  snapshot(): StageState {
    this.#state ??= [...this.#times]
      .toReversed()
      .flatMap(([key, { seconds, nanos }]) => [key, seconds, nanos]);
    return this.#state;
  }

  /** Goes back; to nothing for what is no snapshot. */
  restore(state: StageState | undefined): void {
    this.#times.clear();
    this.#newestKey = undefined;
    this.#state = undefined;
    if (state === undefined || state.length > 3 * streamsMax) return;
    if (!state.every((value) => Number.isSafeInteger(value))) return;
    for (let at = state.length - (state.length % 3) - 3; at >= 0; at -= 3) {
      const [key = 0, seconds = 0, nanos = 0] = state.slice(at, at + 3);
      this.#moveToEnd(key, { seconds, nanos });
    }
  }

  #moveToEnd(key: number, time: Stamp): void {
    this.#times.delete(key);
    this.#times.set(key, time);
    this.#newestKey = key;
    this.#state = undefined;
  }

  #keyOf(labels: LabelSet): number {
    const known = this.#keys.get(labels);
    if (known !== undefined) return known;
    const key = hash53(labels.selector);
    this.#keys.set(labels, key);
    return key;
  }
}
