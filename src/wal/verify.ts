/**
 * Checks a whole WAL directory, file by file, and repairs what can be repaired without touching
 * anything sound. Checking changes nothing and needs no lock; repairing needs it.
 */
import { DriverError, errnoOf, messageOf } from '../base/errors.ts';
import type { FileSystem } from '../base/file-system.ts';
import { unlinkIfThere } from './catalog.ts';
import { readContainerRecord } from './container-record.ts';
import { slotFaults } from './cursor-slot.ts';
import { readEndpointIds } from './endpoint-registry.ts';
import type { Finding } from './finding.ts';
import { walFormatOf } from './inspect.ts';
import { Quarantine } from './quarantine.ts';
import { tidySegments } from './segment-facts.ts';
import { containerDirectory, hasSegments, openWalRoot } from './store.ts';
import { type VerifyTotals, verifySegments } from './verify-segments.ts';

/** Checks what lies beside the containers. */
export function* verifyRoot(disk: FileSystem, root: string): Generator<Finding> {
  const format = walFormatOf(disk, root);
  if (format !== 'sound') {
    const detail = format === 'missing' ? 'the file is gone' : 'not the text that belongs there';
    yield { kind: 'damage', reason: 'format', file: 'FORMAT', lostBytes: 0, detail };
  }
  const hasEndpoints = disk.statSync(`${root}/endpoints.json`) !== undefined;
  if (hasEndpoints && readEndpointIds(disk, root) === undefined) {
    const detail = 'not readable: endpoints get new numbers and are sent everything again';
    yield { kind: 'damage', reason: 'endpoints', file: 'endpoints.json', lostBytes: 0, detail };
  }
  for (const name of disk.readdirSync(root)) {
    if (!name.startsWith('removed.') && !name.endsWith('.tmp')) continue;
    const detail = 'what a crash left of a removal or a replacement';
    yield { kind: 'note', reason: 'leftover', file: name, lostBytes: 0, detail };
  }
}

/** Checks all that is kept of one container. What is not sound is copied, with a quarantine. */
export function* verifyContainer(
  disk: FileSystem,
  root: string,
  containerId: string,
  totals: VerifyTotals,
  quarantine?: Quarantine,
): Generator<Finding> {
  const folder = `c/${containerId.slice(0, 2)}/${containerId}`;
  yield* verifyRecord(disk, root, containerId, folder);
  const cursors = cursorFault(disk, `${root}/${folder}/cursors`, containerId);
  if (cursors !== undefined) yield { ...cursors, file: `${folder}/cursors`, containerId };
  for (const name of namesIn(disk, `${root}/${folder}`)) {
    if (!name.endsWith('.tmp')) continue;
    const detail = 'a file that was not finished';
    const file = `${folder}/${name}`;
    yield { kind: 'note', reason: 'leftover', file, containerId, lostBytes: 0, detail };
  }
  yield* verifySegments({ disk, root, containerId, totals, quarantine });
}

function* verifyRecord(
  disk: FileSystem,
  root: string,
  containerId: string,
  folder: string,
): Generator<Finding> {
  const place = { file: `${folder}/meta.json`, containerId, lostBytes: 0 };
  let detail: string | undefined;
  try {
    const record = readContainerRecord(disk, `${root}/${folder}`);
    if (record === undefined && hasSegments(disk, root, containerId)) {
      detail = 'gone: name, labels and log-opts of the container are not known';
    } else if (record !== undefined && record.containerId !== containerId) {
      detail = 'tells of another container';
    }
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    detail = messageOf(error);
  }
  if (detail !== undefined) yield { kind: 'damage', reason: 'record', ...place, detail };
}

type CursorFault = Pick<
  Finding,
  'kind' | 'reason' | 'offset' | 'fileBytes' | 'lostBytes' | 'detail'
>;

/** What is wrong with a file of cursors; undefined when it is sound or is not there. */
function cursorFault(disk: FileSystem, path: string, containerId: string): CursorFault | undefined {
  let bytes: Buffer;
  try {
    bytes = disk.readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const whole = { reason: 'cursors', offset: 0, fileBytes: bytes.length, lostBytes: 0 } as const;
  const faults = slotFaults(containerId, bytes);
  if (faults === undefined) {
    const detail = 'not readable: endpoints begin at the oldest byte there is';
    return { kind: 'damage', ...whole, detail };
  }
  const fault = faults.find(({ hasOther }) => !hasOther) ?? faults[0];
  if (fault === undefined) return undefined;
  const place = { ...whole, offset: fault.offset, fileBytes: fault.slotBytes };
  if (fault.hasOther) {
    const detail = 'a slot is not sound; the other of its pair has an older position';
    return { kind: 'note', ...place, detail };
  }
  const detail = 'a slot is not sound: an endpoint begins at the oldest byte there is';
  return { kind: 'damage', ...place, detail };
}

function namesIn(disk: FileSystem, path: string): string[] {
  try {
    return disk.readdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Repairs what lies beside the containers: ends interrupted removals, writes FORMAT when it is
 * gone, puts a damaged one aside. Needs the lock. Returns what was done.
 */
export async function repairRoot(disk: FileSystem, root: string): Promise<string[]> {
  const done: string[] = [];
  const format = walFormatOf(disk, root);
  if (format === 'damaged') {
    disk.renameSync(`${root}/FORMAT`, `${root}/FORMAT.damaged`);
    done.push('moved FORMAT to FORMAT.damaged');
  }
  for (const name of disk.readdirSync(root)) {
    if (name.startsWith('removed.')) done.push(`removed ${name}`);
    if (!name.endsWith('.tmp')) continue;
    unlinkIfThere(disk, `${root}/${name}`);
    done.push(`removed ${name}`);
  }
  await openWalRoot(disk, root);
  if (format !== 'sound') done.push('wrote FORMAT');
  return done;
}

/**
 * Repairs what is kept of one container: unfinished files go, what is no segment and cursors that
 * cannot be read go to the quarantine. Nothing sound is rewritten. Needs the lock.
 */
export function repairContainer(disk: FileSystem, root: string, containerId: string): string[] {
  const directory = containerDirectory(root, containerId);
  const quarantine = new Quarantine(disk, directory);
  const done: string[] = [];
  // Who holds the lock knows that nobody is writing them.
  for (const name of namesIn(disk, directory).filter((one) => one.endsWith('.tmp'))) {
    unlinkIfThere(disk, `${directory}/${name}`);
    done.push(`removed ${name}`);
  }
  for (const name of tidySegments(disk, directory, containerId, quarantine)) {
    done.push(`moved ${name} to quarantine`);
  }
  const cursors = cursorFault(disk, `${directory}/cursors`, containerId);
  const isUseless = cursors?.kind === 'damage' && cursors.offset === 0;
  if (isUseless && quarantine.take(directory, 'cursors')) done.push('moved cursors to quarantine');
  return done;
}
