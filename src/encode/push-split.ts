/**
 * Makes a smaller `PushRequest` of some entries of a larger one. Entries are copied as they are,
 * to the byte. Pure.
 */
import type { PushEntry, PushStream } from './push-reader.ts';
import { varintLength, writeVarint } from './varint.ts';

/** Some entries of one stream, in their order. */
export interface PushPiece {
  readonly stream: PushStream;
  readonly entries: readonly PushEntry[];
}

/** How many entries pieces have together. */
export function entriesOf(pieces: readonly PushPiece[]): number {
  return pieces.reduce((sum, { entries }) => sum + entries.length, 0);
}

/** The exact length in bytes of what `encodePieces` makes of these. */
export function bytesOf(pieces: readonly PushPiece[]): number {
  return pieces.reduce((sum, piece) => sum + fieldBytes(bodyBytesOf(piece)), 0);
}

/** The request that holds these pieces of `request`. */
export function encodePieces(request: Buffer, pieces: readonly PushPiece[]): Buffer {
  const output = Buffer.allocUnsafeSlow(bytesOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    const { stream, entries } = piece;
    output[at] = 0x0a;
    at = writeVarint(output, at + 1, bodyBytesOf(piece));
    at += request.copy(output, at, stream.labelsStart, stream.labelsEnd);
    for (const { start, end } of entries) at += request.copy(output, at, start, end);
  }
  return output;
}

/** The entries that are wanted; `index` counts through all pieces. No piece of the result is empty. */
export function pick(
  pieces: readonly PushPiece[],
  isWanted: (entry: PushEntry, index: number) => boolean,
): PushPiece[] {
  let index = -1;
  return pieces
    .map(({ stream, entries }) => {
      const wanted = entries.filter((entry) => {
        index += 1;
        return isWanted(entry, index);
      });
      return { stream, entries: wanted };
    })
    .filter(({ entries }) => entries.length > 0);
}

/**
 * Two halves, each with at least one entry: by streams, or of the one stream there is by its
 * entries. To be called with two entries or more.
 */
export function halve(pieces: readonly PushPiece[]): [PushPiece[], PushPiece[]] {
  const [only] = pieces;
  if (pieces.length !== 1 || only === undefined) {
    const middle = pieces.length >>> 1;
    return [pieces.slice(0, middle), pieces.slice(middle)];
  }
  const { stream, entries } = only;
  const middle = entries.length >>> 1;
  const [first, second] = [entries.slice(0, middle), entries.slice(middle)];
  return [[{ stream, entries: first }], [{ stream, entries: second }]];
}

/**
 * The same entries in the same order as several requests of at most `bytesMax` each; an entry
 * that is larger for itself alone is one for itself.
 */
export function chunk(pieces: readonly PushPiece[], bytesMax: number): PushPiece[][] {
  const chunks: PushPiece[][] = [];
  let current: PushPiece[] = [];
  let bytes = 0;
  for (const { stream, entries } of pieces) {
    const head = fieldBytesMax + stream.labelsEnd - stream.labelsStart;
    let from = 0;
    let isNew = true;
    entries.forEach(({ start, end }, index) => {
      const more = end - start + (isNew ? head : 0);
      if (bytes > 0 && bytes + more > bytesMax) {
        if (index > from) current.push({ stream, entries: entries.slice(from, index) });
        chunks.push(current);
        current = [];
        bytes = head + end - start;
        from = index;
      } else {
        bytes += more;
      }
      isNew = false;
    });
    if (from < entries.length) current.push({ stream, entries: entries.slice(from) });
  }
  if (current.length > 0) chunks.push(current);
  return chunks;
}

/** A tag, and the longest length behind it. */
const fieldBytesMax = 6;

function fieldBytes(bodyBytes: number): number {
  return 1 + varintLength(bodyBytes) + bodyBytes;
}

function bodyBytesOf({ stream, entries }: PushPiece): number {
  const labelBytes = stream.labelsEnd - stream.labelsStart;
  return entries.reduce((sum, { start, end }) => sum + end - start, labelBytes);
}
