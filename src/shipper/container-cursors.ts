/**
 * How far the endpoints of one container are, in memory and on disk, and with that how far its
 * data may go: never beyond the slowest one, be it served or only kept for its grace period.
 */
import type { CursorFile, StreamPlace } from '../wal/index.ts';
import type { SourcePosition } from './stream-source.ts';

/** How far all endpoints have come. */
export interface Acknowledged {
  readonly lsn: number;
  /** Frames that end before that. */
  readonly ordinal: number;
  /** Position that would survive a loss of power; 0 when that is not known. */
  readonly durableLsn: number;
}

/** One endpoint's cursor. */
export interface KeptCursor {
  readonly container: ContainerCursors;
  readonly endpointId: number;
  /** Where the endpoint is; the file may lag behind. */
  position: SourcePosition;
  /** What is in the file. */
  written: { readonly lsn: number; readonly ordinal: number };
  durableLsn: number;
  /** Segment of the last cursor that is on the platter. */
  durableSequence: number;
}

/** Where an endpoint begins in a stream; without a place it is at the oldest byte there is. */
export interface Start {
  readonly lsn: number;
  readonly ordinal: number;
  readonly place?: StreamPlace;
  /** What the source knew there. */
  readonly state?: Uint8Array | undefined;
}

/** See the module comment. */
export class ContainerCursors {
  readonly containerId: string;
  readonly #file: CursorFile;
  readonly #served = new Map<number, KeptCursor>();
  readonly #pinned = new Map<number, KeptCursor>();

  constructor(containerId: string, file: CursorFile) {
    this.containerId = containerId;
    this.#file = file;
  }

  /** When an endpoint's cursor was written last, in Unix milliseconds; undefined without one. */
  writtenAtMs(endpointId: number): number | undefined {
    return this.#file.get(endpointId)?.ackedAtMs;
  }

  /** The cursor of an endpoint that is served from now on; `start` counts if it has none. */
  serve(endpointId: number, start: Start): KeptCursor {
    const cursor = this.#known(endpointId) ?? this.#make(endpointId, start);
    this.#pinned.delete(endpointId);
    this.#served.set(endpointId, cursor);
    return cursor;
  }

  /** Where an endpoint has come; undefined when it never had a cursor here. */
  startOf(endpointId: number): Start | undefined {
    const known = this.#known(endpointId);
    if (known !== undefined) return known.position;
    const kept = this.#file.get(endpointId);
    if (kept === undefined) return undefined;
    const { ackLsn: lsn, ackOrdinal: ordinal, place, state } = kept;
    return { lsn, ordinal, place, state };
  }

  /** Says which endpoints are served, and which only hold the data where their cursor stands. */
  keepOnly(served: ReadonlySet<number>, pinned: readonly number[]): void {
    const known = new Map([...this.#pinned, ...this.#served]);
    for (const id of this.#served.keys()) if (!served.has(id)) this.#served.delete(id);
    this.#pinned.clear();
    for (const id of pinned) {
      if (this.#served.has(id)) continue;
      // Without a cursor nothing was acknowledged, and it wants all that there is.
      const start = this.startOf(id) ?? { lsn: 0, ordinal: 0 };
      this.#pinned.set(id, known.get(id) ?? this.#make(id, start));
    }
  }

  /** Writes a cursor, durably when it has come to another segment. Throws what the disk throws. */
  write(cursor: KeptCursor, ackedAtMs: number): void {
    const { lsn, ordinal, place, state } = cursor.position;
    const durable = place.sequence > cursor.durableSequence;
    const { endpointId } = cursor;
    const written = { endpointId, ackLsn: lsn, ackOrdinal: ordinal, place, ackedAtMs, state };
    this.#file.set(written, durable);
    cursor.written = { lsn, ordinal };
    if (!durable) return;
    cursor.durableSequence = place.sequence;
    // One file for all: what was written before is on the platter with it.
    for (const each of [...this.#served.values(), ...this.#pinned.values()]) {
      each.durableLsn = Math.max(each.durableLsn, each.written.lsn);
    }
  }

  /**
   * Writes a first cursor that the endpoint's choice of a start hangs on: without it the next
   * process would choose another. It is on the platter then. Throws what the disk throws.
   */
  writeFirst(endpointId: number, { lsn, ordinal, place }: SourcePosition, ackedAtMs: number): void {
    const cursor = { endpointId, ackLsn: lsn, ackOrdinal: ordinal, place, ackedAtMs };
    this.#file.set(cursor, true);
  }

  /** How far all endpoints have come, those included that are only kept. */
  least(): Acknowledged {
    let least = { lsn: Number.POSITIVE_INFINITY, ordinal: 0 };
    let durableLsn = Number.POSITIVE_INFINITY;
    for (const cursor of [...this.#served.values(), ...this.#pinned.values()]) {
      if (cursor.written.lsn < least.lsn) least = cursor.written;
      durableLsn = Math.min(durableLsn, cursor.durableLsn);
    }
    if (least.lsn === Number.POSITIVE_INFINITY) return { lsn: 0, ordinal: 0, durableLsn: 0 };
    return { ...least, durableLsn };
  }

  #known(endpointId: number): KeptCursor | undefined {
    return this.#served.get(endpointId) ?? this.#pinned.get(endpointId);
  }

  #make(endpointId: number, { lsn, ordinal, place, state }: Start): KeptCursor {
    const position = { lsn, ordinal, place: place ?? { sequence: 0, offset: 0 }, state };
    const durableSequence = position.place.sequence;
    const written = { lsn, ordinal };
    return { container: this, endpointId, position, written, durableLsn: 0, durableSequence };
  }
}
