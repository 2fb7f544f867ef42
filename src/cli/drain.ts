/**
 * `holdfast drain`: delivers what a WAL holds when no plugin does, with the plugin's own delivery
 * in this process. It holds the lock all the time, moves cursors only on an answer, removes
 * nothing, and can be stopped at any instant and started again.
 */
import { messageOf } from '../base/errors.ts';
import { nodeFileSystem as disk } from '../base/file-system.ts';
import { parseDurationMs } from '../base/values.ts';
import { parsePluginSettings } from '../config/parse.ts';
import { RejectedStore } from '../rejected/store.ts';
import { EndpointRegistry, openWalRoot } from '../wal/index.ts';
import {
  type Delivery,
  type DrainSettings,
  isDeliverable,
  planContainer,
  type Undeliverable,
} from './drain-plan.ts';
import { createProgress, type DrainState } from './drain-progress.ts';
import { Drain, type End } from './drain-run.ts';
import { CliError, type ExitCode, exitCode } from './exit-codes.ts';
import { type GivenOptions, readSettings } from './given-settings.ts';
import { listKnownContainers, nameOf, shortId } from './known-containers.ts';
import { findLandingLeftovers } from './landing-leftovers.ts';
import type { Output } from './output.ts';
import { showBytes, showCount, showText } from './text.ts';
import type { WalLocation } from './wal-location.ts';
import { withLock } from './wal-lock.ts';

/** What to deliver with, and for how long. */
export interface DrainChoice extends GivenOptions {
  /** The label `host`. */
  host: string;
  timeout?: string | undefined;
  json: boolean;
}

/** Why bytes that are in no segment are left. */
const landed =
  'a killed plugin had read this and not written it; enable the plugin once, which takes it in';

/** Delivers. */
export async function drainWal(
  location: WalLocation,
  output: Output,
  choice: DrainChoice,
): Promise<ExitCode> {
  const timeoutMs = timeoutOf(choice.timeout);
  const settings = { ...readSettings(choice, location), host: choice.host };
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    return await withLock(location.root, 'holdfast drain', () =>
      drain(location.root, output, settings, { timeoutMs, json: choice.json }, stopping.signal),
    );
  } finally {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
  }
}

function timeoutOf(text: string | undefined): number {
  const timeoutMs = text === undefined ? Number.POSITIVE_INFINITY : parseDurationMs(text);
  if (timeoutMs !== undefined && timeoutMs > 0) return timeoutMs;
  const shown = showText(text ?? '');
  throw new CliError(exitCode.error, `--timeout '${shown}' is no duration, such as 90s, 10m or 2h`);
}

async function drain(
  root: string,
  output: Output,
  settings: DrainSettings,
  options: { timeoutMs: number; json: boolean },
  stop: AbortSignal,
): Promise<ExitCode> {
  await openWalRoot(disk, root);
  const registry = new EndpointRegistry(disk, root);
  const deliveries: Delivery[] = [];
  const left: Undeliverable[] = [];
  const containers = listKnownContainers(root);
  for (const container of containers) {
    if (stop.aborted) break;
    const plan = await planContainer(root, container, settings, registry);
    if (plan === undefined) continue;
    if (isDeliverable(plan)) deliveries.push(plan);
    else left.push(plan);
  }
  for (const { container, bytes } of findLandingLeftovers(root, containers)) {
    left.push({ container, reason: landed, bytes, entries: 0 });
  }
  for (const one of left) await output.tell(`not delivered: ${undeliverableText(one)}`);
  const progress = createProgress(output, options.json);
  const { rejectedMaxBytes: maxBytes } = parsePluginSettings(settings.env);
  const rejected = new RejectedStore(disk, root, { maxBytes });
  const run = new Drain(deliveries, progress, rejected);
  const end = await run.run(options.timeoutMs, stop);
  progress.stop();
  await tellEnd(output, options.json, end, run, left);
  return codeOf(end, run.state, left);
}

function codeOf(end: End, state: DrainState, left: readonly Undeliverable[]): ExitCode {
  if (end === 'interrupted') return exitCode.interrupted;
  if (end === 'timeout') return exitCode.timeout;
  const isAll = end === 'done' && left.length === 0 && state.rejectedEntries === 0;
  return isAll ? exitCode.ok : exitCode.found;
}

function undeliverableText({ container, reason, bytes, entries }: Undeliverable): string {
  const what = `${shortId(container.id)} ${nameOf(container)}`;
  return `${what}, ${showBytes(bytes)} with ${showCount(entries, 'entry')}: ${showText(reason)}`;
}

const endTexts: Record<End, string> = {
  done: 'done',
  stuck: 'ended: what is left is no whole entry, or its cursor cannot be written',
  timeout: 'the time is up; run it again to go on',
  interrupted: 'stopped; run it again to go on',
};

async function tellEnd(
  output: Output,
  isJson: boolean,
  end: End,
  run: Drain,
  undeliverable: readonly Undeliverable[],
): Promise<void> {
  const { state, left } = run;
  if (isJson) {
    const without = undeliverable.map(({ container, reason, bytes, entries }) => {
      return { id: container.id, name: nameOf(container), reason, bytes, entries };
    });
    // Who closed the output does not want this either; the exit code stays.
    await output
      .json({ kind: 'end', end, ...state, left, undeliverable: without })
      .catch((error: unknown) => output.tell(messageOf(error)));
    return;
  }
  for (const { id, name, bytes, entries } of left) {
    await output.tell(
      `left: ${shortId(id)} ${name}, ${showBytes(bytes)} with ${showCount(entries, 'entry')}`,
    );
  }
  const { deliveredBytes, deliveredEntries, rejectedEntries } = state;
  const refused =
    rejectedEntries === 0
      ? ''
      : `, ${showCount(rejectedEntries, 'entry')} refused ('holdfast rejected ls' says why)`;
  const without =
    undeliverable.length === 0
      ? ''
      : `, ${showCount(undeliverable.length, 'container')} not delivered`;
  await output.tell(
    `${endTexts[end]}: ${showBytes(deliveredBytes)} with ${showCount(deliveredEntries, 'entry')} ` +
      `delivered${refused}${without}`,
  );
}
