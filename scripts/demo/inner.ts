/**
 * The process that runs the demo: brings up what it needs, plays the story, and takes down all
 * that it brought up, whether the story ends, fails or is interrupted.
 */
import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../src/base/errors.ts';
import { Endpoint } from './endpoint.ts';
import { type DemoEngine, startPrivateEngine, takeSystemEngine } from './engines.ts';
import { type Message, step, tell } from './messages.ts';
import { DemoPlugin } from './plugin.ts';
import { playStory } from './story.ts';

/** How long an interrupted story may take to notice. */
const settleMsMax = 15_000;

type Kept = Extract<Message, { kind: 'kept' }>;

/** What the demo is told by the process that started it. */
export interface InnerOptions {
  isPrivate: boolean;
  /** Whether all is to stay when the story has ended. */
  isKept: boolean;
  lines: number;
}

/** Runs the demo as a process of its own. Resolves with the exit code. */
export async function runInner(options: InnerOptions): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop.abort(new Error('interrupted')));
  }
  // Nobody reads them any more when all is left running.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
  let isLeft = false;
  // Standard input is a pipe without content; it ends with the process at its other end.
  process.stdin.resume().on('end', () => {
    if (!isLeft) stop.abort(new Error('interrupted'));
  });
  const cleanups: (() => Promise<void>)[] = [];
  let exitCode = 1;
  try {
    const story = play(options, cleanups, stop.signal);
    // An interrupted story is waited for, so that it makes nothing more while we clean up.
    const late = aborted(stop.signal).then(async () => setTimeout(settleMsMax, undefined));
    story.catch(() => {});
    const ended = await Promise.race([story, late]);
    exitCode = ended?.exitCode ?? 1;
    if (options.isKept && ended !== undefined && !stop.signal.aborted) {
      isLeft = true;
      tell(ended);
      await aborted(stop.signal);
    }
  } catch (error) {
    tell({ kind: 'error', text: stop.signal.aborted ? 'interrupted' : messageOf(error) });
    exitCode = stop.signal.aborted ? 130 : 1;
  }
  if (cleanups.length > 0) step('cleaning up');
  for (const cleanup of cleanups.toReversed()) {
    await cleanup().catch((error: unknown) => tell({ kind: 'error', text: messageOf(error) }));
  }
  return exitCode;
}

async function play(
  options: InnerOptions,
  cleanups: (() => Promise<void>)[],
  signal: AbortSignal,
): Promise<Kept> {
  const run = `${process.pid}-${Date.now().toString(36)}`;
  const engine = await (options.isPrivate ? startPrivateEngine() : takeSystemEngine());
  cleanups.push(async () => engine.dispose());
  step(
    engine.isPrivate ? 'a private Docker engine runs' : 'taking the Docker engine that runs here',
  );
  signal.throwIfAborted();
  const endpoint = await Endpoint.start(run);
  cleanups.push(async () => endpoint.stop());
  step(endpoint.isReal ? 'the Loki of LOKI_URL answers' : 'a double of Loki runs');
  signal.throwIfAborted();
  step('building and enabling the plugin');
  const plugin = await DemoPlugin.create(engine, settingsOf(endpoint, run), signal);
  step('the plugin is enabled');
  const lost = await playStory({ engine, endpoint, plugin, run, lines: options.lines, signal });
  return { ...keptMessage(engine, endpoint, plugin), exitCode: lost === 0 ? 0 : 1 };
}

function settingsOf(endpoint: Endpoint, run: string): Record<string, string> {
  const { LOKI_TENANT_ID: tenantId } = process.env;
  return {
    LOKI_URL: endpoint.pluginUrl,
    LOKI_EXTERNAL_LABELS: `container_name={{.Name}},demo_run=${run}`,
    // An outage of seconds would otherwise be slept over.
    LOKI_MAX_BACKOFF: '1s',
    ...(tenantId ? { LOKI_TENANT_ID: tenantId } : {}),
  };
}

function keptMessage(engine: DemoEngine, endpoint: Endpoint, plugin: DemoPlugin): Kept {
  return {
    kind: 'kept',
    exitCode: 0,
    dockerHost: engine.isPrivate ? engine.env['DOCKER_HOST'] : undefined,
    ...endpoint.query.example,
    walPath: plugin.walPath,
    network: fs.readlinkSync('/proc/self/ns/net'),
  };
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return undefined;
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
