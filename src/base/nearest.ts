/**
 * Finds the name that somebody probably meant. For messages only: what it
 * returns must never be used in place of what was written.
 */

// More than three slips, or more than a third of the name, is another word.
const distanceMax = 3;

/** The closest of `names`, or undefined if none is close. */
export function nearestName(written: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let best = Math.min(distanceMax, Math.floor(written.length / 3)) + 1;
  // Nothing that long is a slip, and the distance takes time with the product of both lengths.
  if (written.length > 64) return undefined;
  for (const name of names) {
    const distance = editDistance(written.toLowerCase(), name);
    if (distance < best) [nearest, best] = [name, distance];
  }
  return nearest;
}

/** Levenshtein: how many characters to insert, delete or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const replace = (row[j] ?? 0) + (from[i] === to[j] ? 0 : 1);
      next.push(Math.min(replace, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
