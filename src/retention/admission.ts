/** Whether bytes may be appended, asked before each append: numbers in, yes or no out. */

/** Where the log and one container stand; bytes are those on disk. */
export interface AdmissionState {
  full: 'drop-oldest' | 'drop-newest' | 'block';
  /** What is to be appended. */
  bytes: number;
  ownBytes: number;
  maxBytes: number;
  entries: number;
  maxEntries: number;
  usedBytes: number;
  limitBytes: number;
}

/** Where the oldest goes, the newest is refused only if that did not make room by now. */
const overdraft = 1.05;

/** Whether the append is admitted. */
export function admission(state: Readonly<AdmissionState>): boolean {
  const { bytes, ownBytes, maxBytes, entries, maxEntries, usedBytes, limitBytes } = state;
  if (state.full === 'drop-oldest') return usedBytes + bytes <= limitBytes * overdraft;
  if (ownBytes + bytes > maxBytes || entries >= maxEntries) return false;
  return usedBytes + bytes <= limitBytes;
}
