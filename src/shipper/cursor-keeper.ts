/**
 * Writes acknowledged positions to disk, often enough that a crash repeats little, seldom
 * enough that a thousand busy containers cost nothing. Only what is on disk is reported on:
 * who unlinks by it relies on the order data, then cursor, then unlink.
 */
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type CursorFile, type StreamPlace } from '../wal/index.ts';

/** One stream's cursor for one endpoint. */
export interface KeptCursor {
  containerId: string;
  endpointId: number;
  file: CursorFile;
  ackLsn: number;
  ackOrdinal: number;
  place: StreamPlace;
  /** Segment of the last cursor that is on the platter. */
  durableSequence: number;
  /** Position of that cursor: what lies before it may be unlinked; 0 when that is not known. */
  durableLsn: number;
}

/** Between two rounds of writing, in milliseconds; more cursors make the round later. */
const roundMsMin = 100;
const roundMsPerCursor = 1;

/** See the module comment. */
export class CursorKeeper {
  readonly #log: Log;
  readonly #onWritten: (cursor: KeptCursor) => void;
  readonly #dirty = new Set<KeptCursor>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, onWritten: (cursor: KeptCursor) => void) {
    this.#log = log;
    this.#onWritten = onWritten;
  }

  /** The cursor has moved. */
  moved(cursor: KeptCursor): void {
    this.#dirty.add(cursor);
    const delayMs = Math.max(roundMsMin, this.#dirty.size * roundMsPerCursor);
    this.#timer ??= setTimeout(() => this.flush(), delayMs);
  }

  /** The container is let go of. */
  forget(cursor: KeptCursor): void {
    this.#dirty.delete(cursor);
  }

  /** Writes all that have moved. A cursor that cannot be written is tried again next round. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const moved = [...this.#dirty];
    this.#dirty.clear();
    for (const cursor of moved) {
      if (!this.#write(cursor)) this.moved(cursor);
    }
  }

  /** Writes for the last time. What cannot be written now stays where it is: cursors may lag. */
  close(): void {
    this.flush();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#dirty.clear();
  }

  #write(cursor: KeptCursor): boolean {
    const { endpointId, ackLsn, ackOrdinal, place, containerId } = cursor;
    const durable = place.sequence > cursor.durableSequence;
    try {
      cursor.file.set({ endpointId, ackLsn, ackOrdinal, place, ackedAtMs: Date.now() }, durable);
    } catch (error) {
      this.#log.error({ containerId, cause: messageOf(error) }, 'a cursor cannot be written');
      return false;
    }
    if (durable) {
      cursor.durableSequence = place.sequence;
      cursor.durableLsn = ackLsn;
    }
    this.#onWritten(cursor);
    return true;
  }
}
