/**
 * Writes acknowledged positions to disk, often enough that a crash repeats little, seldom
 * enough that a thousand busy containers cost nothing. Only what is on disk is reported on:
 * who unlinks by it relies on the order data, then cursor, then unlink.
 */
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ContainerCursors, KeptCursor } from './container-cursors.ts';

/** Between two rounds of writing, in milliseconds; more cursors make the round later. */
const roundMsMin = 100;
const roundMsPerCursor = 1;

/** See the module comment. */
export class CursorKeeper {
  readonly #log: Log;
  readonly #onWritten: (container: ContainerCursors) => void;
  readonly #dirty = new Set<KeptCursor>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, onWritten: (container: ContainerCursors) => void) {
    this.#log = log;
    this.#onWritten = onWritten;
  }

  /** The cursor has moved. */
  moved(cursor: KeptCursor): void {
    this.#dirty.add(cursor);
    const delayMs = Math.max(roundMsMin, this.#dirty.size * roundMsPerCursor);
    this.#timer ??= setTimeout(() => this.flush(), delayMs);
  }

  /** The container is let go of: nothing more is written to its directory. */
  forget(container: ContainerCursors): void {
    for (const cursor of this.#dirty) {
      if (cursor.container === container) this.#dirty.delete(cursor);
    }
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
    const { container } = cursor;
    const { containerId } = container;
    try {
      container.write(cursor, Date.now());
    } catch (error) {
      this.#log.error({ containerId, cause: messageOf(error) }, 'a cursor cannot be written');
      return false;
    }
    this.#onWritten(container);
    return true;
  }
}
