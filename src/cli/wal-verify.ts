/**
 * `holdfast wal verify`: reads everything that the WAL holds and tells what is damaged. With
 * `--repair` it needs the lock, and moves away or copies; it never rewrites what is sound.
 */
import { nodeFileSystem as disk } from '../base/file-system.ts';
import {
  type Finding,
  Quarantine,
  repairContainer,
  repairRoot,
  type VerifyTotals,
  verifyContainer,
  verifyRoot,
} from '../wal/index.ts';
import { type ExitCode, exitCode } from './exit-codes.ts';
import {
  chooseContainer,
  type KnownContainer,
  listKnownContainers,
  shortId,
} from './known-containers.ts';
import type { Output } from './output.ts';
import { showBytes, showCount, showText } from './text.ts';
import type { WalLocation } from './wal-location.ts';
import { withLock } from './wal-lock.ts';

/** What to check, and how. */
export interface VerifyChoice {
  repair: boolean;
  json: boolean;
  /** Names or beginnings of ids; empty for all. */
  containers: readonly string[];
}

interface Sums {
  damages: number;
  notes: number;
  lostBytes: number;
  lostFrames: number;
}

/** Checks, tells, and repairs if asked to. */
export async function verifyWal(
  location: WalLocation,
  output: Output,
  choice: VerifyChoice,
): Promise<ExitCode> {
  const check = (): Promise<ExitCode> => run(location.root, output, choice);
  return choice.repair ? withLock(location.root, 'holdfast wal verify --repair', check) : check();
}

async function run(root: string, output: Output, choice: VerifyChoice): Promise<ExitCode> {
  const all = listKnownContainers(root);
  const names = choice.containers;
  const chosen = names.length === 0 ? all : names.map((name) => chooseContainer(all, name));
  const totals: VerifyTotals = { segments: 0, blocks: 0, storedBytes: 0, gaps: 0 };
  const sums: Sums = { damages: 0, notes: 0, lostBytes: 0, lostFrames: 0 };
  const take = async (finding: Finding): Promise<void> => {
    add(sums, finding);
    await tellFinding(output, finding, choice.json);
  };
  for (const finding of verifyRoot(disk, root)) await take(finding);
  for (const container of chosen) await verifyOne(root, container, totals, choice.repair, take);
  const repaired = choice.repair ? await repair(root, chosen) : [];
  for (const text of repaired) {
    await (choice.json
      ? output.json({ kind: 'repair', done: text })
      : output.line(`repair: ${text}`));
  }
  const containers = chosen.length;
  if (choice.json) await output.json({ kind: 'summary', containers, ...totals, ...sums });
  else await output.line(summaryOf(containers, totals, sums));
  return sums.damages > 0 ? exitCode.found : exitCode.ok;
}

async function verifyOne(
  root: string,
  { id, directory }: KnownContainer,
  totals: VerifyTotals,
  keepsCopies: boolean,
  take: (finding: Finding) => Promise<void>,
): Promise<void> {
  const quarantine = keepsCopies ? new Quarantine(disk, directory) : undefined;
  for (const finding of verifyContainer(disk, root, id, totals, quarantine)) await take(finding);
}

async function repair(root: string, chosen: readonly KnownContainer[]): Promise<string[]> {
  const done = await repairRoot(disk, root);
  for (const { id } of chosen) {
    done.push(...repairContainer(disk, root, id).map((text) => `${shortId(id)}: ${text}`));
  }
  return done;
}

function add(sums: Sums, finding: Finding): void {
  if (finding.kind === 'damage') sums.damages += 1;
  else sums.notes += 1;
  sums.lostBytes += finding.lostBytes ?? 0;
  sums.lostFrames += finding.lostFrames ?? 0;
}

async function tellFinding(output: Output, finding: Finding, isJson: boolean): Promise<void> {
  if (isJson) return output.json(finding);
  const { kind, reason, file, offset, fileBytes, lostBytes, lostFrames, detail } = finding;
  const place = offset === undefined ? '' : ` at ${offset}`;
  const length = fileBytes === undefined ? '' : ` (${showCount(fileBytes, 'byte')})`;
  const lost = lossOf(kind, lostBytes, lostFrames);
  await output.line(`${kind}: ${file}${place}${length}: ${showText(detail)} [${reason}]${lost}`);
}

function lossOf(
  kind: Finding['kind'],
  bytes: number | undefined,
  frames: number | undefined,
): string {
  if (kind === 'note' || bytes === 0) return '';
  if (bytes === undefined) return '; how much of the log is lost is not known';
  const entries = frames === undefined ? '' : ` with ${showCount(frames, 'entry')}`;
  return `; ${showCount(bytes, 'byte')} of the log${entries} lost`;
}

function summaryOf(containers: number, totals: VerifyTotals, sums: Sums): string {
  const read = [
    showCount(containers, 'container'),
    showCount(totals.segments, 'segment'),
    showCount(totals.blocks, 'block'),
    showBytes(totals.storedBytes),
  ].join(', ');
  const verdict =
    sums.damages === 0
      ? 'no damage'
      : `${showCount(sums.damages, 'damage')}, ${showCount(sums.lostBytes, 'byte')} of the log lost`;
  const gaps = totals.gaps === 0 ? '' : `; ${showCount(totals.gaps, 'gap')} recorded earlier`;
  return `${read} read: ${verdict}${gaps}`;
}
