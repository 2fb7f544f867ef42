/** `holdfast rejected ls` and `show`: what endpoints refused and why. Reads only. */
import { isUtf8 } from 'node:buffer';
import type { RejectedEntry } from '../rejected/entry.ts';
import { CliError, type ExitCode, exitCode } from './exit-codes.ts';
import type { Output } from './output.ts';
import { chooser, type RejectedChoice, RejectedGroups, readRejected } from './rejected-read.ts';
import { alignColumns, showBytes, showText } from './text.ts';
import { showTimeNs } from './times.ts';
import type { WalLocation } from './wal-location.ts';

/** What to show, and how. */
export interface ShowChoice extends RejectedChoice {
  /** The last entries only. */
  tail?: string | undefined;
  json: boolean;
}

const head = ['ENDPOINT', 'REASON', 'ENTRIES', 'BYTES', 'FIRST', 'LAST'];

/** Lists how much was refused, by endpoint and reason. */
export async function listRejected(
  { root }: WalLocation,
  output: Output,
  choice: { json: boolean },
): Promise<ExitCode> {
  const groups = new RejectedGroups();
  for await (const { lines } of readRejected(root, output)) {
    for (const { entry } of lines) if (entry !== undefined) groups.add(entry);
  }
  const rows = [head];
  for (const { endpoint, reason, entries, bytes, oldestMs, newestMs } of groups.all()) {
    const [first, last] = [showMs(oldestMs), showMs(newestMs)];
    if (choice.json) await output.json({ endpoint, reason, entries, bytes, first, last });
    else rows.push([showText(endpoint), reason, String(entries), showBytes(bytes), first, last]);
  }
  if (choice.json) return exitCode.ok;
  if (rows.length === 1) await output.tell('nothing is kept of refused entries');
  else for (const line of alignColumns(rows)) await output.line(line);
  return exitCode.ok;
}

/** Prints refused entries, oldest first. */
export async function showRejected(
  { root }: WalLocation,
  output: Output,
  choice: ShowChoice,
): Promise<ExitCode> {
  const isChosen = chooser(choice);
  let skip = await countToSkip(root, output, choice, isChosen);
  // Damage was told by the first pass, if there was one.
  const said = choice.tail === undefined ? output : { ...output, tell: async () => {} };
  let cause = '';
  for await (const { lines } of readRejected(root, said)) {
    for (const { entry } of lines) {
      if (entry === undefined || !isChosen(entry)) continue;
      if (skip > 0) {
        skip -= 1;
        continue;
      }
      if (choice.json) {
        await output.json(asJson(entry));
        continue;
      }
      // Entries that were refused together have their cause said once.
      if (causeOf(entry) !== cause) await output.line(causeOf(entry));
      cause = causeOf(entry);
      await output.line(asText(entry));
    }
  }
  return exitCode.ok;
}

async function countToSkip(
  root: string,
  output: Output,
  { tail }: ShowChoice,
  isChosen: (entry: RejectedEntry) => boolean,
): Promise<number> {
  if (tail === undefined) return 0;
  if (!/^\d{1,15}$/.test(tail)) {
    throw new CliError(exitCode.error, `--tail '${showText(tail)}' is no number of entries`);
  }
  let entries = 0;
  for await (const { lines } of readRejected(root, output)) {
    for (const { entry } of lines) if (entry !== undefined && isChosen(entry)) entries += 1;
  }
  return Math.max(0, entries - Number(tail));
}

function causeOf({ endpoint, reason, detail }: RejectedEntry): string {
  return showText(`${endpoint}, ${reason}: ${detail}`);
}

function asText({ labels, timestampNs, line }: RejectedEntry): string {
  return showText(`  ${showTimeNs(BigInt(timestampNs))} ${labels} ${line.toString('utf8')}`);
}

function asJson(entry: RejectedEntry): unknown {
  const { atMs, endpoint, tenantId, reason, status, detail, labels, timestampNs, line } = entry;
  return {
    time: showTimeNs(BigInt(timestampNs)),
    refusedAt: showMs(atMs),
    endpoint,
    tenant: tenantId ?? null,
    reason,
    status: status ?? null,
    detail,
    labels,
    ...(entry.metadata && {
      metadata: Object.fromEntries(entry.metadata.map(({ name, value }) => [name, value])),
    }),
    ...(isUtf8(line) ? { line: line.toString('utf8') } : { lineBase64: line.toString('base64') }),
  };
}

/** Unix milliseconds, to the second. */
function showMs(ms: number): string {
  return `${showTimeNs(BigInt(Math.round(ms)) * 1_000_000n).slice(0, 19)}Z`;
}
