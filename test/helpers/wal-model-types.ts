/** The words of the modelled log: what it is told to do, and how exact it is held to be. */
import type { MetGap } from './wal-model-endpoint.ts';
import type { Offer } from './wal-model-reference.ts';

/** What a model may be told to do; endpoints and segments are chosen modulo what there is. */
export type LogCommand =
  | { do: 'append'; size: number }
  | { do: 'attach' | 'detach' | 'age' | 'rotate' | 'remove' | 'restart' }
  | { do: 'seal'; which: number; level: 1 | 3 | 6 }
  | { do: 'evict'; reason: 'evicted' | 'expired' }
  | { do: 'read'; endpoint: number; steps: number }
  | { do: 'acknowledge'; endpoint: number; isDurable: boolean };

/** How exact a model is. */
export interface WalModelOptions {
  endpoints: number;
  /**
   * Lost frames are counted to the last one. Otherwise a frame that is cut by a gap, a kill, a
   * fault or a loss of power may be counted once too often or too seldom at each of them.
   */
  isStrict: boolean;
  /** How many files readers hold open. */
  filesOpenMax: number;
}

/** Errors that only a fault brings about. */
export const injected = new Set(['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE']);

/** Whether a reader found something missing right behind what was given up. */
export function hasGapBehindGap(gaps: readonly MetGap[]): boolean {
  return gaps.some((gap) => gaps.some((other) => other.toLsn === gap.fromLsn));
}

/** Output that the disk refused: whole frames, behind `cutBytes` of the first. */
export interface Refused {
  bytes: number;
  frames: Offer['frames'];
  cutBytes: number;
}

/** No output was refused. */
export function noneRefused(): Refused {
  return { bytes: 0, frames: [], cutBytes: 0 };
}
