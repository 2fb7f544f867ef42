/**
 * Reading what was stored: the entries of some streams in the order of their arrival
 * or of their timestamps. The order is kept as row numbers, and objects are made
 * only while somebody iterates.
 */
import type { EntryTable } from './entry-table.ts';
import { decodeMetadata } from './proto.ts';
import { compileMatchers, parseSelector } from './selector.ts';
import type { LokiStore, StoredStream } from './store.ts';

/** `time` is what a query shows: sorted by timestamp, equal ones as they arrived. */
export type Order = 'arrival' | 'time';

/** Labels that a stream must have, or a LogQL stream selector. */
export type Selector = Readonly<Record<string, string>> | string;

/** One stored entry. The line is not a copy and must not be changed. */
export interface StoredLine {
  readonly timestampNs: bigint;
  readonly line: Buffer;
  readonly stream: StoredStream;
  readonly metadata: readonly (readonly [string, string])[];
}

const noMetadata: readonly (readonly [string, string])[] = [];

/** The streams that a selector names; without a tenant, those of all tenants. */
export function selectStreams(
  store: LokiStore,
  selector: Selector,
  tenant?: string,
): StoredStream[] {
  const matchers =
    typeof selector === 'string'
      ? parseSelector(selector)
      : Object.entries(selector).map(([name, value]) => ({ name, operator: '=' as const, value }));
  const matches = compileMatchers(matchers);
  return [...store.streams(tenant)].filter((stream) => matches(stream.labels.map));
}

/** A snapshot of the order of the entries of some streams. */
export class EntryView {
  readonly streams: readonly StoredStream[];
  readonly #stream: Uint32Array;
  readonly #index: Uint32Array;

  constructor(streams: readonly StoredStream[], order: Order) {
    this.streams = streams;
    const count = streams.reduce((sum, stream) => sum + stream.table.count, 0);
    this.#stream = new Uint32Array(count);
    this.#index = new Uint32Array(count);
    let at = 0;
    for (const [number, { table }] of streams.entries()) {
      for (let index = 0; index < table.count; index++) {
        this.#stream[at] = number;
        this.#index[at++] = index;
      }
    }
    this.#sort(order);
  }

  /** How many entries there are. */
  get length(): number {
    return this.#index.length;
  }

  /** The columns in which an entry lies. */
  tableAt(place: number): EntryTable {
    return (this.streams[this.#stream[place] as number] as StoredStream).table;
  }

  /** The row of the entry in its columns. */
  indexAt(place: number): number {
    return this.#index[place] as number;
  }

  /** The entries one after the other. */
  *lines(): Generator<StoredLine> {
    for (let place = 0; place < this.length; place++) yield this.lineAt(place);
  }

  /** One entry as an object. */
  lineAt(place: number): StoredLine {
    const stream = this.streams[this.#stream[place] as number] as StoredStream;
    const { table } = stream;
    const index = this.indexAt(place);
    const metaStart = table.metaStart[index] as number;
    const metaBytes = table.metaBytes[index] as number;
    return {
      timestampNs: table.timestampNsOf(index),
      line: table.lineOf(index),
      stream,
      metadata:
        metaBytes === 0
          ? noMetadata
          : decodeMetadata(table.chunkOf(index), metaStart, metaStart + metaBytes),
    };
  }

  #sort(order: Order): void {
    const compare = order === 'arrival' ? this.#byArrival() : this.#byTime();
    const places = Uint32Array.from(this.#index, (_, place) => place);
    // Most streams are in order already, and a check is far cheaper than a sort.
    let sorted = true;
    for (let place = 1; place < places.length && sorted; place++) {
      sorted = compare(place - 1, place) <= 0;
    }
    if (sorted) return;
    places.sort(compare);
    const stream = this.#stream.slice();
    const index = this.#index.slice();
    for (const [to, from] of places.entries()) {
      this.#stream[to] = stream[from] as number;
      this.#index[to] = index[from] as number;
    }
  }

  #byArrival(): (a: number, b: number) => number {
    const sequence = this.#column((table) => table.sequence);
    return (a, b) => (sequence[a] as number) - (sequence[b] as number);
  }

  #byTime(): (a: number, b: number) => number {
    const seconds = this.#column((table) => table.seconds);
    const nanos = this.#column((table) => table.nanos);
    const byArrival = this.#byArrival();
    return (a, b) =>
      (seconds[a] as number) - (seconds[b] as number) ||
      (nanos[a] as number) - (nanos[b] as number) ||
      byArrival(a, b);
  }

  #column(columnOf: (table: EntryTable) => Float64Array | Uint32Array): Float64Array {
    const column = new Float64Array(this.length);
    let at = 0;
    for (const { table } of this.streams) {
      column.set(columnOf(table).subarray(0, table.count), at);
      at += table.count;
    }
    return column;
  }
}
