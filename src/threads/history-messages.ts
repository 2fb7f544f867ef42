/**
 * What crosses between the main thread and the history thread: plain data only, each message
 * told by its `kind`. A reader is told by a number that the main thread gives it.
 */
import type { LogRequest } from '../history/log-request.ts';

/** To the history thread. */
export type ToHistory =
  | { kind: 'open'; id: number; request: LogRequest }
  | { kind: 'appended'; containerIds: string[] }
  /** The container that this reader follows ended at this position. */
  | { kind: 'stop'; id: number; endLsn: number }
  /** A chunk is through; its memory goes back. */
  | { kind: 'credit'; id: number; memory: ArrayBuffer }
  /** The client has gone. */
  | { kind: 'close'; id: number };

/** From the history thread. */
export type FromHistory =
  | { kind: 'chunk'; id: number; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'end'; id: number }
  | { kind: 'failed'; id: number; cause: string };
